import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SITE = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "providers"],
    SECRET_KEY="for a test only, and more than fifty characters long",
    FERNET_KEYS=["tests only"],
    ROOT_URLCONF="providers.urls",
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "DIRS": ["templates"]}
    ],
)
django.setup()

from django.template.loader import get_template

for name in ("base", "connections", "connection", "history", "playlists", "alerts"):
    get_template(f"providers/{name}.html")
print("all there")
"""


def test_pages_need_no_admin() -> None:
    done = subprocess.run([sys.executable, "-c", SITE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "all there\n", done.stderr
