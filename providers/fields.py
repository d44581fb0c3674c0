"""Encrypted model fields: the one import of `fernet_fields`.

Fernet under keys derived from `FERNET_KEYS`, newest first: the first key encrypts, all of them decrypt.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.core.exceptions import FieldError, ValidationError
from django.db import models
from django.db.models.expressions import ExpressionWrapper, F
from django.utils.encoding import force_bytes
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


def is_under_newest_key(stored: Any) -> bool:
    """Tell whether a secret, as the database holds it, is encrypted under the first of `FERNET_KEYS`.

    NULL, which is no secret, needs no key: it counts as such, and as decryptable.
    """
    return _opens(_fernet_for(conf.fernet_keys()[:1]), stored)


def is_decryptable(stored: Any) -> bool:
    """Tell whether a secret, as the database holds it, can be decrypted under any of `FERNET_KEYS`."""
    return _opens(_fernet_for(conf.fernet_keys()), stored)


def _opens(fernet: MultiFernet, stored: Any) -> bool:
    if stored is None:
        return True
    try:
        fernet.decrypt(force_bytes(stored))
    except InvalidToken:
        return False
    return True


class EncryptedTextField(FernetTextField):
    """Text that is encrypted before it reaches the database.

    It cannot be searched. It is written by `save()`, `create()` or an `update()` with a plain value: an
    expression would be stored as the text of its SQL, so it raises `FieldError`, and so does `bulk_update()`.
    Reading a value that no key decrypts raises `DecryptionError`. `dumpdata` writes the ciphertext, which
    `loaddata` understands. No form has an input for it: that would show the secret.
    """

    @property
    def fernet(self) -> MultiFernet:
        """The cipher under the keys that are set now (the library's own is cached for ever)."""
        return _fernet_for(conf.fernet_keys())

    def formfield(self, **kwargs: Any) -> None:
        """Keep out of every form, the admin's included."""

    def get_prep_value(self, value: Any) -> Any:
        """Take a value as it is: `to_python`, which a text field asks here, is for what was dumped."""
        return None if value is None else str(value)

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
            return self.fernet.decrypt(force_bytes(value)).decode()
        except InvalidToken:
            raise DecryptionError(
                f"{self.model._meta.label}.{self.name} cannot be decrypted: is an older key missing from FERNET_KEYS?"
            ) from None

    def value_to_string(self, obj: models.Model) -> str:
        """Serialise as ciphertext, so that no dump holds a secret in clear."""
        plain: str = self.value_from_object(obj)
        return _DUMP_PREFIX + self.fernet.encrypt(plain.encode()).decode()

    def to_python(self, value: Any) -> Any:
        """Read what `value_to_string` wrote."""
        if isinstance(value, str) and value.startswith(_DUMP_PREFIX):
            try:
                return self.fernet.decrypt(value.removeprefix(_DUMP_PREFIX)).decode()
            except InvalidToken:
                raise ValidationError(f"{self.name} was dumped under a key that is not in FERNET_KEYS.") from None
        return super().to_python(value)


def secret_names(model: type[models.Model]) -> list[str]:
    """Return the names of a model's own encrypted fields."""
    return [field.name for field in model._meta.local_concrete_fields if isinstance(field, EncryptedTextField)]


def ciphertexts(rows: "models.QuerySet[Any]", *columns: str) -> "models.QuerySet[Any, tuple[Any, ...]]":
    """Return, per row, these columns and then each of `secret_names` as the database holds it, undecrypted."""
    stored = (ExpressionWrapper(F(name), output_field=models.BinaryField()) for name in secret_names(rows.model))
    return rows.values_list(*columns, *stored)
