"""An event loop without threads, sockets or real time: a seed orders what is ready."""

import asyncio
import heapq
import threading
import zlib
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.factories import NOW

STEPS_MAX = 3_000_000
STEPS_AT_ONE_INSTANT_MAX = 100_000


class Stuck(AssertionError):
    """The run cannot come to its end: nothing is left to happen, or it never rests."""


class Fate:
    """What tasks share that die together: those of one process.

    Once it is `dead`, nothing of it runs any more: no `finally`, no `except`. `fuse` counts the
    steps that it has left, if it shall die by itself.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.fuse: int | None = None
        self.blow: Callable[[], None] = lambda: None

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Run `work` as a task that shares this fate, whoever asks for it."""
        context = copy_context()
        context.run(FATE.set, self)
        return asyncio.get_running_loop().create_task(work, name=name, context=context)


FATE: ContextVar[Fate | None] = ContextVar("fate", default=None)
"""Whose code runs; None is the world outside: customers, the provider, the network."""
RESTING: ContextVar[bool] = ContextVar("resting", default=False)
"""Whether a timer only ends a rest: then whoever rests looks whether there is work."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number, so that a set of tasks has the same order in each run."""

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs one handle at a time; which one of those that are ready, the random source decides.

    `disorder` is the chance that it is not the one that has waited longest. When nothing is ready,
    time goes to the next timer, or further if `leap` says so.
    """

    def __init__(self, random: Random, *, disorder: float = 1.0) -> None:
        super().__init__()
        self._ready: list[asyncio.Handle] = []  # type: ignore[assignment]
        self._random = random
        self._disorder = disorder
        self._now = 0.0
        self.starts_at = NOW
        """The instant at which the run begins."""
        self._thread = threading.get_ident()
        self._tasks: list[NumberedTask] = []
        self._frozen: list[asyncio.Handle] = []
        self._made = 0
        self._steps_now = 0
        self.steps = 0
        self.digest = 0
        """A checksum over the order of all steps: two runs that agree in it took the same way."""
        self.burying = False
        self.leap: Callable[[float], float] = lambda when: when
        self.faults: list[str] = []
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._note_fault)

    def time(self) -> float:
        """Return the seconds since the run began."""
        return self._now

    def next_event(self) -> float:
        """Return when something happens next other than the end of an idle rest, or infinity."""
        timers = [timer.when() for timer in self._scheduled if self._is_awaited(timer)]
        return min(timers, default=float("inf"))

    def _is_awaited(self, timer: asyncio.TimerHandle) -> bool:
        fate = timer._context.get(FATE)
        dead = fate is not None and fate.dead
        return not (timer.cancelled() or dead or timer._context.get(RESTING))

    def outside(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Run `work` as a task of the world outside, whoever asks for it."""
        context = copy_context()
        context.run(FATE.set, None)
        return self.create_task(work, name=name, context=context)

    def bury(self) -> None:
        """End all tasks, those of dead processes too; nothing that they do has an effect."""
        self.burying = True
        self.steps = self._steps_now = 0
        self._ready += self._frozen
        self._frozen = []
        for _ in range(20):
            pending = [task for task in self._tasks if not task.done()]
            if not pending:
                break
            for task in pending:
                task.cancel()
            self.run_forever()
        else:
            raise Stuck(f"tasks that cannot be cancelled: {pending[:3]}")
        self._tasks.clear()

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule from this thread; there is no other."""
        assert threading.get_ident() == self._thread, "a thread was used"
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Run `func` here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits
            future.set_exception(error)
        return future

    def _make_task(
        self, _loop: Any, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> NumberedTask:
        self._made += 1
        task = NumberedTask(
            coro, number=self._made, loop=self, name=name or f"task-{self._made}", context=context
        )
        # asyncio itself holds tasks weakly: what a dead process was doing must not be collected.
        self._tasks.append(task)
        if not self._made % 2000:
            self._tasks = [task for task in self._tasks if not task.done()]
        return task

    def _note_fault(self, _loop: Any, context: dict[str, Any]) -> None:
        if not self.burying:
            self.faults.append(f"{context['message']}: {context.get('exception')!r}")

    def _run_once(self) -> None:
        self._wake()
        if not self._ready:
            if self.burying:
                self._stopping = True
                return
            self._advance()
            self._wake()
        handle = self._pick()
        fate = None if self.burying else handle._context.get(FATE)
        if handle._cancelled or (fate and self._is_frozen(fate, handle)):
            return
        self.steps += 1
        self._steps_now += 1
        if self.steps > STEPS_MAX or self._steps_now > STEPS_AT_ONE_INSTANT_MAX:
            raise Stuck(f"no end after {self.steps} steps: {handle}")
        handle._run()

    def _wake(self) -> None:
        while self._scheduled and (
            self._scheduled[0]._cancelled or self._scheduled[0]._when <= self._now or self.burying
        ):
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)

    def _advance(self) -> None:
        if not self._scheduled:
            raise Stuck("nothing is left to happen, and the run has not ended")
        when = self._scheduled[0]._when
        self._now = max(when, self.leap(when))
        self._steps_now = 0

    def _pick(self) -> asyncio.Handle:
        place, count = 0, len(self._ready)
        if count > 1 and self._random.random() < self._disorder:
            place = self._random.randrange(count)
        self.digest = zlib.crc32(f"{self._now!r} {place}/{count}".encode(), self.digest)
        return self._ready.pop(place)

    def _is_frozen(self, fate: Fate, handle: asyncio.Handle) -> bool:
        """Keep a handle of a dead process from running, and let the process die in its time."""
        if fate.fuse is not None and not fate.dead:
            fate.fuse -= 1
            if fate.fuse <= 0:
                fate.blow()
        if fate.dead:
            self._frozen.append(handle)
        return fate.dead

    def _process_events(self, _events: Any) -> None:
        """There are none: no file is watched."""

    def _write_to_self(self) -> None:
        """Nothing sleeps in a system call that had to be woken."""


class LoopClock:
    """Fulfils `wirephoto.clock.Clock` with a loop's time."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """Return the present instant."""
        return self._loop.starts_at + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; what is buried does not wait."""
        if self._loop.burying:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        if seconds > 0 and task and task.get_coro().__qualname__ == LoopClock.sleep.__qualname__:
            # A task that does nothing but sleep: the rest of a duty, which a bell may end.
            RESTING.set(True)
        await asyncio.sleep(max(0.0, seconds))  # noqa: TID251 - of the loop's own time
