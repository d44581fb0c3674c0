"""From a row in the database to a provider (REQ-PROV-010 to 012)."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import pytest

from providers.exceptions import ReauthorizationRequiredError
from providers.testing.conformance.kit import Kit, wanted

if TYPE_CHECKING:
    from providers.registry import ProviderSpec


class FactoryConformance(Kit):
    """For the spec's `factory`. People and their links come from fixtures: the kit knows no model."""

    link = wanted("a callable that takes a user and stores working credentials of theirs, as linking would")

    @pytest.fixture
    def user(self, db: None, django_user_model: Any) -> Any:
        """Someone in the database who has not linked the service. Override it without pytest-django."""
        return django_user_model.objects.create(**{django_user_model.USERNAME_FIELD: "ada"})

    @pytest.fixture
    def stranger(self, db: None, django_user_model: Any) -> Any:
        """Someone else, who has not linked the service either."""
        return django_user_model.objects.create(**{django_user_model.USERNAME_FIELD: "bela"})

    def test_the_factory_takes_the_user_and_nothing_else(self, spec: "ProviderSpec") -> None:
        parameters = list(signature(spec.factory).parameters.values())
        takes_one = len(parameters) == 1 and parameters[0].kind in (
            Parameter.POSITIONAL_ONLY,
            Parameter.POSITIONAL_OR_KEYWORD,
        )
        assert takes_one, f"a factory takes the user alone, never credentials: {signature(spec.factory)}"

    def test_who_never_linked_has_none(self, spec: "ProviderSpec", user: Any) -> None:
        built = spec.factory(user)
        assert built is None, f"someone who never linked got a {type(built).__name__} instead of None"

    def test_who_linked_has_a_provider(self, spec: "ProviderSpec", user: Any, link: Callable[[Any], object]) -> None:
        spec.factory(user)
        link(user)
        built = spec.factory(user)
        assert isinstance(built, spec.provider_class), (
            f"from the credentials just stored the factory made a {type(built).__name__}, "
            f"the spec says {spec.provider_class.__name__}"
        )

    def test_nobody_gets_anothers_provider(
        self, spec: "ProviderSpec", user: Any, stranger: Any, link: Callable[[Any], object]
    ) -> None:
        link(user)
        spec.factory(user)
        assert spec.factory(stranger) is None, "someone got a provider on another person's credentials"

    def test_linking_makes_a_connection(self, spec: "ProviderSpec", user: Any, link: Callable[[Any], object]) -> None:
        link(user)
        connections = user.connections.filter(provider_type=spec.type).count()
        assert connections == 1, f"saving credentials made {connections} connections that pages could show"

    def test_a_dead_link_means_linking_again(
        self, spec: "ProviderSpec", user: Any, link: Callable[[Any], object]
    ) -> None:
        link(user)
        user.connections.get(provider_type=spec.type).mark_needs_reauth("Access was taken back.")
        try:
            built = spec.factory(user)
        except ReauthorizationRequiredError:
            return
        pytest.fail(f"a link that needs the person again became {built!r} instead of ReauthorizationRequiredError")
