"""The forms people fill in."""

from typing import Any, get_args

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

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
