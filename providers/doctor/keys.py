"""Whether the keys that are set open what is stored."""

from collections import Counter
from collections.abc import Iterator

from providers import conf, rotation
from providers.doctor.findings import Finding, ok, problem, warning


def examine() -> Iterator[Finding]:
    """Open every stored secret. At ten microseconds each none need be left out."""
    try:
        conf.fernet_keys()
    except conf.ProviderConfigurationError as error:
        yield problem(str(error), "Set it to what it was; on a new site to a long random text.")
        return
    lost, stale = Counter[str](), Counter[str]()
    for model in rotation.encrypted_models():
        for fault in rotation.find_faults(model):
            (lost if fault.is_lost else stale)[str(model._meta.verbose_name_plural)] += 1
    for name, number in lost.items():
        yield problem(
            f"{number} secrets among the {name} are opened by none of FERNET_KEYS.",
            "Put back the keys that were in use when they were written; they belong to the backup, apart from the "
            "database's. Without them these people have to link again.",
        )
    for name, number in stale.items():
        yield warning(
            f"{number} secrets among the {name} are under a key that is not the first.",
            "Run manage.py rotate_credentials before you take the older keys out.",
        )
    if not lost and not stale:
        yield ok("FERNET_KEYS open every stored secret.")
