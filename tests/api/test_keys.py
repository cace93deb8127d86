"""API keys over HTTP: made, used, replaced and revoked, and never shown twice."""

from datetime import timedelta

import pytest

from tests.api.application import client_of
from tests.factories import RECIPIENT, SENDER
from wirephoto.domain.api_key import Scope
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT
from wirephoto.storage.senders import Sender, add_sender

OTHERS = ("+12025550101", "+12025550102")


@pytest.fixture
async def other_senders(database, clock):
    async with database.transaction() as tx:
        for number in OTHERS:
            row = Sender(number, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
            await add_sender(tx, row, clock.now())


async def make(client, **wanted):
    answer = await client.post("/v1/api-keys", json={"name": "shop", **wanted})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(app, key, **fields):
    async with client_of(app, key=key) as client:
        body = {"to": RECIPIENT, "text": "A cat", **fields}
        return await client.post("/v1/messages", json=body)


def faults(answer):
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


async def test_a_key_is_shown_once(client):
    """Whoever may list keys must not be able to use them."""
    answer = await client.post("/v1/api-keys", json={"name": "shop"})

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    listed = (await client.get("/v1/api-keys")).json()
    assert listed == {"api_keys": [made["api_key"]], "next_cursor": None}
    assert made["key"] not in str(listed)
    assert made["api_key"]["scopes"] == ["send", "read"]
    assert "emergency" not in made["api_key"]["categories"]


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [("9999-12-31T23:59:59-12:00", "invalid"), ("9999-12-31T23:59:59Z", "too_late")],
)
async def test_an_end_beyond_all_calendars_is_refused(client, expires_at, code):
    """`never` written as the last of all days must be no error of ours, now or at a rotation."""
    answer = await client.post("/v1/api-keys", json={"name": "shop", "expires_at": expires_at})

    assert (answer.status_code, faults(answer)) == (422, [("expires_at", code)])


async def test_a_recipient_stays_with_the_sender_that_a_limited_key_picked(
    app, client, other_senders
):
    """A conversation must not change its number because the key that goes on with it is limited."""
    pool = await client.put("/v1/pools/shop", json={"senders": list(OTHERS)})
    assert pool.status_code == 200
    for number in OTHERS:
        recipient = RECIPIENT[:-1] + number[-1]
        await client.put("/v1/pools/one", json={"senders": [number]})
        body = {"to": recipient, "text": "A cat", "from": "one"}
        assert (await client.post("/v1/messages", json=body)).json()["from"] == number
        key = (await make(client, senders=list(OTHERS)))["key"]

        unnamed = await send(app, key, to=recipient)

        assert unnamed.json()["from"] == number


async def test_keys_are_paged(client, clock):
    """A tenant that rotates each week has hundreds."""
    ids = []
    for _ in range(3):
        ids.append((await make(client))["api_key"]["id"])
        await clock.advance(1)

    first = (await client.get("/v1/api-keys?limit=2")).json()
    second = (await client.get(f"/v1/api-keys?limit=2&cursor={first['next_cursor']}")).json()

    pages = [[key["id"] for key in page["api_keys"]] for page in (first, second)]
    assert pages == [ids[:0:-1], ids[:1]]
    assert second["next_cursor"] is None


async def test_a_key_sends_from_its_senders_only(app, client, other_senders):
    """The default sender of the gateway is none of its own here."""
    key = (await make(client, senders=[OTHERS[0]]))["key"]

    unnamed = await send(app, key)
    named = await send(app, key, **{"from": SENDER})

    assert unnamed.json()["from"] == OTHERS[0]
    assert faults(named) == [("from", "sender_not_allowed")]


async def test_a_key_of_several_senders_picks_one_for_each_recipient(app, client, other_senders):
    """A recipient who has heard from one of them goes on hearing from it, as through a pool."""
    key = (await make(client, senders=list(OTHERS)))["key"]

    chosen = {(await send(app, key)).json()["from"] for _ in range(3)}

    assert len(chosen) == 1
    assert chosen <= set(OTHERS)


async def test_a_key_sends_what_its_categories_say(app, client):
    """A leaked key must not wake people at night: no quiet hours hold an emergency."""
    plain = (await make(client))["key"]
    urgent = (await make(client, categories=["emergency"]))["key"]

    refused = await send(app, plain, category="emergency")
    sent = await send(app, urgent, category="emergency")
    unnamed = await send(app, urgent)

    assert faults(refused) == [("category", "category_not_allowed")]
    assert sent.status_code == 202
    assert faults(unnamed) == [("category", "category_not_allowed")]


async def test_an_expired_key_opens_nothing_from_that_moment(app, client, clock):
    """What a process remembers of a key must not outlive it."""
    until = clock.now() + timedelta(seconds=2)
    key = (await make(client, expires_at=until.isoformat()))["key"]
    assert (await send(app, key)).status_code == 202

    await clock.advance(2)

    assert (await send(app, key)).status_code == 401


async def test_a_revoked_key_is_dead_at_once_here_and_stays_listed(app, client):
    """The process that was asked needs no five seconds to know."""
    made = await make(client)
    assert (await send(app, made["key"])).status_code == 202
    path = f"/v1/api-keys/{made['api_key']['id']}"

    revoked = await client.delete(path)

    assert revoked.json()["revoked_at"] is not None
    assert (await send(app, made["key"])).status_code == 401
    assert (await client.delete(path)).json() == revoked.json()


async def test_a_replaced_key_works_beside_its_successor(app, client, clock):
    """Nobody changes the key of all their machines in one moment."""
    old = await make(client, scopes=["send"])
    path = f"/v1/api-keys/{old['api_key']['id']}/rotate"

    answer = await client.post(path, json={"overlap_s": 60})

    assert answer.status_code == 201
    new = answer.json()
    assert new["api_key"]["family"] == old["api_key"]["id"]
    assert new["api_key"]["scopes"] == ["send"]
    assert [(await send(app, each["key"])).status_code for each in (old, new)] == [202, 202]
    crowded = await client.post(path, json={})
    assert (crowded.status_code, crowded.json()["code"]) == (409, "not_rotatable")
    await clock.advance(60)
    assert [(await send(app, each["key"])).status_code for each in (old, new)] == [401, 202]
    assert (await client.post(path, json={})).json()["code"] == "not_rotatable"


@pytest.mark.parametrize("scope", [Scope.SEND, Scope.READ, Scope.MANAGE])
async def test_only_the_scope_admin_deals_with_keys(app, store_key, scope):
    """A key that could make keys would have every scope."""
    async with client_of(app, key=await store_key(scope)) as client:
        answers = [
            await client.get("/v1/api-keys"),
            await client.post("/v1/api-keys", json={"name": "x"}),
        ]

    assert [answer.status_code for answer in answers] == [403, 403]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"senders": ["+12025550199"]}, "senders[0]"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"key": "wp_live_x"}, "key"),
    ],
)
async def test_a_key_that_breaks_rules_is_refused_with_the_field(client, wanted, field):
    """The form that is shown to people marks it."""
    answer = await client.post("/v1/api-keys", json={"name": "shop"} | wanted)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
