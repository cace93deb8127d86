"""Who serves which endpoint, and what waits for it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import NOW, make_message
from tests.storage.writing import event_of
from wirephoto.domain.endpoint import DisabledBy, Endpoint
from wirephoto.storage.deliveries import (
    WAITING_MAX,
    Served,
    WaitingEvent,
    claim_endpoints,
    due_endpoints,
    due_events,
    has_room,
    settle_endpoint,
    waiting_subjects,
)
from wirephoto.storage.endpoints import (
    get_endpoint,
    insert_endpoint,
    move_back,
    save_endpoint,
    void_round,
)
from wirephoto.storage.feed import FEED_START, FeedPosition, feed_end
from wirephoto.storage.messages import insert_events
from wirephoto.storage.schema import DEFAULT_TENANT, events

LEASE = NOW + timedelta(seconds=90)
ENDPOINT = Endpoint("end_1", DEFAULT_TENANT, "https://x.test/", None, None, "sealed", NOW)


@pytest.fixture
async def endpoint(database):
    """Store an endpoint at the beginning of the feed."""
    async with database.transaction() as tx:
        await insert_endpoint(tx, ENDPOINT, FEED_START, NOW)
    return ENDPOINT


async def tell(database, count=1):
    """Store events of as many messages; return their places."""
    rows = [event_of(make_message()) for _ in range(count)]
    async with database.transaction() as tx:
        await insert_events(tx, rows)
    async with database.read() as tx:
        found = await tx.execute(select(events.c.xid, events.c.seq).order_by(events.c.seq))
        return [FeedPosition(row.xid or 0, row.seq) for row in found][-count:]


async def due(database, now=NOW):
    async with database.read() as tx:
        return await due_endpoints(tx, now=now, limit=9)


async def claim(database, now=NOW, lease_until=LEASE):
    async with database.transaction() as tx:
        return await claim_endpoints(tx, ["end_1"], now=now, lease_until=lease_until)


async def settle(database, claimed, **changes):
    served = Served(claimed.endpoint, claimed.place, [], [])
    async with database.transaction() as tx:
        return await settle_endpoint(tx, claimed, replace(served, **changes), now=NOW)


async def load(database):
    async with database.read() as tx:
        return await get_endpoint(tx, DEFAULT_TENANT, "end_1")


def waits(place, subject="msg_1", tries=1, due_at=NOW):
    return WaitingEvent("end_1", DEFAULT_TENANT, place, subject, tries, due_at)


async def test_an_endpoint_is_due_when_there_is_something_to_hear(database, endpoint):
    """Else every endpoint would be looked through twice a second."""
    assert await due(database) == []
    [place] = await tell(database)
    assert await due(database) == ["end_1"]

    [claimed] = await claim(database)
    await settle(database, claimed, place=place)

    assert await due(database) == []
    assert (await load(database)).place == place


async def test_an_endpoint_is_one_process_at_a_time(database, endpoint):
    """Two would tell everything twice; one that died holds it until its lease ends."""
    await tell(database)
    [first] = await claim(database)

    assert await due(database) == []
    assert await claim(database) == []
    [second] = await claim(database, now=LEASE, lease_until=LEASE + timedelta(seconds=90))
    assert not await settle(database, first, place=FeedPosition(9, 9))
    assert await settle(database, second)
    assert (await load(database)).place == FEED_START


async def test_a_disabled_endpoint_is_left_alone(database, endpoint):
    """Until somebody enables it."""
    await tell(database)
    async with database.transaction() as tx:
        await save_endpoint(tx, endpoint.disabled(DisabledBy.OPERATOR, NOW))

    assert (await due(database), await claim(database)) == ([], [])


async def test_an_endpoint_rests_apart_from_its_lease(database, endpoint):
    """Whoever ends the rest must not take the endpoint from the process that serves it."""
    await tell(database)
    [claimed] = await claim(database)
    until = NOW + timedelta(hours=1)
    await settle(database, claimed, endpoint=endpoint.resting(until - NOW, NOW))

    assert (await due(database), await claim(database)) == ([], [])
    assert (await load(database)).endpoint.rest_until == until
    assert await due(database, now=until) == ["end_1"]

    [claimed] = await claim(database, now=until, lease_until=until + timedelta(seconds=90))
    async with database.transaction() as tx:
        await save_endpoint(tx, endpoint.enabled())
    assert await due(database, now=until) == []


async def test_what_waits_is_due_in_the_order_of_its_message(database, endpoint):
    """The second of a message waits for the first, whenever it is due itself."""
    one, two, other = await tell(database, 3)
    [claimed] = await claim(database)
    later = NOW + timedelta(seconds=5)
    rows = [waits(one, due_at=later), waits(two, tries=0), waits(other, "msg_2", due_at=later)]
    await settle(database, claimed, place=other, waiting=rows)

    assert await due(database) == []
    assert await due(database, now=later) == ["end_1"]
    [claimed] = await claim(database)
    async with database.read() as tx:
        assert await due_events(tx, claimed, now=NOW, limit=9) == []
        found = await due_events(tx, claimed, now=later, limit=9)
        assert await waiting_subjects(tx, claimed, ["msg_2", "msg_3"]) == {"msg_2"}
    assert [row for row, _ in found] == rows

    await settle(database, claimed, done=[one], waiting=[waits(other, "msg_2", 2, LEASE)])
    [claimed] = await claim(database)
    async with database.read() as tx:
        assert [row.place for row, _ in await due_events(tx, claimed, now=NOW, limit=9)] == [two]
    assert (await load(database)).waiting == 2


async def test_only_so_much_waits_for_an_endpoint(database, endpoint):
    """A dead one must not fill the database: it reads no further in the feed."""
    places = await tell(database, WAITING_MAX + 1)
    [claimed] = await claim(database)
    rows = [waits(place, str(place.seq), due_at=LEASE) for place in places[:-1]]
    await settle(database, claimed, place=places[-2], waiting=rows[:-1])
    assert await due(database) == ["end_1"]

    [claimed] = await claim(database)
    await settle(database, claimed, place=places[-2], waiting=rows[-1:])

    assert await due(database) == []
    async with database.read() as tx:
        assert not await has_room(tx, claimed)


async def test_a_place_that_was_put_back_stays_there(database, endpoint):
    """Whoever serves the endpoint at that moment does not know of it."""
    one, two = await tell(database, 2)
    [claimed] = await claim(database)
    await settle(database, claimed, place=two, waiting=[waits(two, due_at=LEASE)])
    [claimed] = await claim(database)
    async with database.transaction() as tx:
        await void_round(tx, DEFAULT_TENANT, "end_1")
        await move_back(tx, DEFAULT_TENANT, "end_1", one)

    assert not await settle(database, claimed, place=two)

    own = await load(database)
    assert (own.place, own.waiting) == (one, 0)
    assert await due(database) == ["end_1"]


async def test_a_new_endpoint_begins_at_the_end_of_the_feed(database):
    """What was before is in the feed for whoever wants it."""
    await tell(database, 2)
    async with database.transaction() as tx:
        await insert_endpoint(tx, ENDPOINT, await feed_end(tx), NOW)

    assert await due(database) == []
    await tell(database)
    assert await due(database) == ["end_1"]
