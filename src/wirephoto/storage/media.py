"""Stored files, originals and what was made of them, and the names under which files are served."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.media import Fitting, MediaKind
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema_media import (
    files,
    media,
    message_media,
    renditions,
    store_deletions,
    store_mark,
)
from wirephoto.storage.tenancy import across_tenants

RENDITIONS_SHOWN = 50
"""What was made of one file: about as many as there are budgets, profiles and colours."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that the media store keeps under `store_key`."""

    id: str
    tenant_id: str
    digest: str
    size_bytes: int

    @property
    def store_key(self) -> str:
        """Return the name of its bytes in the media store.

        The digest is for the store, which proves bytes by it. The id is for us: bytes that come
        back after they were deleted are another file's, which a late deletion cannot hit.
        """
        return f"{self.tenant_id}/{self.id}.{self.digest}"


@dataclass(frozen=True, slots=True)
class Original:
    """What a customer gave: an upload, or what an address held.

    `file_id` is None once the bytes are deleted. `checked_at` is when the address was last known
    to hold them, `fresh_until` how long it need not be asked again.
    """

    id: str
    tenant_id: str
    file_id: str | None
    kind: MediaKind
    media_type: str
    size_bytes: int
    checked_at: datetime
    created_at: datetime
    used_at: datetime
    url: str | None = None
    url_hash: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    fresh_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """What the pipeline made of an original for a target: a file, or the reason why not."""

    source_id: str
    target: str
    tenant_id: str
    created_at: datetime
    file_id: str | None = None
    fitting: Fitting | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """A message that needs a file until it is final; `look_at` is when to see whether it is."""

    message_id: str
    position: int
    tenant_id: str
    media_id: str
    file_id: str
    look_at: datetime


async def reserve_file(
    tx: Transaction, tenant_id: str, digest: str, *, look_at: datetime
) -> StoredFile | None:
    """Return the tenant's file with these bytes; it is left alone until `look_at`."""
    reserved = await tx.execute(
        update(files)
        .where(files.c.tenant_id == tenant_id, files.c.digest == digest)
        .values(look_at=look_at)
        .returning(files)
    )
    row = reserved.one_or_none()
    return _file(row) if row else None


async def forget_file(tx: Transaction, tenant_id: str, file_id: str) -> int:
    """Part originals from a file whose bytes are lost; return how many.

    Uploads are gone then, and what an address held is fetched again.
    """
    parted = await tx.execute(
        update(media)
        .where(media.c.tenant_id == tenant_id, media.c.file_id == file_id)
        .values(file_id=None)
    )
    return parted.rowcount


async def get_file(tx: Transaction, tenant_id: str, file_id: str) -> StoredFile | None:
    """Return one file of a tenant."""
    query = select(files).where(files.c.tenant_id == tenant_id, files.c.id == file_id)
    row = (await tx.execute(query)).one_or_none()
    return _file(row) if row else None


async def plan_deletions(tx: Transaction, rows: Sequence[StoredFile], *, due_at: datetime) -> None:
    """Write down that bytes are to be deleted at `due_at`; each row carries its tenant."""
    instant = tx.database.instant(due_at)
    values = [(row.store_key, row.tenant_id, instant) for row in rows]
    await tx.insert_rows(store_deletions, ("store_key", "tenant_id", "due_at"), values)


async def keep_file(
    tx: Transaction, file: StoredFile, *, planned_at: datetime, now: datetime, look_at: datetime
) -> str:
    """Keep bytes that are in the store; return the id of the file that holds them from now on.

    It is another's where the same bytes were kept meanwhile: then these are deleted as planned, at
    `planned_at`. A row carries its tenant.

    Raises:
        StorageUnavailable: by now they may be deleted.
    """
    dialect = postgresql if tx.database.is_postgres else sqlite
    values = {
        "id": file.id,
        "tenant_id": file.tenant_id,
        "digest": file.digest,
        "size_bytes": file.size_bytes,
        "created_at": now,
        "look_at": look_at,
    }
    fresh = dialect.insert(files).values(values)
    # Changed rather than passed over where it is there: nobody deletes it before this commits.
    kept = await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[files.c.tenant_id, files.c.digest],
            set_={"look_at": fresh.excluded.look_at},
        ).returning(files.c.id)
    )
    file_id: str = kept.scalar_one()
    if file_id == file.id:
        # Whoever deletes bytes puts their time off meanwhile: the plan must be as it was.
        planned = await tx.execute(
            delete(store_deletions).where(
                store_deletions.c.store_key == file.store_key,
                store_deletions.c.tenant_id == file.tenant_id,
                store_deletions.c.due_at == planned_at,
                store_deletions.c.due_at > now,
            )
        )
        if not planned.rowcount:
            raise StorageUnavailable("storing took so long that the bytes may be deleted again")
    return file_id


async def insert_original(tx: Transaction, original: Original) -> None:
    """Store an original; its row carries its tenant."""
    row = {column.name: getattr(original, column.name) for column in media.columns}
    await tx.execute(insert(media).values(row | {"kind": original.kind.value}))


async def get_original(tx: Transaction, tenant_id: str, media_id: str) -> Original | None:
    """Return one original of a tenant."""
    if not is_storable(media_id):
        return None
    query = select(media).where(media.c.tenant_id == tenant_id, media.c.id == media_id)
    row = (await tx.execute(query)).one_or_none()
    return _original(row) if row else None


async def get_originals(
    tx: Transaction, tenant_id: str, media_ids: Sequence[str]
) -> dict[str, Original]:
    """Return those of the originals that are the tenant's."""
    wanted = [media_id for media_id in media_ids if is_storable(media_id)]
    query = select(media).where(media.c.tenant_id == tenant_id, media.c.id.in_(wanted))
    return {row.id: _original(row) for row in await tx.execute(query)}


async def latest_of_url(tx: Transaction, tenant_id: str, url_hash: str) -> Original | None:
    """Return what an address held when it was last fetched for the tenant."""
    query = (
        select(media)
        .where(media.c.tenant_id == tenant_id, media.c.url_hash == url_hash)
        .order_by(media.c.id.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return _original(row) if row else None


async def touch_original(
    tx: Transaction,
    tenant_id: str,
    media_id: str,
    *,
    used_at: datetime,
    checked_at: datetime | None = None,
    fresh_until: datetime | None = None,
) -> bool:
    """Write down that an original is used, and, where it was asked again, that it is unchanged.

    Tell whether it is there.
    """
    changes: dict[str, Any] = {"used_at": used_at}
    if checked_at:
        changes |= {"checked_at": checked_at, "fresh_until": fresh_until}
    touched = await tx.execute(
        update(media).where(media.c.tenant_id == tenant_id, media.c.id == media_id).values(changes)
    )
    return touched.rowcount == 1


async def find_rendition(
    tx: Transaction, tenant_id: str, source_id: str, target: str
) -> Rendition | None:
    """Return what was made of a file for a target."""
    query = select(renditions).where(
        renditions.c.tenant_id == tenant_id,
        renditions.c.source_id == source_id,
        renditions.c.target == target,
    )
    row = (await tx.execute(query)).one_or_none()
    return _rendition(row) if row else None


async def list_renditions(tx: Transaction, tenant_id: str, source_id: str) -> list[Rendition]:
    """Return everything that was made of a file, the oldest first; a target each."""
    query = (
        select(renditions)
        .where(renditions.c.tenant_id == tenant_id, renditions.c.source_id == source_id)
        .order_by(renditions.c.created_at, renditions.c.target)
        .limit(RENDITIONS_SHOWN)
    )
    return [_rendition(row) for row in await tx.execute(query)]


async def insert_rendition(tx: Transaction, rendition: Rendition) -> None:
    """Store what was made of a file, unless somebody was first; the row carries its tenant."""
    dialect = postgresql if tx.database.is_postgres else sqlite
    row = {column.name: getattr(rendition, column.name) for column in renditions.columns}
    fitting = msgspec.to_builtins(rendition.fitting) if rendition.fitting else None
    await tx.execute(
        dialect.insert(renditions).values(row | {"fitting": fitting}).on_conflict_do_nothing()
    )


async def insert_needs(tx: Transaction, rows: Sequence[Need]) -> None:
    """Store which files messages need; each row carries its tenant."""
    columns = tuple(column.name for column in message_media.columns)
    instant = tx.database.instant
    values = [
        tuple(instant(row.look_at) if c == "look_at" else getattr(row, c) for c in columns)
        for row in rows
    ]
    await tx.insert_rows(message_media, columns, values)


@across_tenants("asked once, for the whole process")
async def any_need(tx: Transaction) -> bool:
    """Tell whether any message needs a file."""
    return (await tx.execute(select(message_media.c.file_id).limit(1))).first() is not None


@across_tenants("the media store is one for all")
async def claim_mark(tx: Transaction, token: str) -> str:
    """Return what the media store's mark says: `token` where there is none yet."""
    dialect = postgresql if tx.database.is_postgres else sqlite
    values = {"only_row": 1, "token": token}
    await tx.execute(dialect.insert(store_mark).values(values).on_conflict_do_nothing())
    found: str = (await tx.execute(select(store_mark.c.token))).scalar_one()
    return found


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(row.id, row.tenant_id, row.digest, row.size_bytes)


def _original(row: Row[Any]) -> Original:
    fields = {column.name: getattr(row, column.name) for column in media.columns}
    return Original(**fields | {"kind": MediaKind(row.kind)})


def _rendition(row: Row[Any]) -> Rendition:
    fields = {column.name: getattr(row, column.name) for column in renditions.columns}
    if row.fitting is not None:
        fields["fitting"] = msgspec.convert(row.fitting, Fitting)
    return Rendition(**fields)
