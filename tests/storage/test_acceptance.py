"""Acceptance: once for each idempotency key, wholly or not at all."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories import NOW, make_message
from tests.storage.writing import add_tenant, count, event_of
from wirephoto.domain.message import MessageState
from wirephoto.storage.acceptance import (
    Acceptance,
    Accepted,
    Entry,
    KeyedRequest,
    accept,
    complete_key,
    delete_keys,
)
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import open_database
from wirephoto.storage.schema import DEFAULT_TENANT, events, idempotency_keys, messages

ROUTE, BATCH = "/v1/messages", "/v1/messages/batch"


def keyed(key="k", message=None, **changes):
    one = KeyedRequest(
        tenant_id=DEFAULT_TENANT,
        route=ROUTE,
        key=key,
        fingerprint="f",
        created_at=NOW,
        message_id=message.id if message else None,
        status=202 if message else None,
        body=f'{{"id":"{message.id}"}}' if message else None,
    )
    return replace(one, **changes)


def entry(key=None, **changes):
    message = make_message(**changes)
    request = keyed(key, message, tenant_id=message.tenant_id) if key else None
    return Entry(message, event_of(message), request)


def single(key=None, **changes):
    return Acceptance((entry(key, **changes),))


def batch(*entries, key=None, render=None):
    return Acceptance(entries, keyed(key, route=BATCH) if key else None, render)


async def take(database, *items):
    async with database.transaction() as tx:
        return await accept(tx, items)


async def stored(database):
    return [await count(database, table) for table in (messages, events, idempotency_keys)]


async def test_a_message_its_event_and_its_key_are_stored_together(database):
    """A 202 means all three, flushed to disk (rule 1)."""
    assert await take(database, single("k")) == [Accepted(entries=(None,))]
    assert await stored(database) == [1, 1, 1]


async def test_without_a_key_every_request_is_a_message(database):
    """Two equal requests may be meant."""
    await take(database, single(), single())

    assert await stored(database) == [2, 2, 0]


async def test_a_repeated_key_stores_nothing_and_finds_the_first(database):
    """A client whose connection broke asks again; the picture must not go twice."""
    first = single("k")
    await take(database, first)

    (again,) = await take(database, single("k"))

    assert again.entries == (first.entries[0].keyed,)
    assert await stored(database) == [1, 1, 1]


async def test_a_key_with_another_body_finds_the_first_one_too(database):
    """The caller compares the fingerprints, and answers 422."""
    first = single("k")
    await take(database, first)
    other = entry()
    reused = Entry(other.message, other.event, keyed("k", other.message, fingerprint="g"))

    (again,) = await take(database, Acceptance((reused,)))

    assert again.entries[0].fingerprint == "f"
    assert await stored(database) == [1, 1, 1]


async def test_equal_keys_in_one_group_are_decided_in_memory(database):
    """An impatient client's two requests may share a transaction: the first has the key."""
    first, second, other = single("k"), single("k"), single("j")

    results = await take(database, first, second, other)

    assert [result.entries[0] for result in results] == [None, first.entries[0].keyed, None]
    assert await stored(database) == [2, 2, 2]


async def test_a_key_belongs_to_its_tenant_and_route(database):
    """Two customers who both count their orders must not get each other's answers."""
    other = await add_tenant(database)
    one = entry()
    elsewhere = Entry(one.message, one.event, keyed("k", one.message, route="/send-mms"))

    results = await take(
        database, single("k"), single("k", tenant_id=other), Acceptance((elsewhere,))
    )

    assert [result.entries for result in results] == [(None,)] * 3
    assert await stored(database) == [3, 3, 3]


async def test_a_request_that_still_runs_has_no_answer_yet(database):
    """Its key is taken from the start; the answer comes later, and then it is given again."""
    one = entry()
    running = keyed("k", one.message, status=None, body=None, running_until=NOW)
    await take(database, Acceptance((Entry(one.message, one.event, running),)))

    (meanwhile,) = await take(database, single("k"))
    async with database.transaction() as tx:
        await complete_key(tx, running, status=200, body="done")
    (afterwards,) = await take(database, single("k"))

    assert meanwhile.entries == (running,)
    assert afterwards.entries == (replace(running, status=200, body="done"),)


async def test_an_answer_is_stored_under_its_own_key_alone(database):
    """Keys of other tenants and routes have the same text."""
    other = await add_tenant(database)
    mine, theirs = keyed("k"), keyed("k", tenant_id=other)
    await take(database, batch(entry(), key="x"))
    for one in (mine, theirs):
        item = entry(tenant_id=one.tenant_id)
        await take(database, Acceptance((Entry(item.message, item.event, one),)))

    async with database.transaction() as tx:
        await complete_key(tx, mine, status=200, body="mine")

    (again,) = await take(database, Acceptance((Entry(*_parts(other), theirs),)))
    assert again.entries == (theirs,)


def _parts(tenant_id):
    one = entry(tenant_id=tenant_id)
    return one.message, one.event


async def test_a_batch_is_answered_by_what_became_of_each_message(database):
    """The answer is stored with the messages: a repeat gets the same one."""
    await take(database, single("old"))
    seen = []

    def render(known):
        seen.append([earlier.key if earlier else None for earlier in known])
        return "the answer"

    items = batch(entry("new"), entry(), entry("old"), entry("new"), key="b", render=render)
    (result,) = await take(database, items)
    (again,) = await take(database, batch(entry(), entry(), key="b", render=render))

    assert seen == [[None, None, "old", "new"]]
    assert result.body == "the answer"
    assert (again.earlier.status, again.earlier.body) == (200, "the answer")
    assert await stored(database) == [3, 3, 3]


async def test_a_repeated_batch_in_one_group_stores_its_messages_once(database):
    """The second finds the first still running, and is told so."""
    first, second = batch(entry("a"), key="b"), batch(entry("a"), key="b")

    results = await take(database, first, second, single("c"))

    assert results[0] == Accepted(entries=(None,))
    assert results[1].earlier == first.keyed
    assert results[2] == Accepted(entries=(None,))
    assert await stored(database) == [2, 2, 3]


async def test_a_batch_with_a_row_that_cannot_be_stored_stores_nothing(database):
    """Nothing is half stored: neither its other messages, nor its keys."""
    commits = GroupCommit(database)
    bad = batch(entry("a"), entry("b", campaign_id="cmp_unknown"), entry(), key="k")

    with pytest.raises(IntegrityError):
        await commits.run(accept, bad)

    assert await stored(database) == [0, 0, 0]


async def test_a_key_of_a_request_that_failed_in_its_group_is_free_for_the_next(database):
    """The group is done again one by one: who came second now is first."""
    commits = GroupCommit(database, groups_max=1)
    bad, good = single("k", campaign_id="cmp_unknown"), single("k")

    failed, accepted = await asyncio.gather(
        commits.run(accept, bad), commits.run(accept, good), return_exceptions=True
    )

    assert isinstance(failed, IntegrityError)
    assert accepted == Accepted(entries=(None,))
    assert await stored(database) == [1, 1, 1]


async def test_of_two_processes_with_the_same_key_one_stores(database, database_url):
    """A load balancer sends the retry elsewhere; there, too, it is a retry."""
    other = open_database(database_url)
    groups = [GroupCommit(database), GroupCommit(other)]
    keys = [f"k{n}" for n in range(10)]

    results = await asyncio.gather(
        *[groups[n % 2].run(accept, single(key)) for n in range(6) for key in keys]
    )

    await other.close()
    assert sum(result.entries == (None,) for result in results) == len(keys)
    assert await stored(database) == [len(keys)] * 3


async def test_keys_wanted_in_opposite_orders_do_not_lock_each_other_out(database, database_url):
    """Two processes that each hold what the other waits for would both fail."""
    other = open_database(database_url)
    keys = [f"k{n}" for n in range(50)]
    forwards = batch(*[entry(key) for key in keys])
    backwards = batch(*[entry(key) for key in reversed(keys)])

    results = await asyncio.gather(take(database, forwards), take(other, backwards))

    await other.close()
    fresh = [earlier for ((result),) in results for earlier in result.entries].count(None)
    assert fresh == len(keys)
    assert await stored(database) == [50, 50, 50]


async def test_more_keys_than_a_statement_has_parameters(database):
    """A group of repeated batches must not fail for being large."""
    entries = [entry(f"k{n}") for n in range(12_000)]
    await take(database, batch(*entries))

    (again,) = await take(database, batch(*entries))

    assert again.entries == tuple(one.keyed for one in entries)


async def test_accepted_messages_wake_whoever_takes_them_on(database):
    """No polling delay between the 202 and the first step."""
    queued = database.bell(MessageState.QUEUED.value)
    preparing = database.bell(MessageState.PREPARING.value)

    await take(database, single())
    assert (queued.is_set(), preparing.is_set()) == (True, False)

    await take(database, single(state=MessageState.PREPARING))
    assert preparing.is_set()


async def test_keys_are_forgotten_when_they_are_old_enough(database):
    """They are kept at least a day, and not for ever; a forgotten one is free again."""
    for age in range(5):
        one = entry()
        made = keyed(f"k{age}", one.message, created_at=NOW - timedelta(hours=age))
        await take(database, Acceptance((Entry(one.message, one.event, made),)))

    async with database.transaction() as tx:
        before = NOW - timedelta(hours=1)
        assert await delete_keys(tx, before=before, limit=2) == 2
        assert await delete_keys(tx, before=before, limit=2) == 1
        assert await delete_keys(tx, before=before, limit=2) == 0

    (result,) = await take(database, single("k4"))
    assert result.entries == (None,)


async def test_nothing_to_accept_is_nothing_stored(database):
    """A batch whose messages were all refused is an answer, and may have a key."""
    assert await take(database) == []
    assert await take(database, batch(key="b", render=lambda known: "none")) == [
        Accepted(body="none")
    ]
    assert await stored(database) == [0, 0, 1]
