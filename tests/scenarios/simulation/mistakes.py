"""Mistakes that somebody could make in the gateway, each made for as long as a block runs."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import Table, update

from wirephoto.api import doubts
from wirephoto.api import messages as message_routes
from wirephoto.api.webhooks import store_webhooks
from wirephoto.domain import doubt, follow, message, resend
from wirephoto.domain.doubt import Delivery, DoubtPolicy
from wirephoto.domain.event import message_event
from wirephoto.domain.follow import Pair
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.domain.outcome import Outcome, Receipt, Verdict
from wirephoto.engine import claim, dispatcher, gate, line, maintenance, moves, receipts
from wirephoto.storage import acceptance, messages, queue, schema
from wirephoto.storage.audit import AuditEntry
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Transaction
from wirephoto.storage.messages import Transition
from wirephoto.vonage import codes, inquiry

LONG = timedelta(hours=24)


@contextmanager
def _replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for target, name, value in changes:
            stack.enter_context(patch.object(target, name, value))
        yield


def attempt_stored_with_the_answer() -> AbstractContextManager[object]:
    """The attempt is stored only when the provider's answer is there."""
    begin, record = messages.begin_sending, messages.record_transitions

    async def begin_without(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
        return await begin(tx, [replace(row, begun=None) for row in rows])

    async def record_with(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
        return await record(tx, [replace(row, begun=row.attempt, attempt=None) for row in rows])

    return _replaced(
        (gate, "begin_sending", begin_without),
        (dispatcher, "record_transitions", record_with),
    )


def version_unchecked() -> AbstractContextManager[object]:
    """Moves are stored whatever version is there."""
    table = schema.messages

    def update_whatever(incoming: Any, names: tuple[str, ...]) -> Any:
        values = {"version": incoming.c.version} | {name: incoming.c[name] for name in names}
        here = update(table).where(table.c.id == incoming.c.id)
        return here.values(values).returning(table.c.id, table.c.version)

    return _replaced((messages, "_update", update_whatever))


def every_move_allowed() -> AbstractContextManager[object]:
    """A receipt may move a message that has ended."""
    allowed = defaultdict(lambda: frozenset(MessageState))
    return _replaced((follow, "TRANSITIONS", allowed), (message, "TRANSITIONS", allowed))


def receipts_without_rank() -> AbstractContextManager[object]:
    """The latest receipt counts."""

    def apply(attempt: Attempt, receipt: Receipt, now: Any) -> Attempt:
        fresh = replace(attempt, state=AttemptState.SENDING)
        return follow.apply_receipt(fresh, receipt, now)

    return _replaced((receipts, "apply_receipt", apply))


def answers_without_rank() -> AbstractContextManager[object]:
    """An answer overrules receipts."""

    def apply(attempt: Attempt, outcome: Outcome, now: Any) -> Attempt:
        fresh = replace(attempt, state=AttemptState.SENDING)
        return follow.apply_answer(fresh, outcome, now)

    return _replaced((dispatcher, "apply_answer", apply))


def slots_given_back() -> AbstractContextManager[object]:
    """A released message gives its slot back."""
    release = gate.Gate.release

    async def release_with_slot(self: Any, claimed: Message) -> None:
        await release(self, claimed)
        lines = ((schema.accounts, claimed.account_id), (schema.campaigns, claimed.campaign_id))
        async with self._database.transaction() as tx:
            for table, id_ in lines:
                here = update(table).where(table.c.id == id_)
                await tx.execute(here.values(next_slot_at=claimed.slot_at))

    return _replaced((gate.Gate, "release", release_with_slot))


def account_pace_forgotten() -> AbstractContextManager[object]:
    """The account's slots never move on."""
    advance = claim.advance_slots

    async def advance_campaigns(tx: Transaction, table: Table, next_slots: Any) -> None:
        if table is schema.campaigns:
            await advance(tx, table, next_slots)

    return _replaced((claim, "advance_slots", advance_campaigns))


def late_ones_leave() -> AbstractContextManager[object]:
    """A message may leave long after its slot."""
    return _replaced((dispatcher, "LATE_MAX", timedelta(seconds=5)))


def leases_never_end() -> AbstractContextManager[object]:
    """Claims of a killed process are never released."""

    async def release_none(*_arguments: Any, **_options: Any) -> int:
        return 0

    return _replaced((maintenance.Rescuer, "_release_claims", release_none))


def unknown_is_a_refusal() -> AbstractContextManager[object]:
    """What was not answered is sent again."""
    known = {Verdict.ACCEPTED: AttemptState.SUBMITTED}
    return _replaced((follow, "_ANSWER_STATE", known))


def server_error_is_a_refusal() -> AbstractContextManager[object]:
    """What was answered with 500 is sent again."""
    answers = {**codes.ANSWERS, "server_error": codes.ANSWERS["connection_failed"]}
    return _replaced((codes, "ANSWERS", answers))


def sending_is_queued_again() -> AbstractContextManager[object]:
    """What a killed process was sending is queued again."""

    async def requeue(self: Any, tx: Transaction) -> int:
        now = self._clock.now()
        overdue = await queue.overdue_attempts(tx, before=now, limit=maintenance.TURN_MAX)
        locked = await messages.lock_messages(tx, [attempt.message_id for attempt in overdue])
        rows = []
        for attempt in overdue:
            ended = replace(attempt, state=AttemptState.NOT_ACCEPTED, ended_at=now)
            if locked[attempt.message_id].state is not MessageState.SENDING:
                continue
            moved = locked[attempt.message_id].move_to(MessageState.QUEUED, now, due_at=now)
            event = message_event(self._ids.new("evt", now), moved, ended)
            rows.append(Transition(moved, event=event, attempt=ended))
        return sum(await messages.record_transitions(tx, rows))

    return _replaced((maintenance.Rescuer, "_doubt_attempts", requeue))


def cancel_ignores_claims() -> AbstractContextManager[object]:
    """A cancel is stored without a look at what the message has become."""
    cancel = message_routes.cancel

    async def write(tx: Transaction, rows: Sequence[Message]) -> list[None]:
        table = schema.messages
        for row in rows:
            values = {"state": row.state.value, "version": table.c.version + 1}
            here = update(table).where(table.c.id == row.id)
            await tx.execute(here.values(values | {"final_at": row.final_at}))
            await messages.insert_events(tx, [message_event(f"evt_{row.id}", row)])
        return [None] * len(rows)

    async def cancel_anyway(database: Any, commits: Any, **options: Any) -> Any:
        ours = options["tenant_id"], options["message_id"]
        async with database.read() as tx:
            found = await messages.get_message(tx, *ours)
        if found is None or not found.state.is_waiting:
            return await cancel(database, commits, **options)
        canceled = found.move_to(MessageState.CANCELED, options["clock"].now())
        await commits.run(write, canceled)
        return canceled, True

    return _replaced((message_routes, "cancel", cancel_anyway))


def key_stored_afterwards() -> AbstractContextManager[object]:
    """The idempotency key is stored in a second transaction."""
    run = GroupCommit.run

    async def store_keys(tx: Transaction, rows: Sequence[Any]) -> list[None]:
        await acceptance._reserve(tx, rows)
        return [None] * len(rows)

    async def run_in_two(self: GroupCommit, write: Any, item: Any) -> Any:
        keyed = item.entries[0].keyed if write is acceptance.accept and item.entries else None
        if keyed is None or len(item.entries) > 1:
            return await run(self, write, item)
        earlier = await run(self, acceptance.find_keyed, keyed)
        if earlier is None:
            unkeyed = tuple(replace(entry, keyed=None) for entry in item.entries)
            await run(self, write, replace(item, entries=unkeyed))
            await run(self, store_keys, keyed)
        return acceptance.Accepted(entries=(earlier,))

    return _replaced((GroupCommit, "run", run_in_two))


def accepted_before_stored() -> AbstractContextManager[object]:
    """A request is answered 202 before its message is stored."""
    return _answered_before_stored(acceptance.accept)


def webhook_answered_before_stored() -> AbstractContextManager[object]:
    """A webhook is answered 200 before it is stored."""
    return _answered_before_stored(store_webhooks)


def _answered_before_stored(write_of: Any) -> AbstractContextManager[object]:
    run = GroupCommit.run

    async def run_later(self: GroupCommit, write: Any, item: Any) -> Any:
        if write is not write_of:
            return await run(self, write, item)
        storing = asyncio.create_task(run(self, write, item))
        storing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return acceptance.Accepted(entries=(None,) * len(getattr(item, "entries", ())))

    return _replaced((GroupCommit, "run", run_later))


def age_ignored() -> AbstractContextManager[object]:
    """Messages leave however old they are."""
    claimed = claim.claim_messages

    async def claim_old(tx: Transaction, slots: Any, **options: Any) -> list[Message]:
        return await claimed(tx, slots, **options | {"now": options["now"] - LONG})

    def move_old(database: Any) -> Any:
        incoming = messages._incoming(database, messages.BEGUN)
        here = messages._update(incoming, messages.BEGUN)
        return here.where(schema.messages.c.state == MessageState.CLAIMED.value)

    return _replaced((claim, "claim_messages", claim_old), (messages, "_move_to_sending", move_old))


def line_stays_stopped() -> AbstractContextManager[object]:
    """A probe that succeeds does not start the line."""

    async def stay(*_arguments: Any) -> None:
        return None

    return _replaced((line, "_resume", stay))


def resolve_overrules() -> AbstractContextManager[object]:
    """A human's decision is stored whatever has become of the message."""
    resolve = doubts.resolve

    async def resolve_anyway(database: Any, commits: Any, **options: Any) -> Any:
        ours = options["tenant_id"], options["message_id"]
        async with database.read() as tx:
            found = await messages.get_message(tx, *ours)
            latest = await messages.latest_attempts(tx, [options["message_id"]])
        if found is None or found.state is MessageState.UNCONFIRMED:
            return await resolve(database, commits, **options)
        now, outcome, attempt = options["clock"].now(), options["resolution"], latest[found.id]
        doubtful = Pair(replace(found, state=MessageState.UNCONFIRMED, final_at=None), attempt)
        settled = doubt.resolve(doubtful, outcome, now).message
        event = message_event(options["ids"].new("evt", now), settled, attempt)
        entry = AuditEntry(
            id=options["ids"].new("aud", now),
            tenant_id=found.tenant_id,
            actor=options["actor"],
            act="message.resolve",
            object=found.id,
            at=now,
            detail={"outcome": outcome.value, "attempt": attempt.id},
        )
        move = Transition(settled, event=event)
        return settled, await commits.run(moves._record_with_audit, (move, entry))

    return _replaced((doubts, "resolve", resolve_anyway))


def any_attempt_resolved() -> AbstractContextManager[object]:
    """A human's word on one attempt is taken for the latest."""
    resolve = doubts.resolve

    async def resolve_latest(*arguments: Any, **options: Any) -> Any:
        return await resolve(*arguments, **options | {"attempt_number": None})

    return _replaced((doubts, "resolve", resolve_latest))


def repeated_against_the_policy() -> AbstractContextManager[object]:
    """What is in doubt is sent again under `at_most_once` too."""
    repeat_at = doubt._repeat_at

    def repeat_anyway(attempt: Attempt, policy: DoubtPolicy) -> Any:
        return repeat_at(attempt, replace(policy, delivery=Delivery.AT_LEAST_ONCE))

    return _replaced((doubt, "_repeat_at", repeat_anyway))


def repeated_at_once() -> AbstractContextManager[object]:
    """What is in doubt is sent again without a grace time."""
    repeat_at = doubt._repeat_at

    def repeat_now(attempt: Attempt, policy: DoubtPolicy) -> Any:
        return repeat_at(attempt, replace(policy, grace=timedelta()))

    return _replaced((doubt, "_repeat_at", repeat_now))


def told_and_sent_anew() -> AbstractContextManager[object]:
    """A message that is sent anew is said to be rejected."""
    apply = receipts.Receipts.apply

    def apply_and_tell(self: Any, pair: Any, receipt: Receipt) -> Transition | None:
        move = apply(self, pair, receipt)
        if move is None or move.event is None or move.message.state is not MessageState.QUEUED:
            return move
        ended = replace(move.message, state=MessageState.REJECTED)
        return replace(move, event=message_event(move.event.id, ended, move.attempt))

    return _replaced((receipts.Receipts, "apply", apply_and_tell))


def sent_anew_for_ever() -> AbstractContextManager[object]:
    """What is turned down for a time is sent anew without a bound."""

    def resends_max(_state: Any, failure: Any, _policy: Any) -> int:
        return 1000 if failure and failure.kind in resend._TEMPORARY else 0

    return _replaced((resend, "_resends_max", resends_max))


def records_of_anybody() -> AbstractContextManager[object]:
    """What the records say of a recipient is taken to be about the attempt."""
    return _replaced((inquiry, "_is_meant", lambda _receipt, _look_up: True))


def outage_uses_up_tries() -> AbstractContextManager[object]:
    """Messages fail in a long outage."""
    settle = dispatcher.Dispatcher._record_answer

    async def record(self: Any, pair: Any, outcome: Outcome) -> Message:
        if outcome.reason == dispatcher.OUTAGE.reason:
            outcome = replace(outcome, verdict=Verdict.RETRY)
        return await settle(self, pair, outcome)

    return _replaced((dispatcher.Dispatcher, "_record_answer", record))
