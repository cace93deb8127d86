"""When to try again: waits that grow, spread out, and obey the provider."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from wirephoto.domain.retry import RETRY_AFTER_S_MAX, RetryPolicy, backoff_s, retry_at

POLICY = RetryPolicy(tries_max=8, first_s=2.0, longest_s=100.0)


@pytest.mark.parametrize(
    ("tries", "ceiling_s"),
    [(0, 2.0), (1, 2.0), (2, 4.0), (3, 8.0), (6, 64.0), (7, 100.0), (8, 100.0), (5000, 100.0)],
)
def test_the_wait_doubles_up_to_the_longest(tries, ceiling_s):
    """A provider that is down for an hour must not be asked every two seconds, nor once a day."""
    assert backoff_s(POLICY, tries=tries, jitter=0.0) == 0.0
    assert backoff_s(POLICY, tries=tries, jitter=0.5) == ceiling_s / 2


@given(tries=st.integers(0, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_the_jitter_spreads_over_the_whole_wait(tries, jitter):
    """Messages that failed together must not come back together."""
    wait_s = backoff_s(POLICY, tries=tries, jitter=jitter)

    assert wait_s == pytest.approx(backoff_s(POLICY, tries=tries, jitter=0.5) * 2 * jitter)


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [
        (None, 1.0),
        (0.0, 1.0),
        (30.0, 31.0),
        (RETRY_AFTER_S_MAX, RETRY_AFTER_S_MAX + 1),
        (1e9, RETRY_AFTER_S_MAX + 1),
        (float("inf"), RETRY_AFTER_S_MAX + 1),
        (-30.0, 1.0),
    ],
)
def test_the_providers_wish_comes_first_within_reason(retry_after_s, wait_s):
    """Coming back early earns a longer ban; a typing error must not park a message for years."""
    at = retry_at(POLICY, tries=1, jitter=0.5, now=NOW, retry_after_s=retry_after_s)

    assert at == NOW + timedelta(seconds=wait_s)


@given(jitter=st.floats(0, 1, exclude_max=True), retry_after_s=st.floats(0, RETRY_AFTER_S_MAX))
def test_nothing_comes_back_before_the_provider_allows_it(jitter, retry_after_s):
    """The jitter is added to the provider's time, never taken from it."""
    at = retry_at(POLICY, tries=3, jitter=jitter, now=NOW, retry_after_s=retry_after_s)

    assert at >= NOW + timedelta(seconds=retry_after_s)
