"""A Django site of somebody else, outside the repository: made by Django, with our wheel and the documented lines."""

import os
import re
import secrets
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from providers.testing.simulators.household import Household, serving_household
from tests.on_postgres import free_port

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reusing.md"

ADMINISTRATOR = "root"
PASSWORD = secrets.token_urlsafe(12)


def documented_lines(text: str) -> dict[str, str]:
    """Return the blocks of the section that tells the lines: what to run first and last, and what to add to files."""
    install, settings, urls, migrate = re.findall(r"^```(?:sh|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return {"install": install, "settings.py": settings, "urls.py": urls, "migrate": migrate}


def section(path: Path, heading: str) -> str:
    """Return what stands under a heading of a page."""
    return path.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@dataclass(frozen=True)
class ThirdPartySite:
    """A project called `theirs`, with nothing in its environment that leads to the repository."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str, **environment: str) -> str:
        """Run a line in a shell, as its reader would, and return its output. Fails the test where it failed."""
        ran = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def add(self, name: str, text: str) -> None:
        """Write at the end of one of the project's files."""
        with (self.folder / "theirs" / name).open("a") as file:
            file.write(text)

    @contextmanager
    def serving(self, port: int, settings: str) -> Iterator["Visitor"]:
        """Serve the site with these settings, as Django does it for developers, and visit it."""
        command = [self.folder / "env" / "bin" / "python", "manage.py", "runserver", "--noreload", str(port)]
        log = self.folder / f"{settings}.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, "DJANGO_SETTINGS_MODULE": settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                yield Visitor(f"http://127.0.0.1:{port}")
            except Exception as error:
                error.add_note(log.read_text())
                raise
            finally:
                server.terminate()
                server.wait(timeout=30)


class Visitor:
    """Somebody with a browser that keeps cookies and follows redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._browser = requests.Session()
        # Until the server listens.
        self._browser.mount(url, HTTPAdapter(max_retries=Retry(200, backoff_factor=0.05, backoff_max=0.2)))

    def get(self, path: str, **headers: str) -> requests.Response:
        """Open a page."""
        return self._seen(self._browser.get(self.url + path, headers=headers, timeout=30))

    def post(self, path: str, **fields: str) -> requests.Response:
        """Send a form of the page that was opened before."""
        fields["csrfmiddlewaretoken"] = self._browser.cookies["csrftoken"]
        return self._seen(self._browser.post(self.url + path, data=fields, timeout=30))

    def upload(self, path: str, field: str, name: str, content: bytes) -> requests.Response:
        """Send a file with a form of the page that was opened before."""
        fields = {"csrfmiddlewaretoken": self._browser.cookies["csrftoken"]}
        return self._seen(self._browser.post(self.url + path, data=fields, files={field: (name, content)}, timeout=30))

    def sign_in(self, home: str) -> requests.Response:
        """Sign in on the page that whoever opens `home` is led to."""
        form = self.get(home)
        answer = self._browser.post(
            form.url,
            data={
                "username": ADMINISTRATOR,
                "password": PASSWORD,
                "next": home,
                "csrfmiddlewaretoken": self._browser.cookies["csrftoken"],
            },
            timeout=30,
        )
        return self._seen(answer)

    def link(self, connect_path: str, consent: dict[str, str]) -> requests.Response:
        """Have a service linked: agree on its page, and come back."""
        asked = self.post(connect_path)
        return self._seen(self._browser.post(asked.url, data=consent, timeout=30))

    @staticmethod
    def _seen(answer: requests.Response) -> requests.Response:
        assert answer.ok, f"{answer.status_code} of {answer.url}\n{answer.text[:2000]}"
        return answer


@pytest.fixture(scope="session")
def third_party_site(tmp_path_factory: pytest.TempPathFactory) -> ThirdPartySite:
    """Make the project, install the wheel and apply the documented lines. What the app needs besides is shared."""
    folder = tmp_path_factory.mktemp("third-party")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    venv.create(folder / "env")
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(get_path("purelib"))
    path = f"{folder / 'env' / 'bin'}:{os.environ['PATH']}"
    site = ThirdPartySite(folder, {"PATH": path, "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "HOME": str(folder)})

    site.run("python -m django startproject theirs .")
    lines = documented_lines(section(PAGE, "Ten lines"))
    site.run(lines["install"])
    site.add("settings.py", lines["settings.py"])
    site.add("urls.py", lines["urls.py"])
    site.run(lines["migrate"])
    site.run(
        f"python manage.py createsuperuser --noinput --username {ADMINISTRATOR} --email root@example.org",
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    return site


@contextmanager
def linkable(site: ThirdPartySite, name: str, prefix: str = "/", more: str = "") -> Iterator[tuple[Visitor, Household]]:
    """Serve the site with services to link and with more settings, in a module of this name."""
    port = free_port()
    with serving_household(f"http://127.0.0.1:{port}{prefix}connections/spotify/callback/") as household:
        services = "".join(f"{key} = {value!r}\n" for key, value in household.settings.items())
        site.add(f"{name}.py", f'from theirs.settings import *\nPROVIDER_RATE_LIMITS = "none"\n{services}{more}')
        with site.serving(port, f"theirs.{name}") as visitor:
            yield visitor, household
