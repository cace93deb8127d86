"""What an inbound message leaves to be fetched, and what it tells of who sent it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.engine.stage import Stage, make_inbound
from tests.factories import NOW, RECIPIENT, SENDER
from tests.inbound import file_rows
from wirephoto.domain.inbound_file import ADDRESS_LIFE
from wirephoto.engine.inbound import INBOUND
from wirephoto.storage.inbound_files import FILE_WAITING
from wirephoto.storage.schema_recipients import contacts

A, B = "https://api-us.nexmo.com/v3/media/a", "https://api-us.nexmo.com/v3/media/b"


@pytest.fixture
def inbound(stage: Stage):
    """Give the duty that applies webhooks."""
    return make_inbound(stage)


def said(uuid="in-1", **changes):
    """Return the body of an inbound webhook (contract 2.3)."""
    body = {
        "message_uuid": uuid,
        "to": SENDER[1:],
        "from": RECIPIENT[1:],
        "channel": "mms",
        "message_type": "image",
        "timestamp": "2026-03-04T14:59:00Z",
        "image": {"url": A, "caption": "A cat"},
    }
    return body | changes


async def known(stage):
    async with stage.database.read() as tx:
        return list((await tx.execute(select(contacts))).all())


async def test_every_attachment_waits_to_be_fetched_at_once(stage, inbound):
    """It is stored with its message, or not at all: no crash can part them."""
    content = [{"type": "image", "url": A}, {"type": "vcard", "url": B}]
    bell = stage.database.bell(FILE_WAITING)
    await stage.tell(said(content=content), kind=INBOUND)

    await inbound.turn()

    rows = await file_rows(stage.database)
    assert [(row.position, row.state, row.tries) for row in rows] == [
        (0, "waiting", 0),
        (1, "waiting", 0),
    ]
    assert {(row.due_at, row.dies_at) for row in rows} == {(NOW, NOW + ADDRESS_LIFE)}
    assert bell.is_set()


async def test_a_message_that_comes_again_leaves_nothing_more(stage, inbound):
    """The provider repeats until it hears 200."""
    for _ in range(2):
        await stage.tell(said(), kind=INBOUND)
        await inbound.turn()

    assert len(await file_rows(stage.database)) == 1


async def test_who_wrote_first_and_last_is_known(stage, inbound):
    """An open conversation is a reason to answer, at hours when nothing else may be sent."""
    for number in range(3):
        await stage.tell(said(f"in-{number}"), kind=INBOUND)
        await stage.advance(60)
    await inbound.turn()

    [contact] = await known(stage)

    assert contact.recipient == RECIPIENT
    assert (contact.first_in_at, contact.last_in_at) == (NOW, NOW + timedelta(seconds=120))


@pytest.mark.parametrize("changes", [{"to": "12025550199"}, {"from": "AMAZON"}])
async def test_a_stranger_leaves_attachments_but_no_contact(stage, inbound, changes):
    """To a number that is not ours, no brand was written to; the pictures are fetched all the same.

    Who wrote from no number cannot be written to, but is known under what they wrote from.
    """
    await stage.tell(said(**changes), kind=INBOUND)

    await inbound.turn()

    assert len(await file_rows(stage.database)) == 1
    assert [row.recipient for row in await known(stage)] == (
        ["AMAZON"] if "from" in changes else []
    )
