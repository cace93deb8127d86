"""When keys were last used: noted in memory as they are, written once a minute."""

import asyncio

from wirephoto.clock import Clock
from wirephoto.storage.database import Database
from wirephoto.storage.keys import USE_EVERY, KeyUse, record_uses

WRITTEN_MAX = 500
"""Keys whose use one turn writes; the next turn follows at once when there are more."""


class KeyUses:
    """Writes when the keys that this process saw were last used, right to a minute.

    A request never waits for it, and what a process saw in its last minute may be lost with it.
    """

    name = "key-uses"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[str, KeyUse] = {}
        self.bell = asyncio.Event()

    def saw(self, tenant_id: str, key_id: str) -> None:
        """Note that a stored key was used now."""
        self._seen[key_id] = KeyUse(tenant_id, key_id, self._clock.now())

    async def turn(self) -> float:
        """Write what was seen since the last turn; return how long to rest, in seconds."""
        batch = list(self._seen.values())[:WRITTEN_MAX]
        if batch:
            async with self._database.transaction() as tx:
                await record_uses(tx, batch)
        for use in batch:
            if self._seen.get(use.key_id) is use:
                del self._seen[use.key_id]
        return 0.0 if len(batch) == WRITTEN_MAX else USE_EVERY.total_seconds()
