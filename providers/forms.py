"""The forms people fill in."""

from typing import Any, get_args

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from providers.alerts.problems import sentence
from providers.alerts.sending import check
from providers.models import AlertKind
from providers.playlists.mirrors import Side
from providers.zones import zone_names


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
