import pytest

from wirephoto.simulator.limiter import RateLimiter


def test_no_second_passes_more_than_the_limit():
    """A client that bursts must be found out, whichever second one looks at."""
    limiter = RateLimiter()
    asked = [step / 128 for step in range(640)]

    passed = [now for now in asked if limiter.ask(now, rate_per_s=30).wait_s <= 0]

    assert len(passed) == 150
    assert all(sum(start <= at < start + 1 for at in passed) <= 30 for start in asked)


def test_the_wait_that_is_told_is_enough():
    """A client that obeys Retry-After must not be refused again."""
    limiter = RateLimiter()
    for _ in range(3):
        limiter.ask(10.0, rate_per_s=3)

    room = limiter.ask(10.4, rate_per_s=3)

    assert room.wait_s == pytest.approx(0.6)
    assert (room.limit, room.left) == (3, 0)
    assert limiter.ask(10.4 + room.wait_s + 1e-9, rate_per_s=3).wait_s == 0


def test_a_rate_below_one_allows_one_in_its_period():
    """Half a request per second is one in two seconds."""
    limiter = RateLimiter()

    passed = [now for now in range(10) if limiter.ask(now, rate_per_s=0.5).wait_s <= 0]

    assert passed == [0, 2, 4, 6, 8]


def test_slack_lets_a_few_more_through():
    """The network moves requests together that left one by one."""
    limiter = RateLimiter()

    passed = [limiter.ask(0, rate_per_s=5, slack=2).wait_s <= 0 for _ in range(10)]

    assert sum(passed) == 7
