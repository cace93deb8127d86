"""May it leave now, until when, and when next: the traps by name, and what must always hold."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wirephoto.domain.hours import parse_hours
from wirephoto.domain.message import Category
from wirephoto.domain.place import EVERYWHERE, Basis, Place, place_of
from wirephoto.domain.quiet_hours import (
    CUSTOM,
    Allowed,
    Base,
    Bypass,
    Exemption,
    Held,
    Policy,
    QuietHours,
    parse_policy,
)
from wirephoto.domain.quiet_rules import FEDERAL, standard_rules

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
MARKETING = Category.MARKETING
POLICIES = {
    text: QuietHours(parse_policy(text), standard_rules())
    for text in (
        "federal",
        "state",
        "strictest",
        "mon-fri 09:00-20:00, sat 10:00-18:00, holidays closed",
        "state and mon-sat 10:00-12:30 14:00-19:00",
        "daily 00:30-02:15 23:00-24:00",
    )
}


def at(text, zone="America/New_York"):
    """Return the instant when clocks in `zone` show `text`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def place(code, **known):
    return place_of(f"+1{code}5550123", **known)


def check(policy, now, code, category=MARKETING, **given):
    return POLICIES[policy].check(now, place(code), category, **given)


@pytest.mark.parametrize(
    ("policy", "code", "now", "zone", "until"),
    [
        ("federal", "212", "2026-11-25 12:00", "America/New_York", "2026-11-25 21:00"),
        ("federal", "212", "2026-11-25 08:00", "America/New_York", "2026-11-25 21:00"),
        ("federal", "334", "2026-11-29 12:00", "America/Chicago", "2026-11-29 21:00"),
        ("state", "212", "2026-11-29 20:59", "America/New_York", "2026-11-29 21:00"),
        ("state", "305", "2026-11-25 12:00", "America/New_York", "2026-11-25 20:00"),
        ("state", "850", "2026-11-25 12:00", "America/New_York", "2026-11-25 20:00"),
        ("state", "214", "2026-11-29 12:00", "America/Chicago", "2026-11-29 21:00"),
        ("state", "928", "2026-07-15 12:00", "America/Denver", "2026-07-15 21:00"),
        ("state", "602", "2026-07-15 12:00", "America/Phoenix", "2026-07-15 21:00"),
        ("state", "808", "2026-11-25 12:00", "Pacific/Honolulu", "2026-11-25 21:00"),
        ("state", "401", "2026-11-28 12:00", "America/New_York", "2026-11-28 17:00"),
        ("strictest", "212", "2026-11-30 12:00", "America/New_York", "2026-11-30 18:00"),
    ],
)
def test_what_may_leave_may_do_so_until_the_evening(policy, code, now, zone, until):
    """The end is stored with the message: a claim that comes later does not send it."""
    assert check(policy, at(now, zone), code) == Allowed(at(until, zone))


@pytest.mark.parametrize(
    ("policy", "code", "now", "zone", "next_at", "rule"),
    [
        ("federal", "212", "2026-11-25 21:00", "America/New_York", "2026-11-26 08:00", FEDERAL),
        ("federal", "212", "2027-03-13 23:00", "America/New_York", "2027-03-14 08:00", FEDERAL),
        ("federal", "212", "2026-10-31 23:00", "America/New_York", "2026-11-01 08:00", FEDERAL),
        ("state", "305", "2026-11-25 20:30", "America/New_York", "2026-11-26 08:00", "FL"),
        ("state", "850", "2026-11-26 08:30", "America/New_York", "2026-11-26 09:00", FEDERAL),
        ("state", "214", "2026-11-29 11:59", "America/Chicago", "2026-11-29 12:00", "TX"),
        ("state", "915", "2026-11-29 12:30", "America/Chicago", "2026-11-29 13:00", "TX"),
        ("state", "928", "2026-07-15 20:30", "America/Phoenix", "2026-07-16 08:00", FEDERAL),
        ("state", "502", "2026-11-25 09:00", "America/New_York", "2026-11-25 10:00", "KY"),
        # Sundays, and holidays with the days on which they are observed.
        ("state", "334", "2026-11-29 12:00", "America/Chicago", "2026-11-30 08:00", "AL"),
        ("state", "504", "2026-11-25 20:30", "America/Chicago", "2026-11-28 08:00", "LA"),
        ("state", "504", "2027-02-09 12:00", "America/Chicago", "2027-02-10 08:00", "LA"),
        ("state", "205", "2027-12-24 12:00", "America/Chicago", "2027-12-27 08:00", "AL"),
        ("state", "601", "2027-07-03 20:00", "America/Chicago", "2027-07-06 08:00", "MS"),
        ("state", "401", "2026-07-03 18:00", "America/New_York", "2026-07-05 10:00", "RI"),
        ("state", "801", "2026-07-24 12:00", "America/Denver", "2026-07-25 08:00", "UT"),
        ("strictest", "212", "2026-11-28 17:00", "America/New_York", "2026-11-30 10:00", "RI"),
    ],
)
def test_what_is_held_may_leave_in_the_morning(policy, code, now, zone, next_at, rule):
    """It gets that instant once, and nobody looks at it before."""
    verdict = check(policy, at(now, zone), code)

    assert isinstance(verdict, Held)
    assert verdict.next_at == at(next_at, zone)
    if policy != "strictest":
        assert verdict.rule.place == rule


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [("2026-07-15", "14:00", "21:00"), ("2026-12-15", "13:00", "21:00")],
)
def test_a_number_of_no_place_is_open_when_the_whole_country_is(day, opens, closes):
    """From Hawaii's morning to New York's evening (facts 2.2)."""
    midnight = at(f"{day} 00:00")

    assert check("federal", midnight, "555").next_at == at(f"{day} {opens}")
    assert check("federal", at(f"{day} {opens}"), "555").until == at(f"{day} {closes}")


def test_a_number_of_no_state_keeps_the_law_of_all():
    """Nobody knows whose law it is; Rhode Island's may be."""
    unknown = Place(None, ("America/New_York",), Basis.GIVEN)
    verdict = POLICIES["state"].check(at("2026-11-30 18:30"), unknown, MARKETING)

    assert verdict.next_at == at("2026-12-02 10:00")  # Mrs. Rosa Parks Day is between


def test_the_strictest_hours_are_what_every_law_allows():
    """Monday to Friday 10 to 18, Saturday to 17, no Sunday, no holiday (facts 2.1)."""
    strictest, found = POLICIES["strictest"], []
    now, end = at("2026-11-09 00:00"), at("2026-11-16 00:00")
    while now < end:
        verdict = strictest.check(now, place("212"), MARKETING)
        if isinstance(verdict, Allowed):
            opens, closes = (
                each.astimezone(ZoneInfo("America/New_York")) for each in (now, verdict.until)
            )
            found.append(f"{opens:%a %H}-{closes:%H}")
            now = verdict.until
        else:
            now = verdict.next_at

    assert found == ["Mon 10-18", "Tue 10-18", "Thu 10-18", "Fri 10-18", "Sat 10-17"]


def test_a_law_counts_from_its_day_on():
    """Texas kept pictures to its hours from September 2025 on; the Sunday before is federal."""
    before, after = (at(f"2025-{day} 09:00", "America/Chicago") for day in ("08-31", "09-07"))

    assert check("state", before, "214") == Allowed(before + 12 * HOUR)
    assert check("state", after, "214").next_at == after + 3 * HOUR


def test_what_the_caller_knows_wins_over_the_number():
    """A New Yorker's number in Honolulu sleeps when Honolulu does."""
    now = at("2026-11-25 09:00")
    moved = place("212", zone="Pacific/Honolulu", state="HI")

    assert isinstance(check("state", now, "212"), Allowed)
    assert POLICIES["state"].check(now, moved, MARKETING).next_at == at(
        "2026-11-25 08:00", "Pacific/Honolulu"
    )


@pytest.mark.parametrize("category", sorted(set(Category) - {MARKETING}))
def test_other_categories_leave_at_any_hour_and_it_is_told_when_that_mattered(category):
    """Laws are about advertising; the audit trail shows who called an advert something else."""
    night, noon = at("2026-11-25 03:00"), at("2026-11-25 12:00")
    verdict = check("state", night, "212", category)

    assert verdict.until is None
    assert verdict.bypass.exemption is Exemption.CATEGORY
    assert verdict.bypass.rule.place == FEDERAL
    assert check("state", noon, "212", category) == Allowed(None)


def test_an_operator_may_hold_other_categories_too():
    """A reminder of an appointment is no advert, and still nobody wants it at three."""
    policy = Policy(Base.FEDERAL, also_held=frozenset({Category.TRANSACTIONAL}))
    quiet = QuietHours(policy, standard_rules())
    night = at("2026-11-25 03:00")

    assert isinstance(quiet.check(night, place("212"), Category.TRANSACTIONAL), Held)
    assert isinstance(quiet.check(night, place("212"), Category.EMERGENCY), Allowed)


def test_an_answer_within_a_conversation_leaves_at_night_for_a_while():
    """Whoever wrote at three in the morning is awake, and asked."""
    night = at("2026-11-25 03:00")
    verdict = check("state", night, "212", last_in_at=night - 5 * MINUTE)

    assert verdict == Allowed(
        night + 10 * MINUTE, Bypass(Exemption.CONVERSATION, verdict.bypass.rule)
    )
    assert isinstance(check("state", night, "212", last_in_at=night - 15 * MINUTE), Held)


def test_an_operator_may_exempt_no_conversation():
    """Some lawyers hold that an advert is no answer, whoever wrote before."""
    policy = Policy(Base.FEDERAL, conversation=timedelta(0))
    night = at("2026-11-25 03:00")

    verdict = QuietHours(policy, standard_rules()).check(
        night, place("212"), MARKETING, last_in_at=night
    )

    assert isinstance(verdict, Held)


def test_a_conversation_before_the_morning_lasts_into_the_day():
    """It would be odd to hold an answer at eight that was free to leave a minute before."""
    now = at("2026-11-25 07:55")
    verdict = check("state", now, "212", last_in_at=now)

    assert verdict.until == at("2026-11-25 21:00")
    assert verdict.bypass.exemption is Exemption.CONVERSATION


def test_a_conversation_by_day_is_no_bypass():
    """The trail tells what mattered, and nothing else."""
    now = at("2026-11-25 12:00")

    assert check("state", now, "212", last_in_at=now) == Allowed(at("2026-11-25 21:00"))


def test_off_holds_nothing():
    """An operator who sends no advertising needs no quiet hours."""
    off = QuietHours(parse_policy("off"), standard_rules())

    assert off.check(at("2026-11-25 03:00"), place("212"), MARKETING) == Allowed(None)


def test_hours_that_no_zone_shares_are_an_answer():
    """Such a message is refused at once, not held for ever."""
    quiet = QuietHours(parse_policy("daily 09:00-10:00"), standard_rules())
    verdict = quiet.check(at("2026-11-25 12:00"), Place(None, EVERYWHERE, Basis.UNKNOWN), MARKETING)

    assert verdict.next_at is None
    assert verdict.rule.place == CUSTOM


PLACES = st.one_of(
    st.sampled_from([205, 212, 214, 305, 334, 401, 423, 504, 541, 555, 601, 602, 701]).map(place),
    st.sampled_from([775, 801, 808, 850, 907, 915, 928]).map(place),
    st.sampled_from(
        ["Pacific/Chatham", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]
    ).map(lambda zone: place("212", zone=zone)),
)
CLOCK_CHANGES = ["2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07", "2027-04-04"]
INSTANTS = st.one_of(
    st.timedeltas(timedelta(0), 1600 * DAY).map(lambda later: at("2025-08-01") + later),
    st.builds(
        lambda day, minutes: at(day) + minutes * MINUTE,
        st.sampled_from([*CLOCK_CHANGES, "2026-07-03", "2026-11-26", "2027-12-24", "2027-12-31"]),
        st.integers(-24 * 60, 48 * 60),
    ),
)


def is_open(policy, where, now):
    """Tell whether every clock and every law of `policy` lets a message leave, asked one by one."""
    quiet = POLICIES[policy]
    laws = list(quiet._laws(where.state if quiet._policy.base is Base.STATE else None))
    for zone in where.zones:
        local = now.astimezone(ZoneInfo(zone))
        time = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
        for law in laws:
            rule = law.on(local.date())
            windows = rule.windows_on(local.date()) if rule else None
            if windows is not None and not any(
                window.opens * MINUTE <= time < window.closes * MINUTE for window in windows
            ):
                return False
    return True


def minutes(start, end):
    """Yield `start`, each full minute after it, and the last moment before `end`."""
    now = start
    while now < end:
        yield now
        now = now.replace(second=0, microsecond=0) + MINUTE
    yield end - MICROSECOND


@settings(max_examples=150, deadline=None)
@given(policy=st.sampled_from(sorted(POLICIES)), where=PLACES, now=INSTANTS)
@example("daily 00:30-02:15 23:00-24:00", place("212"), at("2026-11-01 00:45"))
@example("state", place("928"), at("2026-03-08 01:30", "America/Denver"))
def test_the_verdict_is_that_of_every_clock_at_every_minute(policy, where, now):
    """No message leaves inside a closed window in any candidate zone, and none waits too long."""
    verdict = POLICIES[policy].check(now, where, MARKETING)

    if isinstance(verdict, Allowed):
        end = min(verdict.until, now + 2 * DAY)
        assert all(is_open(policy, where, each) for each in minutes(now, end))
        assert end < verdict.until or not is_open(policy, where, verdict.until)
    elif verdict.next_at is not None:
        assert not any(is_open(policy, where, each) for each in minutes(now, verdict.next_at))
        assert is_open(policy, where, verdict.next_at)
        assert isinstance(POLICIES[policy].check(verdict.next_at, where, MARKETING), Allowed)
    else:
        assert not any(is_open(policy, where, now + hour * HOUR / 2) for hour in range(24 * 14))


def test_a_policy_may_be_one_law_own_hours_or_both():
    """The setting is one line."""
    hours = parse_hours("mon-fri 09:00-20:00")

    assert parse_policy("OFF") == Policy(Base.OFF)
    assert parse_policy(" strictest ") == Policy(Base.STRICTEST)
    assert parse_policy("mon-fri 09:00-20:00") == Policy(Base.OFF, hours)
    assert parse_policy("state and mon-fri 09:00-20:00") == Policy(Base.STATE, hours)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must be off, federal, state, strictest, or hours"),
        ("sate", "must be off, federal"),
        ("daily closed", "must be off, federal"),
        ("off and mon 09:00-20:00", "cannot be off and have hours"),
        ("state and federal", "`federal` is no day"),
        ("mon 09:00-20:00 and state", "combines one law with your own hours"),
        ("state and mon 09:00-20:00 and tue 09:00-20:00", "combines one law"),
        ("state and mon 9-5", "`9-5` is no window"),
        ("state and daily closed", "no hour that is open"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text, complaint):
    """A policy that is misread is no policy."""
    with pytest.raises(ValueError, match=complaint):
        parse_policy(text)


def test_rules_that_differ_in_anything_have_another_digest():
    """What was reckoned under one of them is reckoned anew under the other."""
    book = standard_rules()
    federal = parse_policy("federal")
    corrected = book.corrected_by("")
    digests = [
        QuietHours(federal, book).digest,
        QuietHours(federal, corrected).digest,
        QuietHours(parse_policy("state"), book).digest,
        QuietHours(Policy(Base.FEDERAL, conversation=HOUR), book).digest,
        QuietHours(Policy(Base.FEDERAL, also_held={Category.TRANSACTIONAL}), book).digest,
        QuietHours(parse_policy("off"), book).digest,
    ]

    assert len(set(digests)) == len(digests)
    assert digests[0] == QuietHours(parse_policy("federal"), book).digest
    assert digests[-1] is None


def test_rules_know_whom_they_may_hold():
    """Of all others nothing needs to be known."""
    also = Policy(Base.FEDERAL, also_held=frozenset({Category.TRANSACTIONAL}))
    held = {
        name: {category for category in Category if hours.may_hold(category)}
        for name, hours in {
            "state": POLICIES["state"],
            "own": POLICIES["daily 00:30-02:15 23:00-24:00"],
            "also": QuietHours(also, standard_rules()),
            "off": QuietHours(parse_policy("off"), standard_rules()),
        }.items()
    }

    assert held == {
        "state": {MARKETING},
        "own": {MARKETING},
        "also": {MARKETING, Category.TRANSACTIONAL},
        "off": set(),
    }
