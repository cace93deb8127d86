"""A full run leaves no number, caption, key or token in what the gateway tells of itself."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from sentry_sdk.envelope import Envelope

from tests.engine.stage import eventually
from tests.reporting import reporting
from tests.scenarios.world import KEY, SENDER, World, running_world
from wirephoto.engine.loop import Runner
from wirephoto.simulator.inbound import InboundOrder

CAPTION = "Meet me where the heron fishes"
SAID = "The heron is not here today"
REFERENCE, NAME = "order-heron-4711", "heron-metadata-42"
DELIVERED, REJECTED, DOUBTED = "+13035550177", "+13035550164", "+13035550133"
TOKEN = "wp_live_heronheronheron0123456789"


@dataclass
class Told:
    """Everything that left the gateway and was not for the provider or the customer."""

    log: io.StringIO = field(default_factory=io.StringIO)
    spans: list[bytes] = field(default_factory=list)
    reports: list[Envelope] = field(default_factory=list)
    pages: list[bytes] = field(default_factory=list)

    @property
    def parts(self) -> dict[str, bytes]:
        """Return each kind, whole."""
        return {
            "log": self.log.getvalue().encode(),
            "spans": b"".join(self.spans),
            "reports": b"".join(envelope.serialize() for envelope in self.reports),
            "pages": b"".join(self.pages),
        }


class Failing:
    """A duty that fails of somebody's message."""

    name = "failing"

    def __init__(self) -> None:
        self.bell = asyncio.Event()

    async def turn(self) -> float:
        caption = CAPTION
        raise ValueError(f"{DELIVERED} with {TOKEN}: {len(caption)} characters do not fit")


@asynccontextmanager
async def running_collector(told: Told) -> AsyncIterator[str]:
    """Run what takes spans; give its address."""

    async def take(request: web.Request) -> web.Response:
        told.spans.append(await request.read())
        return web.Response()

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def told():
    """Give what is told: the log at its chattiest, and reports of errors."""
    told = Told()
    with reporting(told.log, "debug") as told.reports:
        yield told


async def live(world: World) -> None:
    """Have everything happen: deliveries, a rejection, a doubt, a reply, a wrong key, a failure."""
    written = {"text": CAPTION, "reference": REFERENCE, "metadata": {"name": NAME}}
    ends = {DELIVERED: "delivered", REJECTED: "rejected", DOUBTED: "unconfirmed"}
    for recipient, state in ends.items():
        message_id = await world.send(to=recipient, **written)
        assert (await world.until(message_id, state)).state == state
    simple = {"recipient": DELIVERED, "imageUrl": world.picture, "caption": CAPTION}
    assert (await world.client.post("/send-mms", json=simple)).status_code == 200
    refused = await world.client.get("/v1/messages", headers={"Authorization": f"Bearer {TOKEN}"})
    assert refused.status_code == 401
    await world.client.post("/v1/messages", json={"to": DELIVERED, "text": CAPTION * 500})
    order = InboundOrder(sender=DELIVERED[1:], to=SENDER, text=SAID)
    await world.simulator.receive(order)

    async def heard() -> bool:
        listed = await world.client.get("/v1/inbound")
        return SAID in listed.text

    await eventually(heard)
    runner = Runner(Failing(), world.gateway.clock)
    runner.start()

    async def failed() -> bool:
        return runner.failures > 0

    await eventually(failed)
    await runner.stop()


async def test_a_full_run_tells_nothing_of_anybody(credentials, database_url, tmp_path, told):
    """Logs, metrics, traces and reports are kept by others, for long, and read by many."""
    async with (
        running_collector(told) as collector_url,
        running_world(
            credentials, database_url, media_store=str(tmp_path / "media"), otlp_url=collector_url
        ) as world,
    ):
        await live(world)
        told.pages.append((await world.client.get("/metrics")).content)

    parts = told.parts
    assert b"attempt_unconfirmed" in parts["log"]
    assert b"loop_failed" in parts["log"]
    assert b"message receipt" in parts["spans"]
    assert b"loop_failed" in parts["reports"]
    assert b'wirephoto_messages_ended_total{code="1210",state="rejected"} 1.0' in parts["pages"]
    planted = [
        *[number[1:] for number in (DELIVERED, REJECTED, DOUBTED)],
        *(SENDER, CAPTION, SAID, REFERENCE, NAME, TOKEN, KEY),
        *(credentials.api_secret, credentials.signature_secret),
        *credentials.private_key.splitlines()[1:3],
        "eyJ",
    ]
    found = [(kind, one) for kind, said in parts.items() for one in planted if one.encode() in said]
    assert found == []
