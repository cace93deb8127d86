"""Work that goes on in the background until it is done or the simulator stops."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_logger = logging.getLogger(__name__)

_TASKS_MAX = 100_000


class Chores:
    """Work in the background: at most 100,000 pieces, whatever more is started is dropped."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the background."""
        if len(self._tasks) >= _TASKS_MAX:
            work.close()
            self.dropped += 1
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self) -> None:
        """Return when nothing is left to do; with webhooks that fail this may take 24 h."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """Give up what is left."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("the simulator's background work failed", exc_info=error)
