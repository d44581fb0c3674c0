"""`fetch_history`, killed with SIGKILL again and again in the midst of one long import.

While one process fetches, the next one waits for its lease already: two workers on one connection, always. A process is
stopped first, so that it can be seen what it was at, and then killed where it stands. Some are not killed: they are
left standing until the next one has taken over, and then wake up, as after a machine was suspended.
"""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.drills.lastfm import LastFM
from tests.drills.site import HistorySite

LEASE_SECONDS = "1"

GIVE_UP_SECONDS = 90.0
"""How long a process may take until it asks for anything, or comes to its end."""

SLEEPERS = 0.1
"""Of the processes, those that wake up again."""

AIMED = 0.4
"""Of the kills, those that wait for a transaction: a random moment would seldom find one."""

Say = Callable[[str], None]


@dataclass
class Tally:
    """What was done, and what it hit."""

    kills: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    in_midst: int = 0
    progress: list[int] = field(default_factory=list)


class KillDrill:
    """One import of one person's history, and what is done to it."""

    def __init__(self, site: HistorySite, lastfm: LastFM, *, kills: int, listens: int, seed: int, say: Say) -> None:
        self._site = site
        self._lastfm = lastfm
        self._kills = kills
        self._listens = listens
        self._rng = random.Random(seed)
        self._say = say
        self.tally = Tally()

    def run(self) -> list[str]:
        """Kill until it was enough, let the last process come to its end, and return what is wrong afterwards."""
        began_at = time.monotonic()
        fetching = self._fetch()
        while self.tally.kills < self._kills:
            self._lastfm.begin_round()
            is_asking = self._wait_for(lambda: self._lastfm.asked() > 0, fetching, GIVE_UP_SECONDS)
            following = self._fetch()
            if is_asking and self._wait_for_moment(fetching):
                self._strike(fetching, following)
            else:
                self._note_end(fetching)
            fetching = following
        counts = self._lastfm.calm()
        self._note_end(fetching)
        runs = self._finish()
        wrong = self._site.differences()
        if runs is None:
            wrong.append("the import did not come to its end")
        self._tell(counts, runs, time.monotonic() - began_at)
        if self.tally.in_midst < 0.8 * self.tally.kills:
            wrong.append(f"only {self.tally.in_midst} of {self.tally.kills} kills hit the midst of the import")
        return wrong

    def _fetch(self) -> "subprocess.Popen[str]":
        return self._site.start("fetch_history", "--json")

    def _wait_for_moment(self, process: "subprocess.Popen[str]") -> bool:
        """Wait for the moment to strike; False where the process came to its end before."""
        is_ahead = self._stored() / self._listens > self.tally.kills / self._kills
        if self._rng.random() < AIMED:
            # Leases are renewed all the time: not the first transaction, but one of the next.
            for _ in range(self._rng.randint(1, 5)):
                self._wait_for(lambda: not self._is_writing(), process, 1.0)
                self._wait_for(self._is_writing, process, 1.0)
            longest = 0.006
        else:
            # So long that the import is neither over before the last kill nor hardly begun.
            longest = 1.0 if is_ahead else 4.0
        self._wait_for(lambda: False, process, self._rng.uniform(0, longest))
        return process.poll() is None

    def _strike(self, process: "subprocess.Popen[str]", following: "subprocess.Popen[str]") -> None:
        process.send_signal(signal.SIGSTOP)
        is_writing, is_waiting = self._is_writing(), self._lastfm.is_waited_for()
        hit = "in a transaction" if is_writing else "waiting for a page" if is_waiting else "in between"
        stored = self._stored()
        # With the lock on the database in its hand, it would not let anybody take over.
        if not is_writing and self._rng.random() < SLEEPERS:
            self._lastfm.begin_round()
            self._wait_for(lambda: self._lastfm.asked() > 0, following, GIVE_UP_SECONDS)
            process.send_signal(signal.SIGCONT)
            self._note_end(process, "taken for dead, ")
            return
        process.kill()
        process.communicate()
        self.tally.kills += 1
        self.tally.hit[hit] += 1
        self.tally.in_midst += stored < self._listens
        self.tally.progress.append(stored)
        self._say(f"kill {self.tally.kills:>3}: {hit}, with {stored} stored")

    def _note_end(self, process: "subprocess.Popen[str]", prefix: str = "") -> None:
        out, _ = process.communicate(timeout=GIVE_UP_SECONDS)
        outcome = json.loads(out)[0]["outcome"] if out.strip() else f"exit {process.returncode}"
        self.tally.ended[prefix + outcome] += 1
        self._say(f"          a process ended by itself: {prefix}{outcome}")

    def _finish(self) -> int | None:
        """Fetch until a fetch is complete, and return how many it took; None where that came to nothing."""
        for run in range(1, 20):
            out, _ = self._fetch().communicate(timeout=GIVE_UP_SECONDS)
            if json.loads(out)[0]["outcome"] == "complete":
                return run
            time.sleep(1)
        return None

    def _is_writing(self) -> bool:
        return self._site.database.is_written_to()

    def _stored(self) -> int:
        return self._site.database.count_listens()

    def _wait_for(self, has_come: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float) -> bool:
        """Wait until something has come, at most so long and only while the process lives; tell whether it has."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and process.poll() is None:
            if has_come():
                return True
            time.sleep(0.0005)
        return False

    def _tell(self, counts: dict[str, int], runs: int | None, seconds: float) -> None:
        tally = self.tally
        moved = sum(after > before for before, after in zip([0, *tally.progress], tally.progress, strict=False))
        self._say(f"{tally.kills} kills in {seconds:.0f} s, {tally.in_midst} of them in the midst of the import")
        self._say(f"  what they hit: {dict(tally.hit)}")
        self._say(f"  ended by themselves: {dict(tally.ended)}")
        self._say(
            f"  more was stored than at the kill before: {moved} times; at each tenth kill {tally.progress[::10]}"
        )
        self._say(f"  what the service did: {counts}")
        self._say(f"  fetches after the last kill: {runs}; stored in the end: {self._stored()}")
