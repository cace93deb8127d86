"""Everything that is known of one number stands in one order, erased numbers included."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.factories import NOW, RECIPIENT, make_ids, make_message
from tests.inbound import make_inbound_message, store_inbound
from tests.replying import NUMBERS, make_consent, make_opt_out, make_revocation
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.consents import insert_consents, insert_revocations
from wirephoto.storage.history import Contact, entry_id, list_contacts, list_history
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.opt_outs import insert_opt_outs
from wirephoto.storage.recipients import store_heard
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
)
from wirephoto.storage.schema_consents import consents, revocations
from wirephoto.storage.schema_recipients import opt_outs
from wirephoto.storage.senders import Sender

OTHER = "+16175550123"
KINDS = ("msg", "inb", "opt", "aud", "con", "rev")


@pytest.fixture
async def told(database):
    """Store one thing of each kind, twice over, a second apart; return the ids in order."""
    ids, order = make_ids(5), []
    for number in range(2 * len(KINDS)):
        at = NOW + timedelta(seconds=number)
        id_ = ids.new(KINDS[number % len(KINDS)], at)
        await store(database, id_, at, number=number, last=order[-1] if order else "")
        order.append(id_)
    return order


async def store(database, id_, at, *, number=0, last="", phone=RECIPIENT):
    """Store something of the kind that the id says; an act is on what was stored `last`."""
    async with database.transaction() as tx:
        match id_[:3]:
            case "msg":
                row = make_message(id=id_, recipient=phone, created_at=at, submitted_at=at)
                await insert_messages(tx, [row])
            case "opt":
                ended = {"ended_at": at, "ended_by": "reply"}
                await insert_opt_outs(tx, [make_opt_out(phone, id_=id_, at=at)])
                await tx.execute(update(opt_outs).where(opt_outs.c.id == id_).values(ended))
            case "con":
                await insert_consents(tx, [make_consent(phone, id=id_)])
            case "rev":
                await insert_revocations(tx, [make_revocation(phone, id=id_, at=at)])
            case "aud":
                await insert_audit(tx, [AuditEntry(id_, DEFAULT_TENANT, "cli", "act", last, at)])
    if id_.startswith("inb"):
        name = f"{phone}{number}"
        said = make_inbound_message(id=id_, at=at, sender=phone, provider_message_id=name)
        await store_inbound(database, said)


async def page(database, *, before_id=None, limit=100):
    async with database.read() as tx:
        found = await list_history(
            tx,
            DEFAULT_TENANT,
            RECIPIENT,
            hashes=NUMBERS.all_of(RECIPIENT),
            before_id=before_id,
            limit=limit,
        )
    return [entry_id(entry) for entry in found]


async def test_everything_stands_in_one_order(database, told):
    """Whoever answers for a complaint reads one list, not six."""
    assert await page(database) == told[::-1]


@pytest.mark.parametrize("limit", [1, 4, 5])
async def test_it_can_be_read_page_by_page(database, told, limit):
    """Each thing once, whatever kind stands where a page ends."""
    read, before_id = [], None
    while found := await page(database, before_id=before_id, limit=limit):
        read += found
        before_id = found[-1]

    assert read == told[::-1]


async def test_nothing_of_others_is_among_it(database, told):
    """Nor what was done to what belongs to them."""
    ids = make_ids(6)
    last = ""
    for number, kind in enumerate(KINDS):
        at = NOW + timedelta(minutes=number)
        id_ = ids.new(kind, at)
        await store(database, id_, at, number=number, last=last, phone=OTHER)
        last = id_

    assert await page(database) == told[::-1]


async def test_what_carries_a_hash_is_found_after_the_number_was_erased(database, told):
    """A complaint may come years later: that they opted out must still be shown."""
    async with database.transaction() as tx:
        for table in (opt_outs, consents, revocations):
            await tx.execute(update(table).values(recipient=None))

    assert await page(database) == told[::-1]


async def test_it_is_told_when_they_were_first_and_last_in_touch(database):
    """By brand: of another it may be the first that they hear."""
    sender = Sender("+12025550100", DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    later = NOW + timedelta(hours=1)
    async with database.transaction() as tx:
        await insert_messages(tx, [make_message(submitted_at=at) for at in (later, NOW, None)])
        for at in (later, NOW):
            await store_heard(tx, sender, RECIPIENT, at)

    async with database.read() as tx:
        known = await list_contacts(tx, DEFAULT_TENANT, RECIPIENT)
        stranger = await list_contacts(tx, DEFAULT_TENANT, OTHER)

    assert known == [Contact(DEFAULT_BRAND, NOW, later, NOW, later)]
    assert stranger == []
