"""The site's own settings, with keys for the tests, a fast password hasher and a test database in a file."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("MUSICBRIDGE_ENV_FILE", os.devnull)
os.environ.setdefault("SECRET_KEY", "tests-only-secret-key-of-more-than-fifty-characters-for-django-checks")
os.environ.setdefault("FERNET_KEYS", "tests only key")

from musicbridge.settings import *  # noqa: F403, the environment has to be set first
from musicbridge.settings import DATABASES, INSTALLED_APPS
from providers.conf import DEFAULTS

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # In memory there would be one connection for all threads, no WAL, and nothing for other processes to open.
    DATABASES["default"]["TEST"] = {
        "NAME": str(Path(tempfile.gettempdir()) / f"musicbridge-tests-{os.getpid()}.sqlite3")
    }

# A service of somebody else, as a site would add it.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.example_provider"]
PROVIDERS = [*DEFAULTS["PROVIDERS"], "tests.example_provider.provider"]
RADIOLA_URL = "https://radiola.example"
RADIOLA_CLIENT_ID = "radiola-tests"
