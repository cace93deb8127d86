"""Names under which attempts' files are served, and who fetched them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.media import StoredFile
from wirephoto.storage.schema_media import files, media_fetches, media_names
from wirephoto.storage.tenancy import across_tenants

FETCHES_KEPT = 50
"""Fetches of one name that are written down; the rest are only counted."""
_NAME_COLUMNS = (
    "name",
    "tenant_id",
    "message_id",
    "attempt",
    "position",
    "file_id",
    "media_type",
    "expires_at",
)
_FETCH_COLUMNS = tuple(column.name for column in media_fetches.columns if column.name != "seq")


@dataclass(frozen=True, slots=True)
class HostedName:
    """A name under which an attempt's file is served until `expires_at`."""

    name: str
    tenant_id: str
    message_id: str
    attempt: int
    position: int
    file_id: str
    media_type: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Hosted:
    """A name that is served, and the file behind it."""

    name: HostedName
    file: StoredFile


@dataclass(frozen=True, slots=True)
class MediaFetch:
    """One fetch of a hosted file: evidence that its attempt was accepted."""

    name: str
    tenant_id: str
    message_id: str
    attempt: int
    position: int
    method: str
    user_agent: str | None
    at: datetime


async def insert_names(tx: Transaction, rows: Sequence[HostedName]) -> None:
    """Store the names of attempts' files; each row carries its tenant."""
    instant = tx.database.instant
    values = [
        tuple(
            instant(row.expires_at) if column == "expires_at" else getattr(row, column)
            for column in _NAME_COLUMNS
        )
        for row in rows
    ]
    await tx.insert_rows(media_names, _NAME_COLUMNS, values)


@across_tenants("who knows an unguessable name may fetch it; phones have no key")
async def find_name(tx: Transaction, name: str, *, now: datetime) -> Hosted | None:
    """Return what is served under a name now."""
    if not is_storable(name):
        return None
    query = (
        select(media_names, files.c.digest, files.c.size_bytes)
        .join(files, files.c.id == media_names.c.file_id)
        .where(media_names.c.name == name, media_names.c.expires_at > now)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        return None
    hosted = HostedName(*[getattr(row, column) for column in _NAME_COLUMNS])
    return Hosted(hosted, StoredFile(row.file_id, row.tenant_id, row.digest, row.size_bytes))


async def record_fetches(tx: Transaction, rows: Sequence[MediaFetch]) -> Sequence[None]:
    """Write down fetches of hosted files; each row carries its tenant."""
    for row in sorted(rows, key=lambda row: row.name):
        counted = await tx.execute(
            update(media_names)
            .where(media_names.c.name == row.name)
            .values(fetches=media_names.c.fetches + 1)
            .returning(media_names.c.fetches)
        )
        fetches = counted.scalar_one_or_none()
        if fetches is not None and fetches <= FETCHES_KEPT:
            values = {column: getattr(row, column) for column in _FETCH_COLUMNS}
            await tx.execute(insert(media_fetches).values(values))
    return [None] * len(rows)


async def list_fetches(tx: Transaction, tenant_id: str, message_id: str) -> list[MediaFetch]:
    """Return the fetches of a message's files, in order."""
    query = (
        select(media_fetches)
        .where(media_fetches.c.tenant_id == tenant_id, media_fetches.c.message_id == message_id)
        .order_by(media_fetches.c.seq)
        .limit(10 * FETCHES_KEPT)
    )
    return [
        MediaFetch(**{name: getattr(row, name) for name in _FETCH_COLUMNS})
        for row in await tx.execute(query)
    ]
