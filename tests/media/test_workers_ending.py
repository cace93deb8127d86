"""How media workers end: with the job nobody waits for, with the pool, and with the gateway."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
import uvloop

from tests.media.pool import PATIENCE_S, Begun, Watch, exists, fit, outputs, pool
from wirephoto.domain.media import MediaLimits
from wirephoto.errors import MediaRefused, WorkerFailed

GATEWAY = """
import asyncio, sys
from pathlib import Path
from tests.media.pool import fit, pool

async def main():
    async with pool() as workers:
        await fit(workers, Path(sys.argv[1]), "start_tool")

asyncio.run(main())
"""


async def test_a_canceled_job_gives_its_worker_up(tmp_path):
    """Nobody waits for the picture any more, and others wait for the turn."""
    begun = Begun(tmp_path)
    async with pool() as workers:
        job = asyncio.create_task(fit(workers, tmp_path, "sleep"))
        (pid,) = await begun.pids()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

        assert not exists(pid)
        assert outputs(tmp_path) == set()
        assert await fit(workers, tmp_path, "write next", "next") == "next"


async def test_a_job_that_is_canceled_in_the_queue_takes_no_turn(tmp_path):
    """The one before it goes on, and so does the one behind it."""
    begun = Begun(tmp_path)
    async with pool() as workers:
        first = asyncio.create_task(fit(workers, tmp_path, "sleep"))
        await begun.pids()
        second = asyncio.create_task(fit(workers, tmp_path, "write second", "second"))
        third = asyncio.create_task(fit(workers, tmp_path, "write third", "third"))
        await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
        second.cancel()
        first.cancel()

        assert await third == "third"
    assert outputs(tmp_path) == {"third"}


async def test_closing_ends_workers_that_are_busy(tmp_path):
    """A gateway that stops leaves no process behind, and whoever waits hears that it stops."""
    begun = Begun(tmp_path)
    async with pool() as workers:
        running = asyncio.create_task(fit(workers, tmp_path, "sleep"))
        waiting = asyncio.create_task(fit(workers, tmp_path, "write one", "waiting"))
        (pid,) = await begun.pids()
        await workers.close()

        assert not exists(pid)
        for job in (running, waiting):
            with pytest.raises(WorkerFailed):
                await job
        with pytest.raises(WorkerFailed, match="closed"):
            await fit(workers, tmp_path, "write late", "late")
    assert outputs(tmp_path) == set()


async def test_closing_ends_workers_that_are_idle(tmp_path):
    """They are asked to, and reaped."""
    async with pool() as workers:
        pid = int(await fit(workers, tmp_path, "tell_pid"))
        assert exists(pid)

    assert not exists(pid)


async def test_a_tool_ends_together_with_its_worker(tmp_path):
    """A video converter that goes on for an hour would take the processor from everybody."""
    begun = Begun(tmp_path)
    async with pool(MediaLimits(wall_s=2.0)) as workers:
        job = asyncio.create_task(fit(workers, tmp_path, "start_tool"))
        watch = Watch(*await begun.pids())

        with pytest.raises(MediaRefused, match="longer than 2 s"):
            await job
        assert await asyncio.to_thread(watch.all_ended)


def test_workers_end_when_the_gateway_is_killed(tmp_path):
    """Nobody is left who could end them. (What they have started has its own limit of time.)"""
    begun = Begun(tmp_path)
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    worker, tool = asyncio.run(begun.pids())
    watch = Watch(worker)

    gateway.kill()

    gateway.wait(PATIENCE_S)
    os.kill(tool, signal.SIGKILL)
    assert watch.all_ended()


def test_the_gateways_own_event_loop_does_as_well(tmp_path):
    """`serve` runs on uvloop, which starts and reaps processes in its own way."""

    async def work() -> str:
        async with pool() as workers:
            for says in ("crash", "spin", "leave 0"):
                with pytest.raises(MediaRefused):
                    await fit(workers, tmp_path, says)
            return await fit(workers, tmp_path, "tell_pid")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pid = int(runner.run(work()))

    assert not exists(pid)
