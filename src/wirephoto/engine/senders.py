"""Which numbers may send, kept in memory and read anew every few seconds."""

from collections.abc import Mapping

from wirephoto.clock import Clock
from wirephoto.storage.database import Database
from wirephoto.storage.senders import Sender, load_senders

AGE_S_MAX = 5.0
"""How long a change of the senders may take to be noticed, in seconds."""


class SenderDirectory:
    """Every sender by its number."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._senders: Mapping[str, Sender] = {}
        self._loaded_at = float("-inf")

    async def get(self) -> Mapping[str, Sender]:
        """Return the senders, at most `AGE_S_MAX` seconds old."""
        now = self._clock.monotonic()
        if now - self._loaded_at > AGE_S_MAX:
            async with self._database.read() as tx:
                self._senders = {sender.number: sender for sender in await load_senders(tx)}
            self._loaded_at = now
        return self._senders
