"""The network between customers, the gateway and the provider: delays and broken connections."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
from multidict import CIMultiDict, MultiMapping
from yarl import URL

from tests.scenarios.simulation.evidence import Evidence
from tests.scenarios.simulation.journal import Journal
from tests.scenarios.simulation.loop import FATE, Fate, LoopClock, SimulatedLoop
from tests.scenarios.simulation.process import Answer, Broken, Host, Request
from tests.scenarios.simulation.weather import Weather
from wirephoto.domain.look_up import LookUp
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome, Receipt
from wirephoto.errors import ReportsUnavailable
from wirephoto.simulator.app import Simulator
from wirephoto.vonage import wire
from wirephoto.vonage.inquiry import Inquiry, read_page, refusal
from wirephoto.vonage.records import Page

WEBHOOK_TIMEOUT_S = 15.0
_RECORDS = URL("http://provider/v2/reports/records")
MEDIA = b"\xff\xd8\xff a picture"


@dataclass(slots=True)
class Link:
    """What everything that crosses the network needs."""

    loop: SimulatedLoop
    clock: LoopClock
    weather: Weather
    journal: Journal
    evidence: Evidence
    host: Host | None = None

    async def ask(self, request: Request, *, lost: float, timeout_s: float) -> Answer:
        """Ask the gateway; return its answer.

        Raises:
            Broken: there is none, though the request may have been handled.
            TimeoutError: there was none in time, likewise.
        """
        weather = self.weather
        await self.clock.sleep(weather.network_s())
        if weather.strikes(lost / 2):
            raise Broken("lost on its way")
        if self.host is None or self.host.process is None:
            raise Broken("connection refused")
        async with asyncio.timeout(timeout_s):
            answer = await self.host.process.ask(request)
        await self.clock.sleep(weather.network_s())
        if weather.strikes(lost / 2):
            raise Broken("answer lost")
        return answer


class ProviderLine:
    """The provider as a process reaches it: fulfils `engine.dispatcher.Provider`."""

    def __init__(self, link: Link, simulator: Simulator) -> None:
        self._link = link
        self._simulator = simulator
        self._headers = _login(simulator)

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        """Post once; what the network does becomes an outcome as the real client makes it."""
        link = self._link
        if link.loop.burying:
            raise asyncio.CancelledError
        body = wire.request_body(submission)
        link.evidence.departed(submission.client_ref)
        if link.weather.refuses_connection():
            link.evidence.landed(submission.client_ref)
            return wire.broken_connection(written=False, detail="connection refused")
        answered: asyncio.Future[Any] = link.loop.create_future()
        carrying = self._carry(submission.client_ref, body, answered, FATE.get())
        link.loop.outside(carrying, name=f"post {submission.client_ref}")
        try:
            async with asyncio.timeout(timeout_s):
                response = await answered
        except TimeoutError:
            return wire.broken_connection(written=True, detail="no answer", timed_out=True)
        except Broken as error:
            return wire.broken_connection(written=True, detail=str(error))
        return wire.read_answer(response.status, response.headers, response.body)

    async def _carry(
        self, client_ref: str, body: bytes, answered: "asyncio.Future[Any]", fate: Fate | None
    ) -> None:
        """Bring a request to the provider and its answer back, whoever still waits for it."""
        link, weather = self._link, self._link.weather
        await link.clock.sleep(weather.network_s())
        torn = fate is not None and fate.dead and weather.strikes(0.5)
        if torn or weather.strikes(weather.faults.provider_lost_before):
            link.evidence.landed(client_ref)
            return _break(answered, "reset before it was read")
        link.evidence.arrived(body)
        request = _Post(body, self._headers)
        response: Any = await self._simulator.messages.post(request)  # type: ignore[arg-type]
        link.evidence.landed(client_ref)
        if request.transport.closed:
            return _break(answered, "closed by the provider")
        await link.clock.sleep(weather.network_s())
        if weather.strikes(weather.faults.provider_late):
            await link.clock.sleep(weather.between(0.1, 20.0))
        if weather.strikes(weather.faults.provider_lost_after):
            return _break(answered, "answer lost")
        if not answered.done():
            answered.set_result(response)
        return None


class ReportsLine:
    """The provider's records as a process reaches them: fulfils `engine.reconciliation.Records`."""

    def __init__(self, link: Link, simulator: Simulator) -> None:
        self._link = link
        self._simulator = simulator
        self._headers = _login(simulator)

    async def find(self, look_up: LookUp) -> Receipt | None:
        """Ask page by page, as the real client does."""
        if self._link.loop.burying:
            raise asyncio.CancelledError
        inquiry = Inquiry(look_up, api_key=self._simulator.settings.api_key)
        while (question := inquiry.question) is not None:
            inquiry.take(await self._ask(question))
        found = inquiry.answer()
        known = found.state if found else "nothing"
        self._link.journal.note("network", f"records know {known} of {look_up.client_ref}")
        return found

    async def _ask(self, question: Mapping[str, str]) -> Page:
        link, weather = self._link, self._link.weather
        await link.clock.sleep(weather.network_s())
        if weather.strikes(weather.faults.records_unreachable / 2):
            raise ReportsUnavailable("unreachable", detail="connection refused")
        request = _Get(_RECORDS.with_query(question), self._headers)
        response: Any = await self._simulator.reports.get(request)  # type: ignore[arg-type]
        await link.clock.sleep(weather.network_s())
        if request.transport.closed or weather.strikes(weather.faults.records_unreachable / 2):
            raise ReportsUnavailable("unreachable", detail="answer lost")
        if response.status != 200:
            raise refusal(response.status, response.headers)
        return read_page(response.body)


def _login(simulator: Simulator) -> CIMultiDict[str]:
    settings = simulator.settings
    login = f"{settings.api_key}:{settings.api_secret}".encode()
    return CIMultiDict({"Authorization": f"Basic {base64.b64encode(login).decode()}"})


def _break(answered: "asyncio.Future[Any]", why: str) -> None:
    if not answered.done():
        answered.set_exception(Broken(why))


class _Transport:
    """What the simulator closes to break a connection."""

    closed = False

    def close(self) -> None:
        """Break the connection."""
        self.closed = True


@dataclass(slots=True)
class _Get:
    """What the simulator's routes use of a question."""

    url: URL
    headers: CIMultiDict[str]
    transport: _Transport = field(default_factory=_Transport)

    @property
    def query(self) -> MultiMapping[str]:
        """Return the parameters."""
        return self.url.query


@dataclass(slots=True)
class _Post:
    """What the simulator's routes use of a request."""

    body: bytes
    headers: CIMultiDict[str]
    transport: _Transport = field(default_factory=_Transport)

    async def read(self) -> bytes:
        """Return the body."""
        return self.body


class Courier:
    """The simulator's way out: what it uses of `aiohttp.ClientSession`, in process."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @asynccontextmanager
    async def post(
        self, url: str, *, data: bytes, headers: dict[str, str], **_options: Any
    ) -> AsyncIterator[Any]:
        """Bring a webhook to the gateway."""
        link, faults = self._link, self._link.weather.faults
        if faults.webhook_slow_s:
            await link.clock.sleep(link.weather.between(0.0, faults.webhook_slow_s))
        request = Request("POST", url.removeprefix("http://gateway"), data, headers)
        try:
            answer = await link.ask(request, lost=faults.webhook_lost, timeout_s=WEBHOOK_TIMEOUT_S)
        except Broken as error:
            raise aiohttp.ServerDisconnectedError(str(error)) from error
        link.evidence.webhook_answered(data, answer.status)
        yield SimpleNamespace(status=answer.status)

    @asynccontextmanager
    async def get(self, _url: str, **_options: Any) -> AsyncIterator[Any]:
        """Fetch a picture."""
        link = self._link
        await link.clock.sleep(link.weather.network_s())
        missing = link.weather.strikes(link.weather.faults.media_missing)
        yield SimpleNamespace(
            status=404 if missing else 200,
            content_type="image/jpeg",
            content_length=len(MEDIA),
            content=SimpleNamespace(iter_chunked=_chunks),
        )

    async def close(self) -> None:
        """There is nothing to close."""


async def _chunks(_size: int) -> AsyncIterator[bytes]:
    yield MEDIA
