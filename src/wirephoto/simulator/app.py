"""The simulator: a local stand-in for the provider, to start and stop inside any event loop."""

from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from wirephoto.clock import Clock, SystemClock
from wirephoto.simulator.carrier import Carrier
from wirephoto.simulator.chores import Chores
from wirephoto.simulator.control import ControlRoutes
from wirephoto.simulator.fetching import Fetcher
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.inbound import InboundOrder, inbound_body
from wirephoto.simulator.insights import InsightRoutes
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.media import MediaRoutes
from wirephoto.simulator.messages import MessageRoutes
from wirephoto.simulator.numbers import NumberRoutes
from wirephoto.simulator.outward import Outward
from wirephoto.simulator.postbox import Postbox
from wirephoto.simulator.reports import ReportRoutes
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import SwitchBoard, Switches
from wirephoto.simulator.tendlc import TenDlcRoutes
from wirephoto.simulator.tls import make_identity, server_context

_BODY_BYTES_MAX = 1_000_000
# Connections that are still busy at the end are cut: nobody waits for a simulator to stop.
_SHUTDOWN_S = 0.2


class Simulator:
    """The provider's documented HTTP interface, and what follows after its 202.

    Give it a clock that a test owns, and delays, retries and limits follow that clock. Call
    `start`, then `stop` in the same event loop; it may be started again, and remembers. Where no
    socket shall be used, hand in an `outward` that is open, and call `messages` and
    `reports` instead.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        clock: Clock | None = None,
        outward: Outward | None = None,
    ) -> None:
        self.settings = settings
        self.board = SwitchBoard(settings.switches)
        self.ledger = Ledger(settings.records_max)
        self.certificate: str | None = None
        """The certificate as PEM while it runs with TLS: what a client must trust."""
        self._clock = clock or SystemClock()
        self._ids = seeded_source(settings.seed, "inbound")
        self._running: AsyncExitStack | None = None
        self._url = ""
        self._outward = outward or Outward()
        self._chores = Chores()
        self._postbox = Postbox(
            settings=settings,
            clock=self._clock,
            board=self.board,
            outward=self._outward,
            chores=self._chores,
        )
        carrier = Carrier(
            settings=settings,
            clock=self._clock,
            board=self.board,
            ledger=self.ledger,
            postbox=self._postbox,
            fetcher=Fetcher(self._outward),
            chores=self._chores,
        )
        gate = Gate(settings=settings, clock=self._clock, board=self.board, ledger=self.ledger)
        self.messages = MessageRoutes(
            settings=settings,
            clock=self._clock,
            board=self.board,
            ledger=self.ledger,
            gate=gate,
            carrier=carrier,
        )
        self.reports = ReportRoutes(
            settings=settings, clock=self._clock, board=self.board, ledger=self.ledger, gate=gate
        )
        self._numbers = NumberRoutes(settings=settings, board=self.board, gate=gate)
        self._insights = InsightRoutes(settings=settings, board=self.board, gate=gate)
        self._media = MediaRoutes(settings=settings, clock=self._clock, board=self.board, gate=gate)
        self._tendlc = TenDlcRoutes(settings=settings, board=self.board, gate=gate)
        self._control = ControlRoutes(board=self.board, ledger=self.ledger, receive=self.receive)

    @property
    def accepted(self) -> list[Accepted]:
        """The accepted messages, oldest first, up to `SimulatorSettings.records_max`."""
        return self.ledger.accepted

    @property
    def switches(self) -> Switches:
        """The present setting of all switches; `flip` changes it."""
        return self.board.now

    def flip(self, **changes: Any) -> Switches:
        """Change switches by name while it runs, all or none.

        Raises:
            ValueError: no such switch, or a value out of its range.
        """
        return self.board.flip(changes)

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: bool = False) -> str:
        """Listen, and return the base URL, without a slash at its end; port 0 takes a free one.

        Raises:
            OSError: the address is taken, or is none of this machine.
        """
        assert self._running is None, "already started"
        async with AsyncExitStack() as stack:
            # Last in, first out: first no request comes in, then nothing is told any more.
            await stack.enter_async_context(self._outward)
            stack.push_async_callback(self._chores.stop)
            runner = web.AppRunner(
                self._application(), access_log=None, shutdown_timeout=_SHUTDOWN_S
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.callback(_cut_connections, runner)
            context = None
            if tls:
                identity = make_identity()
                self.certificate = identity.certificate
                context = server_context(identity)
            await web.TCPSite(runner, host, port, ssl_context=context).start()
            self._running = stack.pop_all()
        shown_host = f"[{host}]" if ":" in host else host
        self._url = f"{'https' if tls else 'http'}://{shown_host}:{runner.addresses[0][1]}"
        return self._url

    async def stop(self) -> None:
        """Stop listening and give up what is still to be reported; harmless when it is stopped."""
        running, self._running = self._running, None
        if running is not None:
            self.certificate = None
            await running.aclose()

    async def drain(self) -> None:
        """Return when all receipts were told, repetitions included.

        With an endpoint that fails this takes up to 24 h of the clock.
        """
        await self._chores.drain()

    async def receive(self, order: InboundOrder, origin: str | None = None) -> str:
        """Have a phone send `order`, and return its id once the webhook was posted once.

        `origin` is where the simulator is reached, for the addresses of files: where it listens,
        unless something else is known.

        Raises:
            ValueError: the order contradicts itself, or no inbound URL is set.
        """
        message_uuid = new_uuid(self._ids)
        body = inbound_body(
            order,
            message_uuid=message_uuid,
            at=self._clock.now(),
            repeats_first=self.board.now.content_repeats_first,
            file_urls=[(origin or self._url) + self._media.keep(file) for file in order.files],
        )
        if self.settings.inbound_url is None:
            raise ValueError("the application has no inbound_url")
        await self._postbox.send(
            self._postbox.seal(self.settings.inbound_url, body, self.settings.application_id)
        )
        return message_uuid

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_BODY_BYTES_MAX)
        application.router.add_post("/v1/messages", self.messages.post)
        application.router.add_patch("/v1/messages/{message_uuid}", self.messages.patch)
        application.router.add_get("/v2/reports/records", self.reports.get, allow_head=False)
        application.router.add_get("/account/numbers", self._numbers.get, allow_head=False)
        application.router.add_post("/identity-insights/v1/requests", self._insights.post)
        application.add_routes(self._media.routes())
        application.add_routes(self._tendlc.routes())
        application.add_routes(self._control.routes())
        return application


def _cut_connections(runner: web.AppRunner) -> None:
    """End what is connected: a polite end of TLS would wait for the other side."""
    assert runner.server is not None
    for connection in runner.server.connections:
        if connection.transport is not None:
            connection.transport.abort()
