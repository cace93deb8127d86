from datetime import UTC, datetime

from wirephoto.simulator.ledger import Accepted, Ledger, Standing

AT = datetime(2026, 1, 1, tzinfo=UTC)


def accepted(number: int, client_ref: str | None = None) -> Accepted:
    body = {"to": f"1212555{number:04}", "message_type": "text"}
    if client_ref is not None:
        body["client_ref"] = client_ref
    return Accepted(f"uuid-{number}", AT, body, None)


def test_a_client_ref_that_was_accepted_twice_shows():
    """This is the oracle of every test against double sending."""
    ledger = Ledger(10)
    for number, client_ref in enumerate(["a", "b", "a", None]):
        ledger.add(accepted(number, client_ref))

    assert ledger.repeated_client_refs() == {"a": 2}
    assert ledger.accepted_total == 4
    assert ledger.per_recipient["12125550001"] == 1


def test_the_oldest_are_forgotten_with_their_counts():
    """A benchmark of millions must not fill the memory."""
    ledger = Ledger(2)
    for number, client_ref in enumerate(["a", "a", "b"]):
        ledger.add(accepted(number, client_ref))

    assert [message.message_uuid for message in ledger.accepted] == ["uuid-1", "uuid-2"]
    assert ledger.per_client_ref == {"a": 1, "b": 1}
    assert "12125550000" not in ledger.per_recipient
    assert not ledger.knows("uuid-0")
    assert ledger.accepted_total == 3


def test_a_late_submitted_does_not_hide_the_end():
    """Disordered receipts must not make a delivered message look unfinished."""
    ledger = Ledger(2)
    ledger.add(accepted(1))
    ledger.note("uuid-1", Standing("delivered", AT, 7))

    ledger.note("uuid-1", Standing("submitted", AT))

    assert ledger.state_of("uuid-1") == "delivered"
    assert ledger.standing_of("uuid-1").code == 7
