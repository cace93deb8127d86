"""Pools: made, used, changed, forgotten."""

import pytest
from sqlalchemy import update

from tests.factories import NOW, RECIPIENT, SENDER, send_request
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT, senders
from wirephoto.storage.senders import Sender, add_sender

NEIGHBOUR = "+12125550150"


@pytest.fixture
async def neighbour(database):
    """Give a second sender, with the recipient's area code."""
    sender = Sender(NEIGHBOUR, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    async with database.transaction() as tx:
        await add_sender(tx, sender, NOW)
    return NEIGHBOUR


async def put(client, *numbers, name="shop"):
    return await client.put(f"/v1/pools/{name}", json={"senders": list(numbers)})


async def sent_from(client, **changes):
    answer = await client.post("/v1/messages", json=send_request(**({"from": "shop"} | changes)))
    assert answer.status_code == 202, answer.text
    return answer.json()["from"]


async def test_a_message_from_a_pool_leaves_from_one_of_its_senders(client, neighbour):
    """The neighbour's, for whom no history says otherwise."""
    made = await put(client, SENDER, neighbour, neighbour)

    assert made.status_code == 200
    assert made.json()["senders"] == sorted([SENDER, neighbour])
    assert await sent_from(client) == neighbour


async def test_a_recipient_stays_with_the_sender_they_heard_from(client, database, neighbour):
    """Also when a better one joins, and within one batch."""
    await put(client, SENDER)
    assert await sent_from(client) == SENDER
    await put(client, SENDER, neighbour)

    batch = {
        "messages": [
            send_request(**{"from": "shop", "to": to})
            for to in (RECIPIENT, "+12125550177", "+12125550177")
        ]
    }
    results = (await client.post("/v1/messages/batch", json=batch)).json()["results"]

    assert [each["message"]["from"] for each in results] == [SENDER, neighbour, neighbour]
    assert await sent_from(client) == SENDER


async def test_a_paused_sender_is_skipped(client, database, clock, neighbour):
    """Its recipients hear from another meanwhile."""
    await put(client, SENDER, neighbour)
    assert await sent_from(client) == neighbour
    async with database.transaction() as tx:
        await tx.execute(update(senders).where(senders.c.number == neighbour).values(paused_at=NOW))
    await clock.advance(6.0)

    assert await sent_from(client) == SENDER


async def test_pools_are_listed_and_forgotten(client, neighbour):
    """What is forgotten is no sender any more."""
    await put(client, SENDER)
    await put(client, neighbour, name="club")
    listed = (await client.get("/v1/pools")).json()["pools"]
    gone = await client.delete("/v1/pools/shop")

    assert [pool["name"] for pool in listed] == ["club", "shop"]
    assert (gone.status_code, gone.json()["name"]) == (200, "shop")
    assert (await client.delete("/v1/pools/shop")).status_code == 404
    refused = await client.post("/v1/messages", json=send_request(**{"from": "shop"}))
    assert refused.json()["errors"][0]["field"] == "from"


@pytest.mark.parametrize(
    ("name", "numbers", "field"),
    [("Shop", [SENDER], "name"), ("shop", ["+12025550199"], "senders[0]"), ("shop", [], "senders")],
)
async def test_a_pool_that_breaks_a_rule_is_refused(client, name, numbers, field):
    """Each rule is named, and nothing is stored."""
    refused = await put(client, *numbers, name=name)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert (await client.get("/v1/pools")).json() == {"pools": []}
