"""When a message may leave: hours and caps together, and the exemptions from both."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_message
from wirephoto.domain.departure import (
    CAPPED,
    NEVER_QUIET,
    QUIET,
    Departure,
    DepartureRules,
    Person,
    within_hours,
)
from wirephoto.domain.frequency import Tally, parse_caps
from wirephoto.domain.message import Category
from wirephoto.domain.quiet_hours import Exemption, QuietHours, parse_policy
from wirephoto.domain.quiet_rules import standard_rules

MARKETING = Category.MARKETING
FEDERAL = QuietHours(parse_policy("federal"), standard_rules())
NEW_YORKER, TEXAN = Person("+12125550123"), Person("+12145550123")
HOUR = timedelta(hours=1)


def at(text, zone="America/New_York"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rules(policy="federal", caps=None):
    hours = QuietHours(parse_policy(policy), standard_rules())
    return DepartureRules(hours, parse_caps(caps) if caps else {})


def test_what_is_open_leaves_at_once_and_knows_until_when():
    """The end of the window goes with the message."""
    now = at("2026-03-04 10:00")

    found = within_hours(FEDERAL, NEW_YORKER, MARKETING, now)

    assert found == Departure(now, None, None, at("2026-03-04 21:00"), FEDERAL.digest)


def test_what_is_shut_leaves_when_it_opens():
    """It remembers when it would have left: other rules may let it go then."""
    now = at("2026-03-04 22:00")

    found = within_hours(FEDERAL, NEW_YORKER, MARKETING, now)

    opens, closes = at("2026-03-05 08:00"), at("2026-03-05 21:00")
    assert found == Departure(opens, QUIET, now, closes, FEDERAL.digest)


@pytest.mark.parametrize(
    ("person", "now", "opens", "closes"),
    [
        # The clocks of New York go from 02:00 to 03:00, and back on the other day.
        (NEW_YORKER, "2026-03-08 01:30", "2026-03-08 12:00", "2026-03-09 01:00"),
        (NEW_YORKER, "2026-11-01 01:30", "2026-11-01 13:00", "2026-11-02 02:00"),
        # 928 is Arizona, which has no summer time, and the Navajo Nation, which has.
        (Person("+19285550123"), "2026-07-15 02:00", "2026-07-15 15:00", "2026-07-16 03:00"),
        (
            Person("+19285550123", zone="America/Denver"),
            "2026-07-15 02:00",
            "2026-07-15 14:00",
            None,
        ),
        (Person("+16025550123"), "2026-07-15 02:00", "2026-07-15 15:00", "2026-07-16 04:00"),
    ],
)
def test_every_clock_that_may_be_meant_counts(person, now, opens, closes):
    """Instants are in UTC on the right; an hour too early is a fine."""
    found = within_hours(FEDERAL, person, MARKETING, at(now))

    assert found is not None
    assert found.due_at == datetime.fromisoformat(opens).replace(tzinfo=UTC)
    if closes:
        assert found.window_closes_at == datetime.fromisoformat(closes).replace(tzinfo=UTC)


def test_an_hour_that_never_comes_is_said_at_once():
    """No hold without an end."""
    never = QuietHours(parse_policy("daily 08:00-09:00"), standard_rules())

    assert within_hours(never, Person("+18005550123"), MARKETING, at("2026-03-04 10:00")) is None


def test_without_rules_there_is_no_window():
    """And no digest: what was held under others is let go."""
    now = at("2026-03-04 22:00")

    assert within_hours(NEVER_QUIET, NEW_YORKER, MARKETING, now) == Departure(now)


def test_an_answer_leaves_while_the_conversation_lasts():
    """And not after it, however long it waited for its slot."""
    now = at("2026-03-04 22:00")
    person = Person(NEW_YORKER.number, last_in_at=now - timedelta(minutes=5))

    found = within_hours(FEDERAL, person, MARKETING, now)

    assert found == Departure(
        now, window_closes_at=now + timedelta(minutes=10), hours_digest=FEDERAL.digest
    )


def test_a_cap_is_waited_for_before_the_hours_are_asked():
    """The hour at which the cap lets it leave may itself be quiet."""
    now = at("2026-03-04 10:00")
    heard = {"marketing/1": Tally(1, now - HOUR, now - HOUR)}
    late = {"marketing/1": Tally(1, now + 13 * HOUR, now + 13 * HOUR)}
    capped = rules(caps="marketing=1/day")

    def found(tallies):
        return capped.departure(Person(NEW_YORKER.number, tallies=tallies), MARKETING, now)

    assert found({}).hold_reason is None
    assert found(heard) == Departure(
        now + 23 * HOUR, CAPPED, None, at("2026-03-05 21:00"), capped.hours.digest
    )
    assert (found(late).due_at, found(late).hold_reason) == (at("2026-03-06 08:00"), QUIET)


def test_rules_ask_only_about_whom_they_may_hold():
    """Nobody else's contact needs to be read."""
    both = rules(caps="transactional=1/day")

    assert [each for each in Category if both.asks_about(each)] == [
        Category.MARKETING,
        Category.TRANSACTIONAL,
    ]
    assert not any(DepartureRules().asks_about(each) for each in Category)


def test_a_message_counts_once_and_an_answer_never():
    """Whoever tries again does not say more; whoever writes STOP wants to hear that it is heard."""
    capped = rules(caps="marketing=1/day")

    assert capped.caps_on(make_message(category=MARKETING))
    assert not capped.caps_on(make_message(category=MARKETING, attempts=1))
    assert not capped.caps_on(make_message(category=MARKETING, answer="stop"))
    assert not capped.caps_on(make_message())


def test_who_leaves_by_an_exemption_is_told():
    """By its category, or since the recipient wrote; what answers a reply needs none."""
    night, day = at("2026-03-04 22:00"), at("2026-03-04 12:00")
    federal, off = rules(), rules("off")

    assert federal.bypass(make_message(), day) is None
    assert federal.bypass(make_message(), night).exemption is Exemption.CATEGORY
    found = federal.bypass(make_message(category=MARKETING), night)
    assert (found.exemption, found.rule.place) == (Exemption.CONVERSATION, "federal")
    assert federal.bypass(make_message(answer="stop"), night) is None
    assert off.bypass(make_message(), night) is None


def test_tallies_are_by_category_and_time_whatever_the_limit():
    """An operator who lowers a limit does not forget what has been sent."""
    now = at("2026-03-04 10:00")
    tallies = MappingProxyType({"marketing/1": Tally(2, now, now)})
    person = Person(NEW_YORKER.number, tallies=tallies)

    assert rules(caps="marketing=3/day").departure(person, MARKETING, now).due_at == now
    assert rules(caps="marketing=2/day").departure(person, MARKETING, now).due_at > now
    assert rules(caps="marketing=2/week").departure(person, MARKETING, now).due_at == now
