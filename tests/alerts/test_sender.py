"""What the program that sends does, without its process: messages go over HTTP or SMTP to servers on this machine."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from apprise.manager_plugins import NotificationManager

from providers import conf
from providers.alerts.problems import Problem, sentence
from providers.alerts.sender import FILE_PARAMETERS, Heard, carry_out
from tests.alerts.fakes import Receiver

# Of the library that apprise looks for on its way.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TITLE, BODY = "Wavebox needs you", "Link it again.\n\nhttps://music.example/connections/"
TOKEN = "tk_seededsecret0123456789"


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heard() as heard:
        yield heard


def sent(url: str, heard: Heard) -> tuple[str, str]:
    """What the service that a message was sent to is called, and what was the problem."""
    order = {"url": url, "schemes": conf.alert_schemes(), "title": TITLE, "body": BODY}
    answer = carry_out(order, heard)
    return answer["service"], answer["problem"]


def checked(url: str, heard: Heard, schemes: list[str] | None = None) -> tuple[str, str]:
    answer = carry_out({"url": url, "schemes": schemes or conf.alert_schemes()}, heard)
    return answer["service"], answer["problem"]


def test_a_webhook_gets_title_and_text_as_json(receiver: Receiver, heard: Heard) -> None:
    assert sent(f"json://{receiver.host}/hook", heard) == ("JSON", "")
    (message,) = receiver.messages
    assert (message.method, message.path) == ("POST", "/hook")
    told = json.loads(message.body)
    assert (told["title"], told["message"]) == (TITLE, BODY)


def test_ntfy_gets_topic_and_token(receiver: Receiver, heard: Heard) -> None:
    assert sent(f"ntfy://{TOKEN}@{receiver.host}/mine", heard) == ("ntfy", "")
    (message,) = receiver.messages
    told = json.loads(message.body)
    assert (told["topic"], told["title"], told["message"]) == ("mine", TITLE, BODY)
    assert message.headers["Authorization"] == f"Bearer {TOKEN}"


def test_gotify_gets_its_token(receiver: Receiver, heard: Heard) -> None:
    assert sent(f"gotify://{receiver.host}/{TOKEN}", heard) == ("Gotify", "")
    (message,) = receiver.messages
    assert (message.path, message.headers["X-Gotify-Key"]) == ("/message", TOKEN)
    assert json.loads(message.body)["message"] == BODY


class _Mailbox(socketserver.StreamRequestHandler):
    """Enough of SMTP to take one mail, or to refuse the password."""

    def handle(self) -> None:
        self._say("220 ready")
        for line in iter(self.rfile.readline, b""):
            command = line.split()[0].upper().decode()
            if command == "EHLO":
                self._say("250-here")
                self._say("250 AUTH PLAIN LOGIN")
            elif command == "AUTH":
                self._say("535 no" if self.server.refuses else "235 yes")  # type: ignore[attr-defined]
            elif command == "DATA":
                self._say("354 go on")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(mail.decode())  # type: ignore[attr-defined]
                self._say("250 taken")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server(*, refuses: bool = False) -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox) as server:
        server.mails, server.refuses = [], refuses  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def mail_address(server: Any) -> str:
    host, port = server.server_address
    return f"mailto://ada:{TOKEN}@{host}:{port}?from=site@example.org&to=ada@example.org&mode=insecure"


def test_a_mail_is_delivered(heard: Heard) -> None:
    with mail_server() as server:
        assert sent(mail_address(server), heard) == ("E-Mail", "")
    (mail,) = server.mails
    assert "Subject: Wavebox needs you" in mail
    assert "To: ada@example.org" in mail


def test_a_mail_server_that_refuses_the_password_is_told_from_one_that_is_away(heard: Heard) -> None:
    with mail_server(refuses=True) as server:
        assert sent(mail_address(server), heard) == ("E-Mail", "answered 535")
    assert sent(mail_address(server), heard) == ("E-Mail", Problem.UNREACHABLE)


@pytest.mark.parametrize("status", [301, 401, 404, 500])
@pytest.mark.parametrize("address", ["json://{}/hook", "ntfy://{}/topic", "gotify://{}/token"])
def test_what_the_service_answers_is_the_problem(receiver: Receiver, heard: Heard, address: str, status: int) -> None:
    receiver.status = status
    _, problem = sent(address.format(receiver.host), heard)
    assert problem == f"answered {status}"
    assert str(status) in sentence(problem)


def test_how_often_and_how_long_is_not_the_addresss_business(
    receiver: Receiver, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 500
    sent(f"json://{receiver.host}/hook?retry=9&wait=0&rto=900&cto=900", heard)
    assert len(receiver.messages) == 1


def test_a_redirect_is_not_followed(receiver: Receiver, heard: Heard) -> None:
    receiver.status, receiver.location = 302, f"http://{receiver.host}/elsewhere"
    assert sent(f"json://{receiver.host}/hook?redirect=yes", heard) == ("JSON", "answered 302")
    assert [message.path for message in receiver.messages] == ["/hook"]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("ntfys://ntfy.example/topic", ("ntfy", "")),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ("Slack", "")),
        ("nonsense", ("", Problem.MALFORMED)),
        ("foo://bar", ("", Problem.MALFORMED)),
        ("https://music.example/", ("", Problem.MALFORMED)),
        ("tgram://no-token/", ("", Problem.MALFORMED)),
        ("json://[::1", ("", Problem.MALFORMED)),
        ("syslog://localhost", ("", Problem.NOT_ALLOWED)),
        ("SYSLOG://", ("", Problem.NOT_ALLOWED)),
        ("dbus://", ("", Problem.NOT_ALLOWED)),
        ("windows://", ("", Problem.NOT_ALLOWED)),
        ("discord://12345678/abcdefghijkl/?Template=/etc/passwd", ("", Problem.READS_FILES)),
        ("https://discord.com/api/webhooks/12345678/abcdefgh?template=/etc/passwd", ("", Problem.READS_FILES)),
        ("mailtos://ada:p@example.org?pgpkey=/etc/passwd", ("", Problem.READS_FILES)),
    ],
)
def test_an_address_is_looked_at_before_it_is_taken(url: str, answer: tuple[str, str], heard: Heard) -> None:
    assert checked(url, heard) == answer


def test_only_what_the_site_allows_is_taken(heard: Heard) -> None:
    assert checked("ntfys://ntfy.example/topic", heard, ["json"]) == ("", Problem.NOT_ALLOWED)
    assert checked("json://music.example/", heard, ["json"]) == ("JSON", "")


def test_every_parameter_that_sounds_like_a_file_is_refused_or_was_looked_at() -> None:
    harmless = {
        "ntfy filename",  # how an attachment is called
        "matrix path",  # of an address
        "bark key",  # a key itself, and not where it is
        "pover key",
        "mailto pgp",  # whether to encrypt
    }
    plugins = NotificationManager()
    found = {
        f"{scheme.removesuffix('s')} {name}"
        for scheme in conf.alert_schemes()
        for name in plugins[scheme].template_args
        for word in ("file", "path", "key", "pgp", "template", "config", "cert")
        if word in name and name not in FILE_PARAMETERS
    }
    assert found == harmless
