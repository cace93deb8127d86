"""A whole gateway over a real database, and the simulated provider, on this machine's loopback."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import httpx

from tests.spare_store import SPARE_STORE
from wirephoto.api.server import listen
from wirephoto.bootstrap import Gateway, served
from wirephoto.clock import SystemClock
from wirephoto.config import load_settings
from wirephoto.domain.message import Attempt, Message, MessageState
from wirephoto.engine.moves import wait_until
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import Credentials
from wirephoto.simulator.switches import Switches
from wirephoto.storage.messages import list_attempts
from wirephoto.storage.schema import DEFAULT_TENANT

KEY = "a-key-for-the-scenarios-alone"
SENDER = "12025550100"
RECIPIENT = "+12125550123"
PATIENCE = timedelta(seconds=15)
QUICK = Switches(rate_per_s=None, submitted_delay_s=0.01, final_delay_s=0.02, answer_delay_s=0.3)


class Promptly(Random):
    """Draws nought: retries come as early as they may."""

    def random(self) -> float:
        return 0.0


class World:
    """One gateway and its provider."""

    def __init__(
        self, gateway: Gateway, client: httpx.AsyncClient, simulator: Simulator, provider_url: str
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.simulator = simulator
        self.picture = f"{provider_url}/simulator/sample.jpg"

    async def send(self, **changes: Any) -> str:
        """Have a picture sent; return the message's id."""
        body = {"to": RECIPIENT, "text": "A cat", "media": [{"url": self.picture}]} | changes
        given = {name: value for name, value in body.items() if value is not None}
        headers = {"Idempotency-Key": str(uuid4())}
        answer = await self.client.post("/v1/messages", json=given, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def send_many(self, count: int) -> list[str]:
        """Have texts sent, all at once; return the messages' ids."""
        body = {"messages": [{"to": RECIPIENT, "text": f"{number}"} for number in range(count)]}
        answer = await self.client.post("/v1/messages/batch", json=body)
        assert answer.status_code == 200, answer.text
        return [str(each["message"]["id"]) for each in answer.json()["results"]]

    async def until(self, message_id: str, *states: str) -> Message:
        """Return the message once it is in one of `states`, or as it is when patience ends."""
        message = await wait_until(
            self.gateway.database,
            self.gateway.clock,
            tenant_id=DEFAULT_TENANT,
            message_id=message_id,
            done=lambda message: message.state in states,
            patience=PATIENCE,
        )
        assert message is not None
        return message

    async def state(self, message_id: str) -> str:
        """Return the state of a message as customers see it."""
        answer = await self.client.get(f"/v1/messages/{message_id}")
        return str(answer.json()["state"])

    async def timeline(self, message_id: str) -> list[str]:
        """Return what a message's events tell, in order, each once, without `message.`."""
        answer = await self.client.get(f"/v1/messages/{message_id}/events")
        told = [event["type"].removeprefix("message.") for event in answer.json()["events"]]
        return list(dict.fromkeys(told))

    async def attempts(self, message_id: str) -> list[Attempt]:
        """Return a message's attempts."""
        async with self.gateway.database.read() as tx:
            return await list_attempts(tx, DEFAULT_TENANT, message_id)

    async def attempt(self, message_id: str) -> Attempt:
        """Return a message's latest attempt; earlier ones missed their slot, on a busy machine."""
        *missed, latest = await self.attempts(message_id)
        assert {each.reason for each in missed} <= {"slot_missed"}
        return latest

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Return what `/readyz` says."""
        answer = await self.client.get("/readyz")
        return answer.status_code, answer.json()

    async def queued_again(self, message_id: str) -> Message:
        """Return the message once an attempt of it was refused and it is back in the queue."""
        message = await wait_until(
            self.gateway.database,
            self.gateway.clock,
            tenant_id=DEFAULT_TENANT,
            message_id=message_id,
            done=_is_refused_and_queued,
            patience=PATIENCE,
        )
        assert message is not None
        return message


def _is_refused_and_queued(message: Message) -> bool:
    refused = message.reason not in (None, "slot_missed")
    return message.state is MessageState.QUEUED and refused


@asynccontextmanager
async def running_simulator(
    credentials: Credentials, gateway_url: str, *, network_code: str = "310260", **switches: Any
) -> AsyncIterator[tuple[Simulator, str]]:
    """Run the simulated provider; it tells the gateway at `gateway_url`."""
    simulator = Simulator(
        replace(
            credentials.settings(),
            status_url=f"{gateway_url}/webhooks/status",
            inbound_url=f"{gateway_url}/webhooks/inbound",
            seed=7,
            network_code=network_code,
            switches=replace(QUICK, **switches),
        )
    )
    url = await simulator.start()
    try:
        yield simulator, url
    finally:
        await simulator.stop()


@asynccontextmanager
async def running_gateway(
    credentials: Credentials, database_url: str, provider_url: str, **settings: Any
) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient, str]]:
    """Run a gateway as `serve` does; `settings` change it, `clock` is its own if it has one."""
    clock = settings.pop("clock", None) or SystemClock()
    listener, url = settings.pop("listening", None) or listen("127.0.0.1", 0)
    given = {
        "vonage_api_key": credentials.api_key,
        "vonage_api_secret": credentials.api_secret,
        "vonage_application_id": credentials.application_id,
        "vonage_private_key": credentials.private_key,
        "vonage_signature_secret": credentials.signature_secret,
        "vonage_sender_number": SENDER,
        "vonage_base_url": provider_url,
        "database_url": database_url,
        "egress_allow": "127.0.0.0/8",
        "media_store": SPARE_STORE,
        "sender_rate": 1000,
        "account_rate": 1000,
        "stop_grace_s": 2,
        "resend_wait_s": 0.02,
        "api_key": KEY,
    }
    gateway = Gateway(
        load_settings(given | settings, env_file=None), clock=clock, random=Promptly()
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        served(gateway, listener),
        httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client,
    ):
        yield gateway, client, url


@asynccontextmanager
async def running_world(
    credentials: Credentials,
    database_url: str,
    *,
    switches: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Run both, connected."""
    async with AsyncExitStack() as stack:
        place = Place(credentials, database_url)
        await place.open(stack, **(switches or {}))
        yield await stack.enter_async_context(place.gateway(credentials, **settings))


class Place:
    """An address, a database and a provider, for gateways one after the other."""

    def __init__(self, credentials: Credentials, database_url: str) -> None:
        self._credentials = credentials
        self._database_url = database_url

    async def open(self, stack: AsyncExitStack, **switches: Any) -> None:
        """Run the provider, until `stack` closes."""
        self._listening = listen("127.0.0.1", 0)
        url = self._listening[1]
        self.simulator, self._provider_url = await stack.enter_async_context(
            running_simulator(self._credentials, url, **switches)
        )

    @asynccontextmanager
    async def gateway(self, credentials: Credentials, **settings: Any) -> AsyncIterator[World]:
        """Run one gateway, which may have other credentials than the provider knows.

        With `media_store` it hosts its files.
        """
        listening = self._listening
        if "media_store" in settings:
            settings["public_url"] = listening[1]
        if listening[0].fileno() < 0:
            port = int(listening[1].rsplit(":", 1)[1])
            listening = listen("127.0.0.1", port)
        async with running_gateway(
            credentials, self._database_url, self._provider_url, listening=listening, **settings
        ) as (gateway, client, _):
            yield World(gateway, client, self.simulator, self._provider_url)
