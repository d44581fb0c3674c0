"""The page on which a person brings an application of their own."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from providers.models import Connection, OwnApplication, SpotifyAuth
from tests.fake_services import FakeServices
from tests.views.test_linking import link, text

pytestmark = pytest.mark.usefixtures("services")

PAGE = "/connections/spotify/application/"


def keep(visitor: Client, client_id: str) -> Any:
    return visitor.post(PAGE, {"client_id": client_id})


def test_it_says_step_by_step_what_to_do_and_what_to_register(visitor: Client) -> None:
    shown = text(visitor.get(PAGE))
    assert shown.index("Open the dashboard.") < shown.index("Make an application.")
    assert 'href="https://spotify.example/dashboard"' in shown
    assert 'value="https://bridge.example/callback/"' in shown


def test_a_client_id_is_kept_and_the_next_link_is_made_through_it(visitor: Client, services: FakeServices) -> None:
    response = keep(visitor, " own-1 ")
    assert (response.status_code, response.headers["Location"]) == (303, PAGE)
    assert OwnApplication.objects.get().client_id == "own-1"
    shown = text(visitor.get(PAGE))
    assert "Now link Wavebox through it." in shown
    assert 'value="own-1"' in shown

    back = link(visitor, services.wavebox, next=PAGE)

    assert back.headers["Location"] == PAGE
    assert SpotifyAuth.objects.get().client_id == "own-1"
    assert "Wavebox is linked through your application." in text(visitor.get(PAGE))


def test_a_link_that_is_there_goes_on_through_the_application_it_was_made_with(
    visitor: Client, services: FakeServices
) -> None:
    link(visitor, services.wavebox)
    keep(visitor, "own-1")
    assert SpotifyAuth.objects.get().client_id == "wavebox-client"
    assert Connection.objects.get().status == Connection.Status.OK
    assert "the link was made through another" in text(visitor.get(PAGE))

    link(visitor, services.wavebox)

    assert SpotifyAuth.objects.get().client_id == "own-1"


def test_one_can_be_changed_and_forgotten_and_the_link_stays(visitor: Client, services: FakeServices) -> None:
    keep(visitor, "own-1")
    link(visitor, services.wavebox)
    keep(visitor, "own-2")
    assert OwnApplication.objects.get().client_id == "own-2"
    assert "the link was made through another" in text(visitor.get(PAGE))
    visitor.post(PAGE, {"remove": "1"})
    assert not OwnApplication.objects.exists()
    assert SpotifyAuth.objects.get().client_id == "own-1"
    assert "goes on until you link again" in text(visitor.get(PAGE))
    link(visitor, services.wavebox)
    assert SpotifyAuth.objects.get().client_id == "wavebox-client"


def test_to_forget_twice_is_no_error(visitor: Client) -> None:
    assert visitor.post(PAGE, {"remove": "1"}).status_code == 303


@pytest.mark.parametrize("client_id", ["", "another", "<script>", "own", "x" * 100_000, "nul\0"])
def test_what_is_no_client_id_is_explained_and_the_one_there_is_stays(visitor: Client, client_id: str) -> None:
    keep(visitor, "own-1")
    response = keep(visitor, client_id)
    assert "A client id of Wavebox begins with own-." in text(response)
    assert "<script>" not in text(response)
    assert len(response.content) < 20_000
    assert OwnApplication.objects.get().client_id == "own-1"


def test_an_application_that_is_changed_while_a_link_is_under_way_does_not_disturb_it(
    visitor: Client, services: FakeServices
) -> None:
    keep(visitor, "own-1")
    address = visitor.post("/connections/spotify/connect/").headers["Location"]
    keep(visitor, "own-2")
    assert visitor.get("/connections/spotify/callback/", services.wavebox.agree(address)).status_code == 303
    assert SpotifyAuth.objects.get().client_id == "own-1"


def test_a_site_without_an_application_of_its_own_is_linked_through_peoples_own(
    visitor: Client, services: FakeServices, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    assert "This site has no application of its own" in text(visitor.get(PAGE))
    assert visitor.post("/connections/spotify/connect/").status_code == 503
    keep(visitor, "own-1")
    assert link(visitor, services.wavebox).status_code == 303
    assert SpotifyAuth.objects.get().client_id == "own-1"


def test_the_page_of_the_link_leads_to_every_way_of_linking(
    visitor: Client, services: FakeServices, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    shown = text(visitor.get("/connections/spotify/"))
    assert PAGE in shown
    assert "/connections/spotify/paste/" not in shown
    assert "not set up" in shown
    keep(visitor, "own-1")
    shown = text(visitor.get("/connections/spotify/"))
    assert "/connections/spotify/paste/" in shown
    assert '<form method="post" action="/connections/spotify/connect/">' in shown
    assert "/application/" not in text(visitor.get("/connections/lastfm/"))
    assert "/paste/" not in text(visitor.get("/connections/navidrome/"))


def test_a_site_that_lacks_more_than_an_application_says_that_it_is_not_set_up(
    visitor: Client, settings: Settings
) -> None:
    settings.PROVIDERS = ["providers.spotify"]
    settings.SPOTIFY_CLIENT_ID = settings.SPOTIFY_REDIRECT_URI = ""
    response = visitor.get(PAGE)
    assert response.status_code == 503
    assert "Spotify is not set up here" in text(response)


def test_everybody_has_an_application_of_their_own_only(visitor: Client, services: FakeServices) -> None:
    other = get_user_model().objects.create_user("bo")
    OwnApplication.objects.create(user=other, provider_type="spotify", client_id="own-of-bo")
    assert "own-of-bo" not in text(visitor.get(PAGE))
    visitor.post(PAGE, {"remove": "1"})
    link(visitor, services.wavebox)
    assert SpotifyAuth.objects.get().client_id == "wavebox-client"
    assert OwnApplication.objects.get().user == other


@pytest.mark.parametrize("provider_type", ["lastfm", "navidrome", "unheard-of"])
def test_only_services_that_take_one_have_this_page(visitor: Client, provider_type: str) -> None:
    assert visitor.get(f"/connections/{provider_type}/application/").status_code == 404
    assert visitor.post(f"/connections/{provider_type}/application/", {"client_id": "own-1"}).status_code == 404


def test_a_forged_form_is_refused(user: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert keep(strict, "own-1").status_code == 403
    assert not OwnApplication.objects.exists()
