"""Receipts that refuse a picture for its phone or its size, where a text may follow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.said import LATER, UUID, A, M, R, V, answered, outcome, pair, receipt, reported
from tests.factories import make_attempt
from wirephoto.domain.channel import Channel
from wirephoto.domain.follow import Pair
from wirephoto.domain.outcome import Failure, FailureClass

UNFIT = Failure(
    "1310", "device_unsuitable", "No MMS.", FailureClass.RECIPIENT, picture_refused=True
)


def with_text(before=None, **changes):
    """Return a picture on its way that has a text in reserve."""
    before = before or pair(M.SUBMITTED, A.SUBMITTED)
    reserve = {"fallback_text": "A cat, sorry"} | changes
    return replace(before, message=replace(before.message, **reserve))


def refused(state=R.REJECTED, failure=UNFIT):
    return receipt(state, failure=failure)


@pytest.mark.parametrize("origin", [M.SENDING, M.UNCONFIRMED, M.SUBMITTED])
@pytest.mark.parametrize("state", [R.REJECTED, R.UNDELIVERABLE])
def test_a_picture_that_the_phone_cannot_take_goes_on_as_a_text(origin, state):
    """The carrier says that it has not arrived, whatever else was still open."""
    after = reported(with_text(pair(origin, A(origin.value))), refused(state))

    message = after.message
    assert (message.state, message.channel, message.due_at) == (M.QUEUED, Channel.SMS, LATER)
    assert (message.reason, message.resends) == ("device_unsuitable", 1)
    assert after.attempt.state is A(state.value)
    assert after.attempt.channel is Channel.MMS


@pytest.mark.parametrize(
    "failure",
    [
        replace(UNFIT, picture_refused=False),
        Failure("1240", "opted_out", "STOP.", FailureClass.RECIPIENT, opted_out=True),
        Failure("1360", "ttl_expired", "Too late.", FailureClass.MESSAGE),
    ],
)
def test_no_text_follows_where_the_picture_was_not_the_fault(failure):
    """Whoever sent STOP, or has no phone, is not to be written to in another form."""
    after = reported(with_text(), refused(failure=failure))

    assert (after.message.state, after.message.channel) == (M.REJECTED, Channel.MMS)


@pytest.mark.parametrize(
    "changes",
    [{"fallback_text": None}, {"duplicate_possible": True}, {"expires_at": LATER}],
)
def test_no_text_follows_where_it_may_not(changes):
    """Another attempt may have arrived, or the message is too old, or has no words for it."""
    after = reported(with_text(**changes), refused())

    assert (after.message.state, after.message.channel) == (M.REJECTED, Channel.MMS)


def test_a_text_is_the_last_resort():
    """A carrier that refuses the text as unfit as well is not asked a third time."""
    after = reported(with_text(channel=Channel.SMS), refused())

    assert after.message.state is M.REJECTED


def test_a_fault_that_passes_does_not_lead_to_a_text():
    """The picture is what the customer wants to be seen: it is tried again first."""
    busy = Failure("1220", "handset_busy", "Busy.", FailureClass.RETRY)

    after = reported(with_text(), refused(failure=busy))

    assert (after.message.state, after.message.channel) == (M.QUEUED, Channel.MMS)


@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED])
def test_the_same_report_again_makes_no_second_text(state):
    """Receipts are repeated for a day."""
    waiting = reported(with_text(), refused())
    waiting = replace(waiting, message=replace(waiting.message, state=state))

    again = reported(waiting, refused())

    assert again.message is waiting.message


@pytest.mark.parametrize("state", [M.SENDING, M.UNCONFIRMED, M.SUBMITTED, M.DELIVERED])
def test_the_same_report_says_nothing_of_a_text_that_has_left(state):
    """It is about the first attempt, and the text is the second."""
    waiting = reported(with_text(), refused())
    left = replace(waiting.message, state=state, attempts=2, provider_message_id="aaaaaaaa-2")

    again = reported(Pair(left, waiting.attempt), refused())

    assert again.message is left


def test_an_answer_that_comes_after_the_refusal_does_not_bring_the_picture_back():
    """A receipt may overtake the 202 that it belongs to."""
    waiting = reported(with_text(pair()), refused())

    after = answered(waiting, outcome(V.ACCEPTED))

    assert after.message is waiting.message
    assert (after.attempt.state, after.attempt.provider_message_id) == (A.REJECTED, UUID)


def test_a_refusal_of_an_earlier_attempt_is_not_about_the_picture_on_its_way():
    """Only the attempt that leads speaks for its message."""
    before = with_text(pair(M.SUBMITTED, A.SUBMITTED, attempts=2))
    message = replace(before.message, provider_message_id="aaaaaaaa-2")
    earlier = make_attempt(message, number=1, state=A.UNCONFIRMED)

    after = reported(Pair(message, earlier), refused())

    assert (after.message, after.attempt.state) == (message, A.REJECTED)


def test_a_picture_that_was_delivered_after_all_withdraws_the_text():
    """`undeliverable` is not a carrier's last word: its delivery may still be reported."""
    waiting = reported(with_text(), refused(R.UNDELIVERABLE))

    after = reported(waiting, receipt(R.DELIVERED), now=LATER + timedelta(seconds=1))

    assert (after.message.state, after.message.duplicate_possible) == (M.DELIVERED, False)
