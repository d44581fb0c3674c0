"""What a person does in the demo: signs in and links services, over HTTP, as a browser would."""

import requests

TIMEOUT_SECONDS = 30


class DemoError(Exception):
    """The site did not do what the demo is there to show."""


class Visitor:
    """A person with a browser that knows forms and cookies."""

    def __init__(self, site_url: str) -> None:
        self._site_url = site_url
        self._browser = requests.Session()

    def sign_in(self, username: str, password: str) -> None:
        """Sign in on the site's own page. Raises `DemoError`."""
        answer = self._submit("/accounts/login/", {"username": username, "password": password})
        if not answer.url.endswith("/connections/"):
            raise DemoError(f"Signing in ended on {answer.url}.")

    def link(self, provider_type: str, consent: dict[str, str]) -> None:
        """Press "connect", agree on the service's page and come back. Raises `DemoError`."""
        consent_page = self._submit(f"/connections/{provider_type}/connect/", {})
        # The address alone is posted to, as the form on the page says.
        answer = self._browser.post(consent_page.url, data=consent, timeout=TIMEOUT_SECONDS)
        if not (answer.ok and answer.url.endswith("/connections/")):
            raise DemoError(f"Linking {provider_type} ended on {answer.url.partition('?')[0]}.")

    def _submit(self, path: str, fields: dict[str, str]) -> requests.Response:
        page = "/accounts/login/" if "csrftoken" not in self._browser.cookies else "/connections/"
        self._browser.get(self._site_url + page, timeout=TIMEOUT_SECONDS).raise_for_status()
        answer = self._browser.post(
            self._site_url + path,
            data={**fields, "csrfmiddlewaretoken": self._browser.cookies["csrftoken"]},
            headers={"Referer": self._site_url + page},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return answer
