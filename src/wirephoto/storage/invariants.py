"""What must hold between rows, whatever happened: a sentence for people, a condition in SQL."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    Text,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from wirephoto.domain.message import WAITING, AttemptState, MessageState, Priority
from wirephoto.storage.schema import (
    accounts,
    attempts,
    campaigns,
    events,
    idempotency_keys,
    messages,
    metadata,
    senders,
    webhooks,
)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A condition (`broken`) that no row of `source` may fulfil; `id` names the row.

    Rules with the same `source` are counted together, in one way through its rows.
    """

    source: FromClause
    id: ColumnElement[Any]
    broken: ColumnElement[bool]


@dataclass(frozen=True, slots=True, eq=False)
class Invariant:
    """What must hold: its name, a sentence for people, and the rows that would break it."""

    name: str
    sentence: str
    rules: tuple[Rule, ...] = ()


_S, _A = MessageState, AttemptState


def _is(column: ColumnElement[Any], *states: str) -> ColumnElement[bool]:
    return column.in_([str(state) for state in states])


def _apart(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that one of two columns is set and the other is not."""
    return one.is_(None) != other.is_(None)


# Messages, each with its latest attempt.
_m = messages.c
_latest = attempts.alias("latest")
_own = attempts.alias("own")
_beside = messages.outerjoin(
    _latest, (_latest.c.message_id == _m.id) & (_latest.c.number == _m.attempts)
)
_word = _latest.c.state


def _message(name: str, sentence: str, broken: ColumnElement[bool]) -> Invariant:
    return Invariant(name, sentence, (Rule(_beside, _m.id, broken),))


def _no_attempt(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that no attempt of the message (`_own`) is so."""
    return ~exists().where(_own.c.message_id == _m.id, condition).correlate(messages)


def _without_word(states: tuple[str, ...], *words: str) -> ColumnElement[bool]:
    """Return the condition that a message is in one of `states` by the word of no attempt.

    Nearly always it is the latest attempt's word, which is at hand.
    """
    elsewhere = _word.is_(None) | ~_is(_word, *words)
    return _is(_m.state, *states) & elsewhere & _no_attempt(_is(_own.c.state, *words))


# Messages, each with the numbers of all its attempts.
_TAKEN = (_A.SUBMITTED, _A.DELIVERED)
_number, _attempt_state = attempts.c.number, attempts.c.state
_numbers = (
    select(
        attempts.c.message_id,
        func.count().label("total"),
        func.min(_number).label("first"),
        func.max(_number).label("last"),
        func.min(_number).filter(_is(_attempt_state, _A.SENDING)).label("sending"),
        func.min(_number).filter(_is(_attempt_state, *_TAKEN)).label("taken"),
        func.max(_number)
        .filter(_is(_attempt_state, *_TAKEN, _A.REJECTED, _A.UNDELIVERABLE))
        .label("accepted"),
        func.min(attempts.c.tenant_id).label("tenant_min"),
        func.max(attempts.c.tenant_id).label("tenant_max"),
    )
    .group_by(attempts.c.message_id)
    .subquery("numbers")
)
_numbered = _numbers.join(messages, _m.id == _numbers.c.message_id)

# Messages, each with its events and the last of them.
_told = (
    select(
        events.c.message_id,
        func.count().label("total"),
        func.max(events.c.seq).label("last"),
        func.min(events.c.tenant_id).label("tenant_min"),
        func.max(events.c.tenant_id).label("tenant_max"),
    )
    .where(events.c.message_id.is_not(None))
    .group_by(events.c.message_id)
    .subquery("told")
)
_last = events.alias("last")
_timeline = messages.outerjoin(_told, _told.c.message_id == _m.id).outerjoin(
    _last, _last.c.seq == _told.c.last
)

# Idempotency keys, each with its message.
_k = idempotency_keys.c
_keys = idempotency_keys.outerjoin(messages, _m.id == _k.message_id)


def _foreign(source: FromClause, theirs: FromClause) -> Rule:
    tenants = (theirs.c.tenant_min, theirs.c.tenant_max)
    return Rule(source, _m.id, or_(*[tenant != _m.tenant_id for tenant in tenants]))


def _row(table: Table) -> ColumnElement[Any]:
    """Return what names a row of any table: the table's name and the row's key."""
    keys = [cast(key, Text) for key in table.primary_key]
    return reduce(lambda name, key: name.concat(" ").concat(key), keys, literal(table.name))


def _references() -> Iterator[Rule]:
    """Yield a rule for each foreign key there is, whichever migration brought it."""
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            referred = key.column.table.alias("referred")
            found = exists().where(referred.c[key.column.name] == key.parent).correlate(table)
            yield Rule(table, _row(table), key.parent.is_not(None) & ~found)


def _lines(broken: Callable[[Table], ColumnElement[bool]]) -> tuple[Rule, ...]:
    return tuple(Rule(table, table.c.id, broken(table)) for table in (accounts, campaigns))


_ROWS = (
    Invariant("references", "Every row that refers to another finds it.", tuple(_references())),
    Invariant(
        "one_tenant",
        "Attempts, events and idempotency keys belong to the tenant of their message.",
        (
            _foreign(_numbered, _numbers),
            _foreign(_timeline, _told),
            Rule(_keys, _m.id, _k.tenant_id != _m.tenant_id),
        ),
    ),
    Invariant(
        "known_states",
        "Every message and attempt is in a state that exists: nobody takes another one further.",
        (
            Rule(_beside, _m.id, ~_is(_m.state, *MessageState)),
            Rule(attempts, attempts.c.id, ~_is(attempts.c.state, *AttemptState)),
        ),
    ),
    _message(
        "known_priorities",
        "Every message that waits has a priority that is served.",
        _is(_m.state, *WAITING) & _m.priority.not_in([priority.value for priority in Priority]),
    ),
    _message(
        "known_senders",
        "Every message that waits leaves from one of our numbers.",
        _is(_m.state, *WAITING)
        & ~exists().where(senders.c.number == _m.sender).correlate(messages),
    ),
    _message(
        "message_account",
        "A message goes through the account of its campaign.",
        exists()
        .where(campaigns.c.id == _m.campaign_id, campaigns.c.account_id != _m.account_id)
        .correlate(messages),
    ),
)
_LIFE = (
    _message(
        "final_instant",
        "A message has the instant of its end exactly when its state is final.",
        _is(_m.state, *[state for state in MessageState if state.is_final])
        != _m.final_at.is_not(None),
    ),
    _message(
        "final_reason",
        "What failed, or was blocked, canceled or expired, says why.",
        _is(_m.state, _S.FAILED, _S.BLOCKED, _S.CANCELED, _S.EXPIRED) & _m.reason.is_(None),
    ),
    _message(
        "claim_lease",
        "What is claimed has a slot, and a lease that ends.",
        _is(_m.state, _S.CLAIMED) & (_m.lease_until.is_(None) | _m.slot_at.is_(None)),
    ),
    _message(
        "claim_ended",
        "Only what is claimed or prepared has a lease, only what is claimed or sending a slot.",
        (_m.lease_until.is_not(None) & ~_is(_m.state, _S.CLAIMED, _S.PREPARING))
        | (_m.slot_at.is_not(None) & ~_is(_m.state, _S.CLAIMED, _S.SENDING)),
    ),
    _message(
        "hold_waits",
        "Only what waits is held.",
        _m.hold_reason.is_not(None) & ~_is(_m.state, _S.PREPARING, _S.QUEUED),
    ),
    _message(
        "submitted_instant",
        "What is submitted says since when.",
        _is(_m.state, _S.SUBMITTED) & _m.submitted_at.is_(None),
    ),
)
_ATTEMPTS = (
    _message(
        "attempt_recorded",
        "Whatever may have left has an attempt, and the latest one is there.",
        _word.is_(None)
        & ((_m.attempts > 0) | _is(_m.state, _S.SENDING, _S.UNCONFIRMED, _S.SUBMITTED)),
    ),
    Invariant(
        "attempt_numbers",
        "A message's attempts are numbered from 1 without gaps, and it knows the last.",
        (
            Rule(
                _numbered,
                _m.id,
                (_numbers.c.first != 1)
                | (_numbers.c.last != _numbers.c.total)
                | (_numbers.c.last != _m.attempts),
            ),
        ),
    ),
    _message(
        "attempt_sending",
        "A message is sending while its latest attempt is, unless an earlier one was delivered.",
        (_is(_m.state, _S.SENDING) & ~_is(_word, _A.SENDING))
        | (
            _is(_word, _A.SENDING)
            & ~_is(_m.state, _S.SENDING)
            & ~(_is(_m.state, _S.DELIVERED, _S.READ) & _m.duplicate_possible)
        ),
    ),
    _message(
        "attempt_unconfirmed",
        "The latest attempt of a message that is unconfirmed is so, too.",
        _is(_m.state, _S.UNCONFIRMED) & ~_is(_word, _A.UNCONFIRMED),
    ),
    _message(
        "attempt_submitted",
        "A message that is submitted has an attempt that is so, too.",
        _is(_m.state, _S.SUBMITTED)
        & ~_is(_word, _A.SUBMITTED)
        & _no_attempt(_is(_own.c.state, _A.SUBMITTED)),
    ),
    _message(
        "attempt_word",
        "What is delivered, read, rejected or undeliverable is so by the word on an attempt.",
        _without_word((_S.DELIVERED, _S.READ), _A.DELIVERED)
        | _without_word(
            (_S.REJECTED, _S.UNDELIVERABLE), _A.REJECTED, _A.UNDELIVERABLE, _A.DELIVERED
        ),
    ),
    Invariant(
        "attempt_on_the_wire",
        "Only the latest attempt of a message may be sending.",
        (Rule(_numbered, _m.id, _numbers.c.sending < _numbers.c.last),),
    ),
    Invariant(
        "attempt_taken_once",
        "After an attempt that the provider took, and nobody refused later, it took no other; "
        "or the message says that it may have arrived twice.",
        (
            Rule(
                _numbered, _m.id, (_numbers.c.taken < _numbers.c.accepted) & ~_m.duplicate_possible
            ),
        ),
    ),
    _message(
        "attempt_provider_id",
        "The provider's id of a message is that of one of its attempts.",
        _m.provider_message_id.is_not(None)
        & _latest.c.provider_message_id.is_distinct_from(_m.provider_message_id)
        & _no_attempt(_own.c.provider_message_id == _m.provider_message_id),
    ),
    Invariant(
        "attempt_end",
        "An attempt has the instant of its end exactly when it is no longer sending.",
        (
            Rule(
                attempts,
                attempts.c.id,
                _is(attempts.c.state, _A.SENDING) != attempts.c.ended_at.is_(None),
            ),
        ),
    ),
    Invariant(
        "attempt_deadline",
        "An attempt begins before its deadline.",
        (Rule(attempts, attempts.c.id, attempts.c.deadline_at <= attempts.c.started_at),),
    ),
)
_EVENTS = (
    Invariant(
        "event_first",
        "Every message has told of its acceptance.",
        (Rule(_timeline, _m.id, _told.c.total.is_(None)),),
    ),
    Invariant(
        "event_last",
        "The last move that a message told of is the one to its state; a claim is not told.",
        (
            Rule(
                _timeline,
                _m.id,
                _is(_last.c.type, *[f"message.{state}" for state in MessageState])
                & (
                    _last.c.type
                    != literal("message.").concat(
                        case((_is(_m.state, _S.CLAIMED), str(_S.QUEUED)), else_=_m.state)
                    )
                ),
            ),
        ),
    ),
    Invariant(
        "event_versions",
        "A message has moved at least as often as it has told of a move.",
        (Rule(_timeline, _m.id, _told.c.total > _m.version),),
    ),
)
_AROUND = (
    Invariant(
        "key_message",
        "The message of an idempotency key is there.",
        (Rule(_keys, _row(idempotency_keys), _k.message_id.is_not(None) & _m.id.is_(None)),),
    ),
    Invariant(
        "key_answer",
        "An answer that is kept under an idempotency key has its status and its body.",
        (Rule(_keys, _row(idempotency_keys), _apart(_k.status, _k.body)),),
    ),
    Invariant(
        "webhook_outcome",
        "A webhook says what became of it exactly when it was applied.",
        (Rule(webhooks, _row(webhooks), _apart(webhooks.c.applied_at, webhooks.c.outcome)),),
    ),
    Invariant(
        "line_stop",
        "A line that stopped says why and when it is tried again; one that runs says neither.",
        _lines(
            lambda line: (
                _apart(line.c.stopped_at, line.c.probe_at)
                | _apart(line.c.stopped_at, line.c.stop_reason)
            )
        ),
    ),
    Invariant(
        "line_rate", "A line has a rate above nought.", _lines(lambda line: line.c.rate <= 0)
    ),
)
INVARIANTS = (*_ROWS, *_LIFE, *_ATTEMPTS, *_EVENTS, *_AROUND)
"""Every invariant, in the order in which it is told."""
