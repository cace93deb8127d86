"""What the gateway is compared with: a bare aiohttp loop that posts the same bodies."""

import asyncio
import sys
import time

import aiohttp
import uvloop

from wirephoto.domain.media import Attachment
from wirephoto.domain.message import Submission
from wirephoto.vonage.wire import request_body

CONCURRENT = 64


async def _post_all(url: str, count: int) -> float:
    headers = {"Authorization": "Bearer " + "x" * 600, "Content-Type": "application/json"}
    numbers = iter(range(count))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONCURRENT), headers=headers
    ) as session:

        async def post() -> None:
            for number in numbers:
                submission = Submission(
                    client_ref=f"{number:026d}",
                    sender="+12025550100",
                    recipient=f"+1212{2_000_000 + number:07d}",
                    text="Your table is ready",
                    media=(Attachment("https://pictures.example.com/menu.jpg"),),
                    ttl_s=86_400,
                )
                async with session.post(url, data=request_body(submission)) as response:
                    await response.read()

        started = time.perf_counter()
        await asyncio.gather(*[post() for _ in range(CONCURRENT)])
        return count / (time.perf_counter() - started)


print(f"messages/s:{int(uvloop.run(_post_all(sys.argv[1], int(sys.argv[2]))))}", flush=True)
