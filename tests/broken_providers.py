"""Providers with one fault each, and the check of the conformance kit that must name it."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, ClassVar

from providers.datatypes import AuthResult, HistoryEnd, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
)
from tests.sound_provider import (
    TOKEN,
    TYPE,
    Everything,
    Factories,
    History,
    Linking,
    Playlists,
    SoundProvider,
    SoundService,
)

Walk = Generator[list[Track], None, HistoryEnd]


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken provider, the checks of the suite that must fail over it and no others, and what is to be read of it."""

    provider: type[SoundProvider]
    suite: type
    checks: frozenset[str]
    says: str


FAULTS: list[Fault] = []


def fault(suite: type, *checks: str, says: str) -> Callable[[type[SoundProvider]], type[SoundProvider]]:
    """Note what must come of the provider."""

    def note(provider: type[SoundProvider]) -> type[SoundProvider]:
        FAULTS.append(Fault(provider, suite, frozenset(checks), says))
        return provider

    return note


identity = partial(fault, Everything)
history = partial(fault, History)
playlists = partial(fault, Playlists)
linking = partial(fault, Linking)
factory = partial(fault, Factories)


def stumble_over_answers(service: SoundService) -> None:
    """Let a wrong answer end as it does in code that looks into answers without care."""

    def ask() -> None:
        service.requests += 1
        if service.answer is not None:
            raise AttributeError("'NoneType' object has no attribute 'get'")

    service.ask = ask  # type: ignore[method-assign]


def tracks_there(service: SoundService, playlist_id: str) -> list[Track]:
    """Return what is on a playlist; nothing where there is no such playlist."""
    _, tracks = service.playlists.get(playlist_id, ("", []))
    return tracks


# What a provider says it is


@identity("test_the_type_is_a_stable_str", says="type() changed from 'sound' to 'noise'")
class ChangesItsType(SoundProvider):
    asked = 0

    def type(self) -> str:
        self.asked += 1
        return TYPE if self.asked % 2 else "noise"


@identity("test_the_type_is_the_specs", says="type() returned 'sound', the spec says 'tone'")
class HasAnotherTypeThanItsSpec(SoundProvider):
    spec_changes: ClassVar[dict[str, Any]] = {"type": "tone"}


@identity("test_the_spec_makes_sense", says="poll_interval is not (shortest, longest)")
class PollsBackwards(SoundProvider):
    spec_changes: ClassVar[dict[str, Any]] = {"poll_interval": (timedelta(hours=1), timedelta(minutes=10))}


@identity("test_capabilities_belong_to_the_class", says="HistoryCounter comes and goes with the instance")
class CountsOnlyAsAnInstance(SoundProvider):
    count_listens = None  # type: ignore[assignment]  # so that the class does not count

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count_listens = lambda since, until: SoundProvider.count_listens(self, since, until)


@identity(
    "test_repr_tells_no_secret", "test_repr_of_linking_tells_no_secret", says="repr() of the provider tells a secret"
)
class ShowsItsToken(SoundProvider):
    def __repr__(self) -> str:
        return f"SoundProvider({self.token!r})"


@identity("test_the_type_fits_into_an_address", says="'sound radio' is not of a-z, 0-9, - and _ alone")
class HasASpaceInItsType(SoundProvider):
    spec_changes: ClassVar[dict[str, Any]] = {"type": "sound radio"}

    def type(self) -> str:
        return "sound radio"


@identity(
    "test_the_provider_is_of_the_specs_class",
    "test_who_linked_has_a_provider",
    says="the provider is a IsOfAnotherClass, the spec says HasASpaceInItsType",
)
class IsOfAnotherClass(SoundProvider):
    spec_changes: ClassVar[dict[str, Any]] = {"provider_class": HasASpaceInItsType}


# History


@history("test_since_is_exclusive", says="since is exclusive")
class IncludesSince(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return super().window(since - timedelta(microseconds=1), until)

    def count_listens(self, since: datetime, until: datetime) -> int:
        return super().count_listens(since + timedelta(microseconds=1), until)


@history("test_until_is_inclusive", says="until is inclusive")
class ExcludesUntil(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return super().window(since, until and until - timedelta(microseconds=1))

    def count_listens(self, since: datetime, until: datetime) -> int:
        return super().count_listens(since, until + timedelta(microseconds=1))


@history("test_a_naive_since_is_refused_before_any_request", says="a naive since was accepted")
class TakesANaiveSinceForUTC(SoundProvider):
    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        return super().get_recent_listens(since if since.tzinfo else since.replace(tzinfo=UTC), callback)


@history("test_a_naive_until_is_refused_before_any_request", says="the service was asked before a naive until")
class AsksBeforeItLooksAtUntil(SoundProvider):
    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Walk:
        self.service.ask()
        return (yield from super().iter_recent_listens(since, until))


@history("test_every_listen_is_offered_once", says="were offered twice or never heard")
class OffersTheNewestTwice(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        for page in super().pages(tracks):
            yield [*page[:1], *page] if len(page) == 1 else page


@history("test_every_listen_is_offered_once", says="of 11 listens were not offered")
class LosesTheOldest(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        listens = super().window(since, until)
        return listens[:10] if len(listens) == 11 else listens


@history("test_listens_of_one_moment_are_all_offered", says="one was offered")
class PagesByTheMomentAlone(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return list({track.played_at: track for track in super().window(since, until)}.values())


@history("test_batches_are_neither_empty_nor_larger_than_a_page", says="an empty batch")
class EndsInAnEmptyBatch(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        yield from super().pages(tracks)
        if len(tracks) > 10:
            self.service.ask()
            yield []


@history(
    "test_batches_are_neither_empty_nor_larger_than_a_page", says="a batch of 10 listens is more than one page of 5"
)
class JoinsTwoPages(SoundProvider):
    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Walk:
        walk = super().iter_recent_listens(since, until)
        while True:
            batch: list[Track] = []
            try:
                batch += next(walk)
                batch += next(walk)
            except StopIteration as stop:
                yield from [batch] if batch else []
                end: HistoryEnd = stop.value
                return end
            yield batch


@history("test_a_page_is_one_batch", says="a page is one batch")
class HandsOverListenByListen(SoundProvider):
    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Walk:
        walk = super().iter_recent_listens(since, until)
        while True:
            try:
                batch = next(walk)
            except StopIteration as stop:
                end: HistoryEnd = stop.value
                return end
            yield from ([track] for track in batch)


@history("test_pages_are_fetched_a_few_ahead_at_most", says="at most 8 pages may be fetched ahead")
class FetchesEverythingFirst(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        return iter(list(super().pages(tracks)))


@history("test_the_callback_runs_in_the_callers_thread", says="the callback was called in another thread")
class CallsBackFromAThread(SoundProvider):
    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        with ThreadPoolExecutor(1) as threads:
            return super().get_recent_listens(since, lambda batch: threads.submit(callback, batch).result())


@history("test_an_exception_in_the_callback_stops_everything", says="did not propagate")
class SwallowsWhatTheCallbackRaises(SoundProvider):
    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        def call(batch: list[Track]) -> None:
            with suppress(Exception):
                callback(batch)

        return super().get_recent_listens(since, call)


@history("test_listens_come_newest_first_within_a_batch", says="a batch is not newest first")
class TurnsBatchesRound(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        return (page[::-1] for page in super().pages(tracks))


@history("test_batches_come_newest_first", says="came before one up to")
class SwapsTheSecondAndTheThirdPage(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        pages = super().pages(tracks)
        yield from (page for page in [next(pages, [])] if page)
        second = next(pages, [])
        yield from (page for page in [next(pages, []), second] if page)
        yield from pages


@history("test_every_moment_is_aware_utc", says="played_at is not aware UTC")
class TellsLocalTime(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        oslo = timezone(timedelta(hours=2))
        listens = super().window(since, until)
        return [replace(track, played_at=track.played_at and track.played_at.astimezone(oslo)) for track in listens]


@history("test_every_moment_is_aware_utc", says="played_at is not aware UTC")
class TellsNaiveTime(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        listens = super().window(since, until)
        return [replace(track, played_at=track.played_at and track.played_at.replace(tzinfo=None)) for track in listens]


@history("test_reaching_since_is_told", says="every listen after since was offered")
class IsAlwaysExhausted(SoundProvider):
    def end(self, since: datetime) -> HistoryEnd:
        return HistoryEnd.EXHAUSTED


@history("test_running_out_of_history_is_told", says="the service keeps 12 listens and had one more, but said")
class HidesThatItRanOut(SoundProvider):
    history_limit = 12

    def end(self, since: datetime) -> HistoryEnd:
        return HistoryEnd.REACHED_SINCE


@history(
    "test_as_many_listens_are_expected_as_the_window_holds", says="expected_listens is 11 after a walk that offered 4"
)
class ExpectsTheWholeHistory(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        self.expected_listens = len(self.service.listens)
        return super().pages(tracks)


@history("test_how_far_back_a_walk_has_seen_is_told", says="oldest_seen is 20")
class SeesTheNewestOnly(SoundProvider):
    def _note_seen(self, moments: Iterable[datetime | None]) -> None:
        self.oldest_seen = max(filter(None, [self.oldest_seen, *moments]), default=None)


@history("test_every_moment_is_aware_utc", says="oldest_seen is not aware UTC")
class SeesInLocalTime(SoundProvider):
    def _note_seen(self, moments: Iterable[datetime | None]) -> None:
        super()._note_seen(moments)
        self.oldest_seen = self.oldest_seen and self.oldest_seen.astimezone(timezone(timedelta(hours=2)))


@history("test_a_walk_that_broke_off_goes_on", "test_batches_come_newest_first", says="never offered")
class ClaimsThatAWalkCanGoOn(SoundProvider):
    """Its first batch is not the newest, as where a service tells the last play of each track."""

    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        pages = super().pages(tracks)
        first, second = next(pages, []), next(pages, [])
        yield from (page for page in (second, first) if page)
        yield from pages


@history("test_listens_are_normalised", says="Track.isrc is not upper case without separators: 'qz-mrd-26-")
class LeavesTheISRCAsItCame(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return [replace(track, isrc=f"qz-mrd-26-{track.isrc[-5:]}") for track in super().window(since, until)]


@history("test_listens_are_normalised", says="Track.artists is a list, not a tuple")
class ListsItsArtists(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        artists: Any = ["Night Ferry"]
        return [replace(track, artists=artists) for track in super().window(since, until)]


@history("test_listens_are_normalised", says="Track.url tells a secret")
class PutsItsTokenIntoLinks(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return [replace(track, url=f"https://sound.example/?key={TOKEN}") for track in super().window(since, until)]


@history("test_a_bad_answer_to_history_is_a_named_error", says="KeyError: 'items'")
class StumblesOverAnAnswer(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        if self.service.answer is not None and self.service.answer["status"] != 429:
            raise KeyError("items")
        return super().window(since, until)


@history("test_a_bad_answer_to_history_is_a_named_error", says="was taken for a success")
class TakesTroubleForSilence(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        answer = self.service.answer
        return iter(()) if answer is not None and answer["status"] != 429 else super().pages(tracks)


@history("test_a_bad_answer_to_history_is_a_named_error", says="the error's traceback tells a secret")
class TellsItsTokenInErrors(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        try:
            yield from super().pages(tracks)
        except RateLimitedError:
            raise
        except ProviderError as error:
            raise InvalidRequestError(f"Asked with {self.token}", provider=TYPE) from error


@history("test_a_bad_answer_to_history_is_a_named_error", says="a service in trouble is no reason to link again")
class TakesTroubleForADeadLink(SoundProvider):
    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        try:
            return super().get_recent_listens(since, callback)
        except RateLimitedError:
            raise
        except ProviderError as error:
            raise ReauthorizationRequiredError("Link again.", provider=TYPE) from error


@history("test_a_long_pause_is_told_and_not_slept", says="3600 seconds were slept instead of being told")
class SleepsThroughAPause(SoundProvider):
    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        try:
            return super().get_recent_listens(since, callback)
        except RateLimitedError:
            time.sleep(3600)
            return super().get_recent_listens(since, callback)


@history("test_listens_are_counted_as_they_are_offered", says="5 were counted")
class CountsSinceToo(SoundProvider):
    def count_listens(self, since: datetime, until: datetime) -> int:
        return super().count_listens(since - timedelta(microseconds=1), until)


@history("test_since_may_be_in_any_time_zone", says="offered other listens than")
class TakesAnyTimeForUTC(SoundProvider):
    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return super().window(since.replace(tzinfo=UTC), until)


@history("test_since_and_until_bound_a_window", says="of 4 listens in the window 10 were offered")
class ForgetsSinceWhereThereIsUntil(SoundProvider):
    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Walk:
        return super().iter_recent_listens(since if until is None else datetime.min.replace(tzinfo=UTC), until)


@history("test_an_empty_history_is_no_batch", says="someone who heard nothing yet has a batch of listens")
class CallsBackWithNothing(SoundProvider):
    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        return super().pages(tracks) if tracks else iter([[]])


@history("test_the_generator_returns_how_the_history_ended", says="iter_recent_listens returned None")
class DoesNotSayHowItEnded(SoundProvider):
    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Any:
        yield from super().iter_recent_listens(since, until)

    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        super().get_recent_listens(since, callback)
        return self.end(since)


@history("test_a_naive_span_is_not_counted", says="a naive until was accepted")
class CountsNaiveSpans(SoundProvider):
    def count_listens(self, since: datetime, until: datetime) -> int:
        return super().count_listens(since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))


# Playlists


@playlists("test_listing_does_not_load_tracks", says="names only, no tracks")
class CountsTracksByLoadingThem(SoundProvider):
    def get_playlists(self) -> list[Playlist]:
        playlists = super().get_playlists()
        return [replace(playlist, track_count=len(list(playlist.tracks))) for playlist in playlists]


@playlists("test_tracks_may_be_read_again", says="iterated again, 4 tracks became 0")
class TellsTracksOnce(SoundProvider):
    def tracks(self, tracks: Sequence[Track]) -> Iterable[Track]:
        return (track for page in self.pages(tracks) for track in page)


@playlists(
    "test_a_created_playlist_is_listed_with_its_tracks",
    "test_every_isrc_the_service_tells_is_kept",
    says="another order",
)
class CreatesPlaylistsBackwards(SoundProvider):
    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        return super().create_playlist(name, description, tracks[::-1] if len(tracks) < 10 else tracks)

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        turned = request if request.remote_playlist_id else replace(request, tracks=request.tracks[::-1])
        return super().sync_playlist(turned)


@playlists("test_a_playlist_of_hundreds_of_tracks_keeps_their_order", says="of 250 tracks the playlist has 100")
class WritesTheFirstHundredOnly(SoundProvider):
    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        return super().create_playlist(name, description, tracks[:100])


@playlists("test_every_isrc_the_service_tells_is_kept", says="read as ''")
class ForgetsTheISRC(SoundProvider):
    def playlist(self, playlist_id: str) -> Playlist:
        name, tracks = self.service.playlists[playlist_id]
        bare = [replace(track, isrc="") for track in tracks]
        return Playlist(id=playlist_id, name=name, track_count=len(tracks), tracks=self.tracks(bare))


@playlists("test_playlists_are_normalised", says="Playlist.image_url tells a secret")
class PutsItsTokenIntoCovers(SoundProvider):
    def playlist(self, playlist_id: str) -> Playlist:
        return replace(super().playlist(playlist_id), image_url=f"https://sound.example/cover?t={TOKEN}")


@playlists("test_updating_with_no_tracks_empties", says="of 0 tracks the playlist has 4")
class IgnoresAnEmptyUpdate(SoundProvider):
    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        if tracks:
            super().update_playlist_tracks(remote_playlist_id, tracks)


@playlists("test_syncing_with_an_id_updates", says="an update moved the playlist from id")
class TellsAnotherIdAfterAnUpdate(SoundProvider):
    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        remote_id = super().sync_playlist(request)
        return f"{remote_id}-2" if request.remote_playlist_id else remote_id


@playlists("test_deleting_twice_is_no_error", says="raised NotFoundError")
class MissesWhatItDeleted(SoundProvider):
    def delete_playlist(self, remote_playlist_id: str) -> None:
        if self.service.answer is None and remote_playlist_id not in self.service.playlists:
            raise NotFoundError("There is no such playlist.", provider=TYPE)
        super().delete_playlist(remote_playlist_id)


@playlists("test_updating_what_is_gone_is_an_error", says="a playlist that is gone was taken for a success")
class WritesIntoTheVoid(SoundProvider):
    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        with suppress(NotFoundError):
            super().update_playlist_tracks(remote_playlist_id, tracks)


@playlists("test_the_whole_library_is_listed_once", says="of 12 songs")
class LosesASong(SoundProvider):
    def iter_library(self) -> Iterator[list[Track]]:
        return self.pages(self.service.library[1:])


@playlists("test_a_created_playlist_may_be_empty", says="Nothing to add.")
class CreatesNothingEmpty(SoundProvider):
    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        if not tracks:
            raise InvalidRequestError("Nothing to add.", provider=TYPE)
        return super().create_playlist(name, description, tracks)


@playlists("test_two_playlists_may_have_one_name", says="did not make a second playlist")
class TakesAPlaylistOfTheSameNameForTheSame(SoundProvider):
    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        self.service.ask()
        known = {known_name: playlist_id for playlist_id, (known_name, _) in self.service.playlists.items()}
        playlist_id = known.get(name, f"p{next(self.service.numbers)}")
        self.service.playlists[playlist_id] = name, list(tracks)
        return self.playlist(playlist_id)


@playlists("test_tracks_of_a_playlist_are_normalised", says="Track.duration_ms is no int: '240000'")
class LeavesDurationsAsText(SoundProvider):
    def tracks(self, tracks: Sequence[Track]) -> Iterable[Track]:
        duration: Any = "240000"
        return super().tracks([replace(track, duration_ms=duration) for track in tracks])


@playlists("test_syncing_without_an_id_creates", says="of 4 tracks the playlist has 0")
class CreatesFirstAndFillsLater(SoundProvider):
    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        return super().sync_playlist(request if request.remote_playlist_id else replace(request, tracks=()))


@playlists(
    "test_syncing_with_an_id_updates",
    "test_syncing_twice_changes_nothing",
    "test_syncing_no_tracks_empties",
    "test_updating_replaces_all_tracks",
    "test_updating_with_hundreds_of_tracks_keeps_their_order",
    "test_updating_with_no_tracks_empties",
    "test_updating_with_the_tracks_that_are_there_changes_nothing",
    "test_tracks_added_at_the_end_come_behind_those_that_are_there",
    "test_a_track_that_is_there_twice_can_be_taken_away_once",
    says="of 4 tracks the playlist has 8",
)
class AddsInsteadOfReplacing(SoundProvider):
    def replace(self, playlist_id: str, tracks: Sequence[Track]) -> None:
        there = tracks_there(self.service, playlist_id)
        super().replace(playlist_id, [*there, *tracks])


@playlists("test_deleting_removes", "test_updating_what_is_gone_is_an_error", says="a deleted playlist is still there")
class DeletesNothing(SoundProvider):
    def delete_playlist(self, remote_playlist_id: str) -> None:
        self.service.ask()


@playlists("test_songs_are_normalised", says="Track.artist is empty")
class ForgetsTheArtist(SoundProvider):
    def iter_library(self) -> Iterator[list[Track]]:
        return self.pages([replace(track, artist="") for track in self.service.library])


@playlists("test_the_library_comes_page_by_page", says="the library came in 1 pages")
class LoadsTheLibraryWhole(SoundProvider):
    def iter_library(self) -> Iterator[list[Track]]:
        return iter([[track for page in super().iter_library() for track in page]])


@playlists("test_the_library_may_be_listed_again", says="listed again, 12 songs became 0")
class ListsTheLibraryOnce(SoundProvider):
    is_listed = False

    def iter_library(self) -> Iterator[list[Track]]:
        pages = super().iter_library()
        return iter(()) if self.is_listed else self.noting(pages)

    def noting(self, pages: Iterator[list[Track]]) -> Iterator[list[Track]]:
        self.is_listed = True
        yield from pages


@playlists("test_syncing_with_an_id_renames", says="to be renamed is called 'From elsewhere'")
class KeepsTheOldName(SoundProvider):
    def rename(self, playlist_id: str, name: str) -> None:
        """Forget to."""


@playlists("test_updating_with_the_tracks_that_are_there_changes_nothing", says="of 4 tracks the playlist has 0")
class WritesOnlyWhatIsNew(SoundProvider):
    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        there = tracks_there(self.service, remote_playlist_id)
        super().update_playlist_tracks(remote_playlist_id, [] if there == tracks else tracks)


@playlists("test_tracks_added_at_the_end_come_behind_those_that_are_there", says="another order")
class AddsAtTheBeginning(SoundProvider):
    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        there = tracks_there(self.service, remote_playlist_id)
        is_longer = len(there) < len(tracks) < 10 and tracks[: len(there)] == there
        ordered = [*tracks[len(there) :], *there] if is_longer else tracks
        super().update_playlist_tracks(remote_playlist_id, ordered)


@playlists("test_a_track_that_is_there_twice_can_be_taken_away_once", says="of 4 tracks the playlist has 3")
class TakesAwayEveryOccurrence(SoundProvider):
    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        there = tracks_there(self.service, remote_playlist_id)
        gone = {track.id for track in there if there.count(track) > tracks.count(track)}
        super().update_playlist_tracks(remote_playlist_id, [track for track in tracks if track.id not in gone])


@playlists("test_a_track_is_found_by_its_isrc_whatever_it_is_called", says="not among the 0 tracks that were found")
class LooksAtNamesOnly(SoundProvider):
    def find_tracks(self, track: Track) -> list[Track]:
        return super().find_tracks(replace(track, isrc="none"))


@playlists(
    "test_a_track_without_an_isrc_is_found_by_its_names",
    "test_an_isrc_that_nobody_knows_leaves_the_names",
    says="not among the 0 tracks that were found",
)
class LooksAtTheISRCOnly(SoundProvider):
    def find_by_names(self, track: Track) -> list[Track]:
        return []


@playlists("test_an_isrc_that_nobody_knows_leaves_the_names", says="not among the 0 tracks that were found")
class GivesUpWithTheISRC(SoundProvider):
    def find_by_names(self, track: Track) -> list[Track]:
        return [] if track.isrc else super().find_by_names(track)


@playlists("test_whatever_is_in_a_name_it_is_a_name", says="The query makes no sense.")
class PutsNamesIntoQueriesAsTheyAre(SoundProvider):
    def find_by_names(self, track: Track) -> list[Track]:
        if '"' in track.name:
            raise InvalidRequestError("The query makes no sense.", provider=TYPE)
        return super().find_by_names(track)


@playlists("test_a_few_tracks_are_found_at_most", says="72 tracks were found for one")
class FindsEverything(SoundProvider):
    def find_by_names(self, track: Track) -> list[Track]:
        return self.service.library * 6


@playlists("test_found_tracks_are_normalised", says="Track.isrc is not upper case")
class FindsCodesAsTheyAreWritten(SoundProvider):
    def find_by_names(self, track: Track) -> list[Track]:
        return [replace(song, isrc=song.isrc.lower()) for song in super().find_by_names(track)]


@playlists(
    "test_a_bad_answer_to_playlists_is_a_named_error",
    "test_a_bad_answer_to_a_new_playlist_is_a_named_error",
    "test_a_bad_answer_to_the_library_is_a_named_error",
    "test_a_bad_answer_to_a_search_is_a_named_error",
    "test_a_refused_change_is_a_named_error",
    says="AttributeError: 'NoneType' object has no attribute 'get'",
)
class StumblesOverPlaylists(SoundProvider):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stumble_over_answers(self.service)


# Linking


@linking(
    "test_the_state_rides_in_the_address",
    "test_each_state_has_an_address_of_its_own",
    "test_the_state_comes_back",
    says="the state is not in the address",
)
class ForgetsTheState(SoundProvider):
    def query(self, state: str) -> dict[str, str]:
        return {name: value for name, value in super().query(state).items() if name != "state"}


@linking("test_the_verifier_is_not_in_the_address", says="the code verifier is in the address")
class TellsTheVerifier(SoundProvider):
    def query(self, state: str) -> dict[str, str]:
        return super().query(state) | {"code_verifier": self.attempt.code_verifier}


@linking("test_a_code_challenge_is_the_verifiers_hash", says="the challenge's method is not S256")
class DoesNotSayHowItHashed(SoundProvider):
    def query(self, state: str) -> dict[str, str]:
        return {name: value for name, value in super().query(state).items() if name != "code_challenge_method"}


@linking("test_the_address_is_at_an_origin_of_the_spec", says="the Content-Security-Policy would stop it")
class NamesAnotherOrigin(SoundProvider):
    spec_changes: ClassVar[dict[str, Any]] = {"authorize_origins": lambda: ("https://accounts.sound.example",)}


@linking(
    "test_a_made_up_code_is_refused",
    "test_a_code_is_good_once",
    "test_another_verifier_is_refused",
    says="became InvalidRequestError",
)
class TakesAWrongCodeForItsOwnBug(SoundProvider):
    def exchange_code(self, code: str) -> AuthResult:
        try:
            return super().exchange_code(code)
        except AuthenticationError:
            raise InvalidRequestError("400 Bad Request", provider=TYPE) from None


@linking("test_a_dead_refresh_token_means_linking_again", says="became AuthenticationError")
class LeavesADeadLinkOpen(SoundProvider):
    def refresh_token(self, refresh_token: str) -> AuthResult:
        try:
            return super().refresh_token(refresh_token)
        except ReauthorizationRequiredError:
            raise AuthenticationError("401 Unauthorized", provider=TYPE) from None


@linking("test_repr_of_linking_tells_no_secret", says="tells a secret")
class ShowsItsAttempt(SoundProvider):
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.attempt.code_verifier!r})"


@linking("test_people_link_the_service_themselves", says="supports_auth() denies it")
class DeniesThatPeopleLinkIt(SoundProvider):
    def supports_auth(self) -> bool:
        return False


@linking("test_a_code_becomes_credentials", says="expires_at is not aware UTC")
class GrantsUntilANaiveMoment(SoundProvider):
    def grant(self) -> AuthResult:
        return replace(super().grant(), expires_at=datetime.now())  # noqa: DTZ005, that is the fault


@linking("test_a_refresh_token_gives_another_access_token", says="refresh_token returned the old access_token")
class RefreshesNothing(SoundProvider):
    def refresh_token(self, refresh_token: str) -> AuthResult:
        return replace(super().refresh_token(refresh_token), access_token=refresh_token.replace("refresh", "access"))


@linking("test_disconnecting_is_no_error", says="There is nothing to disconnect.")
class CannotBeDisconnected(SoundProvider):
    def disconnect(self) -> None:
        raise NotFoundError("There is nothing to disconnect.", provider=TYPE)


@linking(
    "test_a_bad_answer_to_a_code_is_a_named_error",
    "test_a_bad_answer_to_a_refresh_is_a_named_error",
    says="AttributeError: 'NoneType' object has no attribute 'get'",
)
class StumblesOverGrants(SoundProvider):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stumble_over_answers(self.service)


# Factories


@factory("test_the_factory_takes_the_user_and_nothing_else", says="a factory takes the user alone, never credentials")
class TakesCredentials(SoundProvider):
    @classmethod
    def build(cls, user: Any, token: str = "") -> SoundProvider | None:
        return super().build(user)


@factory(
    "test_who_never_linked_has_none",
    "test_nobody_gets_anothers_provider",
    says="someone who never linked got a HelpsWhoeverAsks instead of None",
)
class HelpsWhoeverAsks(SoundProvider):
    @classmethod
    def build(cls, user: Any) -> SoundProvider | None:
        return super().build(user) or cls(user.service, token="")


@factory("test_nobody_gets_anothers_provider", says="on another person's credentials")
class RemembersWhoeverCameFirst(SoundProvider):
    @classmethod
    def build(cls, user: Any) -> SoundProvider | None:
        built = super().build(user)
        if built is not None:
            user.service.remembered = built
        return getattr(user.service, "remembered", None)


@factory("test_a_dead_link_means_linking_again", says="instead of ReauthorizationRequiredError")
class TakesADeadLinkForNone(SoundProvider):
    @classmethod
    def build(cls, user: Any) -> SoundProvider | None:
        return None if user.needs_reauth else super().build(user)
