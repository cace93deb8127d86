"""The gateway's media workers: a few processes that fit files, each inside its limits."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from wirephoto.domain.media import Fitting, MediaLimits, Target
from wirephoto.errors import MediaRefused, WorkerFailed
from wirephoto.media.child import END_S, Child, ChildBroke
from wirephoto.media.job import Exhausted, Failed, Fitted, Job, Outcome, Refused
from wirephoto.telemetry import LogEvent, get_log

WORKER = (sys.executable, "-P", "-X", "faulthandler", "-m", "wirephoto.media.worker")
"""The command line of a worker, which writes where it was when it crashed."""
JOBS_MAX = 200
"""How many jobs a worker does: what its libraries lose of memory stays small."""


class Workers:
    """Fits files, `count` at a time (as many as there are processors); others wait, in order.

    A worker is started with the first job that needs it, and stays for the next ones.
    """

    def __init__(
        self,
        limits: MediaLimits | None = None,
        *,
        count: int | None = None,
        jobs_max: int = JOBS_MAX,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._limits = limits or MediaLimits()
        self._count = count or os.cpu_count() or 1
        self._jobs_max = jobs_max
        self._command = command
        self._turns = asyncio.Semaphore(self._count)
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._closed = False
        self._log = get_log()

    async def fit(self, source: Path, target: Target, output: Path) -> Fitting:
        """Make of `source` what `target` asks for, and return what was done.

        `output` then holds it, whole; it is not touched where the file goes out as it is (and the
        fitting has no steps), or where it cannot go out.

        Raises:
            MediaRefused: it cannot go out, or not within the limits.
            WorkerFailed: no worker could tell.
        """
        # Whoever is killed while writing leaves half a file: never under the name asked for.
        part = output.with_name(f"{output.name}.part")
        job = Job(os.fsencode(source), target, os.fsencode(part), self._limits)
        try:
            fitting = _fitting_of(await self._do(job), self._limits)
            if fitting.steps:
                os.replace(part, output)
            return fitting
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)

    async def close(self) -> None:
        """End all workers, those that are at work as well; whoever waits for one gets an error."""
        if self._closed:
            return
        self._closed = True
        for child in self._children.difference(self._idle):
            child.kill()
        # Whoever has a turn gives it back when its worker has ended.
        for _ in range(self._count):
            await self._turns.acquire()
        await asyncio.gather(*(self._end(child, grace_s=END_S) for child in self._children))

    async def _do(self, job: Job) -> Outcome:
        if self._closed:
            return Failed("the media workers are closed")
        async with self._turns:
            # One may have ended while it had nothing to do; two in a row are no accident.
            outcome = await self._try(job) or await self._try(job)
        return outcome or Failed("no media worker took it")

    async def _try(self, job: Job) -> Outcome | None:
        """Return what became of a job; None where a worker broke before it began it."""
        child = await self._take()
        if child is None or self._closed:
            return None
        try:
            outcome = await child.do(job)
        except (ChildBroke, TimeoutError) as broke:
            await self._end(child)
            cause = str(broke) or "it took too long"
            self._warn(cause, pid=child.pid, said=child.take_said())
            return _judge(broke, job.limits) if child.taken else None
        except BaseException:
            # Canceled: nobody waits for it any more, so it must not go on.
            await self._end(child)
            raise
        await self._put_back(child, outcome)
        return outcome

    async def _take(self) -> Child | None:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._end(child)
        if self._closed:
            return None
        try:
            child = await Child.start(self._command)
        except OSError as error:
            self._warn(f"it cannot be started: {error}")
            return None
        self._children.add(child)
        return child

    async def _put_back(self, child: Child, outcome: Outcome) -> None:
        if said := child.take_said():
            self._log.info(LogEvent.MEDIA_WORKER_SAID, pid=child.pid, said=said)
        spent = child.jobs >= self._jobs_max or isinstance(outcome, Exhausted | Failed)
        if spent or self._closed:
            await self._end(child, grace_s=END_S)
        else:
            self._idle.append(child)

    async def _end(self, child: Child, *, grace_s: float = 0.0) -> None:
        await child.end(grace_s=grace_s)
        self._children.discard(child)

    def _warn(self, cause: str, **context: object) -> None:
        if not self._closed:
            self._log.warning(LogEvent.MEDIA_WORKER_ENDED, cause=cause, **context)


def _fitting_of(outcome: Outcome, limits: MediaLimits) -> Fitting:
    match outcome:
        case Fitted(fitting):
            return fitting
        case Refused(reason, sentence, retryable):
            raise MediaRefused(reason, sentence, retryable=retryable)
        case Exhausted():
            megabytes = limits.worker_bytes_max // 1_000_000
            raise MediaRefused(
                "too_many_pixels",
                f"The file needs more memory than the {megabytes:,} MB that decoding may take: "
                "send one with fewer pixels or frames.",
            )
        case Failed(error):
            raise WorkerFailed(f"the file could not be looked at: {error}")


def _judge(broke: ChildBroke | TimeoutError, limits: MediaLimits) -> Outcome:
    """Return what becomes of a job whose worker broke while it did it."""
    if isinstance(broke, TimeoutError):
        return _too_slow(f"{limits.wall_s:g} s")
    if broke.code == -signal.SIGXCPU:
        return _too_slow(f"{limits.cpu_s:g} s of processor time")
    if broke.code is not None and -broke.code in _FROM_OUTSIDE:
        # The machine is short of memory, or stops: the file may be as good as any.
        return Failed(f"while a worker did it, {broke}")
    return Refused(
        "corrupt",
        "The file made its decoder fail: save it anew with another program, or send another one.",
    )


def _too_slow(limit: str) -> Refused:
    return Refused(
        "too_slow",
        f"The file takes longer than {limit} to decode and fit: send one with fewer pixels or "
        "frames.",
    )


_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
