"""The rate in real time: four processes over PostgreSQL against the simulator's own limiter."""

import asyncio
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.claim import fill, postgres
from benchmarks.processes import gateway, scratch
from wirephoto.clock import SystemClock
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import Credentials, make_credentials
from wirephoto.simulator.switches import Switches
from wirephoto.storage.database import open_database

RATE = 240.0
SECONDS = 60.0
PROCESSES = 4
SLACK = 25
"""What may pass in a second beyond the rate: 0.1 s of it, and one (DESIGN, section 6)."""


def measure() -> None:
    """Print how much of the rate the processes use together, and what was refused as too fast."""
    ours = os.sched_getaffinity(0)
    # The simulator has the last core for itself: were it late, its limiter would see bursts that
    # nobody sent. Everything that is measured shares the others, the database included.
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - ours or ours)
    with scratch() as folder, postgres("wirephoto_bench_pace") as url:
        os.sched_setaffinity(0, ours)
        asyncio.run(_measure(url, folder))


async def _measure(url: str, folder: Path) -> None:
    credentials = make_credentials()
    switches = Switches(rate_per_s=RATE, rate_slack=SLACK)
    simulator = Simulator(replace(credentials.settings(), switches=switches))
    settings = _settings(credentials, await simulator.start(), url)
    ledger = simulator.ledger
    cores = max(1, (os.cpu_count() or 1) - 1)
    with ExitStack() as stack:
        for place in range(PROCESSES):
            process = gateway(folder, core=place % cores, **settings)
            await asyncio.to_thread(stack.enter_context, process)
        # Only now, for a process that starts takes the core from those that send.
        await _fill(url)
        before, started = ledger.accepted_total, time.perf_counter()
        await asyncio.sleep(SECONDS)  # noqa: TID251 - a measurement in real time
        accepted, took_s = ledger.accepted_total - before, time.perf_counter() - started
        refused = ledger.answers[429]
        await asyncio.to_thread(stack.close)
    await simulator.stop()
    twice = ledger.accepted_total - len(ledger.per_client_ref)
    print(f"pace, {PROCESSES} processes      {accepted / took_s:8,.1f} /s of {RATE:g}")
    print(f"pace, of the rate used {accepted / took_s / RATE:8.3f}")
    print(f"pace, refused with 429 {refused:8}   submitted twice {twice}")


async def _fill(url: str) -> None:
    database = open_database(url)
    count = int(RATE * SECONDS * 2)
    await fill(database, count, 1, busy=1, now=SystemClock().now(), rate=RATE)
    await database.close()


def _settings(credentials: Credentials, base_url: str, url: str) -> dict[str, str]:
    return {
        "base_url": base_url,
        "DATABASE_URL": url,
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY": credentials.private_key.replace("\n", "\\n"),
        "WIREPHOTO_ROLES": "dispatch",
        "WIREPHOTO_SENDER_RATE": str(RATE),
        "WIREPHOTO_ACCOUNT_RATE": str(10 * RATE),
    }
