"""A message that was turned down: the temporary is submitted anew, the permanent never."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import NOW, make_message
from wirephoto.domain.line import PROBE_FIRST_S
from wirephoto.domain.message import AttemptState
from wirephoto.domain.outcome import Failure, FailureClass
from wirephoto.domain.resend import resend_at
from wirephoto.domain.retry import ResendPolicy, RetryPolicy

F, A = FailureClass, AttemptState
POLICY = ResendPolicy(resends_max=3, backoff=RetryPolicy(first_s=100.0, longest_s=300.0))


def failure(kind, **marks):
    return Failure("1000", "because", "Because.", kind, **marks)


def ask(said, *, state=A.REJECTED, resends=0, jitter=0.5, policy=POLICY, now=NOW, **changes):
    message = make_message(resends=resends, **changes)
    return resend_at(message, state, said, policy=policy, jitter=jitter, now=now)


@pytest.mark.parametrize("kind", [F.RECIPIENT, F.MESSAGE, F.UNKNOWN])
@pytest.mark.parametrize("state", [A.REJECTED, A.UNDELIVERABLE])
def test_what_would_fail_again_is_not_submitted_again(kind, state):
    """Each try costs money, and the same message would get the same answer."""
    assert ask(failure(kind), state=state) is None
    assert ask(None, state=state) is None


@pytest.mark.parametrize(
    ("resends", "wait_s"), [(0, 75.0), (1, 150.0), (2, 225.0), (3, None), (4, None)]
)
def test_a_temporary_rejection_is_retried_at_growing_waits_up_to_the_bound(resends, wait_s):
    """A busy network is worth another try, and a bill has an end."""
    expected = None if wait_s is None else NOW + timedelta(seconds=wait_s)

    assert ask(failure(F.RETRY), resends=resends) == expected


@pytest.mark.parametrize(("resends", "again"), [(0, True), (1, False)])
def test_an_undeliverable_message_gets_one_more_try(resends, again):
    """The provider could not hand it on: later it may (contract 2.2)."""
    found = ask(failure(F.RETRY), state=A.UNDELIVERABLE, resends=resends)

    assert (found is not None) is again


@pytest.mark.parametrize("kind", [F.SENDER, F.ACCOUNT])
def test_a_fault_that_stops_the_line_keeps_the_message_for_its_end(kind):
    """Somebody pays a bill, and what waited for it goes out."""
    assert ask(failure(kind)) == NOW + timedelta(seconds=PROBE_FIRST_S)
    assert ask(failure(kind), resends=3) is None


def test_resends_can_be_switched_off():
    """Whoever wants no second price says so once."""
    never = ResendPolicy(resends_max=0)

    assert ask(failure(F.RETRY), policy=never) is None
    assert ask(failure(F.RETRY), state=A.UNDELIVERABLE, policy=never) is None


def test_one_that_would_come_too_late_is_not_planned():
    """The customer hears why the carrier refused it, not that it expired."""
    soon = NOW + timedelta(seconds=75)

    assert ask(failure(F.RETRY), expires_at=soon) is None
    assert ask(failure(F.RETRY), expires_at=soon + timedelta(seconds=1)) == soon


def test_the_daily_cap_is_waited_for():
    """T-Mobile takes nothing more before midnight Pacific time (contract 4.2)."""
    evening = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
    midnight = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)
    capped = failure(F.RETRY, daily_cap=True)

    assert ask(capped, now=evening, expires_at=midnight + timedelta(hours=1)) == midnight
    assert ask(capped, now=evening, expires_at=midnight) is None
