"""The feed over HTTP: whoever keeps the cursor hears of every move, once, in order."""

import pytest

from tests.api.application import add_sender, client_of, make_app
from tests.factories import send_request
from tests.storage.test_tenancy import store_theirs
from wirephoto.api.queries import feed_cursor, feed_cursor_text
from wirephoto.storage.feed import FeedPosition


@pytest.fixture
async def client(database, clock):
    """Give a client of the application."""
    await add_sender(database, clock)
    async with client_of(make_app(database, clock)) as client:
        yield client


async def send(client):
    """Have a message accepted; return its id."""
    answer = await client.post("/v1/messages", json=send_request())
    assert answer.status_code == 202
    return answer.json()["id"]


async def read(client, **query):
    """Return an answer of the feed."""
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_feed_goes_on_where_it_was_left(client):
    """There is no end to wait for: each answer says where the next one begins."""
    nothing = await read(client)
    assert (nothing["events"], nothing["has_more"]) == ([], False)

    ids = [await send(client) for _ in range(3)]
    first = await read(client, cursor=nothing["cursor"], limit=2)
    second = await read(client, cursor=first["cursor"], limit=2)
    waiting = await read(client, cursor=second["cursor"])
    await client.post(f"/v1/messages/{ids[0]}/cancel")
    third = await read(client, cursor=waiting["cursor"])

    assert [event["message_id"] for event in first["events"] + second["events"]] == ids
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert (waiting["events"], waiting["cursor"]) == ([], second["cursor"])
    [canceled] = third["events"]
    assert (canceled["message_id"], canceled["type"]) == (ids[0], "message.canceled")
    assert canceled["data"] == {"reason": "canceled"}


async def test_the_feed_and_the_timeline_tell_the_same(client):
    """Whoever loses the feed's cursor can still find out by the message."""
    message_id = await send(client)
    await client.post(f"/v1/messages/{message_id}/cancel")

    told = (await read(client))["events"]
    timeline = (await client.get(f"/v1/messages/{message_id}/events")).json()["events"]

    assert {event.pop("message_id") for event in told} == {message_id}
    assert told == timeline


async def test_the_feed_is_the_tenants_own(client, database):
    """A feed that showed others' messages would show them all."""
    await store_theirs(database)
    mine = await send(client)

    assert [event["message_id"] for event in (await read(client))["events"]] == [mine]


@pytest.mark.parametrize("position", [FeedPosition(0, 0), FeedPosition(745, 2**63 - 1)])
def test_a_cursor_is_read_as_it_was_written(position) -> None:
    """To the largest number that the database counts to."""
    assert feed_cursor(feed_cursor_text(position)) == position
