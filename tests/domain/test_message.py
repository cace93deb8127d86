"""The states of a message: every move and every refusal, and what a move changes."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from tests.factories import NOW, make_message
from wirephoto.domain.message import (
    TRANSITIONS,
    AttemptState,
    MessageState,
)
from wirephoto.errors import IllegalTransition

LATER = NOW + timedelta(seconds=5)

# Drawn from the picture in the design, not from the code: a row may move to each column with an x.
COLUMNS = """
prep queu clai send unco subm deli read unde reje fail bloc canc expi
"""
MOVES = """
prep    .    x    .    .    .    .    .    .    .    .    x    x    x    x
queu    .    .    x    .    .    x    x    x    .    .    .    x    x    x
clai    .    x    .    x    .    x    x    x    .    .    .    x    x    x
send    .    x    .    .    x    x    x    x    x    x    x    .    .    .
unco    .    x    .    .    .    x    x    x    x    x    x    .    .    .
subm    .    x    .    .    .    .    x    x    x    x    .    .    .    .
deli    .    .    .    .    .    .    .    x    .    .    .    .    .    .
read    .    .    .    .    .    .    .    .    .    .    .    .    .    .
unde    .    .    .    .    .    .    .    .    .    .    .    .    .    .
reje    .    .    .    .    .    .    .    .    .    .    .    .    .    .
fail    .    .    .    .    .    .    .    .    .    .    .    .    .    .
bloc    .    .    .    .    .    .    .    .    .    .    .    .    .    .
canc    .    .    .    .    .    .    .    .    .    .    .    .    .    .
expi    .    .    .    .    .    .    .    .    .    .    .    .    .    .
"""
SHORT = {state.value[:4]: state for state in MessageState}


def cells():
    """Yield each pair of states, and whether the second may follow the first."""
    columns = [SHORT[name] for name in COLUMNS.split()]
    for line in MOVES.strip().splitlines():
        origin, *marks = line.split()
        for to, mark in zip(columns, marks, strict=True):
            yield SHORT[origin], to, mark == "x"


ALLOWED = [(origin, to) for origin, to, allowed in cells() if allowed]
REFUSED = [(origin, to) for origin, to, allowed in cells() if not allowed]


def test_the_table_names_every_pair_of_states():
    """A state that is missing from the table would be a state that nobody thought through."""
    assert len(SHORT) == len(MessageState)
    assert len(ALLOWED) + len(REFUSED) == len(MessageState) ** 2
    assert set(TRANSITIONS) == set(MessageState)


@pytest.mark.parametrize(("origin", "to"), ALLOWED)
def test_a_move_of_the_table_is_made(origin, to):
    """What the design draws an arrow for must be possible."""
    moved = make_message(state=origin, version=7).move_to(to, LATER, reason="why", detail="Why.")

    assert (moved.state, moved.version, moved.updated_at) == (to, 8, LATER)
    assert (moved.reason, moved.detail) == ("why", "Why.")


@pytest.mark.parametrize(("origin", "to"), REFUSED)
def test_a_move_that_is_not_in_the_table_is_refused(origin, to):
    """A final word that could be taken back, or a second sending, starts with one such move."""
    with pytest.raises(IllegalTransition) as refused:
        make_message(state=origin).move_to(to, LATER)

    assert (refused.value.origin, refused.value.to) == (origin, to)


FINAL = {"delivered", "read", "undeliverable", "rejected", "failed", "blocked", "canceled"} | {
    "expired"
}
WAITING = {"preparing", "queued", "claimed"}


@pytest.mark.parametrize("state", MessageState)
def test_each_state_is_final_waiting_or_under_way(state):
    """Customers stop asking at a final state, and may cancel in a waiting one."""
    assert state.is_final == (state.value in FINAL)
    assert state.is_waiting == (state.value in WAITING)


@pytest.mark.parametrize(("origin", "to"), ALLOWED)
def test_a_final_move_and_only_a_final_one_says_when_it_was(origin, to):
    """Reports of how long messages take are made of these instants."""
    moved = make_message(state=origin).move_to(to, LATER)

    assert moved.final_at == (LATER if to.is_final else None)
    assert moved.submitted_at == (LATER if to is MessageState.SUBMITTED else None)


def test_the_first_end_and_the_first_submission_stay():
    """`read` a week later does not make the delivery a week late."""
    delivered = make_message(state=MessageState.DELIVERED, final_at=NOW, submitted_at=NOW)

    read = delivered.move_to(MessageState.READ, LATER)

    assert (read.final_at, read.submitted_at) == (NOW, NOW)


@pytest.mark.parametrize(("origin", "to"), ALLOWED)
def test_a_slot_and_a_lease_last_as_long_as_their_claim(origin, to):
    """A slot that outlived its claim could be used twice: that is a burst."""
    held = make_message(state=origin, slot_at=LATER, lease_until=LATER)

    moved = held.move_to(to, LATER)

    keeps_slot = to in (MessageState.CLAIMED, MessageState.SENDING)
    assert moved.slot_at == (LATER if keeps_slot else None)
    assert moved.lease_until == (LATER if to is MessageState.CLAIMED else None)


@pytest.mark.parametrize(("origin", "to"), ALLOWED)
def test_a_hold_is_told_while_the_message_is_queued_and_no_longer(origin, to):
    """`scheduled` beside `delivered` would be read as a contradiction."""
    moved = make_message(state=origin, hold_reason="scheduled").move_to(to, LATER)

    assert moved.hold_reason == ("scheduled" if to is MessageState.QUEUED else None)


def test_a_reason_does_not_outlive_its_state():
    """A message that was retried with success must not show why its first try failed."""
    retried = make_message(state=MessageState.SENDING, reason="rate_limited", detail="Slow down.")

    submitted = retried.move_to(MessageState.SUBMITTED, LATER)

    assert (submitted.reason, submitted.detail) == (None, None)


def test_a_move_leaves_alone_what_the_customer_asked_for():
    """Nothing on the way may change the picture, the number or the metadata."""
    before = make_message(state=MessageState.CLAIMED, metadata={"order": "7"}, reference="r")
    moved = {"state", "version", "updated_at"}

    after = before.move_to(MessageState.SENDING, LATER)

    unchanged = [name.name for name in fields(before) if name.name not in moved]
    assert [getattr(after, name) for name in unchanged] == [
        getattr(before, name) for name in unchanged
    ]


def test_a_change_without_a_move_grows_the_version_too():
    """Whoever read the message before must lose the race."""
    before = make_message(version=3)

    assert before.touched(LATER, receipt_overdue=True) == replace(
        before, version=4, updated_at=LATER, receipt_overdue=True
    )


RANKS = ["sending", "unconfirmed", "not_accepted", "submitted", "undeliverable", "rejected"]


def test_attempts_know_more_from_state_to_state():
    """Late and repeated reports are sorted out by this order alone (contract 2.2)."""
    ranks = [AttemptState(name).rank for name in RANKS]

    assert ranks == sorted(set(ranks))
    assert AttemptState.DELIVERED.rank == AttemptState.REJECTED.rank
    assert {state.value for state in AttemptState} == {*RANKS, "delivered"}
