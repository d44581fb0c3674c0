"""Signing in with Navidrome (ADR-0005): the one place above the services that knows one of them by name.

Put `NavidromeBackend` after Django's `ModelBackend` in AUTHENTICATION_BACKENDS: local accounts are asked first,
so that an administrator signs in while Navidrome is down. With NAVIDROME_URL empty it lets nobody in.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from providers import conf, signals
from providers.contracts import Type
from providers.datatypes import AuthResult
from providers.exceptions import ProviderError, ReauthorizationRequiredError
from providers.models import Connection, HistorySync, NavidromeAuth
from providers.navidrome.factory import build_for_credentials
from providers.navidrome.parse import Account, account_id

if TYPE_CHECKING:
    from django.contrib.auth.models import User  # stands for whatever AUTH_USER_MODEL names

logger = logging.getLogger(__name__)

UserModel = get_user_model()

MAX_NAME_LENGTH = 255
MAX_PASSWORD_LENGTH = 1024


class SignInUnavailableError(ValidationError):
    """Names and passwords cannot be checked now, which says nothing about the one that was given.

    A `ValidationError`, so that every sign-in form shows it, the admin's included. Not `PermissionDenied`: that
    would count as a failed attempt, and a throttle would lock people out for an outage.
    """

    def __init__(self) -> None:
        super().__init__(
            _(
                "Navidrome does not answer as it should, so names and passwords cannot be checked. "
                "Try again in a few minutes; a local administrator can still sign in."
            ),
            code="unavailable",
        )


class NavidromeBackend(BaseBackend):
    """Lets in whom Navidrome lets in.

    A person is known by their Navidrome name, kept in `Connection.account_id`, and not by the name of the local
    account, which is made at first sight and has no password of its own. With NAVIDROME_ADMINS_ARE_STAFF
    Navidrome's administrators become administrators here; what was given is never taken away.
    """

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> "User | None":
        """Return the person whom name and password belong to; None where they are wrong.

        Raises `SignInUnavailableError` where Navidrome does not answer as it should.
        """
        username = kwargs.get(UserModel.USERNAME_FIELD) if username is None else username
        if not conf.get("NAVIDROME_URL") or not username or not password:
            return None
        if not (_is_believable(username, MAX_NAME_LENGTH) and _is_believable(password, MAX_PASSWORD_LENGTH)):
            return None
        try:
            account = build_for_credentials(username, password).get_account()
        except ReauthorizationRequiredError:
            return None
        except ProviderError as error:
            logger.warning("Nobody can sign in with Navidrome: %s", error)
            if _has_local_password(username):
                # `ModelBackend` found it wrong already: an outage must not open a local account to guessing.
                return None
            raise SignInUnavailableError from None
        return _sign_in(account, password)

    def get_user(self, user_id: Any) -> "User | None":
        """Return a signed-in person; None where the account is gone or was closed."""
        user = UserModel._default_manager.filter(pk=user_id).first()
        return user if user is not None and user.is_active else None


def _is_believable(text: str, max_length: int) -> bool:
    """Tell whether a text can be sent, and be stored as sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= max_length and "\0" not in text


def _has_local_password(username: str) -> bool:
    user = UserModel._default_manager.filter(**{UserModel.USERNAME_FIELD: username}).first()
    return user is not None and user.has_usable_password()


@sensitive_variables("password")
def _sign_in(account: Account, password: str) -> "User | None":
    with transaction.atomic():
        # Two sign-ins of one person wait for each other here. A new listen of theirs does not: its fetch holds what is
        # wanted further down.
        user = UserModel._default_manager.select_for_update(no_key=True).get(pk=_person_of(account).pk)
        if not user.is_active:
            return None
        if account.is_admin and conf.get("NAVIDROME_ADMINS_ARE_STAFF") and not (user.is_staff and user.is_superuser):
            user.is_staff = user.is_superuser = True
            user.save(update_fields=["is_staff", "is_superuser"])
        _store_credentials(user, account, password)
    return user


def _person_of(account: Account) -> "User":
    """Return the local account of a Navidrome person, made now where there is none. Safe against another sign-in."""
    usernames = _usernames_for(account)
    # Looked for after each try: whoever had the name may be this person, signing in elsewhere at this moment.
    while (user := _known_person(account)) is None:
        _create_person_if_free(next(usernames), account)
    return user


def _known_person(account: Account) -> "User | None":
    remote_id = account_id(account.name)
    connection = (
        Connection.objects.filter(provider_type=Type.NAVIDROME, account_id=remote_id)
        .select_related("user")
        .order_by("pk")
        .first()
    )
    if connection is not None:
        return connection.user
    # Credentials stored without signing in have a connection that does not know its account yet.
    rows = NavidromeAuth.objects.filter(
        username__iexact=account.name, user__connections__provider_type=Type.NAVIDROME, user__connections__account_id=""
    )
    rows = rows.select_related("user").defer("password").order_by("pk")
    return next((row.user for row in rows if account_id(row.username) == remote_id), None)


def _usernames_for(account: Account) -> Iterator[str]:
    """Yield names for the local account, the best first: a name that another account has is never taken over."""
    name = UserModel.normalize_username(account.name)
    max_length: int = (
        getattr(UserModel._meta.get_field(UserModel.USERNAME_FIELD), "max_length", None) or MAX_NAME_LENGTH
    )
    yield name[:max_length]
    for number in count(1):
        suffix = f"@{Type.NAVIDROME}{number if number > 1 else ''}"
        yield name[: max_length - len(suffix)] + suffix


def _create_person_if_free(username: str, account: Account) -> None:
    if UserModel._default_manager.filter(**{f"{UserModel.USERNAME_FIELD}__iexact": username}).exists():
        return
    user = UserModel(**{UserModel.USERNAME_FIELD: username})
    user.set_unusable_password()
    # Of two who take the name at once, the database lets one have it.
    with suppress(IntegrityError), transaction.atomic():
        user.save()
        Connection.objects.create(
            user=user, provider_type=Type.NAVIDROME, account_id=account_id(account.name), account_name=account.name
        )


@sensitive_variables("password")
def _store_credentials(user: "User", account: Account, password: str) -> None:
    # The old password is not read: signing in is the way out when no key decrypts it.
    row = NavidromeAuth.objects.filter(user=user).defer("password").first() or NavidromeAuth(user=user)
    row.store(AuthResult(access_token=password, account_name=account.name))
    connection = Connection.objects.get(user=user, provider_type=Type.NAVIDROME)
    connection.mark_authorized(account_id=account_id(account.name), account_name=account.name)
    HistorySync.request(connection)
    signals.announce(signals.connection_linked, Connection, connection=connection)
