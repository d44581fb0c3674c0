"""What a person says of two listens, and why two are linked."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from providers.history.duplicates import linking
from providers.history.duplicates.comparison import compare
from providers.history.duplicates.linking import play_of
from providers.models import DuplicateVerdict, Listen


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
    group = {other.pk: other for other in Listen.objects.filter(user_id=listen.user_id, duplicate_of=canonical)}
    group[canonical.pk] = canonical
    said = DuplicateVerdict.objects.filter(first__in=group, second__in=group).values_list(
        "first_id", "second_id", "is_duplicate"
    )
    verdicts = {(first, second): is_duplicate for first, second, is_duplicate in said}

    def why(a: int, b: int) -> str:
        verdict = verdicts.get((min(a, b), max(a, b)))
        if verdict is not None:
            return "You said so." if verdict else ""
        comparison = compare(play_of(group[a]), play_of(group[b]))
        return comparison.explanation if comparison.is_duplicate else ""

    # Where the two do not compare as duplicates themselves, through others of the group.
    reasons: dict[int, list[str]] = {listen.pk: []}
    reached = [listen.pk]
    for at in reached:
        for other in group:
            if other not in reasons and (reason := why(at, other)):
                reasons[other] = [*reasons[at], reason]
                reached.append(other)
    return " ".join(reasons.get(canonical.pk, ()))


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
