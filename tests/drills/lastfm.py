"""A Last.fm in a process of its own, over HTTP: it misbehaves, and its people go on listening meanwhile.

`python -m tests.drills.lastfm SEED PEOPLE LISTENS MOOD` prints its address and serves until it is ended. `LastFM`
asks it what it was asked, and what it has to tell.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
from werkzeug import Request, Response

from providers.testing.simulators.faults import Answer, connection_closed, html_error_page, truncated_json
from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.wsgi import serving

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LATENCY_SECONDS = {"grumpy": (0.4, 1.2), "slow": (0.1, 0.5), "calm": (0.0, 0.0)}
"""How long an answer takes, in each mood. Faults happen when it is grumpy, and nobody listens when it is calm."""

HANG_SECONDS = 16.0
"""Longer than anybody waits for an answer."""

LATE_BY_DAYS = 12
"""How late plays arrive at most: within the fourteen days that are counted."""

Row = tuple[int, str, str]
"""A listen: Unix seconds, name, artist."""


def _too_many(retry_after: str | None) -> Answer:
    body = json.dumps({"error": 29, "message": "Rate Limit Exceeded"})
    return Answer(status=429, headers={} if retry_after is None else {"Retry-After": retry_after}, body=body)


FAULTS = {
    "500": (0.03, html_error_page(500)),
    "truncated": (0.015, truncated_json()),
    "broken off": (0.015, connection_closed()),
    "rate limit": (0.02, _too_many(None)),
    "rate limit, 1 s": (0.01, _too_many("1")),
    "rate limit, 12 s": (0.003, _too_many("12")),
    "timeout": (0.01, Answer(status=504, headers={}, body=b"")),
}


class Unruly:
    """The simulator, but slower, and not always in the mood. Everything it decides follows from its seed."""

    def __init__(self, seed: int, people: int, listens: int, mood: str) -> None:
        self._mood = mood
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._round = 0
        self._waiting = 0
        self._asked = 0
        self._simulator = LastFMSimulator()
        self._people = [self._simulator.add_person(f"person{number}") for number in range(people)]
        self._tracks = self._simulator.catalogue.tracks
        history = self._simulator.catalogue.listening(listens // 30 + 30, 40, datetime.now(UTC))[-listens:]
        for person in self._people:
            for started_at, track in history:
                person.listen(track, started_at)

    @property
    def first_line(self) -> dict[str, str]:
        """What a site must know to be linked with it."""
        sessions = {f"session of {person.name}": self._simulator.issue_session(person) for person in self._people}
        return {
            "LASTFM_API_KEY": self._simulator.api_key,
            "LASTFM_API_SECRET": self._simulator.api_secret,
            **sessions,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer the drill, or what is drilled."""
        request = Request(environ)
        if not request.path.startswith("/drill/"):
            return self._misbehave(environ, start_response)
        with self._lock:
            answer = self._answer_drill(request.path.removeprefix("/drill/"))
        return Response(json.dumps(answer), mimetype="application/json")(environ, start_response)

    def _answer_drill(self, asked: str) -> Any:
        if asked == "listens":
            listens = [[[at.uts, at.track.name, at.track.artist] for at in p.listens(None, None)] for p in self._people]
            return dict(zip([person.name for person in self._people], listens, strict=True))
        if asked == "round":
            self._round += 1
            self._waiting = self._asked = 0
        if asked == "calm":
            self._mood = "calm"
        return {"asked": self._asked, "waiting": self._waiting, "counts": self._counts}

    def _misbehave(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._lock:
            this_round = self._round
            self._asked += 1
            self._waiting += 1
            latency = self._rng.uniform(*LATENCY_SECONDS[self._mood])
            fault = self._choose_fault() if self._mood == "grumpy" else None
            if self._mood != "calm":
                self._listen()
        time.sleep(HANG_SECONDS if fault == "timeout" else latency)
        with self._lock:
            if self._round == this_round:
                self._waiting -= 1
        if fault is None:
            return self._simulator.wsgi(environ, start_response)
        answer = FAULTS[fault][1]
        return Response(answer["body"], answer["status"], dict(answer["headers"]))(environ, start_response)

    def _choose_fault(self) -> str | None:
        names = list(FAULTS)
        weights = [FAULTS[name][0] for name in names]
        (fault,) = self._rng.choices([*names, None], [*weights, 1 - sum(weights)])
        self._counts[fault or "answered"] += 1
        return fault

    def _listen(self) -> None:
        """Somebody plays something now, or a phone comes back and tells what was played days ago."""
        now = datetime.now(UTC)
        person = self._rng.choice(self._people)
        if self._rng.random() < 0.2:
            self._counts["new plays"] += 1
            person.listen(self._rng.choice(self._tracks), now)
        if self._rng.random() < 0.1:
            self._counts["late plays"] += 1
            person.listen(self._rng.choice(self._tracks), now - timedelta(days=self._rng.uniform(0, LATE_BY_DAYS)))


class LastFM:
    """The process, seen from the drill."""

    def __init__(self, address: str, first_line: dict[str, str]) -> None:
        self.address = address
        self.settings = {name: value for name, value in first_line.items() if name.isupper()} | {
            "LASTFM_API_URL": f"{address}/ws/2.0/",
            "LASTFM_AUTH_URL": f"{address}/www/api/auth/",
        }
        self.sessions = {
            name.removeprefix("session of "): value for name, value in first_line.items() if not name.isupper()
        }

    def begin_round(self) -> None:
        """Count what is asked from now on, and by nobody who asked before."""
        self._ask("round")

    def asked(self) -> int:
        """How many requests came in this round."""
        return int(self._ask("state")["asked"])

    def is_waited_for(self) -> bool:
        """Whether anybody of this round waits for an answer."""
        return bool(self._ask("state")["waiting"])

    def calm(self) -> dict[str, int]:
        """Let it behave from now on, and nobody listen; return how often it did not."""
        counts: dict[str, int] = self._ask("calm")["counts"]
        return counts

    def listens(self) -> dict[str, set[Row]]:
        """Return all there is to tell, by person."""
        return {
            person: {(uts, name, artist) for uts, name, artist in rows} for person, rows in self._ask("listens").items()
        }

    def _ask(self, what: str) -> Any:
        return requests.get(f"{self.address}/drill/{what}", timeout=30).json()


@contextmanager
def unruly_lastfm(*, seed: int, people: int, listens: int, mood: str) -> Iterator[LastFM]:
    """Run a Last.fm in a process of its own. Its people have `listens` listens each to begin with."""
    command = [sys.executable, "-m", "tests.drills.lastfm", str(seed), str(people), str(listens), mood]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield LastFM(*json.loads(process.stdout.readline()))
        finally:
            process.kill()


def main() -> None:
    """Serve until the process is ended."""
    seed, people, listens, mood = sys.argv[1:]
    unruly = Unruly(int(seed), int(people), int(listens), mood)
    with serving(unruly) as address:
        sys.stdout.write(json.dumps([address, unruly.first_line]) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
