"""What a person says of two listens, and why two are linked."""

from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from providers.history.duplicates import linking
from providers.history.duplicates.comparison import compare
from providers.history.duplicates.linking import play_of
from providers.models import DuplicateVerdict, Listen

_PAIR = ("first_id", "second_id", "is_duplicate")


class ContradictionError(ValueError):
    """The person said before what cannot be true as well, of listens that are linked to these by what they said."""


def decide(user: AbstractBaseUser, a: Listen, b: Listen, *, is_duplicate: bool) -> None:
    """Keep what the person says of two of their listens, in place of what they said before, and link accordingly.

    Raises `ValueError` for a listen with itself or of somebody else, and `ContradictionError` where they have said
    otherwise in a roundabout way: that A and B are the same, B and C too, but A and C are two.
    """
    first, second = _in_order(user.pk, a, b)
    with transaction.atomic():
        linking.lock(user.pk)
        if _contradicts(user.pk, first, second, is_duplicate=is_duplicate):
            raise ContradictionError(_("You said otherwise of other listens of the same play: withdraw that first."))
        DuplicateVerdict.objects.update_or_create(
            first=first, second=second, defaults={"user_id": user.pk, "is_duplicate": is_duplicate}
        )
        _link_again(user.pk, first, second)


def withdraw(user: AbstractBaseUser, a: Listen, b: Listen) -> None:
    """Forget what the person said of two of their listens, and link them as they compare. Raises `ValueError`."""
    first, second = _in_order(user.pk, a, b)
    with transaction.atomic():
        linking.lock(user.pk)
        if DuplicateVerdict.objects.filter(first=first, second=second).delete()[0]:
            _link_again(user.pk, first, second)


def explain(listen: Listen) -> str:
    """Return in plain words why a listen is linked to its canonical one; empty where it is linked to none."""
    canonical = listen.duplicate_of
    if canonical is None:
        return ""
    told = {other.pk: reason for other, reason in explain_all([canonical])[canonical.pk]}
    return told[listen.pk]


def explain_all(canonicals: Iterable[Listen]) -> dict[int, list[tuple[Listen, str]]]:
    """Return, by canonical listen, what is linked to it, and in plain words why. Two queries, however many there are.

    Listens that nothing is linked to are left out.
    """
    by_id = {canonical.pk: canonical for canonical in canonicals}
    linked: dict[int, list[Listen]] = defaultdict(list)
    # Nobody else's are linked to these. Asked whose they are, or in what order, SQLite would walk a whole history.
    others_found = Listen.objects.filter(duplicate_of__in=by_id)
    for other in sorted(others_found, key=attrgetter("played_at", "pk")):
        assert other.duplicate_of_id is not None  # noqa: S101, asked for
        linked[other.duplicate_of_id].append(other)
    ids = [*linked, *(other.pk for others in linked.values() for other in others)]
    said = DuplicateVerdict.objects.filter(first__in=ids, second__in=ids) if ids else DuplicateVerdict.objects.none()
    verdicts = {(first, second): is_duplicate for first, second, is_duplicate in said.values_list(*_PAIR)}
    explained = {}
    for canonical_id, others in linked.items():
        reasons = _reasons({one.pk: one for one in (by_id[canonical_id], *others)}, canonical_id, verdicts)
        explained[canonical_id] = [(other, " ".join(reasons.get(other.pk, ()))) for other in others]
    return explained


def _reasons(
    group: dict[int, Listen], canonical_id: int, verdicts: dict[tuple[int, int], bool]
) -> dict[int, list[str]]:
    """Return why each of a group is linked to its canonical listen: step by step, where it is through others."""
    plays = {pk: play_of(listen) for pk, listen in group.items()}

    def why(a: int, b: int) -> str:
        verdict = verdicts.get((min(a, b), max(a, b)))
        if verdict is not None:
            return "You said so." if verdict else ""
        comparison = compare(plays[a], plays[b])
        return comparison.explanation if comparison.is_duplicate else ""

    # Where two do not compare as duplicates themselves, through others of the group.
    reasons: dict[int, list[str]] = {canonical_id: []}
    reached = [canonical_id]
    for at in reached:
        for other in group:
            if other not in reasons and (reason := why(other, at)):
                reasons[other] = [reason, *reasons[at]]
                reached.append(other)
    return reasons


def _in_order(user_id: int, a: Listen, b: Listen) -> tuple[Listen, Listen]:
    if a.pk == b.pk:
        raise ValueError("A listen cannot be compared with itself.")
    if not a.user_id == b.user_id == user_id:
        raise ValueError("These are not both listens of this person.")
    return (a, b) if a.pk < b.pk else (b, a)


def _contradicts(user_id: int, first: Listen, second: Listen, *, is_duplicate: bool) -> bool:
    said = DuplicateVerdict.objects.filter(user_id=user_id).exclude(first=first, second=second)
    group_of: dict[int, set[int]] = {}
    two = []
    for a, b, are_same in said.values_list("first_id", "second_id", "is_duplicate"):
        if are_same:
            merged = group_of.get(a, {a}) | group_of.get(b, {b})
            group_of.update(dict.fromkeys(merged, merged))
        else:
            two.append((a, b))
    some, others = group_of.get(first.pk, {first.pk}), group_of.get(second.pk, {second.pk})
    if not is_duplicate:
        return second.pk in some
    return any((a in some and b in others) or (b in some and a in others) for a, b in two)


def _link_again(user_id: int, first: Listen, second: Listen) -> None:
    linking.link_around(user_id, [(listen.played_at, listen.played_at) for listen in (first, second)])
