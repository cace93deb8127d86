"""Rows that storage's tests need, written and read back in a line each."""

import asyncio
import threading
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, insert, select, text, update

from tests.factories import NOW
from wirephoto.domain.event import Event, message_event
from wirephoto.domain.message import Message, MessageState
from wirephoto.storage.database import Database
from wirephoto.storage.messages import Transition, get_message, insert_messages
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_TENANT,
    brands,
    campaigns,
    messages,
    tenants,
)

OTHER_TENANT = "tnt_other"


async def store(database: Database, *rows: Message) -> None:
    """Store messages as they are, without events."""
    async with database.transaction() as tx:
        await insert_messages(tx, rows)


async def load(database: Database, message: Message) -> Message:
    """Return a message as it is stored now."""
    async with database.read() as tx:
        stored = await get_message(tx, message.tenant_id, message.id)
    assert stored is not None
    return stored


async def count(database: Database, table: Table) -> int:
    """Return how many rows a table has."""
    async with database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


async def change(database: Database, message: Message, **values: Any) -> None:
    """Change columns of a stored message past every rule."""
    async with database.transaction() as tx:
        await tx.execute(update(messages).where(messages.c.id == message.id).values(values))


async def add_tenant(database: Database, tenant_id: str = OTHER_TENANT) -> str:
    """Store another tenant; return its id."""
    async with database.transaction() as tx:
        await tx.execute(insert(tenants).values(id=tenant_id, name=tenant_id, created_at=NOW))
        brand = {"id": f"brd_{tenant_id}", "tenant_id": tenant_id, "name": "b", "created_at": NOW}
        await tx.execute(insert(brands).values(brand))
    return tenant_id


async def add_campaign(
    database: Database, campaign_id: str, *, next_slot_at: datetime = NOW, rate: float = 1.0
) -> str:
    """Store another campaign of the default account; return its id."""
    row = {
        "id": campaign_id,
        "tenant_id": DEFAULT_TENANT,
        "account_id": DEFAULT_ACCOUNT,
        "brand_id": DEFAULT_BRAND,
        "name": campaign_id,
        "rate": rate,
        "next_slot_at": next_slot_at,
    }
    async with database.transaction() as tx:
        await tx.execute(insert(campaigns).values(row))
    return campaign_id


def transition(message: Message, state: MessageState, now: datetime = NOW) -> Transition:
    """Return the move of a message, with its event."""
    moved = message.move_to(state, now)
    return Transition(moved, event=event_of(moved))


def event_of(message: Message) -> Event:
    """Return the event that tells of a message's last move."""
    return message_event(f"evt_{message.id}_{message.version}", message)


async def end_sessions(database: Database, last_query: str) -> int:
    """End the other sessions of a PostgreSQL database whose last query holds these words.

    Return how many there were.
    """
    end = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <>"
        " pg_backend_pid() AND datname = current_database() AND query LIKE :last_query"
    )
    async with database.transaction() as tx:
        return (await tx.execute(end, {"last_query": f"%{last_query}%"})).scalar_one()


async def connections_end() -> None:
    """Return once SQLite's threads are gone: one of a failed connection outlives `close`."""
    async with asyncio.timeout(30):
        while _connected():  # noqa: ASYNC110 - a thread's end has no event
            await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time


def _connected() -> bool:
    return any("connection_worker" in thread.name for thread in threading.enumerate())
