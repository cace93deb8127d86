"""A load generator on raw sockets: cheap enough not to be what is measured."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

Request = Callable[[int], bytes]
"""Returns the bytes of the request with this number."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run did: answers per second, and latencies in seconds, sorted."""

    per_s: float
    latencies_s: list[float]
    statuses: dict[int, int]

    def percentile_ms(self, share: float) -> float:
        """Return the latency that `share` of the requests stayed under, in milliseconds."""
        return self.latencies_s[int(len(self.latencies_s) * share)] * 1000


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """Return a POST request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


async def run_load(
    host: str, port: int, request: Request, *, requests: int, connections: int
) -> Load:
    """Send `requests` requests over `connections` kept-alive connections, as fast as they go."""
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    numbers = iter(range(requests))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for number in numbers:
            started = time.perf_counter()
            writer.write(request(number))
            status = await _answer(reader)
            latencies.append(time.perf_counter() - started)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[connection() for _ in range(connections)])
    elapsed = time.perf_counter() - started
    return Load(len(latencies) / elapsed, sorted(latencies), statuses)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head[9:12])
