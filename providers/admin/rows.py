"""What the admins of all our rows have in common: nothing is edited, and a long list costs no more than a short one."""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from providers.admin.filters import StandingFilter

if TYPE_CHECKING:  # generic in the stubs only
    _AnyAdmin = admin.ModelAdmin[Any]
    _AnyPaginator = Paginator[Any]
else:
    _AnyAdmin, _AnyPaginator = admin.ModelAdmin, Paginator

USERNAME = f"user__{get_user_model().USERNAME_FIELD}"

MAX_COUNTED = 10_000
"""How many rows of a list are counted, and can be paged through. Who looks for one further on filters or searches."""


class BoundedPaginator(_AnyPaginator):
    """Counts no further than one can page: `SELECT COUNT(*)` would read every row, or every entry of an index."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, or `MAX_COUNTED` where there are more."""
        return min(self._found, MAX_COUNTED)

    @property
    def has_more(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._found > MAX_COUNTED

    @cached_property
    def _found(self) -> int:
        # Unordered, so that the database stops at the first so many that it meets.
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[: MAX_COUNTED + 1].count()


class BoundedChangeList(ChangeList):
    """Claims no number of results that was not counted."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and have the search say nothing of a number where there are more."""
        super().get_results(request)
        if self.paginator.has_more:
            self.full_result_count = self.result_count


class ReadOnlyAdmin(_AnyAdmin):
    """Shows rows that people, services and workers write. `read_only_because` tells the administrator why."""

    read_only_because: ClassVar[Any] = ""
    paginator = BoundedPaginator
    show_full_result_count = False
    # They would count the rows of every choice.
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that counts as far as one can page."""
        return BoundedChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say above the fields why they cannot be edited."""
        return [(None, {"fields": self.get_fields(request, obj), "description": self.read_only_because})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave no field to be edited, not even to a site that adds one."""
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made by what the person does, not by the administrator."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show them without a button that would save nothing."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Let those act on the rows who may change them: every action asks for this."""
        codename = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")


class GoesWithItsPersonAdmin(ReadOnlyAdmin):
    """Rows that nobody deletes by hand; with the person, or what they hang on, all goes."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let them go with what they hang on only, so on the pages of others."""
        pages_of_its_own = f"{self.opts.app_label}_{self.opts.model_name}_"
        page = request.resolver_match.url_name if request.resolver_match else None
        return (
            page is not None and not page.startswith(pages_of_its_own) and super().has_delete_permission(request, obj)
        )


class WorkAdmin(GoesWithItsPersonAdmin):
    """Rows that are work. A list of those that wait is in the order in which they fell due, as they are worked."""

    def get_ordering(self, request: HttpRequest) -> Any:
        """Put first what waits the longest, where the list is about that."""
        return ("due_at", "pk") if StandingFilter.parameter_name in request.GET else super().get_ordering(request)
