"""A customer's system on loopback: it verifies what comes, and answers as a test wants."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from aiohttp import web
from sqlalchemy import select
from standardwebhooks import Webhook

from tests.egress_site import LOOPBACK, Names, Site, open_site
from tests.engine.stage import Halves, Stage
from tests.factories import make_message
from tests.storage.writing import event_of
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.sealing import Sealing
from wirephoto.egress import Egress
from wirephoto.engine.courier import LIMITS, Courier
from wirephoto.engine.deliveries import Deliveries
from wirephoto.engine.endpoints import Endpoints, Made, Wanted
from wirephoto.storage.messages import insert_events
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_endpoints import deliveries as waiting

PATIENCE = timedelta(days=5)
INSTALLATION = "the installation's own secret, 32+"


class Receiver:
    """Notes each request; `answer` decides the status by what was told, 204 by default."""

    def __init__(self, stage: Stage, site: Site) -> None:
        self.stage = stage
        self.site = site
        self.told: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, object]], int] = lambda _told: 204
        self.answer_headers: dict[str, str] = {}
        site.answer = self._receive
        self.couriers: list[Courier] = []

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        self.told.append(told)
        self.headers.append(dict(request.headers) | {"body": await request.text()})
        return web.Response(status=self.answer(told), headers=self.answer_headers)

    @property
    def ids(self) -> list[object]:
        """Return the ids of the messages that were told of, in order."""
        return [told["message_id"] for told in self.told]

    @property
    def types(self) -> list[object]:
        """Return what was told, in order."""
        return [told["type"] for told in self.told]

    def courier(self, **options) -> Courier:
        """Return a courier that may enter loopback."""
        options = {"allow": LOOPBACK, "secrets": [INSTALLATION]} | options
        egress = Egress(
            self.stage.clock,
            allow=options["allow"],
            resolve=Names(["127.0.0.1"]),
            limits=options.get("limits", LIMITS),
        )
        sealing = Sealing(options["secrets"])
        made = Courier(egress, sealing, self.stage.clock, allow=options["allow"])
        self.couriers.append(made)
        return made

    def deliveries(self, **options) -> Deliveries:
        """Return the duty of one process."""
        return Deliveries(
            database=self.stage.database,
            courier=self.courier(**options),
            clock=self.stage.clock,
            ids=self.stage.ids,
            random=Halves(),
            patience=PATIENCE,
        )

    def endpoints(self, **options) -> Endpoints:
        """Return the hands of somebody who manages endpoints."""
        return Endpoints(
            self.stage.database,
            tenant_id=options.pop("tenant_id", DEFAULT_TENANT),
            actor="key_1",
            clock=self.stage.clock,
            ids=self.stage.ids,
            courier=self.courier(**options),
        )

    async def create(self, path: str = "/events", **wanted) -> Made:
        """Have an endpoint of this receiver made."""
        url = self.site.url(path)
        return await self.endpoints().create(Wanted(url=url, **wanted))

    async def tell(self, *messages: Message) -> None:
        """Store the events of stored messages, each in a transaction of its own."""
        for message in messages:
            async with self.stage.database.transaction() as tx:
                await insert_events(tx, [event_of(message)])

    def verify(self, secret: str, index: int = -1) -> object:
        """Return what the reference library makes of a request.

        It compares with the machine's clock, so the test's is at the present.
        """
        headers = dict(self.headers[index])
        return Webhook(secret).verify(headers.pop("body"), headers)


def moved(message: Message, *states: MessageState) -> list[Message]:
    """Return a message as it is in each of these states, one version after another."""
    return [
        replace(message, state=state, version=message.version + number)
        for number, state in enumerate(states, start=1)
    ]


async def turn(deliveries: Deliveries) -> None:
    """Take a turn, and let everything that it took up be done."""
    await deliveries.turn()
    await deliveries.drain()


async def stored(receiver, count=1):
    """Return messages that are stored."""
    messages = [make_message() for _ in range(count)]
    await receiver.stage.store(*messages)
    return messages


async def waiting_rows(receiver):
    """Return what waits, in order."""
    async with receiver.stage.database.read() as tx:
        query = select(waiting).order_by(waiting.c.xid, waiting.c.seq)
        return (await tx.execute(query)).all()


async def endpoint_of(receiver, made):
    """Return an endpoint as it is now."""
    own = await receiver.endpoints().get(made.endpoint.endpoint.id)
    return own.endpoint


@asynccontextmanager
async def open_receiver(stage: Stage) -> AsyncIterator[Receiver]:
    """Give a receiver until the block ends."""
    async with open_site() as site:
        made = Receiver(stage, site)
        yield made
        for courier in made.couriers:
            await courier.close()
