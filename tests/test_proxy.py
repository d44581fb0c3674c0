"""The site behind a real nginx with the documented configurations: on a name of its own, and on a path of another's."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from providers.testing.simulators.household import PASSWORD, USERNAME, Household, serving_household
from tests.on_postgres import free_port

pytestmark = [pytest.mark.nginx, pytest.mark.own_database, pytest.mark.timeout(180)]

HOST = "127.0.0.1"
CONFIGURATIONS = {"name": "", "path": "/music"}


def make_certificate(folder: Path) -> None:
    """Make a certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@contextmanager
def running(*command: str, port: int, **environment: str) -> Iterator[None]:
    """Run a server until it is no longer needed, from when it answers."""
    with subprocess.Popen(command, env=environment or None) as process:
        try:
            give_up_at = time.monotonic() + 60
            while not _answers(port):
                assert process.poll() is None, f"{command[0]} ended by itself"
                assert time.monotonic() < give_up_at, f"{command[0]} does not answer"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        requests.get(f"http://{HOST}:{port}/healthz", timeout=5, allow_redirects=False)
    except requests.ConnectionError:
        return False
    return True


def configuration(variant: str, folder: Path, *, http_port: int, https_port: int, site_port: int) -> Path:
    """Write the documented configuration with the names, ports and folders of here, and nothing else changed."""
    text = Path(f"docs/deployment/nginx-{variant}.conf").read_text()
    for documented, here in {
        "listen 80;": f"listen {HOST}:{http_port};",
        "listen 443 ssl;": f"listen {HOST}:{https_port} ssl;",
        "http://127.0.0.1:8000": f"http://{HOST}:{site_port}",
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert documented in text
        text = text.replace(documented, here)
    text = re.sub(r"/etc/letsencrypt/live/[^/]+/", f"{folder}/", text)
    text = re.sub(r"(music|home)\.example\.org", HOST, text)
    folders = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nuser root;\npid {folder}/nginx.pid;\nevents {{}}\n"
        f"http {{\n{folders}include {folder}/site.conf;\n}}\n"
    )
    return folder / "nginx.conf"


class Addresses(HTMLParser):
    """Every address that a page names: what it loads, leads to or posts to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.posted_to: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "hx-get") and value:
                self.found.add(value)
            elif name == "action" and value:
                self.posted_to.add(value)


class Browser:
    """A person who reads pages and sends their forms."""

    def __init__(self, site_url: str, certificate: Path) -> None:
        self.site_url = site_url
        self.session = requests.Session()
        self.session.verify = str(certificate)
        self.session.trust_env = False  # A bundle of certificates that it names would be taken instead.

    def get(self, path: str, **options: object) -> requests.Response:
        return self.session.get(urljoin(self.site_url, path), timeout=60, **options)  # type: ignore[arg-type]

    def submit(self, page: requests.Response, action: str, **fields: str) -> requests.Response:
        """Send a form of a page as a browser would, which says where it comes from."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        return self.session.post(
            urljoin(page.url, action),
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Origin": origin, "Referer": page.url},
            timeout=60,
        )

    def sign_in(self, password: str = PASSWORD) -> requests.Response:
        return self.submit(self.get("accounts/login/"), "", username=USERNAME, password=password)


@dataclass
class Site:
    """The site as the world sees it."""

    url: str
    plain_url: str
    prefix: str
    folder: Path
    household: Household

    @property
    def certificate(self) -> Path:
        return self.folder / "fullchain.pem"

    def visitor(self) -> Browser:
        return Browser(self.url, self.certificate)


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    prefix, folder = CONFIGURATIONS[request.param], tmp_path_factory.mktemp("site")
    http_port, https_port, site_port = free_port(), free_port(), free_port()
    make_certificate(folder)
    public_url = f"https://{HOST}:{https_port}{prefix}"
    nginx_conf = configuration(request.param, folder, http_port=http_port, https_port=https_port, site_port=site_port)
    # What its first lines say that the site is to be set to.
    said = dict(
        re.findall(r"^#   ([A-Z_]+)=(.+)$", Path(f"docs/deployment/nginx-{request.param}.conf").read_text(), re.M)
    )
    with serving_household(f"{public_url}/connections/spotify/callback/") as household:
        environment = {
            "MUSICBRIDGE_ENV_FILE": "/dev/null",
            "SECRET_KEY": "of this test, and long enough",
            "FERNET_KEYS": "of this test",
            "DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}",
            "LOG_FORMAT": "json",
            "PROVIDER_RATE_LIMITS": "none",
            **household.settings,
            **said,
            "PUBLIC_URL": public_url,
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], env=environment, check=True)
        gunicorn = (sys.executable, "-m", "gunicorn", "musicbridge.wsgi", f"--bind={HOST}:{site_port}", "--threads=4")
        with (
            running(
                *gunicorn,
                "--no-control-socket",
                "--log-file",
                f"{folder}/site.log",
                "--capture-output",
                port=site_port,
                **environment,
            ),
            running(str(shutil.which("nginx")), "-c", str(nginx_conf), "-e", f"{folder}/start.log", port=http_port),
        ):
            yield Site(f"{public_url}/", f"http://{HOST}:{http_port}{prefix}/", prefix, folder, household)


@pytest.fixture
def ana(site: Site) -> Browser:
    """Return Ana's browser, signed in."""
    browser = site.visitor()
    assert browser.sign_in().url == f"{site.url}connections/"
    return browser


def link(browser: Browser, site: Site, provider_type: str) -> requests.Response:
    page = browser.get("connections/")
    consent = browser.submit(page, f"{site.prefix}/connections/{provider_type}/connect/")
    return browser.session.post(consent.url, data=site.household.consents[provider_type], timeout=60)


def test_plain_http_leads_to_https_and_the_way_in_to_signing_in(site: Site) -> None:
    visitor = site.visitor()
    redirect = requests.get(site.plain_url, timeout=10, allow_redirects=False)
    assert redirect.headers["Location"] == f"https://{HOST}{site.prefix}/"

    page = visitor.get("")
    assert (page.status_code, page.url.partition("?")[0]) == (200, f"{site.url}accounts/login/")
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    assert visitor.get("healthz").json()["status"] == "ok"


def test_the_path_without_its_slash_is_the_same_site(site: Site) -> None:
    assert site.visitor().get(site.url.rstrip("/")).url.startswith(f"{site.url}accounts/login/")


def test_cookies_are_for_this_site_alone_and_for_https(site: Site, ana: Browser) -> None:
    assert {cookie.path for cookie in ana.session.cookies} == {f"{site.prefix}/"}
    assert all(cookie.secure for cookie in ana.session.cookies)
    if site.prefix:
        assert {cookie.name for cookie in ana.session.cookies} == {"musicbridge_sessionid", "musicbridge_csrftoken"}


@pytest.mark.parametrize("provider_type", ["spotify", "lastfm"])
def test_services_are_linked_and_bring_people_back_by_https(site: Site, ana: Browser, provider_type: str) -> None:
    back = link(ana, site, provider_type)
    assert (back.status_code, back.url) == (200, f"{site.url}connections/")
    callback = back.history[-1].url
    assert callback.startswith(f"{site.url}connections/{provider_type}/callback/?")

    told = [path.read_text() for path in site.folder.glob("*.log")]
    assert f"{site.prefix}/connections/{provider_type}/callback/" in "".join(told)
    secret = max(re.split("[&=]", urlsplit(callback).query), key=len)
    assert len(secret) > 8
    assert not any(secret in text for text in told)


def test_every_address_on_every_page_stays_on_the_site_and_leads_somewhere(site: Site, ana: Browser) -> None:
    root = urlsplit(site.url)
    to_visit, visited = {site.url}, set[str]()
    while to_visit:
        url = to_visit.pop()
        visited.add(url)
        answer = ana.get(url)
        assert answer.status_code == 200, url
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        addresses = Addresses(answer.text)
        for address in addresses.found | addresses.posted_to:
            target = urlsplit(urljoin(answer.url, unescape(address)))
            if (target.scheme, target.netloc) != (root.scheme, root.netloc):
                continue
            assert target.path.startswith(f"{site.prefix}/"), f"{url} names {address}"
            if address in addresses.found:
                to_visit |= {target._replace(fragment="").geturl()} - visited
        assert len(visited) < 200
    paths = {urlsplit(url).path.removeprefix(site.prefix) for url in visited}
    assert {"/connections/", "/history/", "/playlists/", "/static/providers/providers.css"} <= paths


def test_the_administration_and_the_icon_have_their_files(site: Site) -> None:
    visitor = site.visitor()
    page = visitor.get("admin/")
    assert page.url.startswith(f"{site.url}admin/login/")
    (style, *_) = (address for address in Addresses(page.text).found if "base.css" in address)
    assert visitor.get(style).headers["Content-Type"].startswith("text/css")
    assert visitor.get("favicon.ico").headers["Content-Type"].startswith("image/svg+xml")


def test_a_form_from_elsewhere_is_refused(site: Site, ana: Browser) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', ana.get("connections/").text)
    assert token is not None
    answer = ana.session.post(
        f"{site.url}connections/spotify/connect/",
        data={"csrfmiddlewaretoken": token[1]},
        headers={"Origin": "https://elsewhere.example"},
        timeout=60,
    )
    assert answer.status_code == 403


def test_a_request_has_one_name_in_both_logs_and_no_visitor_gives_it(site: Site) -> None:
    visitor = site.visitor()
    answer = visitor.get("nowhere/", headers={"X-Request-ID": "made-up-by-a-visitor"})
    visitor.get("healthz")  # By the same connection, which nginx reads on once it has logged what was before.
    name = answer.headers["X-Request-ID"]
    assert name != "made-up-by-a-visitor"
    assert f"{site.prefix}/nowhere/" in next(
        line for line in (site.folder / "musicbridge.log").read_text().splitlines() if line.endswith(name)
    )
    assert f'"request": "{name}"' in (site.folder / "site.log").read_text()


def test_who_guesses_is_locked_out_wherever_they_say_they_are(site: Site) -> None:
    guesser = site.visitor()
    for number in range(5):
        guesser.session.headers["X-Forwarded-For"] = f"198.51.100.{number}"
        guesser.submit(guesser.get("accounts/login/"), "", username="bo", password="a guess")
    assert guesser.submit(guesser.get("accounts/login/"), "", username="bo", password=PASSWORD).status_code == 429
