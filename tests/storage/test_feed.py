"""The feed: every event once, in order, whatever commits when."""

from collections import Counter

import pytest

from tests.factories import NOW, make_message
from tests.storage.writing import OTHER_TENANT, add_tenant, event_of, store, transition
from wirephoto.domain.message import MessageState
from wirephoto.storage.database import open_database
from wirephoto.storage.feed import FEED_START, FeedPosition, read_feed
from wirephoto.storage.messages import insert_events, lock_messages, record_transitions
from wirephoto.storage.schema import DEFAULT_TENANT


async def tell(database, *messages):
    """Store the events of messages that are stored, in a transaction of their own."""
    async with database.transaction() as tx:
        await insert_events(tx, [event_of(message) for message in messages])


async def read(database, after=FEED_START, limit=100, tenant_id=DEFAULT_TENANT):
    """Return the message of each event behind `after`, and where the reader is then."""
    async with database.read() as tx:
        found = await read_feed(tx, tenant_id, after=after, limit=limit)
    return [event.message_id for _, event in found], found[-1][0] if found else after


async def test_events_are_read_in_order_and_page_by_page(database):
    """A customer who follows the feed knows of everything, and hears nothing twice."""
    sent = [make_message() for _ in range(5)]
    await store(database, *sent)
    await tell(database, *sent[:3])
    await tell(database, *sent[3:])

    position, pages = FEED_START, []
    for _ in range(4):
        page, position = await read(database, position, limit=2)
        pages.append(page)

    ids = [message.id for message in sent]
    assert pages == [ids[:2], ids[2:4], ids[4:], []]
    assert (await read(database))[0] == ids


async def test_an_event_is_read_as_it_was_stored(database):
    """The feed and the timeline tell the same."""
    message = make_message(reason="expired", detail="Füße 🐈")
    await store(database, message)
    await tell(database, message)

    async with database.read() as tx:
        [(position, event)] = await read_feed(tx, DEFAULT_TENANT, after=FEED_START, limit=9)

    assert event == event_of(message)
    assert position > FEED_START
    assert (position.xid > 0) == database.is_postgres


async def test_a_feed_holds_what_is_its_tenants(database):
    """Somebody else's events are in between, and their gaps show nothing."""
    mine = [make_message() for _ in range(2)]
    theirs = make_message(tenant_id=await add_tenant(database))
    await store(database, *mine, theirs)
    for message in (mine[0], theirs, mine[1]):
        await tell(database, message)

    assert (await read(database))[0] == [message.id for message in mine]
    assert (await read(database, tenant_id=OTHER_TENANT))[0] == [theirs.id]


async def test_an_early_number_that_is_committed_late_is_not_passed_by(postgres, postgres_url):
    """A reader who was told of the other one already would never hear of it."""
    other = open_database(postgres_url)
    late, quick = make_message(), make_message()
    await store(postgres, late, quick)

    async with postgres.transaction() as tx:
        await insert_events(tx, [event_of(late)])
        await tell(other, quick)
        assert (await read(other))[0] == []

    assert (await read(other))[0] == [late.id, quick.id]
    await other.close()


async def test_an_early_place_in_an_even_later_transaction_is_not_passed_by(postgres, postgres_url):
    """`seq` is drawn first and the transaction's number afterwards: another may come in between."""
    other = open_database(postgres_url)
    late, quick = make_message(), make_message()
    await store(postgres, late, quick)

    await next_seq(other, 100)
    await tell(other, quick)
    await next_seq(other, 50)
    async with postgres.transaction() as tx:
        await insert_events(tx, [event_of(late)])
        first, position = await read(other)
    rest, last = await read(other, position)

    assert (first, rest) == ([quick.id], [late.id])
    assert last.seq < position.seq
    assert await read(other, last) == ([], last)
    await other.close()


async def next_seq(database, number):
    """Have the next event take the place `number`."""
    places = "pg_get_serial_sequence('events', 'seq')"
    async with database.transaction() as tx:
        await tx.connection.exec_driver_sql(f"SELECT setval({places}, {number}, false)")


async def test_readers_hear_everything_while_writers_overlap(postgres, postgres_url):
    """Three transactions, each begun before the last one ends, and a reader after each step."""
    other = open_database(postgres_url)
    rows = [make_message() for _ in range(3)]
    await store(postgres, *rows)
    heard, position = [], FEED_START

    async def hear():
        nonlocal position
        page, position = await read(other, position)
        heard.extend(page)

    async with postgres.transaction() as one:
        await insert_events(one, [event_of(rows[0])])
        async with postgres.transaction() as two:
            await insert_events(two, [event_of(rows[1])])
            await hear()
            async with postgres.transaction() as three:
                await insert_events(three, [event_of(rows[2])])
            await hear()
        await hear()
    await hear()

    assert Counter(heard) == Counter(row.id for row in rows)
    await other.close()


async def test_two_moves_of_a_message_are_told_in_their_order(postgres, postgres_url):
    """Told the other way round, a customer's system would take the older state for the newer.

    A transaction that is older, and waited for the row, makes the later move.
    """
    other = open_database(postgres_url)
    message, another = make_message(state=MessageState.SENDING), make_message()
    await store(postgres, message, another)
    submitted = transition(message, MessageState.SUBMITTED)

    async with postgres.transaction() as older:
        await lock_messages(older, [another.id])  # has its number from here on
        async with other.transaction() as younger:
            await record_transitions(younger, [submitted])
        delivered = transition(submitted.message, MessageState.DELIVERED)
        await record_transitions(older, [delivered])

    async with other.read() as tx:
        found = await read_feed(tx, DEFAULT_TENANT, after=FEED_START, limit=9)
    assert [event.type for _, event in found] == ["message.submitted", "message.delivered"]
    await other.close()


async def test_what_was_rolled_back_is_never_told(database):
    """Its numbers are gaps, and nobody waits for them."""
    message = make_message()
    await store(database, message)
    with pytest.raises(ZeroDivisionError):
        await fail_after_telling(database, message)
    await tell(database, message)

    assert (await read(database))[0] == [message.id]


async def fail_after_telling(database, message):
    async with database.transaction() as tx:
        await insert_events(tx, [event_of(message.touched(NOW))])
        raise ZeroDivisionError


def test_positions_are_ordered_by_transaction_first() -> None:
    """As the rows are."""
    assert FeedPosition(1, 9) < FeedPosition(2, 3) < FeedPosition(2, 4)
