"""Group commit: many waiting single writes, one transaction and one flush to disk."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import Database, Transaction

Item = TypeVar("Item")
Result = TypeVar("Result")
Write = Callable[[Transaction, Sequence[Item]], Awaitable[Sequence[Result]]]
"""Writes many items in one transaction and returns a result for each, in order."""

ITEMS_MAX = 512
"""Writes that share one transaction at most, so that the first never waits long for the last."""

WAITING_MAX = 16 * ITEMS_MAX
"""Writes that may wait at a time: some seconds' work. Beyond it a caller hears at once to come back
later, instead of after its own timeout, and the memory of what waits is bounded."""


class _Waiting(NamedTuple):
    write: Write[Any, Any]
    item: Any
    result: "asyncio.Future[Any]"


class GroupCommit:
    """Runs single writes together: whatever waits while one transaction commits shares the next.

    SQLite has one writer, so one group runs at a time; over PostgreSQL several may.
    """

    def __init__(self, database: Database, *, groups_max: int | None = None) -> None:
        self._database = database
        self._groups_max = groups_max or (4 if database.is_postgres else 1)
        self._waiting: deque[_Waiting] = deque()
        self._groups: set[asyncio.Task[None]] = set()
        self._running = 0

    async def run(self, write: Write[Item, Result], item: Item) -> Result:
        """Return what `write` returned for `item`, committed and flushed.

        Raises:
            StorageUnavailable: the database cannot be reached, is full or is read-only, or more
                waits already than it can write soon.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise StorageUnavailable("overloaded: too many writes wait")
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(write, item, result))
        if self._running < self._groups_max:
            self._running += 1
            group = asyncio.create_task(self._commit_groups())
            self._groups.add(group)
            group.add_done_callback(self._groups.discard)
        return await result

    async def drain(self) -> None:
        """Return when every write that waits now is done."""
        while self._groups:
            await asyncio.wait(self._groups)

    async def _commit_groups(self) -> None:
        try:
            while self._waiting:
                await self._commit_next()
        finally:
            # Before this task yields for the last time: a write that comes now must start another.
            self._running -= 1

    async def _commit_next(self) -> None:
        take = min(len(self._waiting), ITEMS_MAX)
        group = [self._waiting.popleft() for _ in range(take)]
        # A waiter that was cancelled meanwhile wants nothing written.
        if wanted := [one for one in group if not one.result.done()]:
            await self._commit(wanted)

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            results = await self._write(group)
        except StorageUnavailable as error:
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 - whoever waits for the item hears of it
            # One bad row spoils the transaction for all; alone, it only spoils its own.
            if len(group) == 1:
                _fail(group, error)
                return
            for one in group:
                await self._commit([one])
        except BaseException:
            _fail(group, StorageUnavailable("stopping"))
            raise
        else:
            for one, result in zip(group, results, strict=True):
                if not one.result.done():
                    one.result.set_result(result)

    async def _write(self, group: list[_Waiting]) -> list[Any]:
        """Run each kind of write once, over all of its items, in one transaction."""
        places: dict[Write[Any, Any], list[int]] = {}
        for place, one in enumerate(group):
            places.setdefault(one.write, []).append(place)
        results: list[Any] = [None] * len(group)
        async with self._database.transaction() as tx:
            for write, at in places.items():
                written = await write(tx, [group[place].item for place in at])
                for place, result in zip(at, written, strict=True):
                    results[place] = result
        return results


def _fail(group: list[_Waiting], error: Exception) -> None:
    for one in group:
        if not one.result.done():
            one.result.set_exception(error)
