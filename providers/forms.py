"""The form people sign in with."""

from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Name and password of Navidrome or of a local account, whichever they belong to.

    An outage of Navidrome shows in it as what it is: `providers.backends.SignInUnavailableError`.
    """

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and password do not go together. Capital letters count in the password.",
    }
