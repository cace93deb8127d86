"""Stored files, originals and what needs them, in a line each."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from tests.factories import NOW
from wirephoto.domain.media import MediaKind
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.hosting import (
    HostedName,
)
from wirephoto.storage.media import (
    Need,
    Original,
    StoredFile,
    insert_needs,
    insert_original,
    keep_file,
    plan_deletions,
)
from wirephoto.storage.schema import DEFAULT_TENANT

PLANNED_AT = NOW + timedelta(hours=1)


def make_file(number: int = 1, content: str = "picture", **changes: Any) -> StoredFile:
    """Return a file; those with the same content have the same digest."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    fields = {"id": f"fil_{number}", "tenant_id": DEFAULT_TENANT, "size_bytes": 7} | changes
    return StoredFile(digest=digest, **fields)


async def keep(tx: Transaction, file: StoredFile, now: datetime = NOW) -> str:
    """Keep a file whose deletion was planned, as a process does that stored its bytes."""
    await plan_deletions(tx, [file], due_at=PLANNED_AT)
    return await keep_file(
        tx, file, planned_at=PLANNED_AT, now=now, look_at=now + timedelta(hours=1)
    )


async def kept_file(database: Database, number: int = 1, content: str = "picture") -> StoredFile:
    """Return a file that is kept."""
    file = make_file(number, content)
    async with database.transaction() as tx:
        await keep(tx, file)
    return file


def make_original(file: StoredFile, **changes: Any) -> Original:
    """Return an original with the bytes of a file."""
    fields = {
        "id": "med_1",
        "tenant_id": file.tenant_id,
        "file_id": file.id,
        "kind": MediaKind.IMAGE,
        "media_type": "image/jpeg",
        "size_bytes": file.size_bytes,
        "checked_at": NOW,
        "created_at": NOW,
        "used_at": NOW,
    }
    return Original(**fields | changes)


def make_need(message_id: str, file: StoredFile, **changes: Any) -> Need:
    """Return that a message needs a file of the original `med_1`."""
    fields = {
        "message_id": message_id,
        "position": 0,
        "tenant_id": file.tenant_id,
        "media_id": "med_1",
        "file_id": file.id,
        "look_at": NOW,
    }
    return Need(**fields | changes)


def make_name(message_id: str, file: StoredFile, **changes: Any) -> HostedName:
    """Return a name of a message's first attempt."""
    fields = {
        "name": "name.jpg",
        "tenant_id": file.tenant_id,
        "message_id": message_id,
        "attempt": 1,
        "position": 0,
        "file_id": file.id,
        "media_type": "image/jpeg",
        "expires_at": NOW + timedelta(hours=48),
    }
    return HostedName(**fields | changes)


async def store_need(database: Database, need: Need) -> None:
    """Store that a message needs a file."""
    async with database.transaction() as tx:
        await insert_needs(tx, [need])


async def store_original(database: Database, original: Original) -> None:
    """Store an original."""
    async with database.transaction() as tx:
        await insert_original(tx, original)
