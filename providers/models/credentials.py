"""The secrets, one model per service. Read by factories only; never shown, listed or logged."""

from typing import Any, ClassVar, Self, cast

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.datatypes import AuthResult
from providers.exceptions import ReauthorizationRequiredError
from providers.fields import EncryptedTextField, ciphertexts, is_decryptable
from providers.models.connections import Connection
from providers.models.history import HistorySync
from providers.scheduling import make_due


class ProviderAuth(models.Model):
    """What a factory needs to act for one person. Subclasses add `user`, secrets and `provider_type`.

    A new row makes or revives the person's `Connection`, so that a row is all it takes to be linked.
    """

    provider_type: ClassVar[str]

    # Subclasses declare it anew with a reverse name of their own, e.g. `user.spotify_auth`.
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.provider_type} credentials of person {self.user_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the secrets and make sure there is a Connection to show for them."""
        is_new = self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            connection, _ = Connection.objects.get_or_create(
                user_id=self.user_id, provider_type=self.provider_type, defaults={"account_name": self.account_name()}
            )
            if is_new and connection.status != Connection.Status.OK:
                connection.mark_authorized(
                    account_id=connection.account_id, account_name=self.account_name() or connection.account_name
                )
            if is_new:
                make_due(HistorySync.objects.filter(connection=connection))

    def account_name(self) -> str:
        """Return the remote account's name, where the row itself knows it."""
        return ""

    def store(self, result: AuthResult) -> None:
        """Take over what a service granted and save it."""
        raise NotImplementedError

    @classmethod
    def of(cls, user_id: int) -> Self | None:
        """Return the person's row; None where the service was never linked, or was disconnected.

        Raises `ReauthorizationRequiredError` where the link is known to be dead: a dead token is kept until
        the person links again, but never used.
        """
        row = cls._default_manager.filter(user_id=user_id).first()
        if row is not None:
            connection = Connection.objects.filter(user_id=user_id, provider_type=cls.provider_type).first()
            if connection is not None and connection.status == Connection.Status.NEEDS_REAUTH:
                raise ReauthorizationRequiredError(
                    connection.status_detail or "The link has to be renewed.", provider=cls.provider_type
                )
        return row

    @classmethod
    def undecryptable_user_ids(cls, user_ids: list[int]) -> set[int]:
        """Return those of the people whose row holds a secret that no key decrypts, in one query."""
        rows = ciphertexts(cls._default_manager.filter(user_id__in=user_ids), "user_id")
        return {user_id for user_id, *secrets in rows if not all(map(is_decryptable, secrets))}


class OAuthTokens(ProviderAuth):
    """Tokens that expire and are refreshed; `providers.tokens` is what refreshes them.

    `token_version` counts the grants and `refresh_lease_until` names the one process that may refresh.
    """

    access_token = EncryptedTextField()
    refresh_token = EncryptedTextField(blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.TextField(blank=True, default="", help_text=_("Space separated. Empty counts as sufficient."))
    client_id = models.CharField(max_length=255, blank=True, default="")
    token_version = models.PositiveBigIntegerField(default=1)
    refresh_lease_until = models.DateTimeField(default=timezone.now)

    class Meta(ProviderAuth.Meta):
        abstract = True

    def store(self, result: AuthResult) -> None:
        """Take over freshly granted tokens; whoever was refreshing the old ones finds the version moved on.

        The row must have been read under a lock that still holds: its version decides whose tokens stay.
        """
        self.access_token = result.access_token
        self.refresh_token = result.refresh_token
        self.expires_at = result.expires_at
        self.scopes = " ".join(result.scopes)
        self.token_version += 1
        self.save()


class SpotifyAuth(OAuthTokens):
    """A person's Spotify tokens."""

    provider_type = "spotify"
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="spotify_auth")


class LastFMAuth(ProviderAuth):
    """A person's Last.fm session, which lives until they revoke it (REQ-PROV-041)."""

    provider_type = "lastfm"
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lastfm_auth")
    username = models.CharField(max_length=255)
    session_key = EncryptedTextField()

    def account_name(self) -> str:
        """Return the Last.fm user name."""
        return self.username

    def store(self, result: AuthResult) -> None:
        """Take over a freshly granted session."""
        self.username = result.account_name
        self.session_key = result.access_token
        self.save()


class NavidromeAuth(ProviderAuth):
    """The name and password a person signs in with; a fresh salt per request needs the password itself."""

    provider_type = "navidrome"
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="navidrome_auth")
    username = models.CharField(max_length=255)
    password = EncryptedTextField()

    def account_name(self) -> str:
        """Return the Navidrome user name."""
        return self.username

    def store(self, result: AuthResult) -> None:
        """Take over what signing in proved: the name and, as the access token, the password."""
        self.username = result.account_name
        self.password = result.access_token
        self.save()


def credential_model(label: str) -> type[ProviderAuth]:
    """Return the model that `ProviderSpec.credential_model` names. Raises `LookupError` where there is none."""
    return cast("type[ProviderAuth]", apps.get_model(label))
