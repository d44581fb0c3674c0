"""Encrypted model fields: the one import of `fernet_fields`.

Fernet under keys derived from `FERNET_KEYS`, newest first: the first key encrypts, all of them decrypt.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.core.exceptions import FieldError, ValidationError
from django.db import models
from fernet_fields import hkdf

from providers import conf

if TYPE_CHECKING:
    FernetTextField = models.TextField[str, str]  # the library has no types
else:
    from fernet_fields import EncryptedTextField as FernetTextField

_DUMP_PREFIX = "fernet:"


class DecryptionError(conf.ProviderConfigurationError):
    """A stored secret cannot be decrypted with any of `FERNET_KEYS`."""


@lru_cache(maxsize=8)
def _fernet_for(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(hkdf.derive_fernet_key(key)) for key in keys])


def _keys() -> tuple[str, ...]:
    keys: Sequence[str] = conf.get("FERNET_KEYS")
    if not keys:
        raise conf.ProviderConfigurationError("FERNET_KEYS is not set: secrets can be neither stored nor read.")
    return tuple(keys)


def is_under_newest_key(ciphertext: bytes) -> bool:
    """Tell whether a stored secret is encrypted under the first of `FERNET_KEYS`."""
    try:
        _fernet_for(_keys()[:1]).decrypt(ciphertext)
    except InvalidToken:
        return False
    return True


def is_decryptable(ciphertext: bytes) -> bool:
    """Tell whether a stored secret can be decrypted under any of `FERNET_KEYS`."""
    try:
        _fernet_for(_keys()).decrypt(ciphertext)
    except InvalidToken:
        return False
    return True


class EncryptedTextField(FernetTextField):
    """Text that is encrypted before it reaches the database.

    It cannot be searched. It is written by `save()`, `create()` or an `update()` with a plain value: an
    expression would be stored as the text of its SQL, so it raises `FieldError`. Reading a value that no key
    decrypts raises `DecryptionError`. `dumpdata` writes the ciphertext, which `loaddata` understands.
    """

    @property
    def fernet(self) -> MultiFernet:
        """The cipher under the keys that are set now (the library's own is cached for ever)."""
        return _fernet_for(_keys())

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt a plain value; refuse an expression."""
        if hasattr(value, "resolve_expression"):
            raise FieldError(f"{self.name} is encrypted: write it with save() or a plain value, not an expression.")
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any, *args: Any) -> Any:
        """Decrypt what the database holds. Raises `DecryptionError`."""
        if value is None:
            return None
        try:
            return self.fernet.decrypt(bytes(value)).decode()
        except InvalidToken:
            raise DecryptionError(
                f"{self.model._meta.label}.{self.name} cannot be decrypted: is an older key missing from FERNET_KEYS?"
            ) from None

    def value_to_string(self, obj: models.Model) -> str:
        """Serialise as ciphertext, so that no dump holds a secret in clear."""
        plain = self.value_from_object(obj)
        return _DUMP_PREFIX + self.fernet.encrypt(str(plain).encode()).decode()

    def to_python(self, value: Any) -> Any:
        """Read what `value_to_string` wrote."""
        if isinstance(value, str) and value.startswith(_DUMP_PREFIX):
            try:
                return self.fernet.decrypt(value.removeprefix(_DUMP_PREFIX)).decode()
            except InvalidToken:
                raise ValidationError(f"{self.name} was dumped under a key that is not in FERNET_KEYS.") from None
        return super().to_python(value)
