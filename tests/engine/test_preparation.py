"""Media is looked at before a message is queued: what passes, what fails, what is tried again."""

import asyncio
from datetime import timedelta

import pytest

from tests.engine.stage import FakeChecker, Halves, Stage, eventually, logged
from tests.factories import NOW, PICTURE, make_message
from wirephoto.domain.media import Media
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.moves import cancel
from wirephoto.engine.preparation import LEASE, REST_S, Preparation
from wirephoto.errors import MediaRefused

POLICY = RetryPolicy(tries_max=3, first_s=4.0)
OTHER = "https://pictures.example.com/dog.jpg"


@pytest.fixture
def check() -> FakeChecker:
    return FakeChecker()


def make_preparation(stage: Stage, check: FakeChecker, **options: float) -> Preparation:
    return Preparation(
        database=stage.database,
        commits=stage.commits,
        check=check,
        clock=stage.clock,
        ids=stage.ids,
        random=Halves(),
        retry=POLICY,
        **options,
    )


def preparing(**changes: object) -> Message:
    return make_message(state=MessageState.PREPARING, **changes)


def refused(reason: str = "unreachable", *, retryable: bool) -> MediaRefused:
    return MediaRefused(reason, "What to do.", retryable=retryable)


async def test_media_that_passes_lets_the_message_go(stage, check):
    """Queued, with the customer told and the dispatcher woken."""
    message = preparing(media=(Media(PICTURE), Media(OTHER)), tries=2, reason="unreachable")
    await stage.store(message)
    dispatch = stage.database.bell(MessageState.QUEUED.value)

    rest_s = await make_preparation(stage, check).turn()

    stored = await stage.message(message)
    assert check.checked == [PICTURE, OTHER]
    assert (stored.state, stored.tries, stored.reason) == (MessageState.QUEUED, 0, None)
    assert stored.lease_until is None
    assert await stage.events(message) == ["queued"]
    assert dispatch.is_set()
    assert rest_s == 0.0


async def test_media_that_never_will_pass_fails_the_message(stage, check):
    """At once, with the reason and the remedy; a second attachment is not even fetched."""
    message = preparing(media=(Media(PICTURE), Media(OTHER)))
    await stage.store(message)
    check.faults[PICTURE] = [refused("not_an_image", retryable=False)]

    await make_preparation(stage, check).turn()

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

    await preparation.turn()

    first = await stage.message(message)
    assert (first.state, first.tries, first.reason) == (MessageState.PREPARING, 1, "unreachable")
    assert first.due_at == NOW + timedelta(seconds=POLICY.first_s / 2)
    assert await preparation.turn() == REST_S
    await stage.advance(POLICY.first_s / 2)
    await preparation.turn()
    await stage.advance(POLICY.first_s)
    await preparation.turn()
    stored = await stage.message(message)
    assert (stored.state, stored.tries) == (MessageState.QUEUED, 0)
    assert await stage.events(message) == ["queued"]


async def test_tries_to_fetch_are_bounded(stage, check):
    """Then the customer hears why."""
    message = preparing(tries=POLICY.tries_max - 1)
    await stage.store(message)
    check.faults[PICTURE] = [refused(retryable=True)]

    await make_preparation(stage, check).turn()

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
    await make_preparation(stage, check).turn()

    assert (await stage.message(message)).state is MessageState.CANCELED
    assert await stage.events(message) == ["canceled"]


async def test_a_message_is_looked_at_by_one_process_at_a_time(stage, check):
    """And by another once the lease of one that died has ended."""
    message, looking = preparing(), asyncio.Event()
    await stage.store(message)

    async def witness(_media):
        await looking.wait()

    check.witness = witness
    first = asyncio.create_task(make_preparation(stage, check).turn())
    await eventually(lambda: check.checked)
    await make_preparation(stage, check).turn()
    assert len(check.checked) == 1
    assert (await stage.message(message)).lease_until == NOW + LEASE

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    looking.set()
    await stage.advance(LEASE.total_seconds() + 1)
    await make_preparation(stage, check).turn()

    assert len(check.checked) == 2
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_what_is_scheduled_is_looked_at_when_it_is_due(stage, check):
    """What the address holds now says nothing about what it will hold tomorrow."""
    due_at = NOW + timedelta(hours=1)
    await stage.store(preparing(due_at=due_at))
    preparation = make_preparation(stage, check)

    assert await preparation.turn() == REST_S
    await stage.advance(3600)
    await preparation.turn()

    assert check.checked == [PICTURE]


async def test_a_fault_of_our_own_is_reported_and_bounded(stage, check):
    """It neither stops the other messages nor comes back for ever."""
    bad, good = preparing(media=(Media(OTHER),)), preparing()
    await stage.store(bad, good)
    check.faults[OTHER] = [ZeroDivisionError("a fault")] * POLICY.tries_max
    preparation = make_preparation(stage, check)

    with logged() as lines:
        for _ in range(POLICY.tries_max):
            await preparation.turn()
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
    await make_preparation(stage, check, patience_s=0.01).turn()

    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.PREPARING, "unreachable")
    assert stored.lease_until is None
