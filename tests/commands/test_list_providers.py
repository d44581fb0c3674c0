import json
from io import StringIO

import pytest
from django.core.management import call_command


def output_of(*arguments):
    out = StringIO()
    call_command("list_providers", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.req("PROV-030")
@pytest.mark.req("PROV-040")
@pytest.mark.req("PROV-050")
def test_the_capabilities_of_the_built_in_services_are_those_they_have():
    listed = {row["type"]: row["capabilities"] for row in json.loads(output_of("--json"))}

    assert listed["spotify"] == ["HistoryFetcher", "PlaylistManager", "PlaylistSyncer", "Authenticator", "TrackFinder"]
    assert listed["lastfm"] == ["HistoryFetcher", "Authenticator", "HistoryCounter"]
    playlists = ["PlaylistManager", "PlaylistSyncer"]
    assert listed["navidrome"] == ["HistoryFetcher", *playlists, "HistoryCounter", "LibraryLister"]


def test_a_service_that_is_not_set_up_names_its_missing_settings(settings):
    settings.LASTFM_API_KEY = ""
    settings.LASTFM_API_SECRET = "set"

    (lastfm,) = (row for row in json.loads(output_of("--json")) if row["type"] == "lastfm")

    assert lastfm["missing_settings"] == ["LASTFM_API_KEY"]
    assert "no: set LASTFM_API_KEY" in output_of()
