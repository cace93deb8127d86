"""The queue: its order, claims, leases, and what time ends."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import NOW, make_attempt, make_message
from tests.replying import make_opt_out
from tests.storage.writing import change, load, store
from wirephoto.domain.message import AttemptState, MessageState, Priority
from wirephoto.storage.database import open_database
from wirephoto.storage.messages import insert_attempts
from wirephoto.storage.opt_outs import insert_opt_outs
from wirephoto.storage.queue import (
    Hold,
    claim_messages,
    claim_preparing,
    expired_messages,
    lapsed_claims,
    overdue_attempts,
    put_off,
)

SECOND = timedelta(seconds=1)
LEASE_UNTIL = NOW + 30 * SECOND
S = MessageState


async def claim(database, *slots):
    async with database.transaction() as tx:
        return await claim_messages(tx, slots, now=NOW, lease_until=LEASE_UNTIL)


async def prepare(database, *, now=NOW, limit=100):
    async with database.transaction() as tx:
        return await claim_preparing(tx, now=now, lease_until=now + 30 * SECOND, limit=limit)


async def test_a_claim_gives_each_message_its_slot_in_order(database):
    """The dispatcher sends in the order in which it gets them."""
    why = {"hold_reason": "scheduled", "reason": "rate_limited", "detail": "Slow down."}
    rows = [make_message(**why) for _ in range(3)]
    await store(database, *rows)
    slots = [NOW + 3 * SECOND, NOW + SECOND, NOW + 2 * SECOND]

    claimed = await claim(database, *zip([row.id for row in rows], slots, strict=True))

    assert [message.id for message in claimed] == [rows[1].id, rows[2].id, rows[0].id]
    assert claimed[0] == replace(
        rows[1],
        state=S.CLAIMED,
        version=2,
        slot_at=NOW + SECOND,
        lease_until=LEASE_UNTIL,
        hold_reason=None,
        reason=None,
        detail=None,
    )
    assert await load(database, rows[1]) == claimed[0]


@pytest.mark.parametrize(
    "values", [{"state": "canceled"}, {"state": "claimed"}, {"expires_at": NOW}], ids=str
)
async def test_what_moved_between_due_and_claim_is_left_out(database, values):
    """A customer's cancel that was answered with yes must hold."""
    gone, kept = make_message(), make_message()
    await store(database, gone, kept)
    await change(database, gone, **values)

    claimed = await claim(database, (gone.id, NOW), (kept.id, NOW), ("msg_unknown", NOW))

    assert [message.id for message in claimed] == [kept.id]


async def test_whoever_has_opted_out_is_left_out(database):
    """Whatever was accepted before its STOP and stored after it: it costs nobody else a slot."""
    silent, answer = make_message(), make_message(answer="stop")
    other = make_message(recipient="+12125550199")
    await store(database, silent, answer, other)
    async with database.transaction() as tx:
        await insert_opt_outs(tx, [make_opt_out()])

    claimed = await claim(database, *[(row.id, NOW) for row in (silent, answer, other)])

    assert {message.id for message in claimed} == {answer.id, other.id}
    assert await load(database, silent) == silent


async def test_what_is_put_off_is_due_later_if_it_still_waits(database):
    """What was claimed or canceled meanwhile has moved on."""
    waiting, canceled = make_message(), make_message(state=S.CANCELED)
    await store(database, waiting, canceled)

    async with database.transaction() as tx:
        await put_off(tx, [Hold(row.id, NOW + SECOND, "why") for row in (canceled, waiting)])
        await put_off(tx, [])

    assert await load(database, waiting) == replace(
        waiting, due_at=NOW + SECOND, hold_reason="why", version=2
    )
    assert await load(database, canceled) == canceled


async def test_a_lease_that_ran_out_is_found_and_no_other(database):
    """What a killed process had goes back; what a living one has must not."""
    lapsed = [make_message(state=S.CLAIMED, lease_until=NOW - age * SECOND) for age in (1, 3, 2)]
    living = make_message(state=S.CLAIMED, lease_until=NOW)
    sending = make_message(state=S.SENDING, lease_until=NOW - 9 * SECOND)
    preparing = make_message(state=S.PREPARING, lease_until=NOW - 9 * SECOND)
    await store(database, *lapsed, living, sending, preparing)

    async with database.read() as tx:
        found = await lapsed_claims(tx, before=NOW, limit=10)
        first = await lapsed_claims(tx, before=NOW, limit=1)

    assert found == [lapsed[1], lapsed[2], lapsed[0]]
    assert first == [lapsed[1]]


async def test_an_attempt_past_its_deadline_is_found_and_no_other(database):
    """In doubt are only those that were sending when their process died (rule 4)."""
    rows = [make_message(state=S.SENDING, attempts=1) for _ in range(4)]
    overdue, fresh, answered, oldest = [
        make_attempt(rows[0], deadline_at=NOW - SECOND),
        make_attempt(rows[1], deadline_at=NOW),
        make_attempt(rows[2], deadline_at=NOW - SECOND, state=AttemptState.SUBMITTED),
        make_attempt(rows[3], deadline_at=NOW - 5 * SECOND),
    ]
    await store(database, *rows)
    async with database.transaction() as tx:
        await insert_attempts(tx, [overdue, fresh, answered, oldest])

    async with database.read() as tx:
        assert await overdue_attempts(tx, before=NOW, limit=10) == [oldest, overdue]
        assert await overdue_attempts(tx, before=NOW, limit=1) == [oldest]


async def test_waiting_messages_that_grew_too_old_are_found(database):
    """A line that was stopped for days sends no old pictures (rule 11)."""
    old = make_message(expires_at=NOW)
    older = make_message(expires_at=NOW - SECOND, state=S.PREPARING)
    alive = make_message(expires_at=NOW + timedelta(microseconds=1))
    others = [
        make_message(expires_at=NOW - SECOND, state=state)
        for state in S
        if state not in (S.QUEUED, S.PREPARING)
    ]
    await store(database, old, older, alive, *others)

    async with database.read() as tx:
        assert await expired_messages(tx, now=NOW, limit=10) == [older, old]
        assert await expired_messages(tx, now=NOW, limit=1) == [older]


async def test_media_is_leased_to_one_worker_at_a_time(database):
    """Two workers that fetch the same picture waste a fetch; the loser's result is dropped."""
    rows = [make_message(state=S.PREPARING, lease_until=NOW - age * SECOND) for age in (1, 3, 2)]
    later = make_message(state=S.PREPARING, lease_until=NOW + SECOND)
    await store(database, *rows, later, make_message())

    first = await prepare(database, limit=2)
    second = await prepare(database)

    assert {message.id for message in first} == {rows[1].id, rows[2].id}
    assert [message.id for message in second] == [rows[0].id]
    assert await prepare(database) == []
    assert (second[0].version, second[0].lease_until) == (2, LEASE_UNTIL)


async def test_media_of_urgent_messages_is_leased_first(database):
    """However long the others have waited."""
    bulk = make_message(state=S.PREPARING, priority=Priority.BULK, lease_until=NOW - 9 * SECOND)
    normal = [make_message(state=S.PREPARING) for _ in range(2)]
    urgent = make_message(state=S.PREPARING, priority=Priority.URGENT)
    await store(database, bulk, *normal, urgent)

    first = await prepare(database, limit=2)
    second = await prepare(database, limit=2)

    assert (first[0].id, second[1].id) == (urgent.id, bulk.id)
    assert {first[1].id, second[0].id} == {row.id for row in normal}


async def test_media_whose_worker_died_is_leased_again(database):
    """A message must not wait in `preparing` for ever."""
    message = make_message(state=S.PREPARING)
    await store(database, message)
    await prepare(database)

    again = await prepare(database, now=LEASE_UNTIL + SECOND)

    assert [(row.id, row.version) for row in again] == [(message.id, 3)]


async def test_two_workers_at_once_share_the_work(postgres, postgres_url):
    """Neither waits for the other's rows, nor gets one of them."""
    other = open_database(postgres_url)
    rows = [make_message(state=S.PREPARING) for _ in range(10)]
    await store(postgres, *rows)

    async with postgres.transaction() as mine, other.transaction() as theirs:
        first = await claim_preparing(mine, now=NOW, lease_until=LEASE_UNTIL, limit=6)
        second = await claim_preparing(theirs, now=NOW, lease_until=LEASE_UNTIL, limit=6)

    await other.close()
    assert (len(first), len(second)) == (6, 4)
    assert {row.id for row in first + second} == {row.id for row in rows}


async def test_two_claims_that_race_share_the_work(database, database_url):
    """Both databases: no message has two leases."""
    other = open_database(database_url)
    rows = [make_message(state=S.PREPARING) for _ in range(10)]
    await store(database, *rows)

    first, second = await asyncio.gather(prepare(database, limit=6), prepare(other))

    await other.close()
    ids = [row.id for row in first + second]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {row.id for row in rows}
