"""A conversation is read page by page, for one phone and one sender of ours or all."""

from datetime import timedelta

import pytest

from tests.factories import NOW, RECIPIENT, SENDER, make_ids
from tests.inbound import make_inbound_message, store_inbound

OTHER_SENDER = "+12025550101"


@pytest.fixture
async def talked(database):
    """Give the ids of what a phone said to two of our senders, the newest first."""
    ids, told = make_ids(3), []
    for number in range(7):
        at = NOW + timedelta(seconds=number)
        message = make_inbound_message(
            id=ids.new("inb", at),
            at=at,
            provider_message_id=f"in-{number}",
            recipient=OTHER_SENDER if number % 2 else SENDER,
        )
        await store_inbound(database, message)
        told.append(message.id)
    return told[::-1]


async def read(client, **query):
    answer = await client.get(f"/v1/conversations/{RECIPIENT}", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [entry["inbound"]["id"] for entry in page["entries"]], page["next_cursor"]


async def test_pages_follow_each_other(client, talked):
    """Years of messages must not come in one answer."""
    first, cursor = await read(client, limit=4)
    rest, end = await read(client, limit=4, cursor=cursor)

    assert (first, rest, end) == (talked[:4], talked[4:], None)


async def test_one_sender_can_be_named(client, talked):
    """Each of our numbers may belong to another team."""
    with_one, _ = await read(client, sender=OTHER_SENDER)
    with_all, _ = await read(client)

    assert (with_one, with_all) == (talked[1::2], talked)


@pytest.mark.parametrize("spelled", ["12125550123", "(212) 555-0123", "+1 212 555 0123"])
async def test_the_phone_may_be_spelled_in_any_usual_way(client, talked, spelled):
    """As everywhere else."""
    answer = await client.get(f"/v1/conversations/{spelled}")

    assert answer.json()["recipient"] == RECIPIENT
    assert len(answer.json()["entries"]) == len(talked)


async def test_nobody_said_anything_yet(client):
    """That is no fault."""
    assert await read(client) == ([], None)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/conversations/hello", "recipient"),
        ("/v1/conversations/+12125550123%00", "recipient"),
        ("/v1/conversations/+12125550123?sender=x%00", "sender"),
        ("/v1/conversations/+12125550123?cursor=x", "cursor"),
        ("/v1/conversations/+12125550123?limit=0", "limit"),
        ("/v1/conversations/+12125550123?to=x", "to"),
    ],
)
async def test_what_cannot_be_asked_names_its_field(client, path, field):
    """An empty page would look like a quiet phone."""
    answer = await client.get(path)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
