"""Reading playlists."""

from collections.abc import Iterator

from benchmarks.figures import Figure, at_least, medians
from benchmarks.processes import run, serving, site_environment


def read_playlists() -> Iterator[Figure]:
    """Read playlists of 25,000 tracks: of Spotify one long one, of Navidrome 25 of a thousand."""
    with serving() as server:
        environment = site_environment("sqlite://:memory:")
        done = run(["-m", "benchmarks.inside.playlists", str(server.port)], environment)
    seconds = medians(done.json())
    ours, spotipy = seconds["Spotify, musicbridge"], seconds["Spotify, spotipy"]
    yield at_least("spotipy / Spotify playlist", spotipy / ours, 5)
    told = seconds["Spotify, spotipy told our fields"]
    yield Figure("spotipy told our fields / Spotify playlist", f"{told / ours:.2f} x")
    ours, opensonic = seconds["Navidrome, musicbridge"], seconds["Navidrome, py-opensonic"]
    yield at_least("py-opensonic / Navidrome playlists", opensonic / ours, 2)
