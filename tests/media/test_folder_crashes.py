"""A process that keeps pictures is killed: what has a name is whole, and the rest is swept."""

import asyncio
import hashlib
import sys
from datetime import timedelta
from pathlib import Path

from tests.processes import SOURCE, environment_without_settings
from wirephoto.clock import SystemClock
from wirephoto.media.store import open_store

KILLS = 5
PATIENCE_S = 30
KEEP_AND_TELL = """
import asyncio, hashlib, itertools, sys
from wirephoto.media.store import open_store

async def keep():
    store = open_store(sys.argv[1])
    for number in itertools.count(int(sys.argv[2])):
        body = str(number).encode() * 200_000
        await store.put(f"tnt_default/fil_1.{hashlib.sha256(body).hexdigest()}", body)
        print("fil_1." + hashlib.sha256(body).hexdigest(), flush=True)

asyncio.run(keep())
"""


async def keep_until_killed(folder: Path, first: int) -> list[str]:
    """Return the names that a process had confirmed when it was killed in the middle."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KEEP_AND_TELL, str(folder), str(first)),
        stdout=asyncio.subprocess.PIPE,
        env=environment_without_settings(PYTHONPATH=str(SOURCE)),
    )
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S):
        told = [await process.stdout.readline() for _ in range(3)]
        process.kill()
        told += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
    return [line.decode().strip() for line in told if line.endswith(b"\n")]


async def test_a_kill_costs_nothing_that_was_confirmed(tmp_path):
    """Whoever got a 201 has their picture, and nobody ever gets half of one."""
    confirmed: list[str] = []
    for run in range(KILLS):
        confirmed += await keep_until_killed(tmp_path, run * 1000)
    store = open_store(str(tmp_path))

    await store.sweep(SystemClock().now() + timedelta(seconds=1))

    kept = {path.name: path.read_bytes() for path in (tmp_path / "tnt_default").iterdir()}
    assert len(confirmed) >= 3 * KILLS
    assert set(confirmed) <= set(kept)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in kept.items()}
    assert all(name.endswith(f".{digest}") for name, digest in digests.items())
    assert not list((tmp_path / ".incoming").iterdir())
