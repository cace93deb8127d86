"""How many messages a second leave for the provider, beside a bare loop that stores nothing."""

import asyncio
import itertools
import json
import statistics
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks.load import post, run_load
from benchmarks.processes import API_KEY, Process, gateway, listening, scratch

RUNS = 3
MESSAGES = 15_000
BATCH = 1000
PATIENCE_S = 120


def measure() -> None:
    """Print the gateway's rate, the bare loop's rate, and their ratio, each on one core."""
    ours, bare = [], []
    for _ in range(RUNS):
        sink_command = [sys.executable, "-m", "benchmarks.sink"]
        with listening(sink_command, core=1, environment={}) as sink:
            bare.append(_bare(sink))
            ours.append(_gateway(sink))
    per_s, bare_per_s = statistics.median(ours), statistics.median(bare)
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    print(f"dispatch, the gateway    {per_s:8,.0f} /s   from a queue of {MESSAGES:,} in SQLite")
    print(f"dispatch, bare aiohttp   {bare_per_s:8,.0f} /s")
    print(f"dispatch, ratio          {statistics.median(ratios):8.2f}")


def _bare(sink: Process) -> float:
    url = f"http://127.0.0.1:{sink.port}/v1/messages"
    command = [sys.executable, "-m", "benchmarks.bare", url, str(MESSAGES)]
    with listening(command, core=0, environment={}) as process:
        return float(process.port)  # the number that it prints behind the colon


def _gateway(sink: Process) -> float:
    base_url = f"http://127.0.0.1:{sink.port}"
    with scratch() as folder:
        _fill(folder)
        before = _count(sink)
        with gateway(
            folder,
            core=0,
            base_url=base_url,
            WIREPHOTO_ROLES="dispatch",
            WIREPHOTO_IN_FLIGHT_MAX="512",
        ) as process:
            started_cpu_s = process.cpu_s()
            first = _wait_for(sink, before + 1)
            done = _wait_for(sink, before + MESSAGES)
            cpu_s = process.cpu_s() - started_cpu_s
        per_s = MESSAGES / (done - first)
        print(f"  {per_s:,.0f} /s, {cpu_s / MESSAGES * 1e6:.0f} µs of processor each")
        return per_s


def _fill(folder: Path) -> None:
    """Queue the messages through the batch route, with nobody to send them yet."""
    numbers = itertools.count()

    def batch(_: int) -> bytes:
        messages = [
            {
                "to": f"+1212{2_000_000 + next(numbers):07d}",
                "text": "Your table is ready",
                "media": [{"url": "https://pictures.example.com/menu.jpg"}],
            }
            for _ in range(BATCH)
        ]
        body = json.dumps({"messages": messages}).encode()
        return post("/v1/messages/batch", body, f"Authorization: Bearer {API_KEY}\r\n")

    with gateway(folder, core=0, WIREPHOTO_ROLES="api") as process:
        load = run_load("127.0.0.1", process.port, batch, requests=MESSAGES // BATCH, connections=2)
        statuses = asyncio.run(load).statuses
    assert statuses == {200: MESSAGES // BATCH}, statuses


def _wait_for(sink: Process, count: int) -> float:
    """Return when the sink has taken `count` messages."""
    deadline = time.perf_counter() + PATIENCE_S
    while _count(sink) < count:
        if time.perf_counter() > deadline:
            raise RuntimeError(f"the sink got {_count(sink)} of {count}")
        time.sleep(0.005)
    return time.perf_counter()


def _count(sink: Process) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/count") as answer:
        return int(answer.read())
