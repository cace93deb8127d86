"""Bugs planted into the gateway, one at a time: a simulation that finds none of them is no proof.

Each is a mistake that somebody could make. `docs/simulation.md` lists them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import Table, update

from tests.scenarios.simulation.run import SimulationFailed, simulate
from wirephoto.api import doubts
from wirephoto.api import messages as message_routes
from wirephoto.api.webhooks import store_webhooks
from wirephoto.domain import doubt, follow, message, resend
from wirephoto.domain.doubt import DoubtPolicy, Resolution
from wirephoto.domain.event import message_event
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.domain.outcome import Outcome, Receipt, Verdict
from wirephoto.engine import claim, dispatcher, line, maintenance, receipts
from wirephoto.storage import acceptance, messages, queue, schema
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Transaction
from wirephoto.storage.messages import Transition
from wirephoto.vonage import codes, inquiry

LONG = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake: what it is, and how to make it for a while."""

    name: str
    sentence: str
    plant: Callable[[], AbstractContextManager[object]]


def first_seed_that_finds(bug: Bug, seeds: Iterable[int]) -> SimulationFailed | None:
    """Return the failure of the first of `seeds` that finds a bug, if one does."""
    with bug.plant():
        for seed in seeds:
            try:
                simulate(seed)
            except SimulationFailed as failed:
                return failed
    return None


@contextmanager
def _replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for target, name, value in changes:
            stack.enter_context(patch.object(target, name, value))
        yield


def _attempt_stored_with_the_answer() -> AbstractContextManager[object]:
    begin, record = messages.begin_sending, messages.record_transitions

    async def begin_without(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
        return await begin(tx, [replace(row, begun=None) for row in rows])

    async def record_with(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
        return await record(tx, [replace(row, begun=row.attempt, attempt=None) for row in rows])

    return _replaced(
        (dispatcher, "begin_sending", begin_without),
        (dispatcher, "record_transitions", record_with),
    )


def _version_unchecked() -> AbstractContextManager[object]:
    table = schema.messages

    def update_whatever(incoming: Any, names: tuple[str, ...]) -> Any:
        values = {"version": incoming.c.version} | {name: incoming.c[name] for name in names}
        here = update(table).where(table.c.id == incoming.c.id)
        return here.values(values).returning(table.c.id, table.c.version)

    return _replaced((messages, "_update", update_whatever))


def _every_move_allowed() -> AbstractContextManager[object]:
    allowed = defaultdict(lambda: frozenset(MessageState))
    return _replaced((follow, "TRANSITIONS", allowed), (message, "TRANSITIONS", allowed))


def _receipts_without_rank() -> AbstractContextManager[object]:
    def apply(attempt: Attempt, receipt: Receipt, now: Any) -> Attempt:
        fresh = replace(attempt, state=AttemptState.SENDING)
        return follow.apply_receipt(fresh, receipt, now)

    return _replaced((receipts, "apply_receipt", apply))


def _answers_without_rank() -> AbstractContextManager[object]:
    def apply(attempt: Attempt, outcome: Outcome, now: Any) -> Attempt:
        fresh = replace(attempt, state=AttemptState.SENDING)
        return follow.apply_answer(fresh, outcome, now)

    return _replaced((dispatcher, "apply_answer", apply))


def _slots_given_back() -> AbstractContextManager[object]:
    release = dispatcher.Dispatcher._release

    async def release_with_slot(self: Any, claimed: Message) -> None:
        await release(self, claimed)
        lines = ((schema.accounts, claimed.account_id), (schema.campaigns, claimed.campaign_id))
        async with self._database.transaction() as tx:
            for table, id_ in lines:
                here = update(table).where(table.c.id == id_)
                await tx.execute(here.values(next_slot_at=claimed.slot_at))

    return _replaced((dispatcher.Dispatcher, "_release", release_with_slot))


def _account_pace_forgotten() -> AbstractContextManager[object]:
    advance = claim.advance_slots

    async def advance_campaigns(tx: Transaction, table: Table, next_slots: Any) -> None:
        if table is schema.campaigns:
            await advance(tx, table, next_slots)

    return _replaced((claim, "advance_slots", advance_campaigns))


def _late_ones_leave() -> AbstractContextManager[object]:
    return _replaced((dispatcher, "LATE_MAX", timedelta(seconds=5)))


def _leases_never_end() -> AbstractContextManager[object]:
    async def release_none(*_arguments: Any, **_options: Any) -> int:
        return 0

    return _replaced((maintenance.Rescuer, "_release_claims", release_none))


def _unknown_is_a_refusal() -> AbstractContextManager[object]:
    known = {Verdict.ACCEPTED: AttemptState.SUBMITTED}
    return _replaced((follow, "_ANSWER_STATE", known))


def _server_error_is_a_refusal() -> AbstractContextManager[object]:
    answers = {**codes.ANSWERS, "server_error": codes.ANSWERS["connection_failed"]}
    return _replaced((codes, "ANSWERS", answers))


def _sending_is_queued_again() -> AbstractContextManager[object]:
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


def _cancel_ignores_claims() -> AbstractContextManager[object]:
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


def _key_stored_afterwards() -> AbstractContextManager[object]:
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


def _answered_before_stored(write_of: Any) -> Callable[[], AbstractContextManager[object]]:
    run = GroupCommit.run

    async def run_later(self: GroupCommit, write: Any, item: Any) -> Any:
        if write is not write_of:
            return await run(self, write, item)
        storing = asyncio.create_task(run(self, write, item))
        storing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return acceptance.Accepted(entries=(None,) * len(getattr(item, "entries", ())))

    return lambda: _replaced((GroupCommit, "run", run_later))


def _age_ignored() -> AbstractContextManager[object]:
    claimed = claim.claim_messages

    async def claim_old(tx: Transaction, slots: Any, **options: Any) -> list[Message]:
        return await claimed(tx, slots, **options | {"now": options["now"] - LONG})

    def move_old(database: Any) -> Any:
        incoming = messages._incoming(database, messages.BEGUN)
        here = messages._update(incoming, messages.BEGUN)
        return here.where(schema.messages.c.state == MessageState.CLAIMED.value)

    return _replaced((claim, "claim_messages", claim_old), (messages, "_move_to_sending", move_old))


def _line_stays_stopped() -> AbstractContextManager[object]:
    async def stay(*_arguments: Any) -> None:
        return None

    return _replaced((line, "_resume", stay))


def _resolve_overrules() -> AbstractContextManager[object]:
    resolve = doubts.resolve

    async def resolve_anyway(database: Any, commits: Any, **options: Any) -> Any:
        ours = options["tenant_id"], options["message_id"]
        async with database.read() as tx:
            found = await messages.get_message(tx, *ours)
        found_in_doubt = found and found.state is MessageState.UNCONFIRMED
        if found is None or found_in_doubt or found.state is MessageState.QUEUED:
            return await resolve(database, commits, **options)
        now, outcome = options["clock"].now(), options["resolution"]
        doubtful = replace(found, state=MessageState.UNCONFIRMED)
        settled = doubtful.move_to(_AFTER[outcome], now, due_at=now, final_at=None)
        await commits.run(messages.record_transitions, Transition(settled))
        return settled, True

    return _replaced((doubts, "resolve", resolve_anyway))


_AFTER = {
    Resolution.SENT: MessageState.SUBMITTED,
    Resolution.NOT_SENT: MessageState.QUEUED,
    Resolution.ABANDON: MessageState.FAILED,
}


def _repeated_against_the_policy() -> AbstractContextManager[object]:
    def repeat_at(attempt: Attempt, _policy: DoubtPolicy) -> Any:
        in_doubt = attempt.state is AttemptState.UNCONFIRMED
        return attempt.ended_at if in_doubt else None

    return _replaced((doubt, "_repeat_at", repeat_at))


def _told_and_sent_anew() -> AbstractContextManager[object]:
    apply = receipts.Receipts.apply

    def apply_and_tell(self: Any, pair: Any, receipt: Receipt) -> Transition | None:
        move = apply(self, pair, receipt)
        if move is None or move.event is None or move.message.state is not MessageState.QUEUED:
            return move
        ended = replace(move.message, state=MessageState.REJECTED)
        return replace(move, event=message_event(move.event.id, ended, move.attempt))

    return _replaced((receipts.Receipts, "apply", apply_and_tell))


def _sent_anew_for_ever() -> AbstractContextManager[object]:
    def resends_max(_state: Any, failure: Any, _policy: Any) -> int:
        return 1000 if failure and failure.kind in resend._TEMPORARY else 0

    return _replaced((resend, "_resends_max", resends_max))


def _records_of_anybody() -> AbstractContextManager[object]:
    return _replaced((inquiry, "_is_meant", lambda _receipt, _look_up: True))


def _outage_uses_up_tries() -> AbstractContextManager[object]:
    settle = dispatcher.Dispatcher._record_answer

    async def record(self: Any, pair: Any, outcome: Outcome) -> Message:
        if outcome.reason == dispatcher.OUTAGE.reason:
            outcome = replace(outcome, verdict=Verdict.RETRY)
        return await settle(self, pair, outcome)

    return _replaced((dispatcher.Dispatcher, "_record_answer", record))


BUGS = (
    Bug(
        "attempt_stored_with_the_answer",
        "The attempt is stored only when the provider's answer is there.",
        _attempt_stored_with_the_answer,
    ),
    Bug("version_unchecked", "Moves are stored whatever version is there.", _version_unchecked),
    Bug("every_move_allowed", "A receipt may move a message that has ended.", _every_move_allowed),
    Bug("receipts_without_rank", "The latest receipt counts.", _receipts_without_rank),
    Bug("answers_without_rank", "An answer overrules receipts.", _answers_without_rank),
    Bug("slots_given_back", "A released message gives its slot back.", _slots_given_back),
    Bug("account_pace_forgotten", "The account's slots never move on.", _account_pace_forgotten),
    Bug("late_ones_leave", "A message may leave long after its slot.", _late_ones_leave),
    Bug("leases_never_end", "Claims of a killed process are never released.", _leases_never_end),
    Bug("unknown_is_a_refusal", "What was not answered is sent again.", _unknown_is_a_refusal),
    Bug(
        "server_error_is_a_refusal",
        "What was answered with 500 is sent again.",
        _server_error_is_a_refusal,
    ),
    Bug(
        "sending_is_queued_again",
        "What a killed process was sending is queued again.",
        _sending_is_queued_again,
    ),
    Bug(
        "cancel_ignores_claims",
        "A cancel is stored without a look at what the message has become.",
        _cancel_ignores_claims,
    ),
    Bug(
        "key_stored_afterwards",
        "The idempotency key is stored in a second transaction.",
        _key_stored_afterwards,
    ),
    Bug(
        "accepted_before_stored",
        "A request is answered 202 before its message is stored.",
        _answered_before_stored(acceptance.accept),
    ),
    Bug(
        "webhook_answered_before_stored",
        "A webhook is answered 200 before it is stored.",
        _answered_before_stored(store_webhooks),
    ),
    Bug("age_ignored", "Messages leave however old they are.", _age_ignored),
    Bug(
        "line_stays_stopped", "A probe that succeeds does not start the line.", _line_stays_stopped
    ),
    Bug(
        "resolve_overrules",
        "A human's decision is stored whatever has become of the message.",
        _resolve_overrules,
    ),
    Bug(
        "repeated_against_the_policy",
        "What is in doubt is sent again at once, whatever the operator chose.",
        _repeated_against_the_policy,
    ),
    Bug(
        "told_and_sent_anew",
        "A message that is sent anew is said to be rejected.",
        _told_and_sent_anew,
    ),
    Bug(
        "sent_anew_for_ever",
        "What is turned down for a time is sent anew without a bound.",
        _sent_anew_for_ever,
    ),
    Bug(
        "records_of_anybody",
        "What the records say of a recipient is taken to be about the attempt.",
        _records_of_anybody,
    ),
    Bug("outage_uses_up_tries", "Messages fail in a long outage.", _outage_uses_up_tries),
)
