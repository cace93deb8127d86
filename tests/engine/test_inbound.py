"""What is made of stored webhooks: in any order, repeated, unreadable, or of nobody's message."""

import itertools
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.engine.stage import (
    Stage,
    logged,
    make_inbound,
    receipt,
    sent_message,
)
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.message import Attempt, AttemptState, MessageState
from wirephoto.domain.outcome import InboundMedia
from wirephoto.engine.inbound import (
    INBOUND,
    MATCH_PATIENCE,
    REST_S,
    TRIES_MAX,
    TURN_MAX,
    Inbound,
)
from wirephoto.storage.schema import DEFAULT_TENANT, webhooks
from wirephoto.storage.schema_recipients import inbound_messages
from wirephoto.storage.webhooks import list_inbound

REJECTED = {"type": "https://developer.vonage.com/api-errors#1300", "title": "1300"}


@pytest.fixture
def inbound(stage: Stage) -> Inbound:
    return make_inbound(stage)


async def sent(stage: Stage, *, state: MessageState = MessageState.SUBMITTED) -> Attempt:
    """Store a message that the provider has; return its attempt."""
    _, attempt = await sent_message(stage, state=state)
    return attempt


def mms(**changes: object) -> dict[str, object]:
    """Return the body of an inbound webhook (contract 2.3)."""
    body = {
        "message_uuid": "in-1",
        "to": "12025550100",
        "from": "12125550123",
        "channel": "mms",
        "message_type": "image",
        "timestamp": "2026-03-04T15:00:00Z",
        "image": {"url": "https://api.example.com/cat.jpg", "name": "cat.jpg", "caption": "A cat"},
        "origin": {"network_code": "310260"},
    }
    return body | changes


@pytest.mark.parametrize("one_turn", [True, False])
async def test_receipts_may_come_in_any_order(stage, inbound, one_turn):
    """Carriers and networks reorder; what is known never shrinks."""
    stages = ["submitted", "delivered", "read"]
    pairs = [
        (await sent_message(stage, state=MessageState.SENDING), order)
        for order in itertools.permutations(stages)
    ]

    for (_, attempt), order in pairs:
        for status in order:
            await stage.tell(receipt(attempt.client_ref, f"uuid-{attempt.id}", status))
            if not one_turn:
                await inbound.turn()
    await inbound.turn()

    for (message, attempt), order in pairs:
        stored, [after] = await stage.message(message), await stage.attempts(message)
        assert (order, stored.state) == (order, MessageState.READ)
        assert stored.provider_message_id == f"uuid-{attempt.id}"
        assert after.state is AttemptState.DELIVERED
        events = await stage.events(message)
        assert events == sorted(events, key=stages.index)


async def test_a_receipt_that_comes_again_changes_nothing(stage, inbound):
    """The provider repeats until it hears 200, and sometimes without a reason."""
    message, attempt = await sent_message(stage)
    for _ in range(3):
        await stage.tell(receipt(attempt.client_ref))
    await inbound.turn()
    before = await stage.message(message)

    await stage.tell(receipt(attempt.client_ref))
    await inbound.turn()

    assert await stage.message(message) == before
    assert await stage.events(message) == ["delivered"]
    outcomes = [row.outcome for row in await stage.webhooks()]
    assert outcomes == ["applied", "repeated", "repeated", "repeated"]


async def test_one_turn_takes_the_receipts_of_many_messages(stage, inbound):
    """Storms come after an outage; a transaction for each would take minutes."""
    pairs = [await sent_message(stage) for _ in range(12)]
    for _, attempt in pairs:
        await stage.tell(receipt(attempt.client_ref, f"uuid-{attempt.id}", "submitted"))
        await stage.tell(receipt(attempt.client_ref, f"uuid-{attempt.id}"))

    assert await inbound.turn() == REST_S

    assert await stage.states([message for message, _ in pairs]) == ["delivered"] * 12


async def test_a_receipt_without_our_name_is_matched_by_the_provider_s(stage, inbound):
    """`client_ref` is optional in the provider's documents (contract 2.2)."""
    message = make_message(state=MessageState.SUBMITTED, attempts=1)
    attempt = make_attempt(message, state=AttemptState.SUBMITTED, provider_message_id="0f-its-own")
    await stage.store(message)
    await stage.store_attempts(attempt)

    await stage.tell(receipt(None, "0f-its-own"))
    await inbound.turn()

    assert (await stage.message(message)).state is MessageState.DELIVERED


async def test_a_receipt_before_the_answer_names_its_attempt(stage, inbound):
    """The attempt is stored before the request leaves, so there is something to find."""
    message, attempt = await sent_message(stage, state=MessageState.SENDING)

    await stage.tell(receipt(attempt.client_ref, "uuid-7", "submitted"))
    await inbound.turn()

    stored, [after] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.provider_message_id) == (MessageState.SUBMITTED, "uuid-7")
    assert (after.state, after.provider_message_id) == (AttemptState.SUBMITTED, "uuid-7")


async def test_a_receipt_settles_what_was_in_doubt(stage, inbound):
    """The first and best way out of `unconfirmed`."""
    message, attempt = await sent_message(stage, state=MessageState.UNCONFIRMED)

    await stage.tell(receipt(attempt.client_ref))
    await inbound.turn()

    assert (await stage.message(message)).state is MessageState.DELIVERED


async def test_a_rejection_keeps_the_reason(stage, inbound):
    """Whoever looks at the message must see what to do."""
    message, attempt = await sent_message(stage)

    await stage.tell(receipt(attempt.client_ref, status="rejected", error=REJECTED))
    await inbound.turn()

    stored, [after] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.reason) == (MessageState.REJECTED, "not_a_subscriber")
    assert (after.state, after.provider_code) == (AttemptState.REJECTED, "1300")
    assert "mobile" in stored.detail


async def test_price_and_network_are_kept_with_the_attempt(stage, inbound):
    """They come with different receipts, and bills are checked against them."""
    message, attempt = await sent_message(stage)
    usage = {"currency": "EUR", "price": "0.0150"}
    network = {"network_code": "310260"}

    await stage.tell(receipt(attempt.client_ref, destination=network))
    await stage.tell(receipt(attempt.client_ref, status="submitted", usage=usage))
    await inbound.turn()

    [after] = await stage.attempts(message)
    assert (after.price, after.currency, after.network_code) == ("0.0150", "EUR", "310260")
    assert after.state is AttemptState.DELIVERED


async def test_a_delivery_of_an_earlier_attempt_withdraws_the_next(stage, inbound):
    """The phone has the picture: sending it again would double it."""
    message = make_message(state=MessageState.QUEUED, attempts=1, tries=1)
    attempt = make_attempt(message, state=AttemptState.NOT_ACCEPTED)
    await stage.store(message)
    await stage.store_attempts(attempt)

    await stage.tell(receipt(attempt.client_ref))
    await inbound.turn()

    stored = await stage.message(message)
    assert stored.state is MessageState.DELIVERED
    assert not stored.duplicate_possible


async def test_a_receipt_for_nobody_s_message_is_named_and_left(stage, inbound):
    """Another system may use the same application; ours goes on."""
    attempt = await sent(stage)
    await stage.tell(receipt("somebody-elses", "uuid-elsewhere"))
    await stage.tell(receipt(attempt.client_ref))

    with logged() as lines:
        await inbound.turn()

    assert [row.outcome for row in await stage.webhooks()] == ["unmatched", "applied"]
    assert "receipt_unmatched" in [line["event"] for line in lines]


UNREADABLE = [
    "",
    "[]",
    "nonsense",
    "{}",
    '{"status":"delivered"}',
    '{"status":"elsewhere","message_uuid":"u"}',
    '{"status":1e999,"message_uuid":"u"}',
    "[" * 50_000,
]


async def test_what_cannot_be_read_is_marked_and_holds_nothing_up(stage, inbound):
    """Repeating it would not make it readable."""
    attempt = await sent(stage)
    for body in UNREADABLE:
        await stage.tell(body)
        await stage.tell(body, kind=INBOUND)
    await stage.tell(receipt(attempt.client_ref))

    await inbound.turn()

    *unreadable, last = await stage.webhooks()
    assert {(row.outcome, row.tries) for row in unreadable} == {("unreadable", 0)}
    assert last.outcome == "applied"


STRANGE = [
    {"timestamp": "0001-01-01T00:00:00+14:00"},
    {"timestamp": 1e300},
    {"timestamp": "9999-12-31T23:59:59-14:00"},
    {"client_ref": 10**400},
    {"client_ref": "x" * 100_000},
    {"client_ref": ["a"]},
    {"usage": {"price": 10**30, "currency": {}}},
    {"usage": {"price": "1" * 5000}},
    {"usage": []},
    {"destination": {"network_code": "\x00\ud800"}},
    {"destination": {"network_code": "9" * 100_000}},
    {"status": "rejected", "error": {"title": "\x00" * 10, "type": "x#\x00", "detail": "\udfff"}},
    {"status": "rejected", "error": {"title": 10**300, "detail": "d" * 100_000}},
    {"status": "rejected", "error": [[[]]]},
    {"status": "undeliverable", "error": None},
]


async def test_strange_values_in_a_receipt_do_no_harm(stage, inbound):
    """Whatever the provider changes one day, the outcome of the message is still learnt."""
    attempts = [await sent(stage) for _ in STRANGE]
    for attempt, more in zip(attempts, STRANGE, strict=True):
        await stage.tell(receipt(attempt.client_ref, f"uuid-{attempt.id}") | more)
    await stage.advance(MATCH_PATIENCE.total_seconds())

    await inbound.turn()

    found = [(row.outcome, row.tries) for row in await stage.webhooks()]
    renamed = ["client_ref" in more for more in STRANGE]
    assert found == [("unmatched" if other else "applied", 0) for other in renamed]


async def test_a_message_from_a_phone_is_stored_once(stage, inbound):
    """Repeats of the provider must not show one reply twice."""
    await stage.tell(mms(), kind=INBOUND)
    await stage.tell(mms(), kind=INBOUND)
    await inbound.turn()

    await stage.tell(mms(), kind=INBOUND)
    await inbound.turn()

    async with stage.database.read() as tx:
        [stored] = await list_inbound(tx, DEFAULT_TENANT, sender=None, before_id=None, limit=10)
    assert (stored.sender, stored.recipient) == ("+12125550123", "+12025550100")
    assert (stored.text, stored.network_code) == ("A cat", "310260")
    assert stored.media == (InboundMedia("image", "https://api.example.com/cat.jpg", "cat.jpg"),)
    assert (stored.sent_at, stored.received_at) == (NOW, NOW)
    outcomes = [row.outcome for row in await stage.webhooks()]
    assert outcomes == ["applied", "repeated", "repeated"]


ODD_TEXTS = ["nul \x00 inside", "half an emoji \ud83d", "שלום 🐈 مرحبا", "x" * 100_000]


async def test_whatever_people_write_is_kept(stage, inbound):
    """PostgreSQL knows no NUL, UTF-8 no half emoji; the words around them still count."""
    for number, text in enumerate(ODD_TEXTS):
        body = mms(message_type="text", text=text, message_uuid=f"in-{number}")
        await stage.tell(json.dumps(body), kind=INBOUND)

    await inbound.turn()

    async with stage.database.read() as tx:
        stored = (await tx.execute(select(inbound_messages.c.text))).scalars().all()
    kept = [text.replace("\x00", "").encode("utf-8", "replace").decode() for text in ODD_TEXTS]
    assert sorted(stored) == sorted(kept)
    assert {row.tries for row in await stage.webhooks()} == {0}


async def test_a_webhook_of_an_unknown_kind_is_marked(stage, inbound):
    """Newer code may have stored it, before a process was rolled back."""
    attempt = await sent(stage)
    await stage.tell({}, kind="balance")
    await stage.tell(receipt(attempt.client_ref))

    await inbound.turn()
    await inbound.turn()

    assert [row.outcome for row in await stage.webhooks()] == ["unreadable", "applied"]


async def poison(stage: Stage) -> None:
    """Store a webhook that no code expects: its body was erased before it was applied."""
    await stage.tell({})
    async with stage.database.transaction() as tx:
        poisoned = webhooks.c.jti == f"webhook-{stage._told}"
        await tx.execute(update(webhooks).where(poisoned).values(body=None))


async def test_a_webhook_that_always_fails_does_not_hold_up_the_others(stage, inbound):
    """One surprise of the provider must not stop all receipts and every STOP behind it."""
    message, attempt = await sent_message(stage)
    await poison(stage)
    await stage.tell(receipt(attempt.client_ref))
    await stage.tell(mms(), kind=INBOUND)

    await inbound.turn()

    assert (await stage.message(message)).state is MessageState.DELIVERED
    outcomes = [row.outcome for row in await stage.webhooks()]
    assert outcomes == [None, "applied", "applied"]


async def test_a_webhook_that_always_fails_is_given_up(stage, inbound):
    """For ever would be a log full of the same line; it is kept, marked, for a person."""
    await poison(stage)

    with logged() as lines:
        for _ in range(TRIES_MAX + 2):
            await inbound.turn()

    [row] = await stage.webhooks()
    assert (row.outcome, row.tries) == ("failed", TRIES_MAX)
    assert row.applied_at == NOW
    given_up = [line["given_up"] for line in lines if line["event"] == "webhook_failed"]
    assert given_up == [False] * (TRIES_MAX - 1) + [True]


async def test_a_full_turn_is_followed_by_the_next_at_once(stage, inbound):
    """A storm is worked off without rests."""
    for number in range(TURN_MAX):
        await stage.tell(receipt(f"nobody-{number}", f"uuid-{number}"))

    assert await inbound.turn() == 0.0
    assert await inbound.turn() == REST_S


async def test_a_stored_webhook_rings_the_bell(stage, inbound):
    """Receipts are applied at once, not at the end of a rest."""
    assert not inbound.bell.is_set()

    await stage.tell(receipt("nobody"))

    assert inbound.bell.is_set()


async def test_the_time_of_a_move_is_when_it_was_applied(stage, inbound):
    """The order of events follows one clock: ours."""
    message, attempt = await sent_message(stage)
    await stage.tell(receipt(attempt.client_ref))
    await stage.advance(3.0)

    await inbound.turn()

    assert (await stage.message(message)).final_at == NOW + timedelta(seconds=3)
