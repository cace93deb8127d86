"""`GET /metrics`: what Prometheus reads, and how it is put together."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar import Litestar, Response, get
from litestar.datastructures import State

from wirephoto.api.auth import Forbidden, Requirement, caller_of
from wirephoto.api.problems import handle
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import services_of
from wirephoto.clock import Clock
from wirephoto.domain.api_key import Scope
from wirephoto.engine.dispatcher import Dispatcher
from wirephoto.engine.loop import Runner
from wirephoto.errors import StorageUnavailable
from wirephoto.metrics import (
    CONTENT_TYPE,
    DATABASE_UP,
    DISK_FREE,
    DISK_SIZE,
    IN_FLIGHT,
    LINE_RATE,
    LINE_STOPPED,
    LOOP_FAILURES,
    LOOP_TURNED,
    OPEN,
    OPEN_AGE,
    QUEUE_AGE,
    QUEUE_DEPTH,
    READING_AGE,
    SLOTS_USED,
    WEBHOOK_LAG,
    WEBHOOKS_WAITING,
    Metrics,
    Reading,
)
from wirephoto.storage.database import Database
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.standing import Standing, load_standing

ROUTE_METRICS = "/metrics"
KEPT_S_MIN = 5.0
"""How long what the database told is told again: several scrapers cost no more than one."""
PATIENCE_S = 4.0
"""How long database and disks are waited for: twice that is less than a scrape commonly may take,
ten seconds."""
KEPT_TIMES = 20.0
"""It is kept at least so many times as long as it took to find out: however long the queue, that
takes no more than a twentieth of one connection."""


@dataclass(slots=True)
class Exposition:
    """Puts the page together: what was counted, and how things stand in process and database.

    `runners` and `dispatcher` give what the process runs by now; `volumes` are the folders whose
    disk must not become full, by name.
    """

    metrics: Metrics
    database: Database
    clock: Clock
    runners: Callable[[], Sequence[Runner]]
    dispatcher: Callable[[], Dispatcher | None]
    volumes: Mapping[str, Path]
    _told: Reading = field(default_factory=Reading)
    _asked_at: float = 0.0
    _fresh_until: float = float("-inf")
    _disks: "asyncio.Future[Reading] | None" = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def page(self) -> bytes:
        """Return the metrics as Prometheus reads them; without the database's if it is away."""
        async with self._asking:
            if self.clock.monotonic() >= self._fresh_until:
                await self._ask()
        reading = self._process()
        reading.update(self._told)
        reading.put(READING_AGE, self.clock.monotonic() - self._asked_at)
        return self.metrics.page(reading)

    async def _ask(self) -> None:
        began_at, now = self.clock.monotonic(), self.clock.now()
        told, took_s = Reading(), 0.0
        try:
            async with asyncio.timeout(PATIENCE_S), self.database.read() as tx:
                standing = await load_standing(tx, now)
        except (StorageUnavailable, TimeoutError):
            told.put(DATABASE_UP, 0)
        else:
            took_s = self.clock.monotonic() - began_at
            told.put(DATABASE_UP, 1)
            _tell(told, standing, now.timestamp())
        if disks := await self._ask_disks():
            told.update(disks)
        self._told, self._asked_at = told, self.clock.monotonic()
        self._fresh_until = self._asked_at + max(KEPT_S_MIN, KEPT_TIMES * took_s)

    async def _ask_disks(self) -> Reading | None:
        """Return how full the disks are; one over the network may be slow to say it, or never."""
        if self._disks is None or self._disks.done():
            self._disks = asyncio.ensure_future(asyncio.to_thread(_read_disks, self.volumes))
        await asyncio.wait([self._disks], timeout=PATIENCE_S)
        return self._disks.result() if self._disks.done() else None

    def _process(self) -> Reading:
        reading = Reading()
        for runner in self.runners():
            name, turned_at = runner.duty.name, runner.turned_at
            reading.put(LOOP_FAILURES, runner.failures_total, name)
            reading.put(LOOP_TURNED, turned_at.timestamp() if turned_at else 0, name)
        if dispatcher := self.dispatcher():
            reading.put(IN_FLIGHT, dispatcher.in_flight)
            for campaign_id, slots in dispatcher.slots.items():
                reading.put(SLOTS_USED, slots, campaign_id)
        return reading


@get(
    ROUTE_METRICS,
    before_request=Requirement(Scope.READ),
    operation_id="read_metrics",
    summary="Read the metrics",
    media_type="text/plain",
)
async def metrics(request: AnyRequest) -> Response[Any]:
    """Return the metrics of this process and its queue, as Prometheus reads them.

    Only keys of the operator's own tenant may: they are about all tenants.
    """
    if caller_of(request).tenant_id != DEFAULT_TENANT:
        raise Forbidden("The metrics are about all tenants: they are the operator's.")
    return await _answer(services_of(request.app).exposition)


def create_metrics_app(exposition: Exposition) -> Litestar:
    """Return an application that gives the metrics without a key, for a port of their own."""

    @get(ROUTE_METRICS)
    async def openly() -> Response[Any]:
        return await _answer(exposition)

    return Litestar(
        [openly],
        exception_handlers={Exception: handle},
        openapi_config=None,
        state=State(),
        logging_config=None,
    )


async def _answer(exposition: Exposition) -> Response[Any]:
    return Response(await exposition.page(), headers={"Content-Type": CONTENT_TYPE})


def _tell(reading: Reading, standing: Standing, now: float) -> None:
    for queue in standing.queues:
        reading.put(QUEUE_DEPTH, queue.messages, queue.campaign_id)
        due_for_s = max(0.0, now - queue.due_since.timestamp())
        reading.put(QUEUE_AGE, due_for_s, queue.campaign_id)
    for one in standing.open:
        reading.put(OPEN, one.messages, one.state.value)
        if one.since:
            reading.put(OPEN_AGE, max(0.0, now - one.since.timestamp()), one.state.value)
    for line in standing.lines:
        reading.put(LINE_RATE, line.rate, line.kind, line.id)
        reading.put(LINE_STOPPED, line.stopped, line.kind, line.id)
    reading.put(WEBHOOKS_WAITING, standing.webhooks)
    since = standing.webhook_since
    reading.put(WEBHOOK_LAG, max(0.0, now - since.timestamp()) if since else 0)


def _read_disks(volumes: Mapping[str, Path]) -> Reading:
    reading = Reading()
    for name, folder in volumes.items():
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            continue  # made with the first file that is kept there
        reading.put(DISK_FREE, disk.free, name)
        reading.put(DISK_SIZE, disk.total, name)
    return reading
