"""Gateway processes: started over one file, killed at any step, stopped politely, started again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.scenarios.simulation.journal import Journal
from tests.scenarios.simulation.loop import Fate, LoopClock, SimulatedLoop
from tests.scenarios.simulation.sqlite import Disk
from wirephoto.bootstrap import Gateway
from wirephoto.config import Settings
from wirephoto.engine.dispatcher import Provider
from wirephoto.engine.reconciliation import Records
from wirephoto.errors import StorageUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.database import open_database


class Broken(Exception):
    """A connection that was refused, or broke: the request may or may not have been handled."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to the gateway."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of the gateway."""

    status: int
    headers: dict[str, str]
    body: bytes


class Process:
    """One gateway process, from its start to its end."""

    def __init__(self, name: str, make: "Callable[[], Gateway]", journal: Journal) -> None:
        self.fate = Fate(name)
        self.fate.blow = self.kill
        self.ended = asyncio.Event()
        self.is_up = False
        self.gateway: Gateway | None = None
        self._make = make
        self._journal = journal
        self._told_to_stop = asyncio.Event()
        self._answers: dict[asyncio.Future[Answer], None] = {}
        self.release: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to run."""
        self._journal.note(self.fate.name, "starts")
        self.fate.spawn(self._run(), name=self.fate.name)

    def stop(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        self._journal.note(self.fate.name, "is asked to stop")
        self._told_to_stop.set()

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        if not self.fate.dead:
            self._journal.note(self.fate.name, "is killed")
            self._end()

    def ask(self, request: Request) -> "asyncio.Future[Answer]":
        """Hand a request to the application; return its answer to come.

        Raises:
            Broken: nobody listens.
        """
        if not self.is_up:
            raise Broken("connection refused")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[answer] = None
        self.fate.spawn(self._handle(request, answer), name=f"{request.method} {request.path}")
        return answer

    async def _run(self) -> None:
        try:
            await self._serve()
        except StorageUnavailable as error:
            self._journal.note(self.fate.name, f"gives up: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            # What is killed and then buried may stumble over what its successors left.
            if not self.fate.dead:
                self._journal.blame(f"{self.fate.name} ended with {error!r}")
        self._journal.note(self.fate.name, "has stopped")
        self._end()

    async def _serve(self) -> None:
        """Do what `bootstrap.served` does, with HTTP in process."""
        self.gateway = gateway = self._make()
        try:
            await gateway.start()
            self.is_up = True
            await self._told_to_stop.wait()
        finally:
            self.is_up = False
            grace_s = gateway.settings.stop_grace_s
            if self._answers:
                await asyncio.wait(list(self._answers), timeout=max(1.0, grace_s))
            await gateway.stop(max(1.0, grace_s))

    async def _handle(self, request: Request, answer: "asyncio.Future[Answer]") -> None:
        assert self.gateway is not None
        try:
            answered = await call_application(self.gateway.app, request)
        except Exception as error:  # noqa: BLE001 - the application must not raise
            self._journal.blame(f"{request.path} raised {error!r}")
            answered = Answer(500, {}, b"")
        if not answer.done():
            answer.set_result(answered)
        self._answers.pop(answer, None)

    def _end(self) -> None:
        self.fate.dead = True
        self.is_up = False
        if self.gateway and self.gateway._lock:
            self.gateway._lock.close()
        self.release()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(Broken("connection reset"))
        self.ended.set()


class Host:
    """Runs one process after the other, as a supervisor does."""

    def __init__(
        self,
        *,
        loop: SimulatedLoop,
        disk: Disk,
        journal: Journal,
        random: Random,
        settings: Settings,
        provider: Provider,
        records: Records,
    ) -> None:
        self._loop = loop
        self._clock = LoopClock(loop)
        self._disk = disk
        self._journal = journal
        self._random = random
        self._settings = settings
        self._provider = provider
        self._records = records
        self._closing = False
        self._started = 0
        self.crashes_left = 0
        self.steps_to_crash = 0
        self.process: Process | None = None

    async def run(self) -> None:
        """Keep a process running until `close`."""
        while not self._closing:
            self.process = process = self._new_process()
            process.start()
            await process.ended.wait()
            await self._clock.sleep(self._random.choice((0.0, 0.1, 2.0)))

    def close(self) -> None:
        """Stop what runs, and start nothing more."""
        self._closing = True
        if self.process:
            self.process.stop()

    def calm_down(self) -> None:
        """Let no process die any more."""
        self.crashes_left = 0
        if self.process:
            self.process.fate.fuse = None

    def _new_process(self) -> Process:
        self._started += 1
        ids = Ids(Random(self._random.getrandbits(64)).randbytes)
        jitter = Random(self._random.getrandbits(64))

        def make() -> Gateway:
            url = self._settings.database_url.get_secret_value()
            return Gateway(
                self._settings,
                clock=self._clock,
                ids=ids,
                random=jitter,
                provider=self._provider,
                records=self._records,
                database=open_database(url, connect=self._disk.connect),
            )

        process = Process(f"gateway-{self._started}", make, self._journal)
        process.release = lambda: self._disk.disconnect(process.fate)
        if self.crashes_left:
            self.crashes_left -= 1
            process.fate.fuse = self._random.randint(1, self.steps_to_crash)
        return process


async def call_application(application: Any, request: Request) -> Answer:
    """Call an ASGI application as a server does (ASGI specification, HTTP)."""
    path, _, query = request.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in request.headers.items()
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 3000),
    }
    bodies = [request.body]
    said: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await asyncio.Event().wait()  # the client stays
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said["status"] = message["status"]
            said["headers"] = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
        else:
            said["body"] += message.get("body", b"")

    await application(scope, receive, send)
    return Answer(said["status"], said["headers"], said["body"])
