"""Work that is done once at a time, over all processes, and whose result everybody finds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

from wirephoto.clock import Clock
from wirephoto.errors import MediaRefused
from wirephoto.storage.database import Database
from wirephoto.storage.leases import drop_lease, take_lease

LEASE = timedelta(seconds=150)
"""How long one process may take over a fetch or a fitting before another does it as well."""
LEASE_POLL_S = 0.25

Found = TypeVar("Found")


@dataclass(slots=True, weakref_slot=True)
class _Turn:
    """Who waits for the same in this process; `refusal` is how the last one's try ended."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    refusal: MediaRefused | None = None


class Once:
    """Lets one task at a time do what a key names: a fetch, a fitting."""

    def __init__(self, database: Database, clock: Clock, *, holder: str) -> None:
        """Take the name under which this process holds leases (`holder`)."""
        self._database = database
        self._clock = clock
        self._holder = holder
        self._doing: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    async def get(
        self,
        tenant_id: str,
        key: str,
        find: Callable[[], Awaitable[Found | None]],
        make: Callable[[], Awaitable[Found]],
    ) -> Found:
        """Return what `find` finds, or else what `make` makes: one at a time over all processes."""
        found = await find()
        if found is not None:
            return found
        # It lives for as long as somebody waits for it or has it.
        turn = self._doing.setdefault(key, _Turn())
        under_way = turn.lock.locked() and turn.refusal is None
        async with turn.lock:
            if under_way and turn.refusal is not None:
                # A server that does not answer costs those who waited for it one patience, not one
                # each, one after the other.
                raise MediaRefused(
                    turn.refusal.reason, str(turn.refusal), retryable=turn.refusal.retryable
                )
            turn.refusal = None
            try:
                return await self._alone(tenant_id, key, find, make)
            except MediaRefused as refused:
                turn.refusal = refused
                raise

    async def _alone(
        self,
        tenant_id: str,
        key: str,
        find: Callable[[], Awaitable[Found | None]],
        make: Callable[[], Awaitable[Found]],
    ) -> Found:
        """Do what `_once` does, for one task of this process."""
        while True:
            found = await find()
            if found is not None:
                return found
            async with self._lease(tenant_id, key) as leased:
                if leased:
                    # Another process may have made it just before it gave up its lease.
                    found = await find()
                    return found if found is not None else await make()
            await self._clock.sleep(LEASE_POLL_S)

    @asynccontextmanager
    async def _lease(self, tenant_id: str, key: str) -> AsyncIterator[bool]:
        """Let one process at a time through; tell whether it is this one."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            leased = await take_lease(
                tx, tenant_id, key, holder=self._holder, now=now, until=now + LEASE
            )
        try:
            yield leased
        finally:
            if leased:
                async with self._database.transaction() as tx:
                    await drop_lease(tx, tenant_id, key, holder=self._holder)
