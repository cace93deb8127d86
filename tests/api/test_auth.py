"""Who may ask: every route but the open ones needs a key, and a key may only do what it is for."""

import re
from collections.abc import Iterator

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from tests.api.application import KEY, client_of, make_app
from tests.api.conftest import with_services
from wirephoto.api.auth import CACHED_MAX, Keys
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import KeyMode, Scope, make_key
from wirephoto.storage.database import open_database
from wirephoto.storage.keys import revoke_key
from wirephoto.storage.schema import DEFAULT_TENANT, api_keys

OPEN = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/webhooks/status"),
    ("POST", "/webhooks/inbound"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("HEAD", "/"),
    ("HEAD", "/healthz"),
    ("GET", "/media/{name:str}"),
    ("HEAD", "/media/{name:str}"),
}
"""What is reached without a key: DESIGN, section 4."""

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods:
                if method != "OPTIONS":
                    yield str(method), route.path, handler


async def _statuses(client: httpx.AsyncClient, app: Litestar) -> dict[tuple[str, str], int]:
    statuses = {}
    for method, path, _ in _routes(app):
        address = re.sub(r"\{\w+:str\}", "none", path)
        statuses[method, path] = (await client.request(method, address)).status_code
    return statuses


@on_sqlite
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"X-API-Key": "x"}])
async def test_every_route_but_the_open_ones_needs_a_key(app, headers):
    """A new route is closed unless somebody decided otherwise."""
    async with client_of(app, key=None) as client:
        client.headers.update(headers)
        statuses = await _statuses(client, app)

    assert {route for route, status in statuses.items() if status != 401} == OPEN


@on_sqlite
async def test_the_key_of_the_settings_opens_every_route(app, client):
    """Containers are set up with one key from the environment, and it must be enough."""
    statuses = await _statuses(client, app)

    assert not {401, 403, 404} & {statuses[route] for route in statuses if "{" not in route[1]}


@on_sqlite
@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
        {"Authorization": "Basic cHJveHk6cHJveHk=", "X-API-Key": KEY},
    ],
)
async def test_a_key_comes_in_one_of_two_headers(app, header):
    """Both are common; a proxy in front may need `Authorization` for itself."""
    async with client_of(app, key=None) as client:
        answer = await client.get("/v1/messages", headers=header)

    assert answer.status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.SEND, {("POST", "/v1/messages"), ("POST", "/send-mms")}),
        (Scope.READ, {("GET", "/v1/messages"), ("GET", "/v1/inbound")}),
        (Scope.MANAGE, set()),
        (Scope.ADMIN, None),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(app, store_key, scope, allowed):
    """A shop's key that leaks must not read what others sent."""
    asked = {
        ("POST", "/v1/messages"),
        ("POST", "/send-mms"),
        ("GET", "/v1/messages"),
        ("GET", "/v1/inbound"),
    }
    async with client_of(app, key=await store_key(scope)) as client:
        answers = {(method, path): await client.request(method, path) for method, path in asked}

    forbidden = {route for route, answer in answers.items() if answer.status_code == 403}
    assert forbidden == asked - (asked if allowed is None else allowed)
    for route in forbidden - {("POST", "/send-mms")}:
        assert answers[route].json()["code"] == "forbidden"
        assert answers[route].json()["detail"].startswith("This key has not the scope")


async def test_a_revoked_key_dies_within_five_seconds_in_every_process(
    app, database, database_url, clock, store_key
):
    """Whoever revokes a leaked key is told five seconds, and counts them."""
    key = await store_key(Scope.READ, key_id="key_1")
    elsewhere = open_database(database_url)
    apps = [app, make_app(elsewhere, clock)]
    for each in apps:
        async with client_of(each, key=key) as client:
            assert (await client.get("/v1/messages")).status_code == 200
    async with database.transaction() as tx:
        assert await revoke_key(tx, DEFAULT_TENANT, "key_1", clock.now())

    await clock.advance(5)

    for each in apps:
        async with client_of(each, key=key) as client:
            assert (await client.get("/v1/messages")).status_code == 401
    await elsewhere.close()


@on_sqlite
async def test_a_new_key_works_at_once(app, store_key):
    """Nobody waits for a cache after they made a key; a wrong one was never remembered as it."""
    async with client_of(app, key=await store_key(Scope.READ)) as client:
        answer = await client.get("/v1/messages")

    assert answer.status_code == 200


@on_sqlite
async def test_without_any_key_the_answer_says_how_to_make_one(app, database, clock):
    """The first thing that a newcomer meets is this 401."""
    bare = with_services(app, keys=Keys(database, clock, first_key=None))
    async with client_of(bare, key=None) as client:
        before = await client.get("/v1/messages")

    assert before.status_code == 401
    assert before.headers["www-authenticate"] == "Bearer"
    assert "wirephoto keys create" in before.json()["detail"]


@on_sqlite
async def test_once_there_is_a_key_strangers_are_not_told_of_commands(app, client):
    """The hint is for whoever sets the gateway up, not for whoever finds it."""
    answer = await client.get("/v1/messages", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401
    assert "wirephoto" not in answer.json()["detail"]


async def test_a_wrong_checksum_never_reaches_the_database(clock):
    """Guessing costs us no look-up: here the database is gone, and only a real key would ask."""
    gone = open_database("postgresql://nobody@127.0.0.1:1/none")
    app = make_app(gone, clock)
    key = make_key(KeyMode.LIVE, lambda count: bytes(range(count)))
    mistyped = key[:-1] + ("A" if key[-1] != "A" else "B")

    async with client_of(app, key=mistyped) as client:
        refused = await client.get("/v1/messages")
    async with client_of(app, key=key) as client:
        unknown = await client.get("/v1/messages")
    await gone.close()

    assert refused.status_code == 401
    assert unknown.status_code == 503
    assert unknown.json()["code"] == "unavailable"


@on_sqlite
async def test_what_a_stolen_database_shows_opens_nothing(app, database, store_key):
    """Only the hash of a key is stored."""
    key = await store_key(Scope.READ)
    async with database.read() as tx:
        row = (await tx.execute(api_keys.select())).one()

    assert key not in str(tuple(row))
    async with client_of(app, key=row.key_hash) as client:
        assert (await client.get("/v1/messages")).status_code == 401


@on_sqlite
async def test_guessing_does_not_fill_the_memory(app, store_key):
    """Wrong keys are remembered so that they cost nothing, but not for ever."""
    keys = services_of(app).keys
    for number in range(CACHED_MAX + 10):
        assert await keys.caller_of(f"guess-{number}") is None

    assert len(keys._cache) <= CACHED_MAX
