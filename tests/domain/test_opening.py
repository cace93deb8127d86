"""Hours in several zones as instants: on ordinary days, and when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.hours import parse_hours
from wirephoto.domain.message import Category
from wirephoto.domain.opening import WEEKS_AHEAD, Opening, Stretch
from wirephoto.domain.quiet_rules import Law, Rule

NEW_YORK, CHICAGO, DENVER = "America/New_York", "America/Chicago", "America/Denver"
PHOENIX, LOS_ANGELES = "America/Phoenix", "America/Los_Angeles"
MICROSECOND = timedelta(microseconds=1)


def law(hours):
    return Law("custom", (Rule("custom", parse_hours(hours), "a test"),))


def opening(*hours, zones=(NEW_YORK,)):
    return Opening([law(each) for each in hours], zones, Category.MARKETING)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_times(opened, start, end):
    """Return when it is open from `start` to `end`, as pairs of times of the day in UTC."""
    found, now, end = [], utc(start), utc(end)
    while now < end:
        stretch = opened.stretch_at(now)
        until = min(stretch.ends_at or end, end)
        if stretch.rule is None:
            found.append(f"{now:%H:%M}-{until:%H:%M}")
        now = until
    return found


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        # Clocks go from 02:00 EST to 03:00 EDT on 14 March 2027.
        ("2027-03-13", "08:00-21:00", "13:00-02:00"),
        ("2027-03-14", "08:00-21:00", "12:00-01:00"),
        ("2027-03-14", "01:00-04:00", "06:00-08:00"),
        ("2027-03-14", "02:30-05:00", "07:00-09:00"),
        ("2027-03-14", "01:30-02:30", "06:30-07:00"),
        ("2027-03-14", "02:15-02:45", ""),
        # They go back from 02:00 EDT to 01:00 EST on 1 November 2026.
        ("2026-11-01", "08:00-21:00", "13:00-02:00"),
        ("2026-11-01", "00:30-03:00", "04:30-08:00"),
        ("2026-11-01", "01:15-01:45", "05:15-05:45 06:15-06:45"),
        ("2026-11-01", "01:30-03:00", "05:30-06:00 06:30-08:00"),
        ("2026-11-01", "00:00-01:30", "04:00-05:30 06:00-06:30"),
    ],
)
def test_the_clock_on_the_wall_counts_when_clocks_change(day, hours, expected):
    """An hour that is shown twice is twice as long, and one that is left out is not there."""
    weekday = utc(day).strftime("%a").lower()
    opened = opening(f"{weekday} {hours}")
    next_day = (utc(day) + timedelta(days=1, hours=5)).isoformat(" ")[:16]

    assert open_times(opened, f"{day} 03:00", next_day) == expected.split()


def test_a_day_that_is_open_throughout_passes_into_the_next():
    """Midnight is no reason to hold a message, and neither is the end of a week of our own."""
    opened = opening("mon-fri 00:00-24:00")

    assert opened.stretch_at(utc("2026-11-23 05:00")) == Stretch(None, utc("2026-11-28 05:00"))


def test_hours_that_never_change_have_no_end():
    """Nothing is looked for longer than a message may wait."""
    assert opening("daily 00:00-24:00").stretch_at(utc("2026-11-25")) == Stretch(None, None)
    assert Opening([], (NEW_YORK,), Category.MARKETING).stretch_at(utc("2026-11-25")).rule is None


def test_two_zones_are_open_only_together():
    """The east closes first and the west opens last."""
    opened = opening("daily 08:00-21:00", zones=(NEW_YORK, LOS_ANGELES))

    assert open_times(opened, "2026-11-25 12:00", "2026-11-26 12:00") == ["16:00-02:00"]


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-07-15", "15:00-03:00"), ("2026-12-15", "15:00-04:00")]
)
def test_arizona_and_the_navajo_nation_agree_only_in_winter(day, expected):
    """In summer the nation's evening ends an hour before that of Phoenix."""
    opened = opening("daily 08:00-21:00", zones=(DENVER, PHOENIX))
    next_day = (utc(day) + timedelta(days=1, hours=12)).isoformat(" ")[:16]

    assert open_times(opened, f"{day} 12:00", next_day) == [expected]


def test_a_zone_half_an_hour_off_is_counted_to_the_minute():
    """Callers may know a zone that is none of ours; Chatham is 12 hours and 45 minutes ahead."""
    opened = opening("daily 08:00-21:00", zones=("Pacific/Chatham",))

    assert open_times(opened, "2026-06-15 12:00", "2026-06-16 12:00") == ["19:15-08:15"]


def test_a_day_that_a_place_leaves_out_is_not_there():
    """Samoa went from Thursday to Saturday in 2011, across the date line."""
    opened = opening("fri 08:00-21:00", zones=("Pacific/Apia",))

    assert open_times(opened, "2011-12-28 00:00", "2012-01-04 00:00") == []


def test_zones_and_laws_that_never_agree_are_told_from_hours_that_come():
    """It must be an answer: who looked for an hour until there is one would look for ever."""
    never = opening("daily 09:00-12:00", "daily 13:00-15:00")
    far_apart = opening("daily 09:00-12:00", zones=("Europe/London", "Pacific/Auckland"))
    for opened in (never, far_apart):
        assert opened.stretch_at(utc("2026-11-25 14:30")).ends_at is None
        assert opened.stretch_at(utc("2026-11-25 14:30")).rule is not None


def test_a_law_that_does_not_hold_a_category_holds_none_of_it():
    """Codes for logging in leave at night."""
    opened = Opening([law("mon 09:00-10:00")], (NEW_YORK,), Category.TRANSACTIONAL)

    assert opened.stretch_at(utc("2026-11-25 03:00")) == Stretch(None, None)


def test_the_first_law_names_the_reason():
    """The one that binds everybody is named before the one of a state."""
    first, second = law("daily 08:00-21:00"), law("daily 09:00-20:00")
    opened = Opening([first, second], (NEW_YORK,), Category.MARKETING)

    assert opened.stretch_at(utc("2026-11-26 01:30")).rule is second.versions[0]
    assert opened.stretch_at(utc("2026-11-26 03:00")).rule is first.versions[0]
    assert opened.stretch_at(utc("2026-11-26 01:30")).ends_at == utc("2026-11-26 14:00")


def test_hours_are_exact_to_the_microsecond():
    """A message that leaves a moment early leaves at night."""
    opened = opening("daily 08:00-21:00")
    opens, closes = utc("2026-11-25 13:00"), utc("2026-11-26 02:00")

    assert opened.stretch_at(opens - MICROSECOND).ends_at == opens
    assert opened.stretch_at(opens) == Stretch(None, closes)
    assert opened.stretch_at(closes - MICROSECOND) == Stretch(None, closes)
    assert opened.stretch_at(closes).rule is not None


@pytest.mark.parametrize("day", range(WEEKS_AHEAD * 7 + 7))
def test_no_week_of_ours_shows(day):
    """Days are worked out a week at a time; the answer must not depend on where a week begins."""
    opened = opening("daily 08:00-21:00", zones=("Pacific/Honolulu",))
    noon = utc("2026-11-01 22:00") + timedelta(days=day)

    assert opened.stretch_at(noon).ends_at == noon + timedelta(hours=9)
