"""Says by hand which song of a target a track is, or leaves it to matching again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from providers.management.commandline import PlainSpokenCommand, person_named
from providers.models import PlaylistMirror
from providers.playlists import library, manual


class Command(PlainSpokenCommand):
    """Without `--song` it lists songs to choose from: those that came nearest, or those that `--search` finds."""

    help = "Say which song of a target a missing track is. It is kept for ever, and for every list with that track."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--user", required=True, help="whose playlist (user name)")
        parser.add_argument("--mirror", required=True, type=int, help="the mirror's number: the playlists page tells")
        parser.add_argument("--position", type=int, help="the missing track, by its place in the source, from 1")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--song", help="the song of the target, by its id there")
        choice.add_argument("--search", help="words of the title or artist to look for on the target")
        choice.add_argument("--withdraw", action="store_true", help="leave the track to matching again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Keep what was said, or list what there is to choose from."""
        mirror = (
            PlaylistMirror.objects.select_related("user", "source", "target")
            .filter(user=person_named(options["user"]).pk, pk=options["mirror"])
            .first()
        )
        if mirror is None:
            raise CommandError(f"{options['user']} has no mirror {options['mirror']}.", returncode=2)
        if options["position"] is None:
            for one in mirror.missing.filter(position__isnull=False):
                self.stdout.write(f"{one.place}\t{one.artist}: {one.name}\t{one.reason}")
            return
        row = mirror.missing.filter(position=options["position"] - 1).first()
        if row is None:
            raise CommandError(f"No track is missing at {options['position']}.", returncode=2)
        track = manual.track_of(row)
        if options["withdraw"]:
            self.stdout.write("Withdrawn." if manual.withdraw(mirror, track) else "Nothing was said of it.")
        elif options["song"]:
            try:
                chosen = manual.choose(mirror, track, options["song"])
            except manual.NoSuchSongError:
                raise CommandError(f"There is no song {options['song']!r} on the target.", returncode=2) from None
            self.stdout.write(f"{track.artist}: {track.name} is {chosen.chosen.artist}: {chosen.chosen.name}.")
        elif options["search"]:
            for song in library.search(library.index_of(mirror.target), options["search"]):
                self.stdout.write(f"{song.id}\t{song.artist}: {song.name}\t{song.album}")
        else:
            for candidate in row.candidates:
                song = candidate["song"]
                self.stdout.write(f"{song['id']}\t{song['artist']}: {song['name']}\t{candidate['reason']}")
