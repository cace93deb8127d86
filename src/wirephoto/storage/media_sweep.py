"""What nothing needs any more: needs of final messages, names, files, bytes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, not_, or_, select, tuple_, update

from wirephoto.domain.channel import Channel
from wirephoto.storage.database import Transaction
from wirephoto.storage.media import StoredFile, plan_deletions
from wirephoto.storage.schema import attempts, messages
from wirephoto.storage.schema_media import (
    files,
    media,
    media_names,
    message_media,
    renditions,
    store_deletions,
)
from wirephoto.storage.schema_recipients import inbound_files
from wirephoto.storage.tenancy import across_tenants


@across_tenants("what nobody needs is swept for all tenants")
async def release_needs(
    tx: Transaction, *, now: datetime, final_before: datetime, look_at: datetime, limit: int
) -> int:
    """Look at up to `limit` needs that are due; return how many.

    Those of messages that were final before `final_before` end, and their names with them, but for
    those that stand in a text: people open them later. So do those of messages that were too old
    to be sent by then; their names live on for their time. The others are looked at again at
    `look_at`.
    """
    due = await tx.execute(
        select(message_media, messages.c.final_at, messages.c.expires_at.label("message_expires"))
        .join(messages, messages.c.id == message_media.c.message_id)
        .where(message_media.c.look_at <= now)
        .order_by(message_media.c.look_at)
        .limit(limit)
    )
    rows = due.all()
    final = {row.message_id for row in rows if row.final_at and row.final_at <= final_before}
    ended = [r for r in rows if r.message_id in final or r.message_expires <= final_before]
    going_on = [row for row in rows if row not in ended]
    key = tuple_(message_media.c.message_id, message_media.c.position)
    if ended:
        of_ended = key.in_([(row.message_id, row.position) for row in ended])
        await tx.execute(delete(message_media).where(of_ended))
        await tx.execute(
            delete(media_names).where(media_names.c.message_id.in_(final), not_(_in_a_text()))
        )
        await _look_now(tx, [row.file_id for row in ended], now)
    if going_on:
        of_others = key.in_([(row.message_id, row.position) for row in going_on])
        await tx.execute(update(message_media).where(of_others).values(look_at=look_at))
    return len(rows)


def _in_a_text() -> ColumnElement[bool]:
    """Return the condition that a name is a link in a text message."""
    return exists().where(
        attempts.c.message_id == media_names.c.message_id,
        attempts.c.number == media_names.c.attempt,
        attempts.c.channel == Channel.SMS.value,
    )


@across_tenants("what nobody needs is swept for all tenants")
async def delete_expired_names(tx: Transaction, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` names whose time is over; return how many."""
    over = (
        select(media_names.c.name)
        .where(media_names.c.expires_at <= now)
        .order_by(media_names.c.expires_at)
        .limit(limit)
    )
    deleted = await tx.execute(
        delete(media_names).where(media_names.c.name.in_(over)).returning(media_names.c.file_id)
    )
    file_ids = [row.file_id for row in deleted]
    await _look_now(tx, file_ids, now)
    return len(file_ids)


@across_tenants("what nobody needs is swept for all tenants")
async def discard_files(
    tx: Transaction, *, now: datetime, used_before: datetime, look_at: datetime, limit: int
) -> int:
    """Look at up to `limit` files that are due; return how many.

    A file goes when no message (out or in) and no name needs it, and no original with these bytes
    was used since `used_before`; what was made of it is then forgotten. Its bytes are deleted
    later. The others are looked at again at `look_at`.
    """
    needed = or_(
        exists().where(message_media.c.file_id == files.c.id),
        exists().where(media_names.c.file_id == files.c.id),
        exists().where(inbound_files.c.file_id == files.c.id),
        exists().where(media.c.file_id == files.c.id, media.c.used_at > used_before),
    )
    due = await tx.execute(
        select(files, needed.label("needed"))
        .where(files.c.look_at <= now)
        .order_by(files.c.look_at, files.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=files)
    )
    rows = due.all()
    unneeded = [
        StoredFile(row.id, row.tenant_id, row.digest, row.size_bytes)
        for row in rows
        if not row.needed
    ]
    ids = [file.id for file in unneeded]
    if ids:
        await tx.execute(update(media).where(media.c.file_id.in_(ids)).values(file_id=None))
        made = renditions.c.source_id.in_(ids) | renditions.c.file_id.in_(ids)
        await tx.execute(delete(renditions).where(made))
        await plan_deletions(tx, unneeded, due_at=now)
        await tx.execute(delete(files).where(files.c.id.in_(ids)))
    kept = [row.id for row in rows if row.needed]
    if kept:
        await tx.execute(update(files).where(files.c.id.in_(kept)).values(look_at=look_at))
    return len(rows)


@across_tenants("what nobody needs is swept for all tenants")
async def lease_deletions(
    tx: Transaction, *, now: datetime, lease: timedelta, limit: int
) -> list[str]:
    """Return the keys of up to `limit` bytes to delete now; nobody else gets them meanwhile."""
    due = (
        select(store_deletions.c.store_key)
        .where(store_deletions.c.due_at <= now)
        .order_by(store_deletions.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    leased = await tx.execute(
        update(store_deletions)
        .where(store_deletions.c.store_key.in_(select(due.c.store_key)))
        .values(due_at=now + lease)
        .returning(store_deletions.c.store_key)
    )
    return sorted(row.store_key for row in leased)


@across_tenants("what nobody needs is swept for all tenants")
async def forget_deletions(tx: Transaction, keys: Sequence[str]) -> None:
    """Forget bytes that are deleted."""
    await tx.execute(delete(store_deletions).where(store_deletions.c.store_key.in_(keys)))


@across_tenants("what nobody needs is swept for all tenants")
async def _look_now(tx: Transaction, file_ids: Iterable[str], now: datetime) -> None:
    ids = sorted(set(file_ids))
    if ids:
        await tx.execute(update(files).where(files.c.id.in_(ids)).values(look_at=now))
