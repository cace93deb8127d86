import base64

import jwt
import pytest

from wirephoto.errors import SettingsInvalid
from wirephoto.simulator.authentication import Authenticator, Caller
from wirephoto.simulator.settings import make_credentials


@pytest.fixture(scope="module")
def stranger():
    return make_credentials()


async def test_a_token_of_the_application_is_let_in(world):
    """The ordinary way to send (contract 1.2)."""
    status, _ = await world.post()

    assert status == 202


@pytest.mark.parametrize(
    ("claims", "fragment"),
    [
        ({"application_id": "00000000-0000-4000-8000-000000000000"}, "unathorized"),
        ({"without": "application_id"}, "unathorized"),
        ({"without": "iat"}, "unathorized"),
        ({"without": "jti"}, "unathorized"),
        ({"iat": "soon"}, "unathorized"),
        ({"iat": -3600, "exp": -40}, "jwt-expired"),
        ({"iat": -3600, "without": "exp"}, "jwt-expired"),
        ({"iat": 120, "exp": 900}, "unathorized"),
        ({"nbf": 120}, "unathorized"),
        ({"exp": 10}, "unathorized"),
        ({"exp": 24 * 3600 + 1}, "unathorized"),
    ],
)
async def test_a_token_that_breaks_a_rule_is_refused(world, claims, fragment):
    """Expired tokens and wrong clocks are what really happens; times count from now."""
    now = int(world.clock.now().timestamp())
    claims = {
        name: value + now if isinstance(value, int) else value for name, value in claims.items()
    }
    token = world.token(**claims)

    status, problem = await world.post(headers={"Authorization": f"Bearer {token}"})

    assert (status, problem["type"].partition("#")[2]) == (401, fragment)
    assert world.last.content_type == "application/problem+json"
    assert problem["title"]
    assert problem["instance"]


@pytest.mark.parametrize("offset_s", [-20, 20])
async def test_a_clock_that_is_a_little_off_is_forgiven(world, offset_s):
    """Machines drift by seconds; 30 s are tolerated either way."""
    now = int(world.clock.now().timestamp())
    token = world.token(iat=now + offset_s, exp=now + offset_s + 900)

    status, _ = await world.post(headers={"Authorization": f"Bearer {token}"})

    assert status == 202


async def test_a_token_signed_by_another_key_is_refused(world, stranger):
    """The application id alone must not open the door."""
    token = world.token(key=stranger.private_key)

    status, _ = await world.post(headers={"Authorization": f"Bearer {token}"})

    assert status == 401


async def test_a_token_that_was_verified_before_still_expires(world):
    """Verified tokens are remembered for speed, not for ever."""
    headers = world.headers()
    first, _ = await world.post(headers=headers)
    world.clock.advance(900 + 31)

    status, problem = await world.post(headers=headers)

    assert (first, status) == (202, 401)
    assert problem["type"].endswith("#jwt-expired")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer not.a.token",
        "Digest abc",
        "Basic !!!",
        "Basic " + base64.b64encode(b"key:wrong").decode(),
    ],
)
async def test_missing_and_broken_credentials_are_refused(world, header):
    """Each gives the same 401, not a crash."""
    status, _ = await world.post(headers={} if header is None else {"Authorization": header})

    assert status == 401
    assert not world.simulator.accepted


async def test_the_public_key_does_not_serve_as_a_shared_secret(world):
    """The classic confusion of algorithms: only RS256 is read."""
    token = jwt.encode(
        {"application_id": world.credentials.application_id, "iat": 1, "jti": "x"},
        "x" * 40,
        algorithm="HS256",
    )

    status, _ = await world.post(headers={"Authorization": f"Bearer {token}"})

    assert status == 401


async def test_key_and_secret_are_let_in_as_the_account(world):
    """Basic is allowed on POST; its receipts go to the account's URL (contract 1.2)."""
    account = world.credentials
    secret = base64.b64encode(f"{account.api_key}:{account.api_secret}".encode()).decode()

    status, _ = await world.post(headers={"Authorization": f"Basic {secret}"})

    assert status == 202
    assert world.simulator.accepted[0].application_id is None


def test_two_kinds_of_credentials_at_once_are_refused(credentials, clock):
    """The provider does not choose between them (contract 1.2)."""
    authenticator = Authenticator(credentials.settings(), clock)

    refused = authenticator.identify(["Bearer a", "Basic b"])

    assert not isinstance(refused, Caller)
    assert refused.kind == "multiple-auth-methods"


def test_a_key_that_is_no_public_key_is_refused_at_once(credentials, clock):
    """A wrong key must show at start, not as a 401 later."""
    settings = make_credentials().settings()
    broken = type(settings)(
        api_key="a",
        api_secret="b",
        signature_secret="c",
        application_id="d",
        public_key="not a key",
    )

    with pytest.raises(SettingsInvalid):
        Authenticator(broken, clock)


def test_secrets_stay_out_of_repr(credentials):
    """Settings end up in logs and tracebacks."""
    shown = repr(credentials) + repr(credentials.settings())

    assert credentials.api_secret not in shown
    assert credentials.signature_secret not in shown
    assert "PRIVATE KEY" not in shown
