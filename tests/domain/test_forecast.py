"""When messages leave: behind what waits, at the campaign's rate, within the day's cap."""

from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.forecast import Backlog, Waiting, forecast
from wirephoto.domain.message import Priority

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 3, 5, 8, tzinfo=UTC)
"""In Los Angeles."""


def backlog(*waiting, rate=1.0, **changes):
    return Backlog(**({"at": NOW, "rate": rate, "next_slot_at": NOW, "waiting": waiting} | changes))


def of(count, *, due_at=NOW - HOUR, priority=Priority.NORMAL):
    return Waiting(priority, due_at, count)


def test_an_empty_queue_lets_a_message_leave_at_once():
    """The usual case of a product team: nothing waits."""
    found = forecast(backlog(), 1, due_at=NOW, now=NOW)

    assert (found.first_at, found.last_at, found.ahead) == (NOW, NOW, 0)


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 600), (0.25, 2400), (240.0, 2.5)])
def test_what_waits_leaves_first_at_the_rate(rate, seconds):
    """An approved rate is what the sender pays for: no more, and no less."""
    found = forecast(backlog(of(600), rate=rate), 1, due_at=NOW, now=NOW)

    assert found.first_at == NOW + seconds * SECOND


def test_many_messages_leave_one_after_the_other():
    """Ten thousand at ten a second are out in a quarter of an hour."""
    found = forecast(backlog(of(100), rate=10.0), 10_000, due_at=NOW, now=NOW)

    assert found.first_at == NOW + 10 * SECOND
    assert found.last_at == NOW + 1009.9 * SECOND


@pytest.mark.parametrize(
    ("priority", "ahead"), [(Priority.URGENT, 5), (Priority.NORMAL, 12), (Priority.BULK, 42)]
)
def test_only_what_is_as_urgent_stands_in_the_way(priority, ahead):
    """A bulk does not delay an urgent picture."""
    waits = backlog(of(5, priority=Priority.URGENT), of(7), of(30, priority=Priority.BULK))

    assert forecast(waits, 1, due_at=NOW, now=NOW, priority=priority).ahead == ahead


def test_a_scheduled_message_waits_for_its_time_and_for_what_is_due_before():
    """What waits now is gone by then; what is scheduled for the same hour is not."""
    later = NOW + HOUR

    quiet = forecast(backlog(of(600)), 1, due_at=later, now=NOW)
    busy = forecast(backlog(of(600), of(9000, due_at=later)), 1, due_at=later, now=NOW)
    unmoved = forecast(backlog(of(50, due_at=later)), 1, due_at=NOW, now=NOW)

    assert quiet.first_at == later
    assert busy.first_at == later + 9000 * SECOND
    assert (unmoved.first_at, unmoved.ahead) == (NOW, 0)


def test_a_slot_that_is_taken_already_is_not_promised():
    """At a quarter of a message a second the next slot may be four seconds away."""
    found = forecast(backlog(next_slot_at=NOW + 4 * SECOND), 1, due_at=NOW, now=NOW)

    assert found.first_at == NOW + 4 * SECOND


def test_what_was_counted_some_time_ago_has_been_leaving_since():
    """A backlog is looked at once in a while, not for every message."""
    found = forecast(backlog(of(10)), 1, due_at=NOW + 4 * SECOND, now=NOW + 4 * SECOND)

    assert found.first_at == NOW + 10 * SECOND


def test_a_stopped_line_promises_nothing():
    """Nobody knows how long an account stays blocked."""
    assert forecast(backlog(stopped=True), 1, due_at=NOW, now=NOW) is None


def test_what_goes_beyond_a_days_cap_leaves_after_midnight():
    """T-Mobile drops what is above a brand's cap; it does not queue it."""
    waits = backlog(rate=10.0, daily_cap=2000, sent_today=1900)

    found = forecast(waits, 4150, due_at=NOW, now=NOW)

    assert found.first_at == NOW
    assert found.last_at == MIDNIGHT + 2 * 24 * HOUR + 4.9 * SECOND


def test_a_used_up_cap_moves_even_the_first_to_the_next_day():
    """And the day ends at midnight in Los Angeles, not here."""
    found = forecast(backlog(daily_cap=2000, sent_today=2000), 1, due_at=NOW, now=NOW)

    assert found.first_at == MIDNIGHT


def test_the_end_of_the_world_is_not_promised():
    """A rate of one a day and a million messages: say that nobody knows."""
    assert forecast(backlog(rate=0.00001), 1_000_000, due_at=NOW, now=NOW) is None
    assert forecast(backlog(daily_cap=0), 1, due_at=NOW, now=NOW) is None
