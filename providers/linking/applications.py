"""The application that a person links through: the site's, or one of their own."""

from collections.abc import Sequence
from typing import Any

from providers import registry
from providers.models import OAuthTokens, OwnApplication, credential_model
from providers.registry import ProviderSpec


def own_client_ids(user: Any) -> dict[str, str]:
    """Return, by service, the client ids of the applications that a person brought. One query."""
    return dict(OwnApplication.objects.filter(user=user.pk).values_list("provider_type", "client_id"))


def own_client_id(user: Any, spec: ProviderSpec) -> str:
    """Return the client id of the person's own application for a service; empty where the site's is used."""
    if spec.application_guide is None:
        return ""
    return own_client_ids(user).get(spec.type, "")


def missing_settings(spec: ProviderSpec, client_id: str) -> Sequence[str]:
    """Return the settings without which somebody with this client id of their own, or none, cannot link a service."""
    guide = spec.application_guide
    spared = guide.replaces_settings if guide is not None and client_id else ()
    return [name for name in spec.missing_settings if name not in spared]


def takes_own_application(spec: ProviderSpec) -> bool:
    """Tell whether people can link a service through an application of their own."""
    guide = spec.application_guide
    return guide is not None and set(spec.missing_settings) <= set(guide.replaces_settings)


def can_link(user: Any, spec: ProviderSpec) -> bool:
    """Tell whether a person can link a service: through the site's application, or one of their own."""
    return spec.authenticator_factory is not None and not missing_settings(spec, own_client_id(user, spec))


def use_application(user: Any, provider_type: str, client_id: str) -> None:
    """Link through an application of the person's own from the next time on; the link there is stays as it is.

    Raises `ValueError`, which says in plain words what is wrong with the client id, and `UnknownProviderError`, also
    for a service to which people bring none.
    """
    guide = registry.get(provider_type).application_guide
    if guide is None:
        raise registry.UnknownProviderError(f"{provider_type} is not a service that people bring an application to.")
    OwnApplication.objects.update_or_create(
        user_id=user.pk, provider_type=provider_type, defaults={"client_id": guide.clean_client_id(client_id)}
    )


def forget_application(user: Any, provider_type: str) -> None:
    """Link through the site's application from the next time on; the link there is stays as it is."""
    OwnApplication.objects.filter(user=user.pk, provider_type=provider_type).delete()


def client_id_in_use(user: Any, spec: ProviderSpec) -> str:
    """Return the client id that the person's link was made through; empty where there is none, or nobody noted it."""
    model = credential_model(spec.credential_model)
    if not issubclass(model, OAuthTokens):
        return ""
    return model._default_manager.filter(user=user.pk).values_list("client_id", flat=True).first() or ""
