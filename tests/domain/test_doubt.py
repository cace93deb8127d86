"""Attempts in doubt: what is done about them, when, and by whom."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.doubt import (
    LOOK_UP_AFTER,
    Delivery,
    DoubtPolicy,
    NextStep,
    Resolution,
    Step,
    looked_up,
    next_step,
    repeat,
    resolve,
)
from wirephoto.domain.follow import Pair
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.errors import IllegalTransition

M, A = MessageState, AttemptState
GRACE = timedelta(minutes=5)
FIRST = LOOK_UP_AFTER[0]
NOTHING = DoubtPolicy()
ASKING = DoubtPolicy(looks_up=True)
REPEATING = DoubtPolicy(Delivery.AT_LEAST_ONCE, GRACE)
BOTH = DoubtPolicy(Delivery.AT_LEAST_ONCE, GRACE, looks_up=True)
DAY = timedelta(days=1)


def doubted(**changes):
    """Return a message in doubt with its attempt, which ended now."""
    message = make_message(state=M.UNCONFIRMED, attempts=1, tries=1, version=5)
    attempt = make_attempt(message, state=A.UNCONFIRMED, ended_at=NOW, check_at=NOW)
    return Pair(message, replace(attempt, **changes))


def step(policy, after=timedelta(), **changes):
    return next_step(doubted(**changes), policy, NOW + after)


@pytest.mark.parametrize(
    ("policy", "acts"), [(NOTHING, False), (ASKING, True), (REPEATING, True), (BOTH, True)]
)
def test_by_default_only_receipts_and_humans_settle_a_doubt(policy, acts):
    """Nothing is ever sent twice unless somebody asked for it."""
    assert policy.acts is acts
    if not acts:
        assert step(policy, DAY) == NextStep(Step.WAIT, None)


def test_the_records_are_asked_when_they_may_know_and_then_ever_less_often():
    """They show a message after minutes, and each question costs money."""
    assert step(ASKING) == NextStep(Step.WAIT, NOW + FIRST)
    assert step(ASKING, FIRST) == NextStep(Step.LOOK_UP)
    attempt, waits = doubted().attempt, []
    for _ in LOOK_UP_AFTER:
        attempt = looked_up(attempt, NOW)
        waits.append(attempt.check_at and attempt.check_at - NOW)
    assert waits == [*LOOK_UP_AFTER[1:], None]
    assert list(LOOK_UP_AFTER) == sorted(set(LOOK_UP_AFTER))
    pair = Pair(doubted().message, attempt)
    assert next_step(pair, ASKING, NOW + DAY) == NextStep(Step.WAIT, None)


def test_at_least_once_repeats_after_the_grace_time():
    """A receipt has had its chance to come first."""
    assert step(REPEATING, GRACE - timedelta(seconds=1)) == NextStep(Step.WAIT, NOW + GRACE)
    assert step(REPEATING, GRACE) == NextStep(Step.REPEAT)


def test_at_least_once_asks_the_records_before_it_repeats():
    """A picture that they know of is not sent twice for want of a question."""
    assert step(BOTH, GRACE * 2) == NextStep(Step.LOOK_UP)
    asked = Pair(doubted().message, looked_up(doubted().attempt, NOW + FIRST))
    assert next_step(asked, BOTH, NOW + FIRST) == NextStep(Step.LOOK_UP)
    assert next_step(asked, BOTH, NOW + GRACE) == NextStep(Step.REPEAT)


@pytest.mark.parametrize("policy", [REPEATING, BOTH])
def test_what_the_provider_took_is_never_repeated(policy):
    """Its last word is overdue, but it left."""
    found = step(policy, DAY, state=A.SUBMITTED)

    assert found.step is (Step.LOOK_UP if policy.looks_up else Step.WAIT)


def test_a_repeated_message_is_queued_and_its_attempt_stays_in_doubt():
    """A receipt may still say that the first one arrived."""
    after = repeat(doubted(), REPEATING, NOW)

    assert (after.message.state, after.message.tries, after.message.due_at) == (M.QUEUED, 2, NOW)
    assert after.message.duplicate_possible
    assert (after.attempt.state, after.attempt.check_at) == (A.UNCONFIRMED, None)


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"state": M.DELIVERED}, 1),
        ({"state": M.UNCONFIRMED, "attempts": 2}, 1),
        ({"state": M.UNCONFIRMED, "expires_at": NOW}, 1),
        ({"state": M.UNCONFIRMED, "tries": REPEATING.tries_max - 1}, 1),
    ],
)
def test_a_message_that_moved_on_or_grew_old_is_not_repeated(changes, number):
    """The records may still say what became of its attempt."""
    before = doubted(number=number)
    before = Pair(replace(before.message, **changes), before.attempt)

    # Not repeated, but looked up as before where that may be.
    assert next_step(before, REPEATING, NOW + GRACE) == NextStep(Step.WAIT, None)
    asked = replace(before.attempt, checks=1)
    assert next_step(Pair(before.message, asked), BOTH, NOW + GRACE).step is Step.LOOK_UP


@pytest.mark.parametrize(
    ("resolution", "message_state", "attempt_state"),
    [
        (Resolution.SENT, M.SUBMITTED, A.SUBMITTED),
        (Resolution.NOT_SENT, M.QUEUED, A.NOT_ACCEPTED),
        (Resolution.ABANDON, M.FAILED, A.UNCONFIRMED),
    ],
)
def test_a_human_settles_a_doubt(resolution, message_state, attempt_state):
    """Whatever they decide, it is visible why, and nobody asks any further."""
    before = doubted()

    after = resolve(before, resolution, NOW)

    assert (after.message.state, after.attempt.state) == (message_state, attempt_state)
    assert after.message.reason == f"resolved_{resolution}"
    assert after.message.detail
    assert after.attempt.check_at is None
    assert after.message.version == before.message.version + 1
    assert after.message.tries == before.message.tries


def test_a_human_may_know_the_providers_name():
    """Later receipts are then matched by it as well."""
    after = resolve(doubted(), Resolution.SENT, NOW, provider_message_id="uuid-1")

    assert after.message.provider_message_id == after.attempt.provider_message_id == "uuid-1"


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("state", [s for s in M if s is not M.UNCONFIRMED])
def test_what_is_not_in_doubt_is_not_settled(resolution, state):
    """A human who comes too late overwrites no fact."""
    before = doubted()

    with pytest.raises(IllegalTransition):
        resolve(Pair(replace(before.message, state=state), before.attempt), resolution, NOW)


@pytest.mark.parametrize("state", [A.DELIVERED, A.REJECTED, A.NOT_ACCEPTED])
@pytest.mark.parametrize("policy", [ASKING, BOTH])
def test_what_was_settled_meanwhile_is_not_looked_into_any_more(policy, state):
    """Each question has its price."""
    assert step(policy, DAY, state=state) == NextStep(Step.WAIT, None)
    assert looked_up(doubted(state=state).attempt, NOW).check_at is None
