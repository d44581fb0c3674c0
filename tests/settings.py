"""The site's own settings, with keys for the tests and a fast password hasher."""

import os

os.environ.setdefault("MUSICBRIDGE_ENV_FILE", os.devnull)
os.environ.setdefault("SECRET_KEY", "tests-only-secret-key-of-more-than-fifty-characters-for-django-checks")
os.environ.setdefault("FERNET_KEYS", "tests only key")

from musicbridge.settings import *  # noqa: E402, F403, the environment has to be set first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
