"""What became of the attachments of inbound messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, tuple_, update

from wirephoto.domain.inbound_file import FileState, InboundFile
from wirephoto.domain.outcome import InboundMedia
from wirephoto.storage.database import Transaction
from wirephoto.storage.media import StoredFile
from wirephoto.storage.schema_media import files
from wirephoto.storage.schema_recipients import inbound_files, inbound_messages
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state

FILE_WAITING = "inbound_file"
"""Topic: an attachment waits to be fetched."""

_COLUMNS = tuple(column.name for column in inbound_files.columns)
_KEY = ("inbound_id", "position", "tenant_id")
_INSTANTS = frozenset({"due_at", "dies_at", "settled_at"})


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """An attachment that one process fetches now, and what its message says of it."""

    file: InboundFile
    media: InboundMedia


async def insert_inbound_files(tx: Transaction, rows: Sequence[InboundFile]) -> None:
    """Store which attachments are to be fetched; each row carries its tenant."""
    instant = tx.database.instant
    values = [
        tuple(
            instant(getattr(row, name)) if name in _INSTANTS else getattr(row, name)
            for name in _COLUMNS
        )
        for row in rows
    ]
    await tx.insert_rows(inbound_files, _COLUMNS, values)
    if rows:
        await tx.notify(FILE_WAITING)


@across_tenants("attachments are fetched for all tenants")
async def claim_inbound_files(
    tx: Transaction, *, now: datetime, lease_until: datetime, limit: int
) -> list[ClaimedFile]:
    """Return up to `limit` attachments to fetch now; nobody else gets them until `lease_until`."""
    key = (inbound_files.c.inbound_id, inbound_files.c.position)
    due = (
        select(*key)
        .where(is_state(inbound_files.c.state, FileState.WAITING), inbound_files.c.due_at <= now)
        .order_by(inbound_files.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = await tx.execute(
        update(inbound_files)
        .where(tuple_(*key).in_(select(due.c.inbound_id, due.c.position)))
        .values(due_at=lease_until, tries=inbound_files.c.tries + 1)
        .returning(inbound_files)
    )
    found = sorted(
        (_file(row) for row in claimed), key=lambda file: (file.dies_at, file.inbound_id)
    )
    media = await _media_of(tx, {file.inbound_id for file in found})
    return [ClaimedFile(file, media[file.inbound_id][file.position]) for file in found]


@across_tenants("the caller found the ids through rows that carry their tenant")
async def _media_of(tx: Transaction, inbound_ids: set[str]) -> dict[str, list[InboundMedia]]:
    query = select(inbound_messages.c.id, inbound_messages.c.media).where(
        inbound_messages.c.id.in_(sorted(inbound_ids))
    )
    return {row.id: [InboundMedia(**part) for part in row.media] for row in await tx.execute(query)}


async def record_inbound_file(tx: Transaction, file: InboundFile) -> bool:
    """Record what came of a try, unless another was begun meanwhile; tell whether it was not.

    The row carries its tenant.
    """
    changes = {name: getattr(file, name) for name in _COLUMNS if name not in (*_KEY, "tries")}
    recorded = await tx.execute(
        update(inbound_files)
        .where(
            *[inbound_files.c[name] == getattr(file, name) for name in _KEY],
            is_state(inbound_files.c.state, FileState.WAITING),
            inbound_files.c.tries == file.tries,
        )
        .values(changes | {"state": file.state.value})
    )
    return recorded.rowcount == 1


async def list_inbound_files(
    tx: Transaction, tenant_id: str, inbound_ids: Sequence[str]
) -> dict[str, list[InboundFile]]:
    """Return the attachments of inbound messages by the id of their message, in order."""
    query = (
        select(inbound_files)
        .where(inbound_files.c.tenant_id == tenant_id, inbound_files.c.inbound_id.in_(inbound_ids))
        .order_by(inbound_files.c.inbound_id, inbound_files.c.position)
    )
    found: dict[str, list[InboundFile]] = {}
    for row in await tx.execute(query):
        found.setdefault(row.inbound_id, []).append(_file(row))
    return found


async def get_inbound_file(
    tx: Transaction, tenant_id: str, inbound_id: str, position: int
) -> tuple[InboundFile, StoredFile | None] | None:
    """Return one attachment, with its bytes' place in the store once they are kept."""
    query = (
        select(inbound_files, files.c.digest)
        .outerjoin(files, files.c.id == inbound_files.c.file_id)
        .where(
            inbound_files.c.tenant_id == tenant_id,
            inbound_files.c.inbound_id == inbound_id,
            inbound_files.c.position == position,
        )
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        return None
    if row.file_id is None:
        return _file(row), None
    return _file(row), StoredFile(row.file_id, row.tenant_id, row.digest, row.size_bytes)


def _file(row: Row[Any]) -> InboundFile:
    fields = {name: getattr(row, name) for name in _COLUMNS}
    return InboundFile(**fields | {"state": FileState(row.state)})
