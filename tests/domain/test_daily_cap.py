"""What a brand may send in a day, and whose messages count."""

from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.daily_cap import (
    CapRules,
    DailyCap,
    cap_day,
    next_pacific_midnight,
    within,
)


@pytest.mark.parametrize(
    ("network", "unknown_counts", "counts"),
    [
        ("310260", True, True),
        ("310260", False, True),
        ("310410", True, False),
        ("311480", False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_the_carrier_counts_its_own_and_perhaps_the_unknown(network, unknown_counts, counts):
    """AT&T's and Verizon's phones have no such cap: to hold their pictures wastes the rate."""
    assert CapRules(unknown_counts=unknown_counts).counts(network) is counts


def test_other_networks_may_be_named():
    """A carrier that buys another's network changes the list before we do."""
    rules = CapRules(networks=frozenset({"313100"}))

    assert (rules.counts("313100"), rules.counts("310260")) == (True, False)


@pytest.mark.parametrize(
    ("cap", "limited", "left"),
    [
        (DailyCap("brd", None), False, 0),
        (DailyCap("brd", 2000), True, 2000),
        (DailyCap("brd", 2000, sent=1999), True, 1),
        (DailyCap("brd", 2000, sent=2001), True, 0),
        (DailyCap("brd", 2000, sent=5, spent=True), True, 0),
        (DailyCap("brd", None, spent=True), True, 0),
    ],
)
def test_what_is_left_of_a_day(cap, limited, left):
    """The carrier's word that it takes no more counts for more than our own count."""
    assert (cap.is_limited, cap.left) == (limited, left)


@pytest.mark.parametrize(
    ("left", "weights", "taken"),
    [
        (2, [1, 1, 1], [True, True, False]),
        (0, [1, 0, 1, 0], [False, True, False, True]),
        (3, [2, 2, 1], [True, False, True]),
        (5, [], []),
    ],
)
def test_a_cap_takes_what_fits_in_its_order(left, weights, taken):
    """What does not count passes by; a long text that is too much leaves room for a short one."""
    assert within(left, weights) == taken


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 3, 4, 7, 59, 59, tzinfo=UTC), datetime(2026, 3, 4, 8, tzinfo=UTC)),
        (datetime(2026, 3, 4, 8, 0, tzinfo=UTC), datetime(2026, 3, 5, 8, tzinfo=UTC)),
        (datetime(2026, 3, 8, 9, 0, tzinfo=UTC), datetime(2026, 3, 9, 7, tzinfo=UTC)),
        (datetime(2026, 11, 1, 8, 0, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),
    ],
)
def test_a_day_of_the_caps_ends_at_midnight_pacific_time(now, midnight):
    """On the days when clocks change too: a day of 23 or 25 hours is still one day."""
    assert next_pacific_midnight(now) == midnight
    assert cap_day(midnight - timedelta(seconds=1)) == cap_day(now)
    assert cap_day(midnight) != cap_day(now)
