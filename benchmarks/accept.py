"""How many messages a second are accepted durably, one by one and by the batch."""

import asyncio
import json
import statistics

from benchmarks.load import Load, Request, post, run_load
from benchmarks.processes import API_KEY, gateway, scratch

RUNS = 3
SINGLES = 20_000
CONNECTIONS = 64
BATCHES = 40
BATCH_MESSAGES = 1000
BATCH_CONNECTIONS = 4


def measure() -> None:
    """Print accepted messages per second with one core for the gateway."""
    singles, batches = [], []
    for _ in range(RUNS):
        with scratch() as folder, gateway(folder, core=0, WIREPHOTO_ROLES="api") as process:
            asyncio.run(run_load("127.0.0.1", process.port, _single, requests=500, connections=8))
            singles.append(_run(process.port, _single, SINGLES, CONNECTIONS))
            batches.append(_run(process.port, _batch, BATCHES, BATCH_CONNECTIONS))
    single = sorted(singles, key=lambda load: load.per_s)[RUNS // 2]
    print(
        f"accept, single POSTs     {single.per_s:8,.0f} /s   "
        f"p50 {single.percentile_ms(0.5):.1f} ms, p99 {single.percentile_ms(0.99):.1f} ms "
        f"at {CONNECTIONS} connections {single.statuses}"
    )
    per_s = statistics.median(load.per_s for load in batches) * BATCH_MESSAGES
    print(f"accept, by the batch     {per_s:8,.0f} /s   batches of {BATCH_MESSAGES}")


def _run(port: int, request: Request, count: int, connections: int) -> Load:
    load = run_load("127.0.0.1", port, request, requests=count, connections=connections)
    return asyncio.run(load)


_HEADERS = f"Authorization: Bearer {API_KEY}\r\n"


def _message(number: int) -> dict[str, object]:
    return {
        "to": f"+1212{2_000_000 + number % 7_000_000:07d}",
        "text": "Your table is ready",
        "media": [{"url": "https://pictures.example.com/menu.jpg"}],
        "reference": f"order-{number}",
    }


_counter = iter(range(10**9))


def _single(number: int) -> bytes:
    body = json.dumps(_message(number)).encode()
    return post("/v1/messages", body, f"{_HEADERS}Idempotency-Key: key-{next(_counter)}\r\n")


def _batch(number: int) -> bytes:
    messages = [_message(number * BATCH_MESSAGES + place) for place in range(BATCH_MESSAGES)]
    body = json.dumps({"messages": messages}).encode()
    return post(
        "/v1/messages/batch", body, f"{_HEADERS}Idempotency-Key: batch-{next(_counter)}\r\n"
    )
