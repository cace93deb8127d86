"""Endpoints over HTTP: who may make them, what is told of them, and that they are the tenant's."""

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from tests.api.application import client_of, make_app
from tests.egress_site import open_site
from tests.factories import send_request
from tests.virtual_clock import VirtualClock
from wirephoto.clock import SystemClock
from wirephoto.domain.api_key import Scope
from wirephoto.storage.audit import list_audit
from wirephoto.storage.schema import DEFAULT_TENANT

HOOK = "https://shop.example.com/hooks?token=secret-token"
ID = "end_01kjxsk7r0eheprta8jab2vs3w"


async def create(client, **changes):
    """Make an endpoint; return the answer's body."""
    answer = await client.post("/v1/endpoints", json={"url": HOOK} | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_endpoint_is_made_and_shows_its_secret_once(client):
    """Whoever reads the list later must not be able to sign in the gateway's name."""
    made = await create(client, event_types=["message.delivered"], description="The shop")
    endpoint = made["endpoint"]

    assert made["secret"].startswith("whsec_")
    assert (await client.get(f"/v1/endpoints/{endpoint['id']}")).json() == endpoint
    listed = await client.get("/v1/endpoints")
    assert listed.json() == {"endpoints": [endpoint]}
    assert made["secret"] not in listed.text
    assert endpoint["event_types"] == ["message.delivered"]
    assert (endpoint["url"], endpoint["description"], endpoint["enabled"]) == (
        HOOK,
        "The shop",
        True,
    )


async def test_an_endpoint_is_changed_field_by_field(client):
    """What is left out stays."""
    endpoint_id = (await create(client, event_types=["message.read"]))["endpoint"]["id"]
    path = f"/v1/endpoints/{endpoint_id}"

    disabled = (await client.patch(path, json={"enabled": False})).json()
    assert (disabled["enabled"], disabled["disabled_by"]) == (False, "operator")
    assert disabled["event_types"] == ["message.read"]

    changed = (await client.patch(path, json={"enabled": True, "event_types": []})).json()
    assert (changed["enabled"], changed["event_types"], changed["url"]) == (True, [], HOOK)

    assert (await client.delete(path)).json()["id"] == endpoint_id
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "url", "required"),
        ({"url": "http://shop.example.com/x"}, None, None),
        ({"url": "http://8.8.8.8/x"}, "url", "bad_url"),
        ({"url": "https://192.168.0.1/x"}, "url", "blocked_address"),
        ({"url": "ftp://shop.example.com/x"}, "url", "bad_url"),
        ({"url": HOOK, "event_types": ["message.flown"]}, "event_types[0]", "unknown"),
        ({"url": HOOK, "description": "x" * 201}, "description", "invalid_type"),
        ({"url": HOOK, "description": "\x00"}, "description", "null_character"),
        ({"url": HOOK, "secret": "mine"}, "secret", "unknown_field"),
    ],
)
async def test_what_breaks_a_rule_is_refused_with_its_field(client, body, field, code):
    """A name over http may lead into a network that the operator allows; the delivery looks."""
    answer = await client.post("/v1/endpoints", json=body)

    if field is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


async def test_every_act_stands_in_the_audit_trail(client, database):
    """With who did it; an address may hold a secret, so only its host does."""
    endpoint_id = (await create(client))["endpoint"]["id"]
    path = f"/v1/endpoints/{endpoint_id}"
    await client.patch(path, json={"enabled": False, "url": "https://other.example.com/"})
    await client.patch(path, json={"enabled": False})  # changes nothing
    await client.post(f"{path}/rotate")
    await client.delete(path)

    async with database.read() as tx:
        trail = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert sorted(entry.act for entry in trail) == [
        "endpoint.change",
        "endpoint.create",
        "endpoint.delete",
        "endpoint.rotate",
    ]
    assert {(entry.actor, entry.object) for entry in trail} == {("settings", endpoint_id)}
    assert "secret-token" not in str(trail)
    [change] = [entry for entry in trail if entry.act == "endpoint.change"]
    assert change.detail == {
        "host": "shop.example.com → other.example.com",
        "enabled": "no",
    }


async def test_a_test_is_signed_and_tells_how_the_endpoint_answered(database):
    """Before anything depends on it; nobody else hears of it."""
    clock = VirtualClock(SystemClock().now())
    app = make_app(database, clock)
    async with open_site() as site, client_of(app) as client:
        bodies, statuses = [], [200, 500]

        async def answer(request):
            bodies.append(await request.text())
            return web.Response(status=statuses.pop(0))

        site.answer = answer
        made = await create(client, url=site.url("/hook"))
        path = f"/v1/endpoints/{made['endpoint']['id']}/test"
        taken, failed = [(await client.post(path)).json() for _ in range(2)]

        told = Webhook(made["secret"]).verify(bodies[0], dict(site.requests[0].headers))
        assert (told["type"], told["message_id"]) == ("endpoint.test", None)
        assert taken == {"delivered": True, "status": 200, "reason": None}
        assert failed == {"delivered": False, "status": 500, "reason": None}
        assert (await client.get("/v1/events")).json()["events"] == []


@pytest.mark.parametrize("begin", ["since", "cursor"])
async def test_a_replay_puts_the_endpoint_back(client, clock, begin):
    """By a time, or by a place of the feed that an answer told: what is behind it comes again."""
    await client.post("/v1/messages", json=send_request())
    cursor = (await client.get("/v1/events")).json()["cursor"]
    await clock.advance(60)
    since = clock.now().isoformat()
    behind = (await client.post("/v1/messages", json=send_request())).json()
    made = (await create(client))["endpoint"]
    assert await told_behind(client, made["cursor"]) == set()
    path = f"/v1/endpoints/{made['id']}/replay"

    body = {"since": since} if begin == "since" else {"cursor": cursor}
    replayed = (await client.post(path, json=body)).json()

    assert await told_behind(client, replayed["cursor"]) == {behind["id"]}


async def told_behind(client, cursor):
    """Return the messages of the events that the feed has behind a place."""
    page = (await client.get("/v1/events", params={"cursor": cursor})).json()
    return {event["message_id"] for event in page["events"]}


@pytest.mark.parametrize("body", [{}, {"since": "2026-03-04T15:00:00Z", "cursor": "0-0"}])
async def test_a_replay_begins_somewhere(client, body):
    """Everything, or nothing, would be a guess."""
    answer = await client.post(f"/v1/endpoints/{ID}/replay", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "one_of")


async def test_a_time_that_is_none_in_utc_is_refused(client):
    """The database could not compare with it."""
    endpoint_id = (await create(client))["endpoint"]["id"]
    body = {"since": "0001-01-01T00:00:00+01:00"}
    answer = await client.post(f"/v1/endpoints/{endpoint_id}/replay", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since")


ROUTES = [
    ("GET", f"/v1/endpoints/{ID}", None),
    ("PATCH", f"/v1/endpoints/{ID}", {"enabled": False}),
    ("DELETE", f"/v1/endpoints/{ID}", None),
    ("POST", f"/v1/endpoints/{ID}/rotate", None),
    ("POST", f"/v1/endpoints/{ID}/test", None),
    ("POST", f"/v1/endpoints/{ID}/replay", {"cursor": "0-0"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_others_endpoints_are_not_there(app, store_key, other_tenant, method, path, body):
    """Their addresses and secrets are theirs, and what is nobody's is not there either."""
    async with client_of(app) as mine:
        own = (await create(mine))["endpoint"]["id"]
        assert (await mine.request(method, path, json=body)).status_code == 404
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)
    async with client_of(app, key=key) as theirs:
        answer = await theirs.request(method, path.replace(ID, own), json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await theirs.get("/v1/endpoints")).json() == {"endpoints": []}


async def test_endpoints_are_for_whoever_manages(app, store_key):
    """They send a customer's events to an address of somebody's choice."""
    async with client_of(app, key=await store_key(Scope.SEND, Scope.READ)) as client:
        assert (await client.post("/v1/endpoints", json={"url": HOOK})).status_code == 403
        assert (await client.get("/v1/endpoints")).status_code == 403


async def test_a_tenant_has_only_so_many(client):
    """Each is served by itself."""
    for _ in range(50):
        await create(client)

    answer = await client.post("/v1/endpoints", json={"url": HOOK})

    assert answer.json()["errors"][0]["code"] == "too_many"
