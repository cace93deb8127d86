"""Media is looked at before a message is queued: what passes, what fails, what is tried again."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.engine.stage import FakeChecker, Halves, Stage, eventually, logged
from tests.factories import NOW, PICTURE, make_message
from tests.library import kept_media
from wirephoto.domain.media import Media
from wirephoto.domain.message import Message, MessageState, Priority
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.moves import cancel
from wirephoto.engine.preparation import LEASE, REST_S, SIDE_BY_SIDE, Preparation
from wirephoto.errors import MediaRefused, StoreUnavailable
from wirephoto.storage.schema_media import message_media

POLICY = RetryPolicy(tries_max=3, first_s=4.0)
OTHER = "https://pictures.example.com/dog.jpg"


@pytest.fixture
def check() -> FakeChecker:
    return FakeChecker()


def make_preparation(stage: Stage, check: FakeChecker, **options: Any) -> Preparation:
    return Preparation(
        database=stage.database,
        commits=stage.commits,
        prepare=check,
        clock=stage.clock,
        ids=stage.ids,
        random=Halves(),
        retry=POLICY,
        **options,
    )


async def turn(preparation: Preparation) -> float:
    """Take a turn, and let everything that it took up be done."""
    rest_s = await preparation.turn()
    await preparation.drain()
    return rest_s


def preparing(**changes: Any) -> Message:
    return make_message(**({"state": MessageState.PREPARING} | changes))


def refused(reason: str = "unreachable", *, retryable: bool) -> MediaRefused:
    return MediaRefused(reason, "What to do.", retryable=retryable)


async def test_media_that_passes_lets_the_message_go(stage, check):
    """Queued, with the customer told and the dispatcher woken."""
    message = preparing(media=(Media(PICTURE), Media(OTHER)), tries=2, reason="unreachable")
    await stage.store(message)
    dispatch = stage.database.bell(MessageState.QUEUED.value)

    await turn(make_preparation(stage, check))

    stored = await stage.message(message)
    assert check.checked == [PICTURE, OTHER]
    assert (stored.state, stored.tries, stored.reason) == (MessageState.QUEUED, 0, None)
    assert stored.lease_until is None
    assert await stage.events(message) == ["queued"]
    assert dispatch.is_set()


async def test_media_that_never_will_pass_fails_the_message(stage, check):
    """At once, with the reason and the remedy; a second attachment is not even fetched."""
    message = preparing(media=(Media(PICTURE), Media(OTHER)))
    await stage.store(message)
    check.faults[PICTURE] = [refused("not_an_image", retryable=False)]

    await turn(make_preparation(stage, check))

    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.FAILED, "not_an_image")
    assert (stored.detail, stored.final_at) == ("What to do.", NOW)
    assert await stage.events(message) == ["failed"]
    assert check.checked == [PICTURE]


async def test_media_that_cannot_be_had_now_is_tried_again(stage, check):
    """A host that restarts for a minute must not cost a message."""
    message = preparing()
    await stage.store(message)
    check.faults[PICTURE] = [refused(retryable=True)] * 2
    preparation = make_preparation(stage, check)

    await turn(preparation)

    first = await stage.message(message)
    assert (first.state, first.tries, first.reason) == (MessageState.PREPARING, 1, "unreachable")
    assert first.lease_until == NOW + timedelta(seconds=POLICY.first_s / 2)
    assert first.due_at == message.due_at
    assert await turn(preparation) == REST_S
    await stage.advance(POLICY.first_s / 2)
    await turn(preparation)
    await stage.advance(POLICY.first_s)
    await turn(preparation)
    stored = await stage.message(message)
    assert (stored.state, stored.tries) == (MessageState.QUEUED, 0)
    assert await stage.events(message) == ["queued"]


async def test_tries_to_fetch_are_bounded(stage, check):
    """Then the customer hears why."""
    message = preparing(tries=POLICY.tries_max - 1)
    await stage.store(message)
    check.faults[PICTURE] = [refused(retryable=True)]

    await turn(make_preparation(stage, check))

    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.FAILED, "unreachable")


async def test_a_result_is_dropped_when_the_message_moved_meanwhile(stage, check):
    """A fetch takes seconds, and a customer may cancel in each of them."""
    message = preparing()
    await stage.store(message)

    async def witness(_media):
        await cancel(
            stage.database,
            stage.commits,
            tenant_id=message.tenant_id,
            message_id=message.id,
            clock=stage.clock,
            ids=stage.ids,
        )

    check.witness = witness
    await turn(make_preparation(stage, check))

    assert (await stage.message(message)).state is MessageState.CANCELED
    assert await stage.events(message) == ["canceled"]


async def test_a_message_is_looked_at_by_one_process_at_a_time(stage, check):
    """And by another once the lease of one that died has ended."""
    message = preparing()
    await stage.store(message)

    async def witness(_media):
        await asyncio.Event().wait()

    check.witness = witness
    first = make_preparation(stage, check)
    await first.turn()
    await eventually(lambda: check.checked)
    await make_preparation(stage, check).turn()
    assert len(check.checked) == 1
    assert (await stage.message(message)).lease_until == NOW + LEASE

    await first.stop(0.0)
    check.witness = None
    await stage.advance(LEASE.total_seconds() + 1)
    await turn(make_preparation(stage, check))

    assert len(check.checked) == 2
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_a_slow_message_does_not_hold_up_the_others(stage, check):
    """One server that answers after a minute would stop every picture of every customer."""
    slow, other = preparing(media=(Media(OTHER),)), preparing()
    await stage.store(slow, other)
    waits = asyncio.Event()

    async def witness(media):
        if media.url == OTHER:
            await waits.wait()

    check.witness = witness
    preparation = make_preparation(stage, check)
    await preparation.turn()
    await eventually(lambda: len(check.checked) == 2)
    await stage.commits.drain()

    assert (await stage.message(other)).state is MessageState.QUEUED
    assert (await stage.message(slow)).state is MessageState.PREPARING
    waits.set()
    await preparation.drain()
    assert (await stage.message(slow)).state is MessageState.QUEUED


async def test_no_more_is_taken_up_than_there_is_room_for(stage, check):
    """Each message in hand may hold a file of 25 MB."""
    await stage.store(*[preparing() for _ in range(SIDE_BY_SIDE + 2)])
    waits = asyncio.Event()

    async def witness(_media):
        await waits.wait()

    check.witness = witness
    preparation = make_preparation(stage, check)
    await preparation.turn()
    await preparation.turn()
    await eventually(lambda: len(check.checked) == SIDE_BY_SIDE)
    preparation.bell.clear()

    waits.set()
    await preparation.drain()

    assert len(check.checked) == SIDE_BY_SIDE
    assert preparation.bell.is_set()
    await turn(preparation)
    assert len(check.checked) == SIDE_BY_SIDE + 2


async def test_the_urgent_are_prepared_first(stage, check):
    """A bulk of pictures must not stand in the way of one that matters now."""
    bulk = [preparing(priority=Priority.BULK) for _ in range(SIDE_BY_SIDE)]
    urgent = preparing(priority=Priority.URGENT, media=(Media(OTHER),))
    await stage.store(*bulk, urgent)

    await turn(make_preparation(stage, check))

    assert check.checked.count(OTHER) == 1
    assert len(check.checked) == SIDE_BY_SIDE


async def test_what_was_made_of_the_media_is_stored_with_the_move(stage, check):
    """The dispatcher names the files, and the sweeper leaves them alone until the end."""
    message = preparing(due_at=NOW + timedelta(days=2))
    await stage.store(message)
    prepared = await kept_media(stage.database)
    check.prepared = (replace(message.media[0], prepared=prepared),)

    await turn(make_preparation(stage, check))

    assert (await stage.message(message)).media == check.prepared
    async with stage.database.read() as tx:
        (need,) = await tx.execute(select(message_media))
    assert (need.message_id, need.position) == (message.id, 0)
    assert (need.media_id, need.file_id) == (prepared.media_id, prepared.file_id)
    assert need.look_at > message.due_at


async def test_what_is_cut_off_by_a_stop_is_taken_up_again(stage, check):
    """A deployment in the middle of a fetch."""
    message = preparing()
    await stage.store(message)

    async def witness(_media):
        await asyncio.Event().wait()

    check.witness = witness
    preparation = make_preparation(stage, check)
    await preparation.turn()
    await eventually(lambda: check.checked)

    await preparation.stop(0.0)

    assert await preparation.turn() == REST_S
    assert (await stage.message(message)).state is MessageState.PREPARING
    check.witness = None
    await stage.advance(LEASE.total_seconds())
    await turn(make_preparation(stage, check))
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_what_is_scheduled_is_looked_at_when_it_is_due(stage, check):
    """What the address holds now says nothing about what it will hold tomorrow."""
    due_at = NOW + timedelta(hours=1)
    await stage.store(preparing(due_at=due_at, lease_until=due_at))
    preparation = make_preparation(stage, check)

    assert await turn(preparation) == REST_S
    await stage.advance(3600)
    await turn(preparation)

    assert check.checked == [PICTURE]


async def test_a_fault_of_our_own_is_reported_and_bounded(stage, check):
    """It neither stops the other messages nor comes back for ever."""
    bad, good = preparing(media=(Media(OTHER),)), preparing()
    await stage.store(bad, good)
    check.faults[OTHER] = [ZeroDivisionError("a fault")] * POLICY.tries_max
    preparation = make_preparation(stage, check)

    with logged() as lines:
        for _ in range(POLICY.tries_max):
            await turn(preparation)
            await stage.advance(60.0)

    assert (await stage.message(good)).state is MessageState.QUEUED
    stored = await stage.message(bad)
    assert (stored.state, stored.reason) == (MessageState.FAILED, "check_failed")
    assert "fault" not in (stored.detail or "")
    assert [line["event"] for line in lines].count("loop_failed") == POLICY.tries_max


async def test_slow_attachments_together_do_not_outlast_the_lease(stage, check):
    """Another process would take the message over and start from the first again, for ever."""
    message = preparing()
    await stage.store(message)

    async def witness(_media):
        await asyncio.Event().wait()

    check.witness = witness
    await turn(make_preparation(stage, check, patience_s=0.01))

    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.PREPARING, "unreachable")
    assert stored.lease_until is not None


async def test_a_media_store_that_is_away_fails_no_message(stage, check):
    """An outage of an hour is ours, not the picture's: it counts as no try."""
    message = preparing(tries=POLICY.tries_max - 1)
    await stage.store(message)
    check.faults[PICTURE] = [StoreUnavailable("read", "it does not answer in time")] * 2
    preparation = make_preparation(stage, check)

    for _ in range(3):
        await turn(preparation)
        await stage.advance(LEASE.total_seconds())

    assert len(check.checked) == 3
    assert (await stage.message(message)).state is MessageState.QUEUED
