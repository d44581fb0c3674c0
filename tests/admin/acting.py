"""Acts as an administrator does in a list: chooses rows and an action, reads what it would do, and agrees."""

import re
from html import unescape

from django.urls import reverse


def changelist(model: str, query: str = "") -> str:
    return reverse(f"admin:providers_{model}_changelist") + query


def ask(client, address, action, *rows, **fields):
    data = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return client.post(address, data, follow=True)


def confirm(client, address, question):
    """Submit the form of the page that asks, with all that is hidden in it."""
    form = question.content.decode().split('<form method="post">')[1].split("</form>")[0]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(unescape(value))
    return client.post(address, fields, follow=True)


def act(client, address, action, *rows):
    return confirm(client, address, ask(client, address, action, *rows))


def told(page) -> list[str]:
    """Return what a page tells of what was done, as it is read."""
    messages = re.findall(r'<li class="(?:success|warning|error|info)">(.*?)</li>', page.content.decode(), re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", message)) for message in messages]
