"""Where the site is, for browsers and for the services that send them back."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import requests
from django.http.request import validate_host
from django.urls import NoReverseMatch, reverse

from providers import conf, registry
from providers.doctor.findings import Finding, ok, problem, warning
from providers.doctor.timeouts import TIMEOUT_SECONDS
from providers.transport import GuardedSession


def examine() -> Iterator[Finding]:
    """Compare the site's address with what is built on it, and see whether the site answers there."""
    public_url = str(conf.get("PUBLIC_URL"))
    yield from _redirects(public_url)
    if not public_url:
        yield warning(
            "PUBLIC_URL is not set: services send people back to whatever address a browser used.",
            "Set it to the address in people's browsers.",
        )
        return
    host = urlsplit(public_url).hostname or ""
    if not validate_host(host, conf.get("ALLOWED_HOSTS")):
        yield problem(f"The site does not answer to {host}, the host of PUBLIC_URL.", f"Add {host} to ALLOWED_HOSTS.")
    yield _answer_of(public_url)


def _redirects(public_url: str) -> Iterator[Finding]:
    for spec in registry.specs():
        registered = str(conf.get(spec.redirect_setting)) if spec.redirect_setting else ""
        if not registered:
            continue
        try:
            path = reverse("providers:callback", args=[spec.type])
        except NoReverseMatch:
            yield problem("The site has no pages for linking.", 'Add path("", include("providers.urls")) to its URLs.')
            return
        expected = urljoin(public_url, path) if public_url else urlsplit(registered)._replace(path=path).geturl()
        if registered == expected:
            yield ok(f"{spec.redirect_setting} is where {spec.label} comes back to this site.")
        else:
            yield problem(
                f"{spec.redirect_setting} is {registered}, but this site waits for {spec.label} at {expected}.",
                f"Set it to {expected}, and register exactly that at {spec.label}; or correct PUBLIC_URL.",
            )


def _answer_of(public_url: str) -> Finding:
    try:
        answer = GuardedSession().get(public_url, timeout=TIMEOUT_SECONDS)
    except requests.exceptions.SSLError:
        return warning(
            "The certificate at PUBLIC_URL is not one that this machine trusts.",
            "Browsers will object as well, unless it is of an authority of your own that they know: renew it.",
        )
    except requests.RequestException:
        return warning(
            f"Nothing answers at {public_url}, seen from here.",
            "Start the site and the proxy. If browsers reach it, only this machine does not: then all is well.",
        )
    if answer.status_code >= 400:
        return warning(
            f"The site answers {answer.status_code} at {public_url}.",
            "502 to 504: the proxy is there, but not the site behind it. 400: ALLOWED_HOSTS. 404: the proxy's path.",
        )
    return ok(f"The site answers at {public_url}.")
