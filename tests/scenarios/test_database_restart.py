"""PostgreSQL stops, crashes and cuts sessions in the middle of traffic: nothing lost or doubled."""

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.engine.stage import eventually, logged
from tests.factories import send_request
from tests.gateway import FakeProvider, running, settings_of, states_in
from tests.scenarios.postgres_server import OwnServer, own_server
from tests.scenarios.world import World, running_world
from tests.storage.writing import end_sessions
from wirephoto.clock import SystemClock
from wirephoto.storage.database import open_database

WORKERS = 4
PAUSE_S = 0.05
LEASE_S = 2.0
"""Short: what was claimed while the database went away is free again within the test."""
TAKEN = ("submitted", "delivered")
"""Receipts that found the database away are repeated later than a test wants to wait."""
SECRET = "a-signature-secret-that-is-long-enough"


@pytest.fixture
async def server() -> AsyncIterator[OwnServer]:
    """Give a server that nobody else uses."""
    async with own_server() as server:
        yield server


class Traffic:
    """Clients that send one message after the other, and repeat what was answered 503."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._numbers = itertools.count()
        self._clock = SystemClock()
        self.ids: list[str] = []
        self.answers: Counter[int] = Counter()

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Send for as long as the block runs; what is begun is brought to an end."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._send_until(enough))
            yield
            enough.set()

    async def more(self, status: int, count: int) -> None:
        """Return once `count` more requests have been answered so."""
        wanted = self.answers[status] + count
        await eventually(lambda: self.answers[status] >= wanted)

    async def _send_until(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            self.ids.append(await self._accepted(next(self._numbers)))
            await self._clock.sleep(PAUSE_S)

    async def _accepted(self, number: int) -> str:
        headers = {"Idempotency-Key": f"message-{number}"}
        body = send_request(text=f"{number}", media=None)
        while True:
            answer = await self._client.post("/v1/messages", json=body, headers=headers)
            self.answers[answer.status_code] += 1
            if answer.status_code == 202:
                return str(answer.json()["id"])
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
            await self._clock.sleep(PAUSE_S)


async def all_left_once(world: World, ids: list[str]) -> None:
    """Check that each message that was accepted went out, and went out once."""
    assert len(set(ids)) == len(ids)
    # Duties that failed meanwhile rest for some seconds before they try again.
    await eventually(lambda: not any(runner.failures for runner in world.gateway.runners))
    for message_id in ids:
        assert (await world.until(message_id, *TAKEN)).state in TAKEN
    ledger = world.simulator.ledger
    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (len(ids), {})


async def test_restarts_in_the_middle_of_traffic(credentials, server):
    """Requests get 503 and are repeated; dispatcher, receipts and listener come back alone."""
    async with running_world(
        credentials, server.url, sender_rate=200, account_rate=200, lease_s=LEASE_S
    ) as world:
        traffic = Traffic(world.client)
        with logged() as lines:
            async with traffic.flowing():
                for end in (server.stop, server.crash):
                    await traffic.more(202, 10)
                    await end()
                    await traffic.more(503, 5)
                    await server.start()
                    await eventually(lambda: world.gateway.database.is_listening)
                await traffic.more(202, 10)
            await all_left_once(world, traffic.ids)
            await world.until(traffic.ids[-1], "delivered")

        assert await world.state(traffic.ids[-1]) == "delivered"
        assert await world.ready() == (200, {"status": "ok", "findings": []})
    told = Counter(line["event"] for line in lines)
    assert (told["listener_lost"], told["listener_restored"]) == (2, 2)


async def test_sessions_that_are_cut_in_the_middle_of_traffic(credentials, postgres_url):
    """A pooler that restarts, a network that blinks: some 503s, and nobody needs to come."""
    database = open_database(postgres_url)
    async with running_world(
        credentials, postgres_url, sender_rate=200, account_rate=200, lease_s=LEASE_S
    ) as world:
        traffic = Traffic(world.client)
        async with traffic.flowing():
            for _ in range(5):
                await traffic.more(202, 5)
                await end_sessions(database, "")
            # Until the pool has met its cut connections: the test's own reads are not repeated.
            await traffic.more(202, 10)
        await all_left_once(world, traffic.ids)

        await eventually(lambda: world.gateway.database.is_listening)
    await database.close()


async def test_an_answer_that_could_not_be_stored_is_stored_later(server):
    """The provider took it: forgotten, it would be in doubt, or go out twice."""
    provider = FakeProvider()
    settings = settings_of(server.url, lease_s=LEASE_S)
    async with running(settings, provider=provider) as (_, client):
        answer = await client.post("/v1/messages", json=send_request())
        assert answer.status_code == 202
        await provider.asked.wait()
        await server.stop()
        provider.open.set()
        assert (await client.get("/readyz")).status_code == 503
        await server.start()

        await eventually(lambda: _is_stored(server.url, "submitted"))

    assert len(provider.submissions) == 1


async def _is_stored(url: str, state: str) -> bool:
    return await states_in(url) == [state]


async def test_a_webhook_that_cannot_be_stored_is_asked_for_again(server):
    """A 4xx would lose it for good, a 200 as well; a 503 makes the provider repeat for a day."""
    settings = settings_of(server.url, vonage_signature_secret=SECRET)
    async with running(settings, provider=FakeProvider()) as (_, client):
        body, headers = _receipt()
        await server.stop()
        for kind in ("status", "inbound"):
            refused = await client.post(f"/webhooks/{kind}", content=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        await server.start()
        for kind in ("status", "inbound"):
            await eventually(lambda kind=kind: _is_taken(client, kind, body, headers))


async def _is_taken(client: httpx.AsyncClient, kind: str, body: bytes, headers: Any) -> bool:
    answer = await client.post(f"/webhooks/{kind}", content=body, headers=headers)
    assert answer.status_code in (200, 503)
    return answer.status_code == 200


def _receipt() -> tuple[bytes, dict[str, str]]:
    """Return a receipt as the provider posts it, signed."""
    body = json.dumps({"message_uuid": str(uuid4()), "status": "delivered"}).encode()
    said = {
        "iss": "Vonage",
        "iat": int(SystemClock().now().timestamp()),
        "jti": str(uuid4()),
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    token = jwt.encode(said, SECRET, algorithm="HS256")
    return body, {"Authorization": f"Bearer {token}"}
