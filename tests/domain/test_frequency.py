"""Caps: never exceeded in any stretch of time, whatever is forgotten between two messages."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.frequency import (
    Cap,
    Tally,
    counted,
    counted_in,
    free_at,
    next_allowed_at,
    parse_caps,
)
from wirephoto.domain.message import Category

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
THREE_A_DAY = Cap(3, DAY)


def after(cap, *hours):
    """Return the tally after messages at those hours, all of which had to be allowed."""
    tally = None
    for hour in hours:
        at = NOW + hour * HOUR
        assert next_allowed_at(cap, tally, at) == at
        tally = counted(cap, tally, at)
    return tally


def test_as_many_as_the_cap_says_may_leave_at_once():
    """A cap is no pace."""
    tally = after(THREE_A_DAY, 0, 0, 0)

    assert tally == Tally(3, NOW, NOW)
    assert next_allowed_at(THREE_A_DAY, tally, NOW + HOUR) == NOW + DAY


def test_a_day_is_any_twenty_four_hours():
    """Two messages late on one day and two early on the next are four within an hour."""
    tally = after(THREE_A_DAY, 0, 23, 23.5, 24)

    assert next_allowed_at(THREE_A_DAY, tally, NOW + 24.5 * HOUR) == NOW + 47.5 * HOUR


def test_a_steady_pace_below_the_cap_is_never_held():
    """Who sends two a day may do so for ever under a cap of three."""
    after(THREE_A_DAY, *range(0, 24 * 30, 12))


def test_a_cap_of_one_waits_from_the_last_message():
    """The first is the last."""
    tally = after(Cap(1, DAY), 0, 24)

    assert next_allowed_at(Cap(1, DAY), tally, NOW + 30 * HOUR) == NOW + 48 * HOUR


def test_nothing_counts_after_a_silence_as_long_as_the_cap():
    """Whoever has not heard from us for a day starts anew."""
    assert counted(THREE_A_DAY, after(THREE_A_DAY, 0, 1, 2), NOW + 26 * HOUR).count == 1


def test_a_cap_that_was_lowered_counts_what_has_left():
    """An operator who turns five into two does not allow two more today."""
    tally = after(Cap(5, DAY), 0, 1, 2, 3)

    assert next_allowed_at(Cap(2, DAY), tally, NOW + 4 * HOUR) == NOW + 27 * HOUR


def test_a_clock_that_steps_back_forgets_nothing():
    """The database's clock may be corrected between two messages."""
    tally = counted(THREE_A_DAY, after(THREE_A_DAY, 2), NOW)

    assert tally == Tally(2, NOW + 2 * HOUR, NOW + 2 * HOUR)


@given(
    limit=st.integers(1, 5),
    gaps=st.lists(st.integers(0, 30).map(lambda hours: hours * HOUR / 2), max_size=40),
)
def test_no_stretch_of_time_has_more_than_the_cap(limit, gaps):
    """And whoever waits as long as they are told to may go, and not a microsecond before."""
    cap, tally, now, left = Cap(limit, DAY), None, NOW, []
    for gap in gaps:
        now += gap
        at = next_allowed_at(cap, tally, now)
        assert next_allowed_at(cap, tally, at) == at
        assert at == now or next_allowed_at(cap, tally, at - MICROSECOND) == at
        assert not left or at <= max(now, left[-1] + DAY)
        tally, now = counted(cap, tally, at), at
        left.append(at)

    for at in left:
        assert sum(at <= other < at + DAY for other in left) <= limit


def test_caps_are_read_by_category():
    """A newsletter three times a day is too much, a code for logging in is not."""
    assert parse_caps("marketing=3/day, marketing=10/week,conversational=20/2days") == {
        Category.MARKETING: (Cap(3, DAY), Cap(10, 7 * DAY)),
        Category.CONVERSATIONAL: (Cap(20, 2 * DAY),),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no cap"),
        ("3/day", "is no cap"),
        ("marketing=3", "is no cap"),
        ("marketing=3/hour", "is no cap"),
        ("marketing=-3/day", "is no cap"),
        ("news=3/day", "`news` is no category: marketing"),
        ("marketing=0/day", "must be 1 to 1000"),
        ("marketing=1001/day", "must be 1 to 1000"),
        ("marketing=1/0days", "in 1 to 366 days"),
        ("marketing=1/367days", "in 1 to 366 days"),
        ("marketing=3/day,marketing=4/1days", "is the second cap for marketing"),
    ],
)
def test_what_is_wrong_with_a_cap_is_said(text, complaint):
    """A cap that is misread is none."""
    with pytest.raises(ValueError, match=complaint):
        parse_caps(text)


def test_of_several_caps_the_one_that_lasts_longest_counts():
    """Three a day and four a week: the fourth waits for the day, the fifth for the week."""
    caps = parse_caps("marketing=3/day,marketing=4/week")[Category.MARKETING]
    tallies = {"other/1": Tally(9, NOW, NOW)}
    freed = []
    for at in (NOW, NOW, NOW, NOW + DAY):
        freed.append(free_at(caps, Category.MARKETING, tallies, at))
        tallies = counted_in(caps, Category.MARKETING, tallies, at)

    assert freed == [NOW, NOW, NOW, NOW + DAY]
    assert free_at(caps, Category.MARKETING, tallies, NOW + 2 * DAY) == NOW + 7 * DAY
    assert tallies["other/1"] == Tally(9, NOW, NOW)
    assert free_at((), Category.MARKETING, tallies, NOW) == NOW
