"""What was said to and by a phone stands in one order, page by page."""

import random
from datetime import timedelta

from tests.factories import NOW, RECIPIENT, SENDER, make_ids, make_message
from tests.inbound import make_inbound_message, store_inbound
from wirephoto.storage.conversations import list_conversation
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.schema import DEFAULT_TENANT

OTHER_PHONE, OTHER_SENDER = "+16175550123", "+12025550101"


async def talk(database, count, *, phone=RECIPIENT, sender=SENDER):
    """Store messages of both directions, a second apart; return their ids in order."""
    ids, at, told = make_ids(int(phone + sender[-3:])), NOW, []
    for number in range(count):
        at += timedelta(seconds=1)
        if random.Random(number).random() < 0.5:
            message = make_message(
                id=ids.new("msg", at), recipient=phone, sender=sender, created_at=at
            )
            async with database.transaction() as tx:
                await insert_messages(tx, [message])
            told.append(message.id)
        else:
            said = make_inbound_message(
                id=ids.new("inb", at),
                at=at,
                provider_message_id=f"{phone}{sender}{number}",
                sender=phone,
                recipient=sender,
            )
            await store_inbound(database, said)
            told.append(said.id)
    return told


async def page(database, *, sender=None, before_id=None, limit=100):
    async with database.read() as tx:
        found = await list_conversation(
            tx, DEFAULT_TENANT, RECIPIENT, sender=sender, before_id=before_id, limit=limit
        )
    return [entry.id for entry in found]


async def test_both_directions_stand_in_one_order(database):
    """A thread with the answer before the question is none."""
    told = await talk(database, 12)

    assert {id_[:3] for id_ in told} == {"msg", "inb"}
    assert await page(database) == told[::-1]


async def test_it_can_be_read_page_by_page(database):
    """Each message once, whatever kind stands where a page ends."""
    told = await talk(database, 11)

    read, before_id = [], None
    while part := await page(database, before_id=before_id, limit=3):
        read += part
        before_id = part[-1]

    assert read == told[::-1]


async def test_others_are_left_out(database):
    """Other phones always, other senders of ours where one is named."""
    ours = await talk(database, 6)
    await talk(database, 6, phone=OTHER_PHONE)
    elsewhere = await talk(database, 6, sender=OTHER_SENDER)

    assert await page(database, sender=SENDER) == ours[::-1]
    assert set(await page(database)) == {*ours, *elsewhere}
