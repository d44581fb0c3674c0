"""`sync_playlist`, killed with SIGKILL at random moments, and then run once more: is there one list, and the right one?

Spotify and Navidrome are the simulators, over real HTTP. Each round changes the playlist, or makes a new one.
"""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace

from providers.testing.simulators.catalogue import Catalogue, CatalogueTrack
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.simulators.navidrome.server import Playlist as ListThere
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.simulators.spotify.people import Entry, Playlist
from providers.testing.wsgi import serving
from tests.drills.site import Site

PASSWORD = "sesame"
NEW_LISTS = 0.4
"""Of the rounds, those that begin with a playlist that was never carried."""

AIMED = 0.5
"""Of the kills, those that wait until the list is being written: a random moment would seldom find it."""

GIVE_UP_SECONDS = 120.0

_WRITES = ("createPlaylist", "updatePlaylist")

_LINK = """
from datetime import datetime, UTC
from django.contrib.auth.models import User
from providers.models import Connection, NavidromeAuth, SpotifyAuth
ada = User.objects.create_user("ada")
NavidromeAuth.objects.create(user=ada, username="ada", password={password!r})
SpotifyAuth.objects.create(
    user=ada, access_token={access!r}, refresh_token={refresh!r}, expires_at=datetime(2099, 1, 1, tzinfo=UTC)
)
"""

Say = Callable[[str], None]


class PlaylistDrill:
    """One person's playlists, and what is done to them and to whoever carries them."""

    def __init__(self, database_url: str, *, kills: int, tracks: int, seed: int, say: Say) -> None:
        self._database_url = database_url
        self._kills = kills
        self._tracks = tracks
        self._rng = random.Random(seed)
        self._say = say
        songs = list(_songs(tracks * 2))
        self._spotify = SpotifySimulator(redirect_uris=("http://127.0.0.1/",), catalogue=_CatalogueOf(songs))
        # Everything but every fortieth track is in the library, under ids of its own.
        held = [replace(song, key=f"nd{song.key[2:]}") for number, song in enumerate(songs) if number % 40]
        self._navidrome = NavidromeSimulator(songs=held)
        self._in_library = {song.key[2:] for song in held}
        self._songs = songs
        self._ada_there = self._navidrome.add_person("ada", PASSWORD)
        self._ada = self._spotify.add_person("ada")
        self._playlist: Playlist | None = None

    def run(self) -> list[str]:
        """Kill and run once more, until it was enough, and return what was wrong on the way."""
        with ExitStack() as stack:
            spotify_url = stack.enter_context(serving(self._spotify.wsgi))
            navidrome_url = stack.enter_context(serving(self._navidrome.wsgi))
            access, refresh = self._spotify.issue_tokens(self._ada)
            site = stack.enter_context(
                closing(
                    Site(
                        self._database_url,
                        _LINK.format(password=PASSWORD, access=access, refresh=refresh),
                        PROVIDER_RATE_LIMITS="none",
                        LEASE_SECONDS="1",
                        SPOTIFY_CLIENT_ID=self._spotify.client_id,
                        SPOTIFY_REDIRECT_URI="http://127.0.0.1/",
                        SPOTIFY_ACCOUNTS_URL=f"{spotify_url}/accounts",
                        SPOTIFY_API_URL=f"{spotify_url}/api/v1",
                        NAVIDROME_URL=navidrome_url,
                    )
                )
            )
            return self._drill(site)

    def _drill(self, site: Site) -> list[str]:
        wrong: list[str] = []
        hit: Counter[str] = Counter()
        self._change()
        began_at = time.monotonic()
        self._finish(self._begin(site))
        takes = time.monotonic() - began_at
        for number in range(1, self._kills + 1):
            self._change()
            writes = self._writes()
            process = self._begin(site)
            where = self._kill(process, takes)
            if where != "over":
                where = "after writing" if self._writes() > writes else "before writing"
            hit[where] += 1
            outcome = self._finish(self._begin(site))
            found = self._compare(outcome)
            self._say(f"kill {number:>3}: {where}, then {outcome}{'' if not found else ': ' + '; '.join(found)}")
            wrong += found
        self._say(f"what the kills hit: {dict(hit)}; a run takes {takes:.1f} s")
        if self._kills >= 20 and hit["over"] > self._kills / 2:
            wrong.append("most of the kills came too late")
        return wrong

    def _writes(self) -> int:
        made = [playlist for playlist in self._mine() if playlist.song_ids]
        return hash((len(self._mine()), *(tuple(playlist.song_ids) for playlist in made)))

    def _mine(self) -> list[ListThere]:
        return self._navidrome.playlists_of(self._ada_there)

    def _begin(self, site: Site) -> "subprocess.Popen[str]":
        assert self._playlist is not None
        where = ("--user=ada", "--from=spotify", f"--playlist={self._playlist.id}", "--to=navidrome")
        return site.start("sync_playlist", *where, "--allow-shrink", "--json")

    def _kill(self, process: "subprocess.Popen[str]", takes: float) -> str:
        """Kill a process that takes about so long where it stands; "over" where it came to its end before."""
        if self._rng.random() < AIMED:
            asked = self._write_requests()
            while process.poll() is None and self._write_requests() == asked:
                time.sleep(0.0005)
            time.sleep(self._rng.uniform(0, 0.1))
        else:
            time.sleep(self._rng.uniform(0.3, 1.05) * takes)
        is_over = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return "over" if is_over else "killed"

    def _write_requests(self) -> int:
        return sum(len(self._navidrome.seen(operation)) for operation in _WRITES)

    def _finish(self, process: "subprocess.Popen[str]") -> str:
        out, _ = process.communicate(timeout=GIVE_UP_SECONDS)
        return str(json.loads(out)["outcome"]) if out.strip() else f"exit {process.returncode}"

    def _change(self) -> None:
        """Change the playlist as people do, or begin with a new one."""
        rng = self._rng
        if self._playlist is None or rng.random() < NEW_LISTS:
            chosen = rng.sample(self._songs, self._tracks)
            self._playlist = self._ada.add_playlist(f"Mix {rng.randrange(10**9)}", chosen, description="All I like")
            return
        entries = [entry.content for entry in self._playlist.entries]
        for _ in range(rng.randint(1, self._tracks // 10)):
            entries.pop(rng.randrange(len(entries)))
        for _ in range(rng.randint(1, self._tracks // 10)):
            entries.insert(rng.randrange(len(entries)), rng.choice(self._songs))
        moved = entries.pop(rng.randrange(len(entries)))
        entries.insert(rng.randrange(len(entries)), moved)
        self._playlist.write(Entry(content, self._playlist.created_at) for content in entries)
        if rng.random() < 0.3:
            self._playlist.name = f"Mix {rng.randrange(10**9)}"

    def _compare(self, outcome: str) -> list[str]:
        assert self._playlist is not None
        wanted = [
            f"nd{entry.content.key[2:]}"
            for entry in self._playlist.entries
            if isinstance(entry.content, CatalogueTrack) and entry.content.key[2:] in self._in_library
        ]
        lists = [playlist for playlist in self._mine() if playlist.name == self._playlist.name]
        found = []
        if outcome not in ("in_step", "partly"):
            found.append(f"it ended as {outcome}")
        if len(lists) != 1:
            found.append(f"there are {len(lists)} lists {self._playlist.name!r}")
        elif lists[0].song_ids != wanted:
            found.append(f"the list has other songs, or another order: {len(lists[0].song_ids)} of {len(wanted)}")
        if len(self._mine()) != len(self._ada.made):
            found.append(f"there are {len(self._mine())} lists of {len(self._ada.made)} playlists")
        return found


class _CatalogueOf(Catalogue):
    """Just these tracks."""

    def __init__(self, tracks: list[CatalogueTrack]) -> None:
        super().__init__()
        self.tracks = tuple(tracks)


def _songs(count: int) -> "list[CatalogueTrack]":
    return [
        CatalogueTrack(
            key=f"sp{number:020}",
            name=f"Song {number} of the {'river' if number % 2 else 'sea'}",
            artists=(f"Artist {number % 83}",),
            album=f"Album {number // 12}",
            album_key=f"al{number // 12:020}",
            year=2001,
            track_number=1 + number % 12,
            duration_ms=150_000 + number * 37 % 200_000,
            isrc=f"QZM0A01{number:05}" if number % 3 else "",
            mbid="",
        )
        for number in range(count)
    ]
