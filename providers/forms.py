"""The forms people fill in."""

from collections.abc import Mapping
from datetime import date, timedelta, tzinfo
from typing import Any, get_args

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers.history.pages import Filter
from providers.playlists.mirrors import Side
from providers.statistics.spans import beginning_of

_BELIEVABLE = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2200, 1, 1))]
_DATE_INPUT = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class SignInForm(AuthenticationForm):
    """Name and password of Navidrome or of a local account, whichever they belong to.

    An outage of Navidrome shows in it as what it is: `providers.backends.SignInUnavailableError`.
    """

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and password do not go together. Capital letters count in the password.",
    }


class ManyFilesInput(forms.FileInput):
    """A field of the page in which several files can be chosen at once."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One or more files."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        """Return the files. Raises `ValidationError` where there is none, or one that is empty."""
        return [super(ManyFilesField, self).clean(file, initial) for file in data or [None]]


class ImportForm(forms.Form):
    """Files of listens, to be read in the background."""

    uploads = ManyFilesField(
        label="Files",
        error_messages={"required": "Choose a file first.", "empty": "There is nothing in one of these files."},
    )


class WishesForm(forms.Form):
    """What a person wants of the next run of a mirror (`providers.playlists.mirrors.Wishes`)."""

    allow_shrink = forms.BooleanField(required=False)
    prefer = forms.ChoiceField(choices=[(side, side) for side in get_args(Side)], required=False)
    only_plan = forms.BooleanField(required=False)

    @property
    def wishes(self) -> dict[str, Any]:
        """What was wished, and nothing of what was not."""
        return {name: value for name, value in self.cleaned_data.items() if value}


class SearchForm(forms.Form):
    """Words of a song to look for."""

    q = forms.CharField(label="Words of its title or artist", max_length=200, required=False)


class HistoryForm(forms.Form):
    """Which listens a person asks to see."""

    q = forms.CharField(
        label=gettext_lazy("Title, artist or album"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), required=False, validators=_BELIEVABLE, widget=_DATE_INPUT)
    until = forms.DateField(label=gettext_lazy("To"), required=False, validators=_BELIEVABLE, widget=_DATE_INPUT)

    def __init__(self, *args: Any, services: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = [("", _("All services")), *services.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("This is before the first day."))
        return cleaned

    def wanted(self, zone: tzinfo) -> Filter:
        """Return what is asked for. The days, both ends included, are those of the zone."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return Filter(
            service=self.cleaned_data["service"],
            words=self.cleaned_data["q"].split(),
            since=beginning_of(since, zone) if since else None,
            until=beginning_of(until + timedelta(days=1), zone) if until else None,
        )
