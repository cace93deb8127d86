"""Senders over HTTP: told, paused, let go on."""

import pytest

from tests.api.application import client_of
from tests.factories import NOW, SENDER, send_request
from wirephoto.domain.api_key import Scope
from wirephoto.storage.audit import list_audit
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT
from wirephoto.storage.senders import Sender, add_sender

NEIGHBOUR = "+12125550150"
PATH = f"/v1/senders/{SENDER}"


@pytest.fixture
async def neighbour(database):
    """Give a second sender."""
    sender = Sender(NEIGHBOUR, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    async with database.transaction() as tx:
        await add_sender(tx, sender, NOW)
    return NEIGHBOUR


async def test_senders_are_listed_by_number(client, neighbour):
    """A page ends with where the next one begins, also where the plus became a space."""
    first = (await client.get("/v1/senders?limit=1")).json()
    rest = (await client.get(f"/v1/senders?cursor={first['next_cursor']}")).json()

    assert [each["number"] for each in first["senders"]] == [SENDER]
    assert ([each["number"] for each in rest["senders"]], rest["next_cursor"]) == (
        [neighbour],
        None,
    )


async def test_a_sender_is_paused_and_goes_on(client, database):
    """What is read afterwards is what was written, and the trail has both."""
    paused = await client.patch(PATH, json={"paused": True, "reason": "Spam?"})

    assert paused.status_code == 200
    told = paused.json()
    assert (told["number"], told["kind"], told["campaign_id"]) == (
        SENDER,
        "10dlc",
        DEFAULT_CAMPAIGN,
    )
    assert (told["paused"], told["available"], told["pause_reason"]) == (True, False, "Spam?")
    assert told["paused_at"] is not None
    assert (await client.get(PATH)).json() == told

    resumed = (await client.patch(PATH, json={"paused": False})).json()

    assert (resumed["paused"], resumed["available"]) == (False, True)
    assert (resumed["paused_at"], resumed["pause_reason"]) == (None, None)
    async with database.read() as tx:
        entries = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert {(entry.actor, entry.act, entry.object) for entry in entries} == {
        ("settings", "sender.change", SENDER)
    }
    assert len(entries) == 2


async def test_a_sender_of_a_paused_campaign_is_not_available(client):
    """Whoever looks at the sender need not know where else to look."""
    await client.patch(f"/v1/campaigns/{DEFAULT_CAMPAIGN}", json={"paused": True})

    told = (await client.get(PATH)).json()

    assert (told["paused"], told["available"]) == (False, False)


async def test_a_paused_senders_message_is_accepted_without_a_promise(client, clock, neighbour):
    """It waits; nobody knows until when. Nobody else stands behind it, and pools pass it over."""
    await client.put("/v1/pools/shop", json={"senders": [SENDER, neighbour]})
    await client.patch(f"/v1/senders/{neighbour}", json={"paused": True})

    waits = await client.post("/v1/messages", json=send_request(**{"from": neighbour}))
    told = await client.post("/v1/forecast", json={"count": 1, "from": neighbour})
    pooled = await client.post("/v1/messages", json=send_request(**{"from": "shop"}))

    assert (waits.status_code, waits.json()["expected_at"]) == (202, None)
    assert told.json()["first_at"] is None
    assert pooled.json()["from"] == SENDER
    assert pooled.json()["expected_at"] is not None


@pytest.mark.parametrize("number", ["12025550100", "%2B1%20(202)%20555-0100"])
async def test_a_number_is_found_in_any_usual_spelling(client, number):
    """People paste it from where they have it."""
    assert (await client.get(f"/v1/senders/{number}")).json()["number"] == SENDER


@pytest.mark.parametrize("number", ["+12025550199", "none", "%00", "1"])
async def test_what_is_no_sender_is_not_there(client, number):
    """To look at and to change."""
    path = f"/v1/senders/{number}"

    assert (await client.get(path)).status_code == 404
    assert (await client.patch(path, json={"paused": True})).status_code == 404


async def test_another_tenants_sender_is_not_there(app, client, store_key, other_tenant):
    """Not even with a key that may do everything."""
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)
    async with client_of(app, key=key) as stranger:
        assert (await stranger.get("/v1/senders")).json()["senders"] == []
        assert (await stranger.get(PATH)).status_code == 404
        assert (await stranger.patch(PATH, json={"paused": True})).status_code == 404
    assert (await client.get(PATH)).json()["available"]


async def test_changing_needs_its_own_scope(app, store_key):
    """Whoever may send or look may not stop the line."""
    async with client_of(app, key=await store_key(Scope.SEND, Scope.READ)) as reader:
        assert (await reader.get(PATH)).status_code == 200
        assert (await reader.patch(PATH, json={"paused": True})).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "paused"),
        ({"paused": "yes"}, "paused"),
        ({"paused": True, "reason": ""}, "reason"),
        ({"paused": True, "reason": "a\x00b"}, "reason"),
        ({"paused": False, "reason": "why"}, "reason"),
        ({"paused": True, "why": "so"}, "why"),
    ],
    ids=str,
)
async def test_a_change_that_breaks_a_rule_is_refused(client, body, field):
    """The field is named, and nothing changes."""
    refused = await client.patch(PATH, json=body)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert (await client.get(PATH)).json()["available"]
