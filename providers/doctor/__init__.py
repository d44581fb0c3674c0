"""Looks at everything that a site needs, one thing after the other, and says what to do about each."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from providers import conf
from providers.doctor import addresses, configuration, database, keys, machine, services
from providers.doctor.findings import Finding, Level, problem

__all__ = ["EXAMINATIONS", "Finding", "Level", "examine"]

EXAMINATIONS: Mapping[str, Callable[[], Iterator[Finding]]] = MappingProxyType(
    {
        "settings": configuration.examine,
        "addresses": addresses.examine,
        "database": database.examine,
        "keys": keys.examine,
        "services": services.examine,
        "redis": machine.examine_redis,
        "work": machine.examine_work,
        "disk": machine.examine_disk,
    }
)


def examine() -> Iterator[tuple[str, Finding]]:
    """Yield all findings with what they are about. One thing that is broken keeps nothing else from being looked at."""
    for topic, examination in EXAMINATIONS.items():
        try:
            for finding in examination():
                yield topic, finding
        except conf.ProviderConfigurationError as error:
            yield topic, problem(str(error), "Correct that setting: nothing more can be said of this before.")
        except Exception as error:  # noqa: BLE001, whatever is wrong there is a finding
            # Not what it says: it may quote an address with a password in it.
            name = type(error).__name__
            yield topic, problem(f"This could not be examined: {name}.", "Put right first what is found elsewhere.")
