"""A token is shown to the provider's hosts, and to nobody else."""

import jwt
import pytest
from yarl import URL

from tests.vonage.raw_provider import StoppedClock, pem
from wirephoto.ids import Ids
from wirephoto.vonage.attachments import AttachmentCredentials
from wirephoto.vonage.tokens import Tokens

PROVIDER = "https://api.nexmo.com"
STAND_IN = "http://127.0.0.1:8900"


@pytest.fixture
def tokens(key):
    """Give what signs tokens of one application."""
    return Tokens(
        application_id="app-1", private_key=pem(key), clock=StoppedClock(), ids=Ids(), reuse=False
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://api.nexmo.com/v3/media/1",
        "https://api-us.nexmo.com/v3/media/1",
        "https://API-EU.Vonage.COM/v3/media/1",
        "https://nexmo.com/1",
    ],
)
def test_the_provider_is_shown_a_token_of_its_own(tokens, key, url):
    """With secured inbound media it gives nothing without (contract 2.3)."""
    credentials = AttachmentCredentials(tokens, PROVIDER)

    shown = [credentials(URL(url))["Authorization"] for _ in range(2)]

    scheme, _, token = shown[0].partition(" ")
    claims = jwt.decode(
        token, key.public_key(), algorithms=["RS256"], options={"verify_exp": False}
    )
    assert (scheme, claims["application_id"]) == ("Bearer", "app-1")
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.nexmo.com/v3/media/1",
        "https://evilnexmo.com/1",
        "https://nexmo.com.evil.example/1",
        "https://nexmo.com@evil.example/1",
        "https://evil.example/api.nexmo.com",
        "https://evil.example/?x=.nexmo.com",
        "https://api.nexmo.com.:443/1",
        "https://xn--nexmo-xyz.com/1",
        "https://192.0.2.1/1",
        STAND_IN,
    ],
)
def test_nobody_else_is(tokens, url):
    """Whoever gets one can send pictures in our name, at our price."""
    assert AttachmentCredentials(tokens, PROVIDER)(URL(url)) == {}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8900/v3/media/1", True),
        ("http://127.0.0.1:8901/v3/media/1", False),
        ("https://127.0.0.1:8900/v3/media/1", False),
        ("http://127.0.0.2:8900/v3/media/1", False),
        ("https://api.nexmo.com/v3/media/1", True),
    ],
)
def test_what_stands_in_for_the_provider_is_known_by_its_whole_address(tokens, url, shown):
    """Another port of the same machine is somebody else."""
    assert bool(AttachmentCredentials(tokens, f"{STAND_IN}/")(URL(url))) is shown


def test_without_a_key_everybody_is_asked_as_anybody_would():
    """Addresses are public where inbound media is not secured."""
    assert AttachmentCredentials(None, PROVIDER)(URL("https://api.nexmo.com/v3/media/1")) == {}
