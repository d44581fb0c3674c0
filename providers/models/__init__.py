"""What is kept in the database: links, their secrets, and what came home through them."""

from providers.models.connections import Connection, LinkAttempt, ServicePause
from providers.models.counters import EventCount
from providers.models.credentials import (
    LastFMAuth,
    NavidromeAuth,
    OAuthTokens,
    ProviderAuth,
    SpotifyAuth,
    credential_model,
)
from providers.models.history import DuplicateScan, DuplicateVerdict, HistoryGap, HistorySync, Listen, PlayCount
from providers.models.imports import HistoryImport
from providers.models.playlists import (
    LibraryIndex,
    LibraryKey,
    LibrarySong,
    ManualMatch,
    MissingTrack,
    PlaylistMirror,
)

__all__ = [
    "Connection",
    "DuplicateScan",
    "DuplicateVerdict",
    "EventCount",
    "HistoryGap",
    "HistoryImport",
    "HistorySync",
    "LastFMAuth",
    "LibraryIndex",
    "LibraryKey",
    "LibrarySong",
    "LinkAttempt",
    "Listen",
    "ManualMatch",
    "MissingTrack",
    "NavidromeAuth",
    "OAuthTokens",
    "PlayCount",
    "PlaylistMirror",
    "ProviderAuth",
    "ServicePause",
    "SpotifyAuth",
    "credential_model",
]
