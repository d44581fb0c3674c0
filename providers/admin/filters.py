"""What lists are narrowed down by. None of it reads the rows to find out what there is to choose."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from providers import registry
from providers.models.connections import expiring
from providers.standing import Standing, standing

if TYPE_CHECKING:  # generic in the stubs only
    Rows = QuerySet[Any]
    AnyAdmin = admin.ModelAdmin[Any]
else:
    Rows, AnyAdmin = QuerySet, admin.ModelAdmin


STANDINGS = {Standing.DUE: _("Waiting for a worker"), Standing.PARKED: _("Parked"), Standing.FAILING: _("Failing")}


class ServiceFilter(admin.ChoicesFieldListFilter):
    """The services by their names, those that are installed: for a field that holds a service's type."""

    heading: ClassVar[Any] = _("service")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = self.heading

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer all services and each of them."""
        yield self._choice(changelist, None, _("All"))
        for spec in registry.specs():
            yield self._choice(changelist, spec.type, spec.label)

    def _choice(self, changelist: ChangeList, value: str | None, label: Any) -> dict[str, Any]:
        chosen = self.lookup_val[-1] if self.lookup_val else None
        remove = [self.lookup_kwarg] if value is None else []
        new = {} if value is None else {self.lookup_kwarg: value}
        query_string = changelist.get_query_string(new, remove)
        return {"selected": chosen == value, "query_string": query_string, "display": label}


class SourceFilter(ServiceFilter):
    """The services that playlists are carried from."""

    heading = _("from")


class TargetFilter(ServiceFilter):
    """The services that playlists are carried to."""

    heading = _("to")


class StandingFilter(admin.SimpleListFilter):
    """How the work on a row stands."""

    title = _("work")
    parameter_name = "work"
    offered: ClassVar[tuple[Standing, ...]] = tuple(Standing)

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, Any]]:
        """Offer what may be worth knowing."""
        return [(which.value, STANDINGS[which]) for which in self.offered]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Leave those that stand so."""
        value = self.value()
        return queryset.filter(standing(queryset.model, Standing(value))) if value in self.offered else queryset


class UnparkedStandingFilter(StandingFilter):
    """How the work on a row stands that no service has a part in."""

    offered = (Standing.DUE, Standing.FAILING)


class ExpiryFilter(admin.SimpleListFilter):
    """Links that will not work much longer."""

    title = _("link expires")
    parameter_name = "expires"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, Any]]:
        """Offer those that the figures count."""
        return [("soon", _("Within 30 days"))]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Leave those that expire soon."""
        return queryset.filter(expiring()) if self.value() == "soon" else queryset
