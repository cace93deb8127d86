"""A pool of wayward workers, and what tests ask of it and of its processes."""

import asyncio
import contextlib
import os
import select
from collections.abc import AsyncIterator
from pathlib import Path

from tests.media.wayward_worker import COMMAND
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.media.workers import Workers

TARGET = Target(MediaKind.IMAGE, bytes_max=100_000)
LIMITS = MediaLimits(worker_bytes_max=300_000_000, cpu_s=1.0, wall_s=20.0)
PATIENCE_S = 30


@contextlib.asynccontextmanager
async def pool(limits: MediaLimits = LIMITS, **options: object) -> AsyncIterator[Workers]:
    """Give a pool of one worker, unless `options` say otherwise, closed when the block ends."""
    workers = Workers(limits, **{"count": 1, "command": COMMAND, **options})
    try:
        yield workers
    finally:
        await workers.close()


async def fit(workers: Workers, folder: Path, says: str, name: str = "out") -> str:
    """Have a worker do what `says` says, and return what the output then holds."""
    source, output = folder / f"{name}.source", folder / name
    source.write_text(says)
    fitting = await workers.fit(source, TARGET, output)
    return output.read_text() if fitting.steps else ""


def outputs(folder: Path) -> set[str]:
    """Return the names of all outputs in a folder, whole or in part."""
    notes = {".source", ".pids", ".peak"}
    return {path.name for path in folder.iterdir() if path.suffix not in notes}


class Begun:
    """Tells which processes do a job, once it has begun."""

    def __init__(self, folder: Path, name: str = "out") -> None:
        pipe = folder / f"{name}.pids"
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    async def pids(self) -> list[int]:
        """Wait until the job tells: its worker, and the tool that it has started if any."""
        await asyncio.to_thread(select.select, [self._pipe], [], [], PATIENCE_S)
        told = os.read(self._pipe, 100)
        os.close(self._pipe)
        return [int(pid) for pid in told.split()]


class Watch:
    """Tells when processes have ended, whoever their parent is."""

    def __init__(self, *pids: int) -> None:
        self._open = {os.pidfd_open(pid) for pid in pids}

    def all_ended(self) -> bool:
        """Wait until all have ended, and tell whether they did in a time that is bearable."""
        ended = [bool(select.select([each], [], [], PATIENCE_S)[0]) for each in self._open]
        for each in self._open:
            os.close(each)
        return all(ended)


def exists(pid: int) -> bool:
    """Tell whether there is such a process, or what nobody has asked after its end (a zombie)."""
    return Path(f"/proc/{pid}").exists()
