"""Delete media that nothing needs any more: names, files, and at last their bytes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.engine.library import LOOK_AFTER
from wirephoto.storage.database import Database
from wirephoto.storage.media_sweep import (
    delete_expired_names,
    discard_files,
    forget_deletions,
    lease_deletions,
    release_needs,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TURN_MAX = 200
"""Rows of each kind that one turn looks at; the next turn follows at once when there are more."""
REST_S = 30.0
FINAL_MARGIN = timedelta(hours=1)
"""How long the files of a final message can still be fetched."""
HALF_WRITTEN = timedelta(hours=1)
"""How old a file must be that is not whole, before it is taken for a crash's."""
DELETION_LEASE = timedelta(minutes=10)


class Deleting(Protocol):
    """The part of the media store that deletes."""

    async def sweep(self, before: datetime) -> int:
        """Delete what a crash left half written before an instant; return how many that were."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete what is kept under these keys; what is gone already is no fault."""
        ...


class MediaSweeper:
    """Takes away, one after the other, what was needed until now."""

    name = "media-sweeper"

    def __init__(
        self, database: Database, store: Deleting, clock: Clock, *, keep: timedelta
    ) -> None:
        """Take how long originals are kept after their last use (`keep`)."""
        self._database = database
        self._store = store
        self._clock = clock
        self._keep = keep
        self.bell = database.bell()

    async def turn(self) -> float:
        """Look at up to `TURN_MAX` rows of each kind; return how long to rest, in seconds."""
        now = self._clock.now()
        again_at = now + LOOK_AFTER
        async with self._database.transaction() as tx:
            needs = await release_needs(
                tx, now=now, final_before=now - FINAL_MARGIN, look_at=again_at, limit=TURN_MAX
            )
            names = await delete_expired_names(tx, now=now, limit=TURN_MAX)
        async with self._database.transaction() as tx:
            files = await discard_files(
                tx, now=now, used_before=now - self._keep, look_at=again_at, limit=TURN_MAX
            )
        deleted = await self._delete_bytes()
        await self._store.sweep(now - HALF_WRITTEN)
        return 0.0 if TURN_MAX in (needs, names, files, deleted) else REST_S

    async def _delete_bytes(self) -> int:
        async with self._database.transaction() as tx:
            keys = await lease_deletions(
                tx, now=self._clock.now(), lease=DELETION_LEASE, limit=TURN_MAX
            )
        if keys:
            await self._store.delete(keys)
            async with self._database.transaction() as tx:
                await forget_deletions(tx, keys)
            _log.info(LogEvent.ROWS_PRUNED, table="files", count=len(keys))
        return len(keys)
