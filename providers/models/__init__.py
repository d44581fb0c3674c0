"""What is kept in the database: links, their secrets, and what came home through them."""

from providers.models.alerts import Alert, AlertKind, AlertTarget
from providers.models.connections import Connection, LinkAttempt, OwnApplication, ServicePause
from providers.models.counters import EventCount
from providers.models.credentials import (
    LastFMAuth,
    NavidromeAuth,
    OAuthTokens,
    ProviderAuth,
    SpotifyAuth,
    credential_model,
)
from providers.models.deletions import HistoryDeletion
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
from providers.models.statistics import MonthCount, StatisticsScan

__all__ = [
    "Alert",
    "AlertKind",
    "AlertTarget",
    "Connection",
    "DuplicateScan",
    "DuplicateVerdict",
    "EventCount",
    "HistoryDeletion",
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
    "MonthCount",
    "NavidromeAuth",
    "OAuthTokens",
    "OwnApplication",
    "PlayCount",
    "PlaylistMirror",
    "ProviderAuth",
    "ServicePause",
    "SpotifyAuth",
    "StatisticsScan",
    "credential_model",
]
