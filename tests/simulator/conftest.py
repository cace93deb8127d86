"""A running simulator, the clock it obeys, and the outside world that it talks to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import Credentials, make_credentials
from wirephoto.simulator.switches import Switches

PATIENCE_S = 10


class TestClock:
    """Time that stands still until a test moves it on."""

    __test__ = False

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        alarm = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), alarm))
        self._changed.set()
        await alarm

    def advance(self, seconds: float) -> None:
        """Move on, and wake whoever is due."""
        # Rounded up by a millisecond: sums of binary fractions must not miss an alarm.
        self._now += timedelta(seconds=seconds, milliseconds=1)
        due = [alarm for at, alarm in self._sleepers if at <= self._now]
        self._sleepers = [entry for entry in self._sleepers if entry[0] > self._now]
        for alarm in due:
            if not alarm.done():
                alarm.set_result(None)

    async def pass_by(self, seconds: float) -> None:
        """Wait until somebody sleeps, then let `seconds` pass."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._sleepers:
                self._changed.clear()
                await self._changed.wait()
        self.advance(seconds)


@dataclass
class Webhook:
    path: str
    raw: bytes
    authorization: str | None

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    def claims(self, secret: str) -> dict[str, Any]:
        """Verified claims; the machine's clock does not count, the test's own does."""
        return jwt.decode(
            (self.authorization or "").removeprefix("Bearer "),
            secret,
            algorithms=["HS256"],
            options={"verify_iat": False},
        )


@dataclass
class Outside:
    """Our webhooks, and a host of media: what the simulator reaches for."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Status codes of the next webhooks' answers; afterwards 200."""
    files: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    webhooks: asyncio.Queue[Webhook] = field(default_factory=asyncio.Queue)

    async def next(self) -> Webhook:
        async with asyncio.timeout(PATIENCE_S):
            return await self.webhooks.get()

    async def take_webhook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.webhooks.put_nowait(Webhook(request.path, raw, request.headers.get("Authorization")))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def give_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.fetched.append(name)
        status, content_type, body = self.files.get(name, (404, "text/plain", b"gone"))
        headers = {"Content-Type": content_type}
        if status in {301, 302}:
            headers["Location"] = "/media/good.jpg"
        return web.Response(status=status, body=body, headers=headers)


@dataclass
class World:
    simulator: Simulator
    url: str
    credentials: Credentials
    session: aiohttp.ClientSession
    clock: TestClock
    outside: Outside

    def token(self, *, key: str | None = None, without: str | None = None, **claims: Any) -> str:
        now = int(self.clock.now().timestamp())
        every = {
            "application_id": self.credentials.application_id,
            "iat": now,
            "jti": "one",
            "exp": now + 900,
            **claims,
        }
        every.pop(without or "", None)
        return jwt.encode(every, key or self.credentials.private_key, algorithm="RS256")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    async def post(
        self, body: Any = None, *, headers: dict[str, str] | None = None, **changes: Any
    ) -> tuple[int, Any]:
        """Post a message (a good one, varied by `changes`); status and decoded body."""
        body = body if body is not None else message(**changes)
        async with self.session.post(
            f"{self.url}/v1/messages",
            data=body if isinstance(body, bytes) else json.dumps(body),
            headers=self.headers() if headers is None else headers,
        ) as answer:
            self.last = answer
            raw = await answer.read()
            return answer.status, json.loads(raw) if raw[:1] == b"{" and raw[-1:] == b"}" else raw


def message(**changes: Any) -> dict[str, Any]:
    good = {
        "channel": "mms",
        "message_type": "image",
        "to": "12125550123",
        "from": "12015550100",
        "image": {"url": "https://media.example/cat.jpg", "caption": "a cat"},
    }
    merged = {**good, **{name.rstrip("_"): value for name, value in changes.items()}}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture
def make_message() -> Callable[..., dict[str, Any]]:
    return message


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return make_credentials()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    world = Outside(files={"good.jpg": (200, "image/jpeg", b"\xff\xd8picture")})
    application = web.Application()
    application.router.add_post("/webhooks/{name}", world.take_webhook)
    application.router.add_get("/media/{name}", world.give_file)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield world
    await runner.cleanup()


@pytest.fixture
async def world(
    credentials: Credentials, clock: TestClock, outside: Outside
) -> AsyncIterator[World]:
    """A simulator on a clock that stands still; media is fetched only where a test flips that."""
    settings = replace(
        credentials.settings(),
        status_url=f"{outside.url}/webhooks/status",
        inbound_url=f"{outside.url}/webhooks/inbound",
        senders=frozenset({"12015550100"}),
        seed=7,
        switches=Switches(fetch_media=False),
    )
    simulator = Simulator(settings, clock)
    url = await simulator.start()
    async with aiohttp.ClientSession() as session:
        yield World(simulator, url, credentials, session, clock, outside)
    await simulator.stop()


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
