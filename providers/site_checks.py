"""System checks: what the app misses in the site around it, and what to do about it."""

from typing import Any

from django.apps import apps
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.files.storage import FileSystemStorage
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils.module_loading import import_string

from providers import conf
from providers.checks import SETTINGS
from providers.models import HistoryImport


@register(SETTINGS, Tags.urls)
def check_pages(**_: Any) -> list[CheckMessage]:
    """A site may do without the pages. With them, it has to know who asks, and where to send who is not signed in."""
    try:
        reverse("providers:connections")
    except NoReverseMatch:
        return [
            Warning(
                "The pages of the app are at no address, so nobody can link a service.",
                hint='Add path("", include("providers.urls")) to your URLs.',
                id="providers.W008",
            )
        ]
    return [*_who_asks(), *_where_to_sign_in(), *_what_is_told()]


def _who_asks() -> list[CheckMessage]:
    middleware = (import_string(path) for path in conf.get("MIDDLEWARE"))
    if any(isinstance(one, type) and issubclass(one, AuthenticationMiddleware) for one in middleware):
        return []
    return [
        Error(
            "No page can know who asks for it: there is no AuthenticationMiddleware.",
            hint="Add Django's SessionMiddleware and AuthenticationMiddleware to MIDDLEWARE, in this order.",
            id="providers.E006",
        )
    ]


def _where_to_sign_in() -> list[CheckMessage]:
    login_url = str(conf.get("LOGIN_URL"))
    try:
        address = resolve_url(login_url)
        if address.startswith(get_script_prefix()):
            resolve(address.partition("?")[0].replace(get_script_prefix(), "/", 1))
    except (NoReverseMatch, Resolver404):
        return [
            Warning(
                f"LOGIN_URL is {login_url!r}, which is no page of this site: who is not signed in ends nowhere.",
                hint='Set it to the name or the address of your page for signing in, e.g. "admin:login".',
                id="providers.W009",
            )
        ]
    return []


def _what_is_told() -> list[CheckMessage]:
    if apps.is_installed("django.contrib.messages"):
        return []
    return [
        Warning(
            "django.contrib.messages is not installed: pages cannot tell what came of a click.",
            hint="Add it to INSTALLED_APPS, and its MessageMiddleware to MIDDLEWARE.",
            id="providers.W010",
        )
    ]


@register(SETTINGS, Tags.database)
def check_databases(**_: Any) -> list[CheckMessage]:
    """Work that others wait for is kept short here; a transaction around every page would undo that."""
    messages: list[CheckMessage] = []
    for alias, database in conf.get("DATABASES").items():
        if database.get("ATOMIC_REQUESTS"):
            messages.append(
                Warning(
                    f"ATOMIC_REQUESTS of the database {alias!r} is on: a page that has to renew a token fails.",
                    hint="Switch it off, and decorate your own views with transaction.atomic.",
                    id="providers.W011",
                )
            )
        is_sqlite = database["ENGINE"] == "django.db.backends.sqlite3"
        if is_sqlite and database.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE":
            messages.append(
                Warning(
                    f"Two who write to the database {alias!r} at once can be told that it is locked.",
                    hint='Set its OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 30}.',
                    id="providers.W012",
                )
            )
    return messages


@register(SETTINGS)
def check_uploads(**_: Any) -> list[CheckMessage]:
    """Files that people bring wait in a storage; the default one is wherever the process was started."""
    storage = HistoryImport._meta.get_field("file").storage
    if not isinstance(storage, FileSystemStorage) or conf.get("MEDIA_ROOT"):
        return []
    return [
        Warning(
            "MEDIA_ROOT is not set: files of listens are put into the folder that the site was started in.",
            hint="Set it to a folder that no web server serves, the same for the site and its workers.",
            id="providers.W013",
        )
    ]
