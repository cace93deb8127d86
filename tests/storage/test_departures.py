"""What is read to reckon when a message leaves, and how the result is stored."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW, RECIPIENT, make_message
from wirephoto.domain.departure import QUIET, Departure, Person
from wirephoto.domain.frequency import Tally
from wirephoto.domain.message import Category, MessageState
from wirephoto.storage.departures import (
    people,
    store_departures,
    waiting_behind,
    waiting_by_id,
)
from wirephoto.storage.messages import get_message, insert_messages
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT, messages
from wirephoto.storage.schema_recipients import contacts

HOUR = timedelta(hours=1)
HELD = Departure(NOW + HOUR, QUIET, NOW, NOW + 2 * HOUR, "rules")


async def store(database, *rows):
    async with database.transaction() as tx:
        await insert_messages(tx, rows)


async def add_contact(database, **values):
    row = {"brand_id": DEFAULT_BRAND, "recipient": RECIPIENT, "tenant_id": DEFAULT_TENANT}
    async with database.transaction() as tx:
        await tx.execute(insert(contacts).values(row | values))


async def stored(database, message):
    async with database.read() as tx:
        return await get_message(tx, DEFAULT_TENANT, message.id)


async def test_what_is_known_of_a_recipient_is_read_at_once(database):
    """Where they are, when they wrote, and what they have heard."""
    tally = {"count": 2, "since": NOW.isoformat(), "last_at": (NOW + HOUR).isoformat()}
    known = {"zone": "America/Denver", "state": "AZ", "last_in_at": NOW}
    await add_contact(database, tallies={"marketing/1": tally}, **known)

    async with database.read() as tx:
        found = await people(tx, DEFAULT_TENANT, [RECIPIENT, "+12125550199"])

    tallies = {"marketing/1": Tally(2, NOW, NOW + HOUR)}
    assert found == {(DEFAULT_BRAND, RECIPIENT): Person(RECIPIENT, tallies=tallies, **known)}


async def test_only_what_is_queued_is_reckoned_anew(database):
    """The rest is somebody's, or over."""
    await add_contact(database, last_in_at=NOW)
    queued = make_message(
        category=Category.MARKETING, recipient_zone="America/Denver", recipient_state="AZ"
    )
    others = [make_message(state=state) for state in (MessageState.CLAIMED, MessageState.CANCELED)]
    await store(database, queued, *others)

    async with database.read() as tx:
        [found] = await waiting_by_id(tx, [message.id for message in (queued, *others)])

    assert (found.id, found.category) == (queued.id, Category.MARKETING)
    assert found.person == Person(RECIPIENT, "America/Denver", "AZ", NOW)
    assert (found.due_at, found.expires_at) == (queued.due_at, queued.expires_at)


async def test_a_departure_is_stored_as_a_whole(database):
    """Each part follows from the others."""
    message = make_message()
    await store(database, message)

    async with database.transaction() as tx:
        [found] = await waiting_by_id(tx, [message.id])
        await store_departures(tx, [(found, HELD)])
        await store_departures(tx, [])

    after = await stored(database, message)
    assert (after.due_at, after.hold_reason) == (HELD.due_at, QUIET)
    assert (after.held_from, after.window_closes_at) == (NOW, HELD.window_closes_at)
    assert (after.hours_digest, after.version) == ("rules", message.version + 1)


@pytest.mark.parametrize("change", [{"due_at": NOW + 3 * HOUR}, {"state": "canceled"}])
async def test_what_has_changed_since_it_was_read_stays(database, change):
    """A retry that was put off meanwhile must not come earlier for it."""
    message = make_message()
    await store(database, message)
    async with database.transaction() as tx:
        [found] = await waiting_by_id(tx, [message.id])
        await tx.execute(update(messages).values(change))
        await store_departures(tx, [(found, HELD)])

    after = await stored(database, message)
    assert after.hold_reason is None
    assert after.due_at == change.get("due_at", NOW)


async def test_the_queue_is_walked_through_in_pages(database):
    """Every message once, whatever they have in common."""
    rows = [
        make_message(due_at=NOW + place % 2 * HOUR, fair_key="ab"[place % 2]) for place in range(7)
    ]
    await store(database, *rows, make_message(state=MessageState.SENDING))
    seen, place = [], None
    async with database.read() as tx:
        while page := await waiting_behind(tx, place, limit=3):
            seen += [row.id for row in page]
            place = page[-1].place

    assert sorted(seen) == sorted(row.id for row in rows)
