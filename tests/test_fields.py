"""Secrets in the database: never in clear, never lost to an expression, readable under any key that is set."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.core.serializers.base import DeserializationError
from django.db import connection, models, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Concat, Lower
from django.db.models.query_utils import DeferredAttribute
from django.forms import modelform_factory
from pytest_django import Settings

from providers import conf, fields
from providers.checks import check_fernet_keys
from providers.fields import DecryptionError, EncryptedTextField
from providers.models import LastFMAuth, NavidromeAuth, SpotifyAuth

SECRET = "seeded-secret-0451"


@pytest.fixture
def row(user: User) -> NavidromeAuth:
    return NavidromeAuth.objects.create(user=user, username="ada", password=SECRET)


def stored(row: models.Model, column: str = "password") -> bytes:
    """Return the bytes in the database, as no part of ours reads them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return bytes(cursor.fetchone()[0])


def overwrite(row: models.Model, value: Any, column: str = "password") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [value, row.pk])


class TestStoring:
    def test_the_database_holds_ciphertext_and_the_object_the_secret(self, row: NavidromeAuth) -> None:
        assert SECRET.encode() not in stored(row)
        assert stored(row).startswith(b"gAAAA")
        assert NavidromeAuth.objects.get().password == SECRET

    @pytest.mark.parametrize("secret", ["", " ", "pässwörd \N{SNOWMAN}", "a\nb\tc", "x" * 100_000, "\x00", "fernet:x"])
    def test_any_text_comes_back_as_it_went_in(self, row: NavidromeAuth, secret: str) -> None:
        row.password = secret
        row.save()
        assert NavidromeAuth.objects.get().password == secret
        assert NavidromeAuth.objects.values_list("password", flat=True).get() == secret

    def test_the_same_secret_never_looks_the_same_twice(self, row: NavidromeAuth) -> None:
        before = stored(row)
        row.save()
        assert stored(row) != before

    def test_nothing_stays_nothing(self) -> None:
        field = EncryptedTextField(null=True)  # type: ignore[misc]  # our own models have no such field
        assert field.get_db_prep_save(None, connection) is None
        assert field.from_db_value(None, None, connection) is None
        assert fields.is_decryptable(None)
        assert fields.is_under_newest_key(None)

    def test_an_update_with_a_plain_value_is_encrypted(self, row: NavidromeAuth) -> None:
        NavidromeAuth.objects.update(password="another")
        assert b"another" not in stored(row)
        assert NavidromeAuth.objects.get().password == "another"

    def test_rows_made_in_bulk_are_encrypted(self, db: None) -> None:
        people = [User.objects.create_user(f"person-{number}") for number in range(3)]
        NavidromeAuth.objects.bulk_create(
            [NavidromeAuth(user=person, username="x", password=f"{SECRET}-{person.pk}") for person in people]
        )
        for made in NavidromeAuth.objects.all():
            assert made.password == f"{SECRET}-{made.user_id}"
            assert SECRET.encode() not in stored(made)

    def test_an_upsert_in_bulk_is_encrypted(self, row: NavidromeAuth) -> None:
        NavidromeAuth.objects.bulk_create(
            [NavidromeAuth(user=row.user, username="ada", password="another")],
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["password"],
        )
        assert NavidromeAuth.objects.get().password == "another"


class TestExpressions:
    """The library would store the encryption of the expression's SQL text."""

    @pytest.mark.parametrize(
        "expression",
        [
            F("username"),
            F("password"),
            Value("plain"),
            Case(When(username="ada", then=Value("plain")), default=Value("other")),
            Concat("username", Value("!")),
            Lower("username"),
        ],
        ids=lambda expression: type(expression).__name__,
    )
    def test_an_update_with_an_expression_is_refused_and_changes_nothing(
        self, row: NavidromeAuth, expression: Any
    ) -> None:
        with pytest.raises(FieldError, match="is encrypted"), transaction.atomic():
            NavidromeAuth.objects.update(password=expression)
        assert NavidromeAuth.objects.get().password == SECRET

    def test_a_bulk_update_is_refused_and_changes_nothing(self, row: NavidromeAuth) -> None:
        row.password = "another"
        with pytest.raises(FieldError, match="is encrypted"), transaction.atomic():
            NavidromeAuth.objects.bulk_update([row], ["password"])
        assert NavidromeAuth.objects.get().password == SECRET

    def test_a_bulk_update_of_other_fields_leaves_the_secret_alone(self, row: NavidromeAuth) -> None:
        row.username = "countess"
        NavidromeAuth.objects.bulk_update([row], ["username"])
        assert NavidromeAuth.objects.values_list("username", "password").get() == ("countess", SECRET)

    def test_saving_an_expression_is_refused(self, row: NavidromeAuth) -> None:
        row.password = F("username")  # type: ignore[assignment]
        with pytest.raises(FieldError, match="is encrypted"), transaction.atomic():
            row.save()
        with pytest.raises(FieldError, match="is encrypted"), transaction.atomic():
            LastFMAuth.objects.create(user=row.user, username="ada", session_key=Value("plain"))  # type: ignore[misc]

    @pytest.mark.parametrize("lookup", ["password", "password__contains", "password__in", "password__startswith"])
    def test_secrets_cannot_be_searched(self, row: NavidromeAuth, lookup: str) -> None:
        with pytest.raises(FieldError):
            NavidromeAuth.objects.filter(**{lookup: SECRET}).exists()


class TestKeys:
    def test_a_value_no_key_decrypts_raises_an_error_that_says_what_to_do(
        self, row: NavidromeAuth, settings: Settings
    ) -> None:
        settings.FERNET_KEYS = ["another key"]
        with pytest.raises(DecryptionError, match=r"providers.NavidromeAuth.password .* FERNET_KEYS") as caught:
            NavidromeAuth.objects.get()
        assert caught.value.__suppress_context__
        assert isinstance(caught.value, conf.ProviderConfigurationError)

    @pytest.mark.parametrize("junk", [b"", b"junk", b"gAAAAABjunk", SECRET.encode(), b"\xff\xfe"])
    def test_bytes_that_are_no_ciphertext_raise_it_too(self, row: NavidromeAuth, junk: bytes) -> None:
        overwrite(row, junk)
        with pytest.raises(DecryptionError):
            NavidromeAuth.objects.get()
        assert not fields.is_decryptable(junk)

    def test_text_that_someone_wrote_there_raises_it_too(self, row: NavidromeAuth) -> None:
        overwrite(row, SECRET)
        with pytest.raises(DecryptionError) as caught:
            NavidromeAuth.objects.get()
        assert SECRET not in repr(caught.value)

    def test_the_rest_of_such_a_row_can_be_read(self, row: NavidromeAuth) -> None:
        overwrite(row, b"junk")
        assert NavidromeAuth.objects.defer("password").get().username == "ada"
        assert NavidromeAuth.undecryptable_user_ids([row.user_id]) == {row.user_id}

    def test_keys_take_effect_when_they_are_set(self, row: NavidromeAuth, settings: Settings) -> None:
        (old,) = settings.FERNET_KEYS
        settings.FERNET_KEYS = ["new key", old]
        assert NavidromeAuth.objects.get().password == SECRET
        assert not fields.is_under_newest_key(stored(row))
        row.save()
        assert fields.is_under_newest_key(stored(row))
        settings.FERNET_KEYS = ["new key"]
        assert NavidromeAuth.objects.get().password == SECRET
        settings.FERNET_KEYS = [old]
        with pytest.raises(DecryptionError):
            NavidromeAuth.objects.get()

    def test_stored_secrets_are_what_the_library_would_have_stored(
        self, row: NavidromeAuth, settings: Settings
    ) -> None:
        import base64

        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        hkdf = HKDF(hashes.SHA256(), 32, salt=b"django-fernet-fields-hkdf-salt", info=b"django-fernet-fields")
        key = base64.urlsafe_b64encode(hkdf.derive(settings.FERNET_KEYS[0].encode()))
        assert Fernet(key).decrypt(stored(row)) == SECRET.encode()

    @pytest.mark.parametrize("keys", [[], None, "", "a text", ["a", ""], [b"bytes"], [1]])
    def test_without_proper_keys_nothing_is_stored_and_a_check_says_so(
        self, user: User, settings: Settings, keys: Any
    ) -> None:
        settings.FERNET_KEYS = keys
        with pytest.raises(conf.ProviderConfigurationError, match="FERNET_KEYS"):
            NavidromeAuth.objects.create(user=user, username="ada", password=SECRET)
        (message,) = check_fernet_keys()
        assert message.id == "providers.E001"
        assert "FERNET_KEYS" in message.msg

    def test_the_secret_key_of_the_site_is_never_a_key(self, user: User, settings: Settings) -> None:
        del settings.FERNET_KEYS
        with pytest.raises(conf.ProviderConfigurationError):
            NavidromeAuth.objects.create(user=user, username="ada", password=SECRET)

    def test_proper_keys_need_no_word(self) -> None:
        assert check_fernet_keys() == []


class TestDumps:
    @pytest.mark.parametrize("serial_format", ["json", "jsonl", "xml"])
    def test_a_dump_holds_no_secret_and_can_be_loaded(
        self, row: NavidromeAuth, tmp_path: Path, serial_format: str
    ) -> None:
        dump = tmp_path / f"dump.{serial_format}"
        call_command("dumpdata", "providers", "auth.user", format=serial_format, output=str(dump))
        assert SECRET not in dump.read_text()
        User.objects.all().delete()
        call_command("loaddata", str(dump), verbosity=0)
        assert NavidromeAuth.objects.get().password == SECRET
        assert SECRET.encode() not in stored(NavidromeAuth.objects.get())

    def test_an_empty_secret_survives_a_dump(self, user: User, tmp_path: Path) -> None:
        SpotifyAuth.objects.create(user=user, access_token=SECRET)
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "providers.spotifyauth", output=str(dump))
        SpotifyAuth.objects.all().delete()
        call_command("loaddata", str(dump), verbosity=0)
        assert SpotifyAuth.objects.get().refresh_token == ""

    def test_a_dump_from_under_a_lost_key_is_refused(
        self, row: NavidromeAuth, tmp_path: Path, settings: Settings
    ) -> None:
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "providers.navidromeauth", output=str(dump))
        NavidromeAuth.objects.all().delete()
        settings.FERNET_KEYS = ["another key"]
        with pytest.raises(DeserializationError):
            call_command("loaddata", str(dump), verbosity=0)
        assert not NavidromeAuth.objects.exists()

    def test_a_dump_says_which_rows_it_is_about(self, row: NavidromeAuth) -> None:
        out = StringIO()
        call_command("dumpdata", "providers.navidromeauth", stdout=out)
        (dumped,) = json.loads(out.getvalue())
        assert dumped["fields"]["username"] == "ada"
        assert dumped["fields"]["password"].startswith("fernet:")


class TestDjango:
    def test_migrations_name_our_own_class_and_not_the_library(self) -> None:
        _, path, _, _ = EncryptedTextField().deconstruct()
        assert path == "providers.fields.EncryptedTextField"

    def test_the_migrations_are_complete(self, db: None) -> None:
        call_command("makemigrations", "providers", check=True, dry_run=True, verbosity=0)

    def test_no_form_has_an_input_for_a_secret(self) -> None:
        form = modelform_factory(NavidromeAuth, fields="__all__")
        assert "username" in form.base_fields
        assert "password" not in form.base_fields

    def test_secrets_can_be_left_out_of_a_query(self, row: NavidromeAuth) -> None:
        assert isinstance(NavidromeAuth.password, DeferredAttribute)
        assert (
            "password" in NavidromeAuth.objects.defer(*fields.secret_names(NavidromeAuth)).get().get_deferred_fields()
        )

    def test_a_model_knows_the_names_of_its_secrets(self) -> None:
        assert fields.secret_names(SpotifyAuth) == ["access_token", "refresh_token"]

    def test_no_row_shows_a_secret_of_its_own(self, row: NavidromeAuth) -> None:
        assert SECRET not in f"{row!r} {row}"
