"""Settings of the site, read from the environment and from `.env`. Every one is explained in `.env.example`."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from providers import conf

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
environ.Env.read_env(env.str("MUSICBRIDGE_ENV_FILE", default=str(BASE_DIR / ".env")))
# `NAME=` leaves a line of .env.example unfilled: that is no value, and no number either.
env.ENVIRON = FileAwareMapping({name: value for name, value in os.environ.items() if value})

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
# What `providers` understands: its own names and defaults, each of the type of its default.
globals().update({name: env(name, default=default) for name, default in conf.DEFAULTS.items()})
FERNET_KEYS = env.list("FERNET_KEYS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
_public = urlsplit(PUBLIC_URL)
# Where the site is one of several on a name, the proxy takes this path off and the site puts it before its addresses.
FORCE_SCRIPT_NAME = _public.path or None
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
if _public.hostname:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, _public.hostname]
    CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "musicbridge",
    "providers",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    # Its htmx keeps pages live; `providers` does without where it is missing.
    "django_htmx",
]
MIDDLEWARE = [
    "musicbridge.request_ids.RequestIdMiddleware",
    # Before any that looks at the host or wants https: whoever watches the site asks it by its bare address.
    "musicbridge.monitoring.MonitoringMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "musicbridge.csp.LinkingCSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "musicbridge.urls"
WSGI_APPLICATION = "musicbridge.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'musicbridge.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # One writer at a time, others wait for it: IMMEDIATE takes the lock at the start of a transaction, where
    # waiting works, and WAL lets readers go on meanwhile. What is committed survives a power cut (`synchronous` stays
    # FULL): a token that was rotated and then forgotten would end a link.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL;",
    }
# --- who gets in ------------------------------------------------------------------------------------------
# Local accounts before Navidrome: an administrator signs in while it is down.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "providers.backends.NavidromeBackend",
]
# In the session: its cookie keeps to the path that the site is on.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "providers:connections"
LOGOUT_REDIRECT_URL = "login"
# A name is locked for the address that guesses at it, not for its owner elsewhere. The address is the one that
# connects, unless it is said how many proxies there are: what a header says of another may be made up.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "musicbridge.throttle.address"
PROXY_COUNT = env.int("PROXY_COUNT", default=0)
AXES_USERNAME_CALLABLE = "musicbridge.throttle.typed_name"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)  # as templates/registration/locked_out.html says
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
# Who signed in when, and from where, is nobody's business.
AXES_DISABLE_ACCESS_LOG = True

# --- what browsers are told -------------------------------------------------------------------------------
_is_https = _public.scheme == "https"
# Only a proxy that sets the header itself, and drops a visitor's own, may be trusted with it.
TRUST_PROXY_HEADER = env.bool("TRUST_PROXY_HEADER", default=False)
if TRUST_PROXY_HEADER:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Without the header, whatever a proxy passes on looks like plain http, and would be redirected for ever.
SECURE_SSL_REDIRECT = _is_https and TRUST_PROXY_HEADER
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
if FORCE_SCRIPT_NAME:
    # Neighbours on the same name get no cookie of this site, and theirs, which come along, are none of its own.
    SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{FORCE_SCRIPT_NAME}/"
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "musicbridge_sessionid", "musicbridge_csrftoken"
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _is_https else 0
# Names below this site's, and the browsers' built-in list, are for the domain's owner to decide on.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"

# `musicbridge.csp` adds the services that people link to `form-action`.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- what operators are told ------------------------------------------------------------------------------
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOG_FORMAT = env.str("LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured("LOG_FORMAT is neither line nor json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "musicbridge.logs.LineFormatter"},
        "json": {"()": "musicbridge.logs.JsonFormatter"},
    },
    "filters": {
        "without_queries": {"()": "musicbridge.logs.WithoutQueries"},
        "context": {"()": "providers.logcontext.LogContextFilter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["without_queries", "context"],
        },
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # Django gives these two handlers of its own, which would say everything a second time.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # At INFO these two tell each sign-in in four lines, and each limiter there is.
        "axes": {"level": "WARNING"},
        "pyrate_limiter": {"level": "WARNING"},
        # These tell each tick, some of them twice.
        **{
            name: {"level": "WARNING"}
            for name in ("celery.app.trace", "celery.beat", "celery.worker.request", "celery.worker.strategy")
        },
    },
}
AXES_VERBOSE = False
DEFAULT_EXCEPTION_REPORTER = "providers.debug.SecretsReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "providers.debug.SecretsReporterFilter"

# --- many machines ----------------------------------------------------------------------------------------
# Only `celery -A musicbridge` reads these. The rows are the queue: a message merely wakes a worker, holds nothing, and
# is worth nothing a few seconds later. That is why none is kept, answered, or delivered twice.
CELERY_BROKER_URL = env.str("REDIS_URL", default="")
CELERY_TASK_DEFAULT_QUEUE = "musicbridge"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Workers wait for services most of the time. Threads share a limiter, and can be told to come to a pause.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 8
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
# However long the broker is away.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Messages are worth nothing once they are taken: the rows are the queue.
CELERY_BROKER_TRANSPORT_OPTIONS = {"ack_emulation": False}
# Keeps the time of the last tick in memory, and no file of it: it is seconds old.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "providers.tasks.tick", "schedule": timedelta(seconds=10)},
    "adopt": {"task": "providers.tasks.adopt", "schedule": timedelta(minutes=1)},
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A page is in the language that its reader's browser asks for, among these.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
# Texts of the site's own pages, such as signing in, stand beside those of the app.
LOCALE_PATHS = [BASE_DIR / "providers" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
# In full: what is relative Django completes when it is first asked for, which may be before it knows the path.
STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}/static/"
# Served straight from the apps: `collectstatic` is for those who want a server of their own in front.
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
# Files of listens wait here to be read. No address leads to them, and nobody else on this machine reads them.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "uploads"))
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
