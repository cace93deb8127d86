"""Which numbers may send, kept in memory and read anew every few seconds."""

from collections.abc import Mapping

from wirephoto.clock import Clock
from wirephoto.storage.database import Database
from wirephoto.storage.pools import Pool, load_pools
from wirephoto.storage.senders import Sender, load_senders

AGE_S_MAX = 5.0
"""How long a change of the senders may take to be noticed, in seconds."""


class SenderDirectory:
    """Every sender by its number, and every pool by its tenant and name."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._senders: Mapping[str, Sender] = {}
        self._pools: Mapping[tuple[str, str], Pool] = {}
        self._loaded_at = float("-inf")

    async def get(self) -> Mapping[str, Sender]:
        """Return the senders, at most `AGE_S_MAX` seconds old."""
        await self._load()
        return self._senders

    async def pools(self, tenant_id: str) -> Mapping[str, Pool]:
        """Return a tenant's pools by their names, as old at most."""
        await self._load()
        return {name: pool for (owner, name), pool in self._pools.items() if owner == tenant_id}

    def forget(self) -> None:
        """Read everything anew at the next question: this process has changed it."""
        self._loaded_at = float("-inf")

    async def _load(self) -> None:
        now = self._clock.monotonic()
        if now - self._loaded_at > AGE_S_MAX:
            async with self._database.read() as tx:
                self._senders = {sender.number: sender for sender in await load_senders(tx)}
                pools = await load_pools(tx)
            self._pools = {(pool.tenant_id, pool.name): pool for pool in pools}
            self._loaded_at = now
