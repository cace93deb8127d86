"""Whose turn it is: priority, then each key its turn, then the oldest; by index alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, text, update

from tests.factories import NOW, SENDER, make_message
from tests.storage.writing import add_campaign, add_tenant, load, store
from wirephoto.domain.message import MessageState, Priority
from wirephoto.storage.queue import Hold, put_off, set_aside
from wirephoto.storage.schema import DEFAULT_CAMPAIGN, DEFAULT_TENANT, messages, senders
from wirephoto.storage.turns import (
    BLOCKED_LEAST,
    BLOCKED_LONGEST,
    LOOK_AHEAD,
    SET_ASIDE,
    Due,
    Turn,
    due_messages,
)

SECOND = timedelta(seconds=1)
S = MessageState
WAITING = [S.PREPARING, S.QUEUED, S.CLAIMED, S.SENDING]


async def ask(database, *turns, now=NOW):
    async with database.read() as tx:
        return await due_messages(tx, turns, now=now)


async def due(database, *, limit=100, campaign_id=DEFAULT_CAMPAIGN, after=None):
    """Return the ids of what may leave, over all priorities."""
    turns = [Turn(campaign_id, priority.value, after, limit) for priority in Priority]
    found = await ask(database, *turns)
    return [one.id for one in found if one.put_off_until is None and not one.paused][:limit]


async def keys(database, *, limit, after=None):
    turn = Turn(DEFAULT_CAMPAIGN, Priority.NORMAL.value, after, limit)
    return "".join(one.fair_key for one in await ask(database, turn))[:limit]


def in_order(count, **changes):
    """Return messages whose ids say in which order they were accepted."""
    return [make_message(id=f"msg_{place:04d}", **changes) for place in range(count)]


async def test_due_messages_come_by_priority_then_age_then_id(database):
    """A login code must not wait behind a newsletter; equals leave in the order they came."""
    order = [
        make_message(priority=Priority.URGENT, due_at=NOW),
        make_message(priority=Priority.NORMAL, due_at=NOW - 2 * SECOND),
        make_message(priority=Priority.NORMAL, due_at=NOW - SECOND, id="msg_1"),
        make_message(priority=Priority.NORMAL, due_at=NOW - SECOND, id="msg_2"),
        make_message(priority=Priority.BULK, due_at=NOW - 3600 * SECOND),
    ]
    await store(database, *reversed(order))

    assert await due(database) == [message.id for message in order]
    assert await due(database, limit=2) == [message.id for message in order[:2]]


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": NOW + timedelta(microseconds=1)},
        {"campaign_id": "cmp_other"},
        {"expires_at": NOW},
        *[{"state": state} for state in S if state is not S.QUEUED],
    ],
    ids=str,
)
async def test_what_is_not_due_is_not_in_the_queue(database, changes):
    """A scheduled message that left early cannot be called back, an old one not taken back."""
    await add_campaign(database, "cmp_other")
    await store(database, make_message(**changes))

    assert await due(database) == []


async def test_the_queue_serves_every_tenant_of_the_campaign(database):
    """One registration, one rate, one order."""
    other = make_message(tenant_id=await add_tenant(database))
    await store(database, other)

    assert await due(database) == [other.id]


async def test_nothing_is_asked_for_nothing(database):
    """Whoever wants no message gets none."""
    await store(database, make_message())

    assert await ask(database) == []
    assert await due(database, limit=0) == []


async def test_each_key_has_its_turn(database):
    """The customer with two pictures does not wait behind another's hundred thousand."""
    sizes = {"a": 9, "b": 1, "c": 3}
    rows = [make_message(fair_key=key) for key, size in sizes.items() for _ in range(size)]
    await store(database, *rows)

    assert await keys(database, limit=6) == "abcaca"
    assert await keys(database, limit=2) == "ab"
    assert (await keys(database, limit=14))[:9] == "abcacacaa"


@pytest.mark.parametrize(
    ("after", "order"),
    [(None, "abcabc"), ("a", "bcabca"), ("c", "abcabc"), ("bb", "cabcab"), ("z", "abcabc")],
)
async def test_the_turns_go_on_where_they_stopped(database, after, order):
    """A claim of one message must not serve the first key for ever, gone keys included."""
    await store(database, *[make_message(fair_key=key) for key in "abc" for _ in range(2)])

    assert await keys(database, limit=6, after=after) == order


async def test_a_key_without_a_due_message_loses_no_turn_of_others(database):
    """Whoever schedules for tomorrow has nothing to send today."""
    later = [make_message(fair_key=key, due_at=NOW + SECOND) for key in "abcdefgh"]
    await store(database, *later, make_message(fair_key="x"), make_message(fair_key="d"))

    assert await keys(database, limit=1) == "d"
    assert await keys(database, limit=1, after="d") == "x"
    assert await keys(database, limit=9, after="e") == "xd"


async def test_several_campaigns_are_asked_at_once(database):
    """One statement a turn, whatever the number of campaigns (issue: scale)."""
    await add_campaign(database, "cmp_other")
    await add_campaign(database, "cmp_third")
    mine = in_order(3, weight=2)
    other = make_message(campaign_id="cmp_other", priority=Priority.BULK)
    await store(database, *mine, other, make_message(campaign_id="cmp_third"))

    found = await ask(
        database,
        Turn("cmp_other", Priority.BULK.value, "x", 5),
        Turn(DEFAULT_CAMPAIGN, Priority.NORMAL.value, None, 2),
    )

    assert found == [
        Due(message.id, message.campaign_id, message.priority, "", message.weight)
        for message in [*mine[:2], other]
    ]


async def test_expired_ones_hide_a_bounded_number_of_others(database):
    """What looks for messages to expire is quick; the claim does not do its work for it."""
    old = [make_message(expires_at=NOW, due_at=NOW - SECOND) for _ in range(LOOK_AHEAD)]
    fresh = make_message()
    await store(database, *old, fresh)
    assert await due(database) == [fresh.id]

    await store(database, make_message(expires_at=NOW, due_at=NOW - SECOND))

    assert await due(database, limit=1) in ([], [fresh.id])


@pytest.mark.parametrize("state", S)
async def test_an_ordered_message_waits_for_an_earlier_one_to_its_recipient(database, state):
    """The second page must not arrive before the first."""
    first, second = in_order(2, ordered=True)
    await store(database, replace(first, state=state, due_at=NOW + SECOND), second)

    assert await due(database) == ([] if state in WAITING else [second.id])


@pytest.mark.parametrize(
    "earlier",
    [{"ordered": False}, {"recipient": "+12125550199"}, {"tenant_id": "tnt_other"}],
    ids=str,
)
async def test_an_ordered_message_waits_for_no_others(database, earlier):
    """Order is a promise about one conversation of one customer."""
    await add_tenant(database)
    first, second = in_order(2, ordered=True)
    await store(database, replace(first, **{"state": S.SENDING} | earlier), second)

    assert await due(database) == [second.id]


async def test_of_ordered_ones_that_are_due_together_the_first_leaves(database):
    """And it holds up nobody else's, nor the same customer's to other phones."""
    rows = in_order(3, ordered=True)
    other = make_message(recipient="+12125550199", id="msg_9")
    await store(database, *rows, other)

    assert await due(database) == [rows[0].id, other.id]


@pytest.mark.parametrize(
    ("due_in", "put_off"),
    [(0 * SECOND, BLOCKED_LEAST), (5 * SECOND, 5 * SECOND), (3600 * SECOND, BLOCKED_LONGEST)],
)
async def test_who_waits_is_put_off_until_the_earlier_one_is_due(database, due_in, put_off):
    """It is not looked at again and again, and notices within bounds that the way is free."""
    first, second = in_order(2, ordered=True)
    await store(database, replace(first, due_at=NOW + due_in), second)

    found = {
        one.id: one.put_off_until
        for one in await ask(database, *[Turn(DEFAULT_CAMPAIGN, Priority.NORMAL.value, None, 5)])
    }

    assert found[second.id] == NOW + put_off


async def test_many_that_wait_do_not_hide_the_rest_for_long(database):
    """A phone that is switched off must not keep a customer's other phones waiting."""
    first, *blocked = in_order(5 * LOOK_AHEAD, ordered=True)
    free = make_message(recipient="+12125550199", id="msg_9")
    await store(database, replace(first, state=S.SENDING), *blocked, free)
    turn = Turn(DEFAULT_CAMPAIGN, Priority.NORMAL.value, None, 1)

    rounds, found = 0, await ask(database, turn)
    while free.id not in [one.id for one in found]:
        assert 0 < len(found) <= LOOK_AHEAD + 2
        async with database.transaction() as tx:
            await put_off(tx, [Hold(one.id, one.put_off_until, "other") for one in found])
        rounds, found = rounds + 1, await ask(database, turn)

    assert 0 < rounds < 6


NEIGHBOUR = "+12025550101"


async def add_senders(database, *numbers, paused=None):
    rows = [
        {
            "number": number,
            "tenant_id": DEFAULT_TENANT,
            "campaign_id": DEFAULT_CAMPAIGN,
            "kind": "10dlc",
            "created_at": NOW,
            "paused_at": NOW if number == paused else None,
        }
        for number in numbers
    ]
    async with database.transaction() as tx:
        await tx.execute(insert(senders), rows)


async def pause(database, number, at=NOW):
    change = update(senders).where(senders.c.number == number)
    async with database.transaction() as tx:
        await tx.execute(change.values(paused_at=at))


async def put_aside(database):
    """Set aside what one question passes over for its sender's pause; return the ids."""
    turn = Turn(DEFAULT_CAMPAIGN, Priority.NORMAL.value, None, 5)
    ids = [one.id for one in await ask(database, turn) if one.paused]
    async with database.transaction() as tx:
        await set_aside(tx, ids)
    return ids


async def test_a_paused_senders_messages_are_passed_over_once(database):
    """However long the pause, a claim looks at each of them a single time."""
    await add_senders(database, SENDER, NEIGHBOUR, paused=SENDER)
    waiting = in_order(2, sender=SENDER)
    free = make_message(sender=NEIGHBOUR, id="msg_9")
    await store(database, *waiting, free)
    assert await due(database) == [free.id]

    assert await put_aside(database) == [message.id for message in waiting]

    assert await put_aside(database) == []
    assert await due(database) == [free.id]
    assert (await load(database, waiting[0])).hold_reason == "sender_paused"


async def test_a_sender_that_goes_on_has_its_messages_at_once(database):
    """In their order, beside the others of their tenant; those set aside, and those not yet."""
    await add_senders(database, SENDER, NEIGHBOUR, paused=SENDER)
    early, late = in_order(2, sender=SENDER)
    await store(database, replace(late, due_at=NOW - SECOND), early)
    await put_aside(database)
    fresh = make_message(sender=NEIGHBOUR, id="msg_9")
    missed = make_message(sender=SENDER, id="msg_99")
    await store(database, fresh, missed)

    await pause(database, SENDER, None)

    assert await due(database) == [fresh.id, late.id, missed.id, early.id]
    await pause(database, SENDER)
    assert await due(database) == [fresh.id]


async def test_only_what_waits_is_set_aside(database):
    """What was canceled or has left meanwhile keeps its last word."""
    await add_senders(database, SENDER, paused=SENDER)
    gone = make_message(state=S.CANCELED)
    await store(database, gone)

    async with database.transaction() as tx:
        await set_aside(tx, [gone.id, "msg_none"])

    assert await load(database, gone) == gone


async def test_many_that_are_set_aside_cost_nothing(database):
    """A campaign with one paused sender must not be slower for the others of it."""
    await add_senders(database, SENDER, NEIGHBOUR, paused=SENDER)
    waiting = make_message(sender=SENDER, fair_key=f"{SET_ASIDE}{SENDER}")
    await store(database, waiting, make_message(sender=NEIGHBOUR, id="msg_9"))
    await multiply(database, waiting, 2000)
    few = await cost(database)

    await multiply(database, waiting, BULK)

    assert await due(database, limit=2) == ["msg_9"]
    assert await cost(database) <= 1.7 * few


BULK = 100_000


@pytest.mark.parametrize(
    "many",
    [{}, {"due_at": NOW + SECOND}, {"priority": Priority.URGENT, "due_at": NOW + SECOND}],
    ids=["due", "scheduled", "urgent and scheduled"],
)
async def test_the_cost_of_an_answer_does_not_grow_with_the_queue(database, many):
    """A bulk of 100,000 in front of one picture of another customer costs it nothing (issue)."""
    one = make_message(fair_key="b")
    first = make_message(**{"fair_key": "a"} | many)
    await store(database, first, one)
    await multiply(database, first, 2000)
    few = await cost(database)

    await multiply(database, first, BULK)

    assert one.id in await due(database, limit=2)
    assert await cost(database) <= 1.7 * few


async def multiply(database, message, times):
    """Store many more like a message, by the database alone."""
    names = [column.name for column in messages.c if column.name != "id"]
    series = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times})"
    copies = f"SELECT id || '_{times}_' || i, {', '.join(names)} FROM n, messages WHERE id = :id"
    many = text(f"INSERT INTO messages (id, {', '.join(names)}) {series} {copies}")
    async with database.transaction() as tx:
        await tx.execute(many, {"id": message.id})
    async with database.transaction() as tx:
        await tx.execute(text("ANALYZE messages"))


async def cost(database):
    """Return how much an answer takes: instructions of SQLite's machine, PostgreSQL's pages."""
    sent, instructions = [], []
    turns = [Turn(DEFAULT_CAMPAIGN, priority.value, None, 5) for priority in Priority]
    engine = database._reader.sync_engine

    def note(_connection, _cursor, statement, parameters, _context, _many):
        sent.append((statement, parameters))

    async with database.read() as tx:
        event.listen(engine, "before_cursor_execute", note)
        await due_messages(tx, turns, now=NOW)
        event.remove(engine, "before_cursor_execute", note)
        if database.is_postgres:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sent[-1][0]}"
            plan = (await tx.connection.exec_driver_sql(explain, sent[-1][1])).scalar_one()[0]
            return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        driver = (await tx.connection.get_raw_connection()).driver_connection
        await driver.set_progress_handler(lambda: instructions.append(1), 10)
        await due_messages(tx, turns, now=NOW)
        await driver.set_progress_handler(None, 0)
    return len(instructions)
