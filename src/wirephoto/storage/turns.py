"""Whose turn it is: which messages of a campaign are due, in the order in which to send them.

The queue's index (campaign, priority, fair key, due_at, id) is entered anew for each step, from key
to key and from message to message: what a question costs grows with what it returns and with the
number of keys, never with the number of messages that wait. Each step is a join with the one row
that a sub-select with a limit finds. Both databases walk so, and no planner makes a scan of it.

Messages of a paused sender are set aside once, under a fair key of that sender's own. The walk
steps over that key while the sender is paused; from then on it is a key like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Executable,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
)

from wirephoto.domain.line import NEVER
from wirephoto.domain.message import MessageState
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.schema import messages, senders
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import Instant, is_state

LOOK_AHEAD = 64
"""Messages of a key that one question passes over because they may not leave: blocked, expired."""
BLOCKED_LEAST = timedelta(seconds=1)
BLOCKED_LONGEST = timedelta(seconds=30)
"""For how long a message is put off that waits for an earlier one to its recipient: until that one
is due, within these bounds, for it may be canceled."""
_UNDECIDED = (
    MessageState.PREPARING,
    MessageState.QUEUED,
    MessageState.CLAIMED,
    MessageState.SENDING,
)
_ZERO = literal(0)
SET_ASIDE = "paused "
"""What the fair keys of paused senders begin with; then comes the number."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How many messages of a campaign's priority are wanted, and whose key was served last."""

    campaign_id: str
    priority: int
    after: str | None
    wanted: int


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is due.

    One with `put_off_until` waits for an earlier one till then, one that is `paused` for its sender
    to go on: neither may leave. Of one that is `stale` nobody knows whether it may: the window
    that it was to leave in is over, or follows from other rules.
    """

    id: str
    campaign_id: str
    priority: int
    fair_key: str
    weight: int
    put_off_until: datetime | None = None
    paused: bool = False
    stale: bool = False


@across_tenants("a campaign's queue is served in one order over its tenants")
async def due_messages(
    tx: Transaction, turns: Sequence[Turn], *, now: datetime, hours_digest: str | None = None
) -> list[Due]:
    """Return due messages for each turn: the keys in turn, each key's oldest first.

    With a turn's messages come those that were passed over: for an earlier one to their recipient,
    because their sender is paused, or because they are stale by the rules of `hours_digest`.
    Where keys have unequally many, a turn may bring more or fewer than wanted, never in another
    order. No row is locked: the caller
    holds the campaigns, so that nobody else claims from their queues, and the claim itself leaves
    out what was canceled meanwhile.
    """
    if not turns:
        return []
    rows = [[turn.campaign_id, turn.priority, turn.after, turn.wanted] for turn in turns]
    asked = {"rows": rows_json(rows), "now": now, "hours_digest_now": hours_digest}
    found = await tx.execute(_due, asked)
    return [
        Due(
            row.id,
            row.campaign_id,
            row.priority,
            row.fair_key,
            row.weight,
            _put_off_until(row.waited_for, now) if row.waited_for else None,
            bool(row.paused),
            bool(row.stale),
        )
        for row in found
    ]


def _put_off_until(earlier_due_at: datetime, now: datetime) -> datetime:
    return max(now + BLOCKED_LEAST, min(earlier_due_at, now + BLOCKED_LONGEST))


def has_due(
    database: Database, found: FromClause, now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return the condition that a campaign, by its `id` in `found`, has a due message.

    It looks at the first message of one key after the other, until one is due that is not set
    aside.
    """
    of_campaign = (messages.c.campaign_id == found.c.id, _is_queued(messages))
    order = (messages.c.priority, messages.c.fair_key, messages.c.due_at, messages.c.id)
    head = messages.alias("head")
    keys = (
        select(head.c.priority, head.c.fair_key, _head_due_at(head))
        .where(head.c.id == _first(of_campaign, found, order=order))
        .correlate(found)
        .cte("keys", recursive=True, nesting=True)
    )
    key = (messages.c.priority, messages.c.fair_key)
    behind = (*of_campaign, tuple_(*key) > tuple_(keys.c.priority, keys.c.fair_key))
    later, is_next = _row(database, _first(behind, found, keys, order=order), found, keys)
    keys = keys.union_all(
        select(later.c.priority, later.c.fair_key, _head_due_at(later))
        .select_from(keys)
        .join(later, is_next)
        .where(keys.c.due_at > now)
        .correlate(found)
    )
    is_due = select(literal(1)).select_from(keys).where(keys.c.due_at <= now)
    return is_due.correlate(found).exists()


def _due(database: Database) -> Executable:
    now = bindparam("now", type_=Instant)
    due = _in_turn(database, _heads(_keys(database, now), now), now)
    return (
        select(
            due.c.id,
            due.c.campaign_id,
            due.c.priority,
            due.c.fair_key,
            due.c.weight,
            due.c.waited_for,
            due.c.paused,
            due.c.stale,
        )
        .where(due.c.expires_at > now)
        .order_by(due.c.campaign_id, due.c.priority, due.c.place, due.c.step)
    )


def _keys(database: Database, now: ColumnElement[datetime]) -> CTE:
    """Walk over the fair keys of each turn once: on from the last one served, then from the first.

    A row stands for a key and its first message. The walk ends with the last key, or when as many
    keys have something due as messages are wanted.
    """
    keys = _starts(database).cte("keys", recursive=True)
    of_turn = (
        messages.c.campaign_id == keys.c.campaign_id,
        messages.c.priority == keys.c.priority,
        _is_queued(messages),
    )
    order = (messages.c.fair_key, messages.c.due_at, messages.c.id)
    behind = (*of_turn, messages.c.fair_key > keys.c.fair_key)
    following = func.coalesce(
        _first(behind, keys, order=order),
        case((keys.c.lap == 0, _first(of_turn, keys, order=order))),
    )
    head, is_next = _row(database, following, keys)
    due_at = _head_due_at(head)
    lap = case((head.c.fair_key > keys.c.fair_key, keys.c.lap), else_=1)
    is_round = and_(lap == 1, head.c.fair_key > keys.c.after)
    return keys.union_all(
        select(
            keys.c.campaign_id,
            keys.c.priority,
            keys.c.after,
            keys.c.wanted,
            head.c.fair_key,
            due_at,
            head.c.id,
            lap,
            keys.c.step + 1,
            keys.c.with_due + case((due_at <= now, 1), else_=0),
        )
        .select_from(keys)
        .join(head, is_next)
        .where(keys.c.with_due < keys.c.wanted, case((is_round, 0), else_=1) == 1)
    )


def _starts(database: Database) -> Select[Any]:
    """Return where the walk of each turn starts: at the key that was served last."""
    turns = database.json_rows(
        {"campaign_id": Text(), "priority": Integer(), "after": Text(), "wanted": Integer()}
    )
    return select(
        turns.c.campaign_id,
        turns.c.priority,
        turns.c.after,
        turns.c.wanted,
        turns.c.after.label("fair_key"),
        null().cast(Instant).label("due_at"),
        null().cast(Text).label("id"),
        _ZERO.label("lap"),
        _ZERO.label("step"),
        _ZERO.label("with_due"),
    )


def _heads(keys: CTE, now: ColumnElement[datetime]) -> CTE:
    """Keep the keys with something due, and say how many messages of each are wanted.

    Twice its share of the turn, for others may have fewer: what is read stays within a few times
    what is wanted, and what a claim leaves over the next one takes.
    """
    sharing = func.count().over(partition_by=(keys.c.campaign_id, keys.c.priority))
    share = (2 * keys.c.wanted + sharing - 1) // sharing
    return (
        select(
            keys.c.campaign_id,
            keys.c.priority,
            keys.c.fair_key,
            keys.c.id,
            keys.c.step,
            case((share < keys.c.wanted, share), else_=keys.c.wanted).label("wanted"),
        )
        .where(keys.c.due_at <= now)
        .cte("heads")
    )


def _in_turn(database: Database, heads: CTE, now: ColumnElement[datetime]) -> CTE:
    """Walk over the due messages of each key; `place` counts those before it that may leave."""
    head, is_head = _row(database, heads.c.id, heads)
    in_turn = (
        select(
            *_columns(head, now),
            heads.c.step,
            heads.c.wanted,
            _ZERO.label("place"),
            _ZERO.label("seen"),
        )
        .select_from(heads)
        .join(head, is_head)
        .cte("in_turn", recursive=True)
    )
    behind = (
        messages.c.campaign_id == in_turn.c.campaign_id,
        messages.c.priority == in_turn.c.priority,
        messages.c.fair_key == in_turn.c.fair_key,
        _is_queued(messages),
        messages.c.due_at <= now,
        tuple_(messages.c.due_at, messages.c.id) > tuple_(in_turn.c.due_at, in_turn.c.id),
    )
    following = _first(behind, in_turn, order=(messages.c.due_at, messages.c.id))
    message, is_next = _row(database, following, in_turn)
    is_fit = and_(
        in_turn.c.expires_at > now,
        in_turn.c.waited_for.is_(None),
        in_turn.c.paused.is_(None),
        in_turn.c.stale == 0,
    )
    place = in_turn.c.place + case((is_fit, 1), else_=0)
    return in_turn.union_all(
        select(*_columns(message, now), in_turn.c.step, in_turn.c.wanted, place, in_turn.c.seen + 1)
        .select_from(in_turn)
        .join(message, is_next)
        .where(place < in_turn.c.wanted, in_turn.c.seen < in_turn.c.wanted + LOOK_AHEAD)
    )


def _columns(message: FromClause, now: ColumnElement[datetime]) -> list[ColumnElement[Any]]:
    names = ("campaign_id", "priority", "fair_key", "due_at", "id", "weight", "expires_at")
    return [
        *[message.c[name] for name in names],
        _waited_for(message, now).label("waited_for"),
        _paused(message).label("paused"),
        case((is_stale(message, now), 1), else_=0).label("stale"),
    ]


def is_stale(message: FromClause, now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition that nobody knows whether quiet hours let a message leave now.

    The window that is stored with it has closed, or follows from rules of another digest than
    `hours_digest_now`. An answer to a reply has no window.
    """
    is_other = message.c.hours_digest.is_distinct_from(bindparam("hours_digest_now", type_=Text))
    is_closed = message.c.window_closes_at <= now
    return and_(message.c.answer.is_(None), or_(is_other, func.coalesce(is_closed, false())))


def _head_due_at(head: FromClause) -> ColumnElement[datetime]:
    """Return when the first message of a key is due: never while it is set aside."""
    never = literal(NEVER, Instant)
    return case((is_set_aside(head), never), else_=head.c.due_at).label("due_at")


def is_set_aside(message: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message was set aside for a sender that is paused still."""
    return and_(message.c.fair_key.startswith(SET_ASIDE), _paused(message).is_not(None))


def _paused(message: FromClause) -> ScalarSelect[int]:
    """Return 1 for a message of a paused sender, else null."""
    paused = select(literal(1)).where(
        senders.c.number == message.c.sender, senders.c.paused_at.is_not(None)
    )
    return paused.correlate(message).scalar_subquery()


def _waited_for(
    message: FromClause, now: ColumnElement[datetime]
) -> ColumnElement[datetime | None]:
    """Return when the earlier message is due that an ordered one waits for; null: it may leave."""
    earlier = messages.alias("earlier")
    due_at = case((is_state(earlier.c.state, MessageState.QUEUED), earlier.c.due_at), else_=now)
    # Not the first by id: PostgreSQL would look for it among the ids of all recipients.
    soonest = select(func.min(due_at)).where(
        earlier.c.tenant_id == message.c.tenant_id,
        earlier.c.recipient == message.c.recipient,
        earlier.c.id < message.c.id,
        earlier.c.ordered,
        or_(*[is_state(earlier.c.state, state) for state in _UNDECIDED]),
    )
    return case((message.c.ordered, soonest.correlate(message).scalar_subquery()))


def _first(
    conditions: tuple[ColumnElement[bool], ...], *walk: FromClause, order: Sequence[Column[Any]]
) -> ScalarSelect[str]:
    """Return the id of the first message in `order`, for a row of the walk."""
    found = select(messages.c.id).where(*conditions).order_by(*order).limit(1)
    return found.correlate(*walk).scalar_subquery()


def _row(
    database: Database, id_: ColumnElement[str], *walk: FromClause
) -> tuple[FromClause, ColumnElement[bool]]:
    """Return the message with an id that depends on a row of the walk, and how to join it.

    PostgreSQL may otherwise read and hash all messages to join the few; a lateral row by row
    leaves it no choice. SQLite has none, and takes the index by itself.
    """
    row = messages.alias()
    if not database.is_postgres:
        return row, row.c.id == id_
    found = select(row).where(row.c.id == id_).limit(1).correlate(*walk)
    return found.lateral(), true()


def _is_queued(table: Any) -> ColumnElement[bool]:
    return is_state(table.c.state, MessageState.QUEUED)
