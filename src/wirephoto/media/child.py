"""One media worker as the gateway sees it: a child process that does one job at a time."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

import msgspec

from wirephoto.media.job import (
    LINE_BYTES_MAX,
    Answer,
    Job,
    Outcome,
    Ready,
    Taken,
    read_answer,
    to_line,
)

START_S = 30.0
"""How long a worker may take to load its decoders: seconds, on a machine that is very busy."""
END_S = 2.0
"""How long a worker may take to end that was asked to, or that fell silent."""
SAID_BYTES_MAX = 4_096
"""How much is kept of what a worker writes to stderr: the end of it."""


class ChildBroke(Exception):
    """A worker ended, or said what it must not say.

    `code` is how it ended, a signal as its negative number; None where it had to be ended.
    """

    def __init__(self, cause: str, code: int | None = None) -> None:
        super().__init__(cause)
        self.code = code


class Child:
    """A worker process. Whoever starts one ends it, and does not call it twice at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._said = b""
        self._ready = False
        self._life = asyncio.create_task(self._live())
        self.jobs = 0
        self.taken = False
        """Whether it has begun its latest job, which then may be what broke it."""

    @classmethod
    async def start(cls, command: Sequence[str]) -> "Child":
        """Start a worker; it loads its decoders until its first job.

        Raises:
            OSError: the system cannot start one.
        """
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=LINE_BYTES_MAX,
                env=_environment(),
                # A group of its own: it ends together with what it has started itself, and not
                # by the Ctrl-C that asks the gateway to end what is under way.
                start_new_session=True,
            )
        )

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def do(self, job: Job) -> Outcome:
        """Return what became of a job.

        Raises:
            ChildBroke: it ended, or said what is no answer.
            TimeoutError: it took longer than its limit on the clock; it still runs.
        """
        self.taken = False
        self.jobs += 1
        if not self._ready:
            async with asyncio.timeout(START_S):
                _expect(await self._hear(), Ready)
            self._ready = True
        async with asyncio.timeout(job.limits.wall_s):
            await self._tell(job)
            _expect(await self._hear(), Taken)
            self.taken = True
            outcome = await self._hear()
        if isinstance(outcome, Ready | Taken):
            raise ChildBroke("it spoke out of turn")
        return outcome

    async def end(self, *, grace_s: float = 0.0) -> None:
        """End it and what it has started; it may take `grace_s` to end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if grace_s:
            await asyncio.wait([self._life], timeout=grace_s)
        self.kill()
        await asyncio.shield(self._life)
        # A stream that was not read to its end would stay open.
        while await self._process.stdout.read(LINE_BYTES_MAX):
            pass

    def kill(self) -> None:
        """End it and what it has started at once: whoever waits for an answer gets none."""
        if self.alive:
            self._kill_group()

    def take_said(self) -> str:
        """Return the end of what it wrote to stderr since the last time."""
        said, self._said = self._said, b""
        return said.decode(errors="replace").strip()

    async def _tell(self, job: Job) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(to_line(job))
        # One that is gone says so by the end of what it answers.
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def _hear(self) -> Answer:
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
        except ValueError as error:
            raise ChildBroke("it said more than fits into a line") from error
        if not line.endswith(b"\n"):
            raise await self._ended()
        try:
            return read_answer(line)
        except msgspec.DecodeError as error:
            raise ChildBroke("it said what is no answer") from error

    async def _ended(self) -> ChildBroke:
        """Return how it ended, which may take a moment after its last word."""
        done, _ = await asyncio.wait([self._life], timeout=END_S)
        if not done:
            return ChildBroke("it fell silent")
        code = self._life.result()
        with contextlib.suppress(ValueError):
            return ChildBroke(f"it was ended by {signal.Signals(-code).name}", code)
        return ChildBroke(f"it ended with code {code}", code)

    async def _live(self) -> int:
        """Gather what it writes to stderr, and return how it ended."""
        gathering = asyncio.create_task(self._gather())
        code = await self._process.wait()
        # What it has started would go on, and keep its streams open.
        self._kill_group()
        await gathering
        return code

    async def _gather(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(SAID_BYTES_MAX):
            self._said = (self._said + chunk)[-SAID_BYTES_MAX:]

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _expect(answer: Answer, kind: type[Ready | Taken]) -> None:
    if not isinstance(answer, kind):
        raise ChildBroke("it spoke out of turn")


def _environment() -> dict[str, str]:
    """Return what a worker needs of our environment, which holds credentials as well.

    It finds the modules where we do. Decoders keep to the one core that a worker is counted as,
    and the heap to few arenas: each takes 64 MB of address space, which is limited.
    """
    kept = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "VIPS_CONCURRENCY": "1",
    }


_VARIABLES = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
