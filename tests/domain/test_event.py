"""What customers are told of a message's moves."""

from datetime import timedelta

import pytest

from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.event import EVENT_TYPES, inbound_event, message_event, told
from wirephoto.domain.message import AttemptState, MessageState

LATER = NOW + timedelta(seconds=3)


@pytest.mark.parametrize("state", [s for s in MessageState if s is not MessageState.CLAIMED])
def test_each_state_has_an_event_of_its_name(state):
    """Customers subscribe by type: each must exist, and come when its state does."""
    message = make_message(state=state, updated_at=LATER)

    event = message_event("evt_1", message)

    assert event.type in EVENT_TYPES
    assert event.type == f"message.{state.value}"
    assert (event.id, event.message_id, event.tenant_id) == (
        "evt_1",
        message.id,
        message.tenant_id,
    )
    assert event.at == LATER


def test_a_claim_is_not_told():
    """It is a lease between our processes, and may come and go many times."""
    assert "message.claimed" not in EVENT_TYPES
    of_messages = [name for name in EVENT_TYPES if name.startswith("message.")]
    assert len(of_messages) == len(MessageState) - 1


def test_an_event_says_why_and_by_which_attempt():
    """A timeline that only repeats the state explains nothing."""
    message = make_message(state=MessageState.REJECTED, reason="spam", detail="Content filtered.")
    attempt = make_attempt(
        message,
        number=2,
        state=AttemptState.REJECTED,
        provider_message_id="uuid-1",
        provider_code="1430",
    )

    assert message_event("evt_1", message, attempt).data == {
        "reason": "spam",
        "detail": "Content filtered.",
        "attempt": 2,
        "channel": "mms",
        "attempt_state": "rejected",
        "provider_message_id": "uuid-1",
        "provider_code": "1430",
    }


def test_what_is_not_known_is_left_out():
    """Null beside a name reads like a fact."""
    assert message_event("evt_1", make_message()).data == {}


def test_an_event_never_carries_numbers_or_captions():
    """Redaction nulls columns; a number that was copied into an event would survive it."""
    message = make_message(state=MessageState.SUBMITTED)

    told = repr(message_event("evt_1", message, make_attempt(message)).data)

    assert message.recipient not in told
    assert message.sender not in told
    assert message.text not in told


def test_an_event_of_a_phone_names_the_message_and_nothing_of_it():
    """Who wrote what is asked for by the id, and can be erased."""
    event = inbound_event("evt_1", tenant_id="t", inbound_id="inb_1", reply="help", at=NOW)

    assert told(event) == {
        "id": "evt_1",
        "type": "inbound.received",
        "at": NOW,
        "message_id": None,
        "data": {"inbound_id": "inb_1", "reply": "help"},
    }
