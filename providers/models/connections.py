"""The link between a person and a service, as people, pages and the admin see it. No secret lives here."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers import signals
from providers.fields import EncryptedTextField
from providers.models.alerts import Alert, AlertKind

REMINDERS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""How long before a link expires its person is reminded of it, the earliest first."""

EXPIRES_SOON = REMINDERS[0]
"""How long before its end a link is said to expire soon."""


def expiring() -> models.Q:
    """Return the condition for links that work now and expire within `EXPIRES_SOON`."""
    return models.Q(status=Connection.Status.OK, link_expires_at__lt=timezone.now() + EXPIRES_SOON)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections, by what there is to do about them."""

    def in_danger(self) -> Self:
        """Keep those whose link has died, or soon will."""
        return self.filter(models.Q(status=Connection.Status.NEEDS_REAUTH) | expiring())


class Connection(models.Model):
    """One person's link to one service. It outlives its credentials: history hangs on it."""

    class Status(models.TextChoices):
        """What the person can expect of the link."""

        OK = "ok", _("Connected")
        NEEDS_REAUTH = "needs_reauth", _("Needs linking again")
        DISCONNECTED = "disconnected", _("Disconnected")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections")
    provider_type = models.CharField(_("service"), max_length=64)
    account_id = models.CharField(max_length=255, blank=True, default="")
    account_name = models.CharField(_("account"), max_length=255, blank=True, default="")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OK)
    status_detail = models.TextField(blank=True, default="")
    authorized_at = models.DateTimeField(default=timezone.now)
    link_expires_at = models.DateTimeField(_("link expires"), null=True, blank=True)
    reminder_due_at = models.DateTimeField(_("next reminder"), null=True, blank=True, editable=False)
    last_checked_at = models.DateTimeField(_("last check"), null=True, blank=True)
    history_is_last_play_only = models.BooleanField(
        null=True,
        blank=True,
        help_text=_("Whether the service told only the last play of each track, when last asked."),
    )

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "provider_type"], name="one_connection_per_person_and_service")
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The sign-in backend looks people up by their remote account.
            models.Index(fields=["provider_type", "account_id"], name="connection_by_account"),
            models.Index(
                fields=["reminder_due_at"],
                name="connection_reminder_due",
                condition=models.Q(reminder_due_at__isnull=False),
            ),
            # The admin counts links by state: without it, all of them would be read and sorted for that.
            models.Index(fields=["provider_type", "status", "link_expires_at"], name="connection_by_state"),
        ]
        ordering = ("user_id", "provider_type")

    def __str__(self) -> str:
        return f"{self.provider_type} of {self.user.get_username()}"

    @property
    def is_linked(self) -> bool:
        """Whether credentials stand behind the connection, working or not."""
        return self.status != self.Status.DISCONNECTED

    @property
    def expires_soon(self) -> bool:
        """Whether the link works now, and will have ended in a month."""
        expires_at = self.link_expires_at
        return self.status == self.Status.OK and expires_at is not None and expires_at < timezone.now() + EXPIRES_SOON

    def is_of_another_account(self, account_id: str) -> bool:
        """Tell whether this links another remote account than that one. What is not known is no other."""
        return bool(self.account_id and account_id and self.account_id != account_id)

    def next_reminder_after(self, moment: datetime) -> datetime | None:
        """Return when the person is reminded next that the link expires; None where there is nothing to remind of."""
        if self.link_expires_at is None:
            return None
        return next((at for before in REMINDERS if (at := self.link_expires_at - before) > moment), None)

    def mark_authorized(
        self,
        *,
        account_id: str,
        account_name: str,
        authorized_at: datetime | None = None,
        link_expires_at: datetime | None = None,
    ) -> None:
        """Note that the person has proved the account theirs, by linking or by signing in, just now unless told."""
        now = timezone.now()
        self.link_expires_at = link_expires_at
        with transaction.atomic():
            self._set(
                status=self.Status.OK,
                status_detail="",
                account_id=account_id,
                account_name=account_name,
                authorized_at=authorized_at or now,
                link_expires_at=link_expires_at,
                reminder_due_at=self.next_reminder_after(now),
                last_checked_at=now,
            )
            Alert.settle(self.user_id, self._matters)

    def mark_ok(self) -> None:
        """Note that the service accepted the credentials just now.

        A link that is known to be dead stays dead: what was accepted is a token that outlives it for a while.
        """
        self._observe([self.Status.OK])

    def mark_needs_reauth(self, detail: str) -> None:
        """Note that only the person can make the link work again, and why. They are told once."""
        dead = {"status": self.Status.NEEDS_REAUTH, "status_detail": detail, "reminder_due_at": None}
        with transaction.atomic():
            if self._observe([self.Status.OK], **dead):
                Alert.settle(self.user_id, self._matters)
                Alert.note(
                    self.user_id,
                    AlertKind.NEEDS_REAUTH,
                    self.matter("link"),
                    service=self.provider_type,
                    detail=detail,
                )
                signals.announce(signals.connection_needs_reauth, Connection, connection=self)
            else:
                self._observe([self.Status.NEEDS_REAUTH], **dead)

    def mark_alive_after_all(self) -> None:
        """Note that a link that was taken for dead is not."""
        reminder = self.next_reminder_after(timezone.now())
        with transaction.atomic():
            self._observe([self.Status.NEEDS_REAUTH], status=self.Status.OK, status_detail="", reminder_due_at=reminder)
            Alert.settle(self.user_id, self._matters)

    def mark_disconnected(self) -> None:
        """Note that the credentials are gone, as the person wished."""
        with transaction.atomic():
            self._set(status=self.Status.DISCONNECTED, status_detail="", link_expires_at=None, reminder_due_at=None)
            Alert.settle(self.user_id, self._matters)

    def matter(self, topic: str) -> str:
        """Return what alerts about a topic of this connection are kept by (`Alert.matter`)."""
        return f"{topic} {self.pk}"

    @property
    def _matters(self) -> list[str]:
        # What ends with the link as it was.
        return [self.matter("link"), self.matter("expiry")]

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=list(fields))

    def _observe(self, where_status: list[Status], **fields: Any) -> bool:
        # What was seen through old credentials says nothing once the person has linked again or disconnected.
        same_link = Connection.objects.filter(pk=self.pk, authorized_at=self.authorized_at, status__in=where_status)
        fields["last_checked_at"] = timezone.now()
        if not same_link.update(**fields):
            return False
        for name, value in fields.items():
            setattr(self, name, value)
        return True


class LinkAttempt(models.Model):
    """An attempt at linking that waits for the person to come back from the service.

    Found by the hash of its state, popped by a DELETE that must hit one row: single use across tabs,
    processes and commands, where a session would not be.
    """

    state_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    provider_type = models.CharField(max_length=64)
    code_verifier = EncryptedTextField()
    client_id = models.CharField(max_length=255, blank=True, default="")
    callback_url = models.TextField()
    next_url = models.TextField(blank=True, default="")
    pending_result = EncryptedTextField(
        blank=True,
        default="",
        help_text=_("What the service granted, while the person is asked about another account."),
    )
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"attempt at linking {self.provider_type}"


class OwnApplication(models.Model):
    """An application that a person registered with a service, to link through instead of the site's.

    A client id is no secret: it stands in the address of every consent page.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="own_applications")
    provider_type = models.CharField("service", max_length=64)
    client_id = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "provider_type"], name="one_application_per_person_and_service")
        ]

    def __str__(self) -> str:
        return f"application of {self.user_id} for {self.provider_type}"


class ServicePause(models.Model):
    """A pause that a service asked of an application. Every worker respects it, for everybody linked through it."""

    provider_type = models.CharField(max_length=64)
    client_id = models.CharField(max_length=255, blank=True, default="")
    until = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["provider_type", "client_id"], name="one_pause_per_application")
        ]

    def __str__(self) -> str:
        return f"{self.provider_type} pauses until {self.until:%Y-%m-%d %H:%M} UTC"

    @classmethod
    def until_for(cls, provider_type: str, client_id: str) -> datetime | None:
        """Return when the application may call the service again; None where it may now."""
        return (
            cls.objects.filter(provider_type=provider_type, client_id=client_id, until__gt=timezone.now())
            .values_list("until", flat=True)
            .first()
        )

    @classmethod
    def begin(cls, provider_type: str, client_id: str, until: datetime) -> None:
        """Let the application rest until then, or longer where it rests longer already."""
        pause, created = cls.objects.get_or_create(
            provider_type=provider_type, client_id=client_id, defaults={"until": until}
        )
        if not created:
            cls.objects.filter(pk=pause.pk, until__lt=until).update(until=until)
