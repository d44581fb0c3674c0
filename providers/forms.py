"""The forms people fill in."""

from collections.abc import Mapping
from datetime import date, timedelta, tzinfo
from typing import Any, get_args

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from providers.alerts.problems import sentence
from providers.alerts.sending import check
from providers.history.pages import Filter
from providers.models import AlertKind
from providers.playlists.mirrors import Side
from providers.statistics.spans import beginning_of
from providers.zones import zone_names

_BELIEVABLE = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2200, 1, 1))]
_DATE_INPUT = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class SignInForm(AuthenticationForm):
    """Name and password of Navidrome or of a local account, whichever they belong to.

    An outage of Navidrome shows in it as what it is: `providers.backends.SignInUnavailableError`.
    """

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This name and password do not go together. Capital letters count in the password."),
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
        label=_("Files"),
        error_messages={"required": _("Choose a file first."), "empty": _("There is nothing in one of these files.")},
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

    q = forms.CharField(label=_("Words of its title or artist"), max_length=200, required=False)


class TimeZoneForm(forms.Form):
    """The zone in whose time a person sees everything."""

    zone = forms.TypedChoiceField(
        label=_("Show times as in"),
        choices=lambda: [("", _("my browser's time zone")), *((name, name.replace("_", " ")) for name in zone_names())],
        required=False,
    )


class AlertTargetForm(forms.Form):
    """Where a person is told, and of what. For a target that is there already the address may be left out."""

    label = forms.CharField(
        label=_("Name"), max_length=100, error_messages={"required": _("Give it a name, by which you know it.")}
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        # Addresses that are right for a service need not be so for a browser.
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": _("Enter the address that messages are sent to. The examples show some.")},
    )
    kinds = forms.MultipleChoiceField(
        label=_("What you want to be told"),
        choices=AlertKind.choices,
        initial=AlertKind.values,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one. To be told nothing for a while, pause it.")},
    )

    service = ""

    def clean_url(self) -> str:
        """Take an address that messages may be sent to, and note what its service is called."""
        url: str = self.cleaned_data["url"]
        if url:
            answer = check(url)
            if answer.problem:
                raise forms.ValidationError(sentence(answer.problem))
            self.service = answer.service
        return url


class HistoryForm(forms.Form):
    """Which listens a person asks to see."""

    q = forms.CharField(
        label=_("Title, artist or album"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    service = forms.ChoiceField(label=_("Service"), required=False)
    since = forms.DateField(label=_("From"), required=False, validators=_BELIEVABLE, widget=_DATE_INPUT)
    until = forms.DateField(label=_("To"), required=False, validators=_BELIEVABLE, widget=_DATE_INPUT)

    def __init__(self, *args: Any, services: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = [("", gettext("All services")), *services.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", gettext("This is before the first day."))
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
