"""Accepting messages: the message, its first event and its idempotency key, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Row, and_, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.event import Event
from wirephoto.domain.message import Message
from wirephoto.storage.consents import Worded, store_worded
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.messages import insert_events, insert_messages
from wirephoto.storage.pools import HeardFrom, remember_senders
from wirephoto.storage.schema import idempotency_keys
from wirephoto.storage.tenancy import across_tenants

_KEY = (
    "tenant_id",
    "route",
    "key",
    "fingerprint",
    "message_id",
    "status",
    "body",
    "running_until",
    "created_at",
)
_IDENTITY = ("tenant_id", "route", "key")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that was made under an idempotency key, and the answer that it got.

    `status` is None while the request still runs; after `running_until` whoever ran it is gone.
    """

    tenant_id: str
    route: str
    key: str
    fingerprint: str
    created_at: datetime
    message_id: str | None = None
    status: int | None = None
    body: str | None = None
    running_until: datetime | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """Return what makes two requests the same."""
        return (self.tenant_id, self.route, self.key)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to store, under its own idempotency key if it has one.

    `heard_from` is the sender that a pool chose: its recipient hears from it from now on; `worded`
    says that the message tells how to opt out.
    """

    message: Message
    event: Event
    keyed: KeyedRequest | None = None
    heard_from: HeardFrom | None = None
    worded: Worded | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What one request stores: all of it, or nothing.

    With `keyed` the whole request has a key; its answer is then made by `render` from what became
    of each entry, inside the transaction.
    """

    entries: tuple[Entry, ...]
    keyed: KeyedRequest | None = None
    render: "Callable[[Sequence[KeyedRequest | None]], str] | None" = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an acceptance.

    `earlier` is the request that had the key before; then nothing was stored. `entries` has, for
    each entry, the earlier request of its own key, or None where the message is stored now. `body`
    is the answer that was stored for the whole request.
    """

    entries: tuple[KeyedRequest | None, ...] = ()
    earlier: KeyedRequest | None = None
    body: str | None = None


async def accept(tx: Transaction, items: Sequence[Acceptance]) -> list[Accepted]:
    """Store what each request asks for, once for each idempotency key; rows carry their tenant."""
    earlier = await _reserve(tx, [item.keyed for item in items])
    fresh = [item for item, before in zip(items, earlier, strict=True) if before is None]
    entries = [entry for item in fresh for entry in item.entries]
    known = await _reserve(tx, [entry.keyed for entry in entries])
    stored = [entry for entry, before in zip(entries, known, strict=True) if before is None]
    await insert_messages(tx, [entry.message for entry in stored])
    await insert_events(tx, [entry.event for entry in stored])
    tx.accepted.update([entry.message.id for entry in stored])
    await remember_senders(tx, [entry.heard_from for entry in stored if entry.heard_from])
    await store_worded(tx, [entry.worded for entry in stored if entry.worded])
    for state in dict.fromkeys(entry.message.state for entry in stored):
        await tx.notify(state.value)
    results, place = [], 0
    for item, before in zip(items, earlier, strict=True):
        if before is not None:
            results.append(Accepted(earlier=before))
            continue
        mine = known[place : place + len(item.entries)]
        place += len(item.entries)
        body = None
        if item.keyed and item.render:
            body = item.render(mine)
            await complete_key(tx, item.keyed, status=200, body=body)
        results.append(Accepted(entries=tuple(mine), body=body))
    return results


async def _reserve(
    tx: Transaction, rows: Sequence[KeyedRequest | None]
) -> list[KeyedRequest | None]:
    """Take each key that is free; return for each row who had its key before, if somebody had.

    Equal keys among `rows` are decided here: the first takes it. Keys are taken in one order
    everywhere, so that two processes that want the same ones wait for each other, never both.
    """
    first: dict[tuple[str, str, str], KeyedRequest] = {}
    for row in rows:
        if row is not None:
            first.setdefault(row.identity, row)
    if not first:
        return [None] * len(rows)
    taken: set[tuple[str, str, str]] = set()
    holders = dict(first)
    pending = sorted(first)
    while pending:
        taken |= await _insert_keys(tx, [first[identity] for identity in pending])
        lost = [identity for identity in pending if identity not in taken]
        found = await _select_keys(tx, lost) if lost else {}
        holders |= found
        # A key that was forgotten between the two statements is free again.
        pending = [identity for identity in lost if identity not in found]
    return [
        None
        if row is None or (row.identity in taken and first[row.identity] is row)
        else holders[row.identity]
        for row in rows
    ]


@across_tenants("each row carries its tenant, and the key's identity includes it")
async def _insert_keys(tx: Transaction, rows: Sequence[KeyedRequest]) -> set[tuple[str, str, str]]:
    instants = ("running_until", "created_at")
    instant = tx.database.instant
    parameter = [
        [instant(getattr(row, name)) if name in instants else getattr(row, name) for name in _KEY]
        for row in rows
    ]
    inserted = await tx.execute(_insert_free, {"rows": rows_json(parameter)})
    return {(row.tenant_id, row.route, row.key) for row in inserted}


def _insert_free(database: Database) -> Executable:
    incoming = database.json_rows({name: idempotency_keys.c[name].type for name in _KEY})
    insert = postgresql.insert if database.is_postgres else sqlite.insert
    # SQLite cannot tell ON CONFLICT from a join's ON without the WHERE.
    source = select(*[incoming.c[name] for name in _KEY]).where(incoming.c.key.is_not(None))
    return (
        insert(idempotency_keys)
        .from_select(list(_KEY), source)
        .on_conflict_do_nothing()
        .returning(*[idempotency_keys.c[name] for name in _IDENTITY])
    )


@across_tenants("the key's identity includes its tenant")
async def _select_keys(
    tx: Transaction, identities: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], KeyedRequest]:
    found = await tx.execute(_select_held, {"rows": rows_json(identities)})
    keyed = [_keyed(row) for row in found]
    return {row.identity: row for row in keyed}


def _select_held(database: Database) -> Executable:
    # A group may hold more keys than a statement may have parameters.
    incoming = database.json_rows({name: idempotency_keys.c[name].type for name in _IDENTITY})
    same = and_(*[idempotency_keys.c[name] == incoming.c[name] for name in _IDENTITY])
    return select(*[idempotency_keys.c[name] for name in _KEY]).join_from(
        incoming, idempotency_keys, same
    )


async def find_keyed(tx: Transaction, rows: Sequence[KeyedRequest]) -> list[KeyedRequest | None]:
    """Return for each request the one that had its key before; rows carry their tenant."""
    found = await _select_keys(tx, sorted({row.identity for row in rows}))
    return [found.get(row.identity) for row in rows]


async def complete_key(tx: Transaction, keyed: KeyedRequest, *, status: int, body: str) -> None:
    """Store the answer of a request that ran under a key, to be given again from now on."""
    await tx.execute(
        update(idempotency_keys)
        .where(
            idempotency_keys.c.tenant_id == keyed.tenant_id,
            idempotency_keys.c.route == keyed.route,
            idempotency_keys.c.key == keyed.key,
        )
        .values(status=status, body=body)
    )


@across_tenants("age is the same for all tenants")
async def delete_keys(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Forget up to `limit` keys that were made before `before`; return how many."""
    old = (
        select(*[idempotency_keys.c[name] for name in _IDENTITY])
        .where(idempotency_keys.c.created_at < before)
        .limit(limit)
        .subquery()
    )
    columns = tuple_(*[idempotency_keys.c[name] for name in _IDENTITY])
    deleted = await tx.execute(
        delete(idempotency_keys).where(columns.in_(select(*[old.c[name] for name in _IDENTITY])))
    )
    return deleted.rowcount


def _keyed(row: Row[Any]) -> KeyedRequest:
    return KeyedRequest(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
