"""Where people are told that something needs them, and what they are told."""

from collections.abc import Collection
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.fields import EncryptedTextField
from providers.scheduling import Scheduled, database_now, is_scheduled


class AlertKind(models.TextChoices):
    """What alerts are about."""

    NEEDS_REAUTH = "needs_reauth", _("A link needs you")
    LINK_EXPIRES = "link_expires", _("A link expires soon")
    GAP_OPENED = "gap_opened", _("Listens are missing")
    MIRROR_FAILING = "mirror_failing", _("A mirror fails")


class AlertTarget(Scheduled):
    """One place where a person wants to be told: a topic, a mailbox, a chat. It is due while alerts wait for it.

    `url` holds passwords and tokens, and is shown to nobody. `service` is what its service is called, and `kinds` are
    the `AlertKind`s that are told there. `problem` says why the last message did not arrive
    (`providers.alerts.problems`), and is empty where it did.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_targets")
    label = models.CharField(max_length=100)
    service = models.CharField(max_length=100)
    url = EncryptedTextField()
    kinds = models.JSONField(default=list)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField("last try", null=True, blank=True)
    problem = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="alert_target_due", condition=is_scheduled())
        ]
        ordering = ("id",)

    def __str__(self) -> str:
        return f"alerts to {self.label}"


class Alert(models.Model):
    """Something that one target is to be told. It waits until it was told, or given up after too many tries.

    `matter` names what it is about, and `is_open` says that this still lasts: meanwhile it is not told again. `facts`
    are what its text is made of when it is sent.
    """

    target = models.ForeignKey(AlertTarget, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=32, choices=AlertKind.choices)
    matter = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    is_open = models.BooleanField(default=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    told_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["target", "matter"], condition=Q(is_open=True), name="one_open_alert_per_matter"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.target_id}"

    @classmethod
    def note(cls, user_id: int, kind: AlertKind, matter: str, **facts: Any) -> None:
        """Have a person told of something, unless they were and it still lasts.

        In the transaction of what it tells of, where there is one: so neither is there without the other.
        """
        targets = AlertTarget.objects.filter(user_id=user_id, is_enabled=True)
        # Of a few rows, here: not every database looks into a list.
        wanting = [pk for pk, kinds in targets.values_list("pk", "kinds") if kind in kinds]
        told = cls.objects.filter(target__in=wanting, matter=matter, is_open=True).values_list("target", flat=True)
        new = sorted(set(wanting).difference(told))
        if not new:
            return
        with transaction.atomic():
            Alert.objects.bulk_create(
                [Alert(target_id=pk, kind=kind, matter=matter, facts=facts) for pk in new], ignore_conflicts=True
            )
            # One that rests after a failure goes on resting. One that is worked on is due again right after.
            AlertTarget.objects.filter(Q(due_at__isnull=True) | Q(due_at__lte=database_now()), pk__in=new).update(
                due_at=timezone.now()
            )

    @classmethod
    def settle(cls, user_id: int, matters: Collection[str]) -> None:
        """Note that something is over: what was not told yet is told no more, and it is told anew if it comes back."""
        alerts = cls.objects.filter(target__user=user_id, matter__in=matters, is_open=True)
        alerts.filter(told_at__isnull=True, given_up_at__isnull=True).delete()
        alerts.update(is_open=False)

    @classmethod
    def waiting(cls) -> "models.QuerySet[Alert]":
        """Return the alerts that are still to be told, in the order in which they came."""
        return cls.objects.filter(told_at__isnull=True, given_up_at__isnull=True).order_by("pk")
