"""What happens as time passes: leases and deadlines run out, messages and keys get too old."""

from datetime import timedelta

from sqlalchemy import select

from tests.engine.stage import Stage, logged
from tests.factories import NOW, RECIPIENT, make_attempt, make_message
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.engine.maintenance import (
    DEADLINE_MARGIN,
    OVERDUE_REST_S,
    PRUNE_REST_S,
    REST_S,
    TURN_MAX,
    Expirer,
    Overdue,
    Pruner,
    Rescuer,
)
from wirephoto.storage.acceptance import Acceptance, KeyedRequest, accept
from wirephoto.storage.number_look_ups import NumberClaim, claim_number
from wirephoto.storage.schema import DEFAULT_TENANT, idempotency_keys
from wirephoto.storage.schema_numbers import number_look_ups

DEADLINE = NOW + timedelta(seconds=30)


def make_rescuer(stage: Stage) -> Rescuer:
    return Rescuer(stage.database, stage.clock, stage.ids)


async def store_sending(stage: Stage, **changes: object) -> tuple[Message, Attempt]:
    """Store a message that left, without an answer yet."""
    message = make_message(state=MessageState.SENDING, attempts=1)
    attempt = make_attempt(message, deadline_at=DEADLINE, **changes)
    await stage.store(message)
    await stage.store_attempts(attempt)
    return message, attempt


def claimed(**changes: object) -> Message:
    lease = {"slot_at": NOW, "lease_until": NOW + timedelta(seconds=30)}
    return make_message(state=MessageState.CLAIMED, **(lease | changes))


async def test_a_claim_whose_lease_ran_out_is_queued_again(stage):
    """Its process is gone, and nothing of it has left."""
    message = claimed()
    await stage.store(message)
    rescuer = make_rescuer(stage)

    await stage.advance(30.0)
    await rescuer.turn()
    assert (await stage.message(message)).state is MessageState.CLAIMED
    await stage.advance(0.1)
    with logged() as lines:
        await rescuer.turn()

    stored = await stage.message(message)
    assert (stored.state, stored.version) == (MessageState.QUEUED, 2)
    assert (stored.slot_at, stored.lease_until) == (None, None)
    assert [(line["event"], line["requeued"]) for line in lines] == [("messages_rescued", 1)]


async def test_a_start_returns_every_claim_however_many(stage):
    """Where no other process can hold one, waiting for the leases would only cost time."""
    messages = [claimed() for _ in range(TURN_MAX + 5)]
    await stage.store(*messages)

    await make_rescuer(stage).release_all()

    assert set(await stage.states(messages[:3] + messages[-3:])) == {"queued"}
    assert await make_rescuer(stage).turn() == REST_S


async def test_an_attempt_without_an_answer_is_in_doubt_after_its_deadline(stage):
    """With a margin: an answer that came in the last moment is still being stored."""
    message, _ = await store_sending(stage)
    rescuer = make_rescuer(stage)

    await stage.advance((DEADLINE - NOW + DEADLINE_MARGIN).total_seconds())
    await rescuer.turn()
    assert (await stage.message(message)).state is MessageState.SENDING
    await stage.advance(0.1)
    await rescuer.turn()

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.reason) == (MessageState.UNCONFIRMED, "answer_unknown")
    assert (attempt.state, attempt.ended_at) == (AttemptState.UNCONFIRMED, stage.clock.now())
    assert await stage.events(message) == ["unconfirmed"]


async def test_an_attempt_of_a_message_that_moved_on_is_closed_alone(stage):
    """The message has its word already; the attempt only must not look alive for ever."""
    message = make_message(state=MessageState.DELIVERED, attempts=2)
    await stage.store(message)
    await stage.store_attempts(make_attempt(message, number=1, deadline_at=NOW))
    await stage.advance(10.0)

    await make_rescuer(stage).turn()

    [attempt] = await stage.attempts(message)
    assert attempt.state is AttemptState.UNCONFIRMED
    assert (await stage.message(message)).state is MessageState.DELIVERED
    assert await stage.events(message) == []


async def test_a_doubt_that_is_found_twice_is_told_once(stage):
    """Any number of processes may run this duty."""
    message, _ = await store_sending(stage)
    await stage.advance(60.0)

    await make_rescuer(stage).turn()
    await make_rescuer(stage).turn()

    assert await stage.events(message) == ["unconfirmed"]


async def test_what_waited_too_long_expires(stage):
    """A line that stood still for days sends no old pictures."""
    soon = NOW + timedelta(seconds=10)
    old = [
        make_message(expires_at=soon),
        make_message(expires_at=soon, state=MessageState.PREPARING),
        make_message(expires_at=soon, due_at=soon - timedelta(seconds=1)),
    ]
    others = [
        make_message(expires_at=soon, state=MessageState.SENDING),
        make_message(expires_at=soon, state=MessageState.SUBMITTED),
        make_message(expires_at=soon + timedelta(seconds=1)),
    ]
    await stage.store(*old, *others)
    expirer = Expirer(stage.database, stage.clock, stage.ids)
    assert await expirer.turn() == REST_S
    await stage.advance(10.0)

    with logged() as lines:
        await expirer.turn()

    assert await stage.states(old) == ["expired"] * 3
    assert await stage.states(others) == ["sending", "submitted", "queued"]
    stored = await stage.message(old[0])
    assert (stored.reason, stored.final_at) == ("expired", soon)
    assert await stage.events(old[0]) == ["expired"]
    assert [(line["event"], line["count"]) for line in lines] == [("messages_expired", 3)]


async def test_keys_are_forgotten_after_their_time(stage):
    """Kept for ever they would outgrow the messages; forgotten early they would not protect."""
    keep = timedelta(hours=24)
    for number, age in enumerate([timedelta(), keep - timedelta(minutes=1), keep * 2]):
        keyed = KeyedRequest(DEFAULT_TENANT, "/r", f"k{number}", "f", NOW - age)
        await stage.commits.run(accept, Acceptance((), keyed, lambda _: "{}"))
    pruner = Pruner(stage.database, stage.clock, keys_keep=keep)

    assert await pruner.turn() == PRUNE_REST_S
    assert await stage.count(idempotency_keys) == 2
    await stage.advance(120.0)
    await pruner.turn()
    assert await stage.count(idempotency_keys) == 1


async def test_what_was_told_of_numbers_is_forgotten_when_it_no_longer_stands(stage):
    """Numbers of people are not kept for nothing."""
    claim = NumberClaim(DEFAULT_TENANT, RECIPIENT, NOW, NOW + timedelta(seconds=10))
    async with stage.database.transaction() as tx:
        await claim_number(tx, claim)
    pruner = Pruner(stage.database, stage.clock, keys_keep=timedelta(hours=24))

    await pruner.turn()
    assert [row.number for row in await _look_ups(stage)] == [RECIPIENT]
    await stage.advance(11.0)
    await pruner.turn()
    assert await _look_ups(stage) == []


async def _look_ups(stage):
    async with stage.database.read() as tx:
        return (await tx.execute(select(number_look_ups))).all()


async def test_a_last_word_that_never_came_is_marked_and_looked_into(stage):
    """The message stays `submitted`: nothing is invented, but an operator sees it."""
    late = make_message(state=MessageState.SUBMITTED, attempts=1, submitted_at=NOW)
    fresh = make_message(
        state=MessageState.SUBMITTED, attempts=1, submitted_at=NOW + timedelta(seconds=1)
    )
    told = make_message(state=MessageState.DELIVERED, attempts=1, submitted_at=NOW)
    await stage.store(late, fresh, told)
    taken = AttemptState.SUBMITTED
    await stage.store_attempts(*[make_attempt(each, state=taken) for each in (late, fresh, told)])
    overdue = Overdue(stage.database, stage.clock, window=timedelta(hours=48), looked_up=True)
    await stage.advance(48 * 3600 + 0.5)

    with logged() as lines:
        assert await overdue.turn() == OVERDUE_REST_S
        await overdue.turn()

    marks = [(await stage.message(each)).receipt_overdue for each in (late, fresh, told)]
    assert marks == [True, False, False]
    [attempt] = await stage.attempts(late)
    assert attempt.check_at == stage.clock.now()
    assert (await stage.message(late)).state is MessageState.SUBMITTED
    assert [(line["event"], line["count"]) for line in lines] == [("receipts_overdue", 1)]


async def test_a_start_lets_go_of_pictures_that_somebody_looked_at(stage):
    """Its process is gone; nobody should wait two minutes for its lease."""
    message = make_message(
        state=MessageState.PREPARING, lease_until=NOW + timedelta(seconds=120), version=2
    )
    await stage.store(message)

    await make_rescuer(stage).release_all()

    stored = await stage.message(message)
    assert (stored.state, stored.lease_until) == (MessageState.PREPARING, NOW)
    assert stored.version == 3
