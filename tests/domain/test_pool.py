"""Which sender of a pool a recipient hears from."""

from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.pool import Candidate, choose, is_pool_name

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
NEW_YORK, BOSTON, CHICAGO = "+12125550100", "+16175550100", "+13125550100"
RECIPIENT = "+16175550123"


def candidate(number, *, waits_s=0, available=True):
    leaves_at = None if waits_s is None else NOW + timedelta(seconds=waits_s)
    return Candidate(number, available, leaves_at)


def chosen(*candidates, recipient=RECIPIENT, sticky=None, sticky_waits=False):
    found = choose(candidates, recipient=recipient, sticky=sticky, sticky_waits=sticky_waits)
    return found.number if found else None


def test_who_has_heard_from_a_sender_hears_from_it_again():
    """A conversation that changes its number looks like fraud."""
    pool = candidate(NEW_YORK, waits_s=900), candidate(BOSTON), candidate(CHICAGO)

    assert chosen(*pool, sticky=NEW_YORK) == NEW_YORK


def test_a_sender_that_left_the_pool_is_not_chosen():
    """It may be sold, or another campaign's by now."""
    assert chosen(candidate(CHICAGO), sticky=NEW_YORK) == CHICAGO


def test_a_neighbour_is_preferred():
    """People trust the area code that they know."""
    assert chosen(candidate(NEW_YORK), candidate(BOSTON, waits_s=60)) == BOSTON


def test_else_the_one_from_which_it_leaves_first():
    """The rest of the pool is there to be used."""
    pool = (
        candidate(NEW_YORK, waits_s=9),
        candidate(CHICAGO, waits_s=3),
        candidate("+14155550100", waits_s=None),
    )

    assert chosen(*pool) == CHICAGO


@pytest.mark.parametrize(("sticky_waits", "expected"), [(True, BOSTON), (False, CHICAGO)])
def test_a_paused_sender_is_skipped_unless_it_shall_be_waited_for(sticky_waits, expected):
    """Some would rather be late than speak with another number."""
    pool = candidate(BOSTON, available=False, waits_s=None), candidate(CHICAGO)

    assert chosen(*pool, sticky=BOSTON, sticky_waits=sticky_waits) == expected


def test_where_none_can_send_the_message_waits():
    """It is not refused: somebody will press the button."""
    pool = candidate(BOSTON, available=False), candidate(CHICAGO, available=False)

    assert chosen(*pool) == BOSTON
    assert chosen() is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", True),
        ("a-1_b", True),
        ("1shop", False),
        ("Shop", False),
        ("", False),
        ("x" * 41, False),
    ],
)
def test_a_name_is_never_taken_for_a_number(name, expected):
    """`from` holds the one or the other."""
    assert is_pool_name(name) == expected
