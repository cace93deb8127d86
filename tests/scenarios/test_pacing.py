"""The rate is kept to the slot, and used: over processes, restarts, midnights and clock changes."""

from datetime import timedelta
from random import Random

import pytest

from tests.factories import NOW
from tests.scenarios.pacing import (
    CLOCKS_CHANGE,
    LONG,
    MIDNIGHT,
    Arithmetic,
    Rows,
    Run,
    exceeded_at,
    fill,
    keep,
)

SECOND = timedelta(seconds=1)
SHORT = [
    Run(rate, seconds, processes, start)
    for rate, seconds, start in (
        (0.25, 160.0, CLOCKS_CHANGE - 80 * SECOND),
        (15.0, 25.0, MIDNIGHT - 12 * SECOND),
        (240.0, 10.0, CLOCKS_CHANGE - 2 * SECOND),
    )
    for processes in (1, 4)
]


@pytest.mark.parametrize("run", LONG, ids=str)
async def test_slots_keep_and_use_the_rate_for_as_long_as_the_issue_asks(run):
    """Faster is filtered or fined, slower is money lost; a day shows any drift."""
    kept = await keep(Arithmetic(run), run, random=Random(7))

    assert kept.faults() == []
    # What a killed process had is forfeited: a few slots, and never given out again.
    assert kept.lost <= run.rate * 0.3 + 1


@pytest.mark.parametrize("run", SHORT, ids=str)
async def test_claims_keep_and_use_the_rate(database, run):
    """The same with rows and locks; the long runs of it are in the soak."""
    await fill(database, run)

    kept = await keep(Rows(database), run, random=Random(7))

    assert kept.faults() == []
    assert kept.lost <= run.rate * 0.3 + 1


def test_a_burst_is_found():
    """A check that lets everything pass would be worse than none."""
    even = [NOW + place * SECOND / 10 for place in range(50)]
    burst = [*even, *[NOW + 2 * SECOND + place * SECOND / 1000 for place in range(3)]]

    assert exceeded_at(even, 10.0) is None
    assert exceeded_at(burst, 10.0) is not None
