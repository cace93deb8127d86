"""The queue after a change of rules: what they hold is held, what they let go may leave."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engine.nights import at, hours
from tests.engine.stage import Stage, logged
from tests.factories import make_message
from tests.virtual_clock import VirtualClock
from wirephoto.domain.departure import NEVER_QUIET, Person, within_hours
from wirephoto.domain.message import Category, Message, MessageState
from wirephoto.domain.quiet_hours import QuietHours
from wirephoto.engine import reckoning
from wirephoto.engine.reckoning import REST_S, Reckoner

NIGHT, NOON = at("2026-03-04 22:00"), at("2026-03-05 12:00")
OPENS, CLOSES = at("2026-03-05 08:00"), at("2026-03-05 21:00")
FEDERAL, MORNINGS = hours(), hours("federal and daily 09:00-11:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock():
    return VirtualClock(NIGHT)


def accepted(under: QuietHours, wanted_at=NIGHT, **changes: object) -> Message:
    """Return a message as it is accepted under some rules."""
    fields = {"category": Category.MARKETING, "expires_at": NIGHT + 9 * DAY} | changes
    message = make_message(**fields)
    found = within_hours(under, Person(message.recipient), message.category, wanted_at)
    assert found is not None
    return replace(
        message,
        due_at=found.due_at,
        hold_reason=found.hold_reason or ("scheduled" if wanted_at > NIGHT else None),
        held_from=found.held_from,
        window_closes_at=found.window_closes_at,
        hours_digest=found.hours_digest,
    )


async def reckon(stage: Stage, under: QuietHours, *messages: Message) -> list[Message]:
    """Store messages, let the duty take all its turns under some rules; return what is stored."""
    await stage.store(*messages)
    reckoner = Reckoner(stage.database, stage.clock, under)
    while await reckoner.turn() != REST_S:
        pass
    return [await stage.message(message) for message in messages]


def told(message: Message) -> tuple[object, ...]:
    return message.due_at, message.hold_reason, message.window_closes_at, message.hours_digest


async def test_what_narrower_rules_hold_is_held(stage):
    """Its forecast is true again, and it does not stand in the way of others."""
    [scheduled] = await reckon(stage, MORNINGS, accepted(FEDERAL, NOON))

    opens, closes = at("2026-03-06 09:00"), at("2026-03-06 11:00")
    assert told(scheduled) == (opens, "quiet_hours", closes, MORNINGS.digest)
    assert scheduled.held_from == NOON


async def test_what_wider_rules_allow_leaves_at_once(stage):
    """Nobody would look at it before its old hour."""
    [night] = await reckon(stage, NEVER_QUIET, accepted(FEDERAL))

    assert told(night) == (NIGHT, None, None, None)
    assert night.held_from is None


async def test_what_was_to_leave_later_leaves_then(stage):
    """The time that its caller chose is not forgotten over a hold."""
    wanted = NOON + 12 * HOUR
    [held, early] = await reckon(
        stage, NEVER_QUIET, accepted(FEDERAL, wanted), accepted(FEDERAL, NIGHT)
    )

    assert told(held) == (wanted, "scheduled", None, None)
    assert early.due_at == NIGHT


async def test_a_hold_that_stays_one_ends_with_the_new_rules_hours(stage):
    """From where it began, not from where the old one ended."""
    [message] = await reckon(stage, FEDERAL, accepted(MORNINGS))

    assert told(message) == (OPENS, "quiet_hours", CLOSES, FEDERAL.digest)
    assert message.held_from == NIGHT


async def test_what_waits_for_another_reason_goes_on_to_wait_for_it(stage):
    """A cap, or a retry: only its window is another one."""
    capped = replace(accepted(NEVER_QUIET, NOON), hold_reason="frequency_cap")
    retried = replace(accepted(NEVER_QUIET, NOON), hold_reason=None)

    found = await reckon(stage, FEDERAL, capped, retried)

    assert [told(message) for message in found] == [
        (NOON, "frequency_cap", CLOSES, FEDERAL.digest),
        (NOON, None, CLOSES, FEDERAL.digest),
    ]


async def test_what_these_rules_have_reckoned_stays(stage):
    """As do answers to replies, and what has left the queue."""
    messages = [
        accepted(FEDERAL),
        accepted(NEVER_QUIET, answer="stop"),
        accepted(NEVER_QUIET, state=MessageState.CLAIMED),
        accepted(NEVER_QUIET, state=MessageState.PREPARING),
    ]

    found = await reckon(stage, FEDERAL, *messages)

    assert [told(message) for message in found] == [told(message) for message in messages]


async def test_the_queue_is_gone_over_in_bounded_turns(stage, monkeypatch):
    """A million messages are no reason to keep the database for minutes; nor is one read twice."""
    monkeypatch.setattr(reckoning, "LOOK_MAX", 4)
    messages = [accepted(FEDERAL, NIGHT) for _ in range(10)]
    await stage.store(*messages)
    reckoner = Reckoner(stage.database, stage.clock, NEVER_QUIET)

    with logged() as lines:
        rests = [await reckoner.turn() for _ in range(3)]

    assert rests == [0.0, 0.0, REST_S]
    assert [line["count"] for line in lines] == [4, 4, 2]
    assert {(await stage.message(message)).due_at for message in messages} == {NIGHT}
    with logged() as lines:
        await reckoner.turn()
    assert lines == []
