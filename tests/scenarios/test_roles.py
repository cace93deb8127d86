"""Processes with different roles over one PostgreSQL: they wake each other, and come and go."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.engine.stage import eventually
from tests.scenarios.world import RECIPIENT, running_gateway, running_simulator
from wirephoto.api.server import listen
from wirephoto.clock import SystemClock

REST_S_MIN = 0.25
"""Sleeps from here on are rests: nothing between a request and its receipt sleeps so long."""


class BellsOnly(SystemClock):
    """Whoever rests by this clock is woken by a bell, or never."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`, if that is no rest."""
        await super().sleep(86_400.0 if seconds >= REST_S_MIN else seconds)


class Fleet:
    """Processes over one database, and the provider; the process `api` must run to be asked."""

    def __init__(self, credentials: Any, database_url: str) -> None:
        self._credentials = credentials
        self._database_url = database_url
        self._listening = listen("127.0.0.1", 0)
        self._processes: dict[str, AsyncExitStack] = {}
        self.client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def running(self, *roles: str) -> AsyncIterator["Fleet"]:
        """Run the provider and a process for each of `roles`, a comma list or one."""
        async with AsyncExitStack() as stack:
            self.simulator, self._provider_url = await stack.enter_async_context(
                running_simulator(self._credentials, self._listening[1])
            )
            stack.push_async_callback(self._stop_all)
            for each in roles:
                await self.start(each)
            yield self

    async def start(self, roles: str) -> None:
        """Start a process."""
        process = self._processes[roles] = AsyncExitStack()
        given = {"listening": self._door()} if "api" in roles else {}
        _, client, _ = await process.enter_async_context(
            running_gateway(
                self._credentials,
                self._database_url,
                self._provider_url,
                clock=BellsOnly(),
                roles=roles,
                secret="s" * 40,
                **given,
            )
        )
        if "api" in roles:
            self.client = client

    def _door(self) -> tuple[socket.socket, str]:
        """Return the address that the provider knows, taken anew when it was left."""
        if self._listening[0].fileno() < 0:
            self._listening = listen("127.0.0.1", int(self._listening[1].rsplit(":", 1)[1]))
        return self._listening

    async def stop(self, roles: str) -> None:
        """Stop a process as its operator does."""
        await self._processes.pop(roles).aclose()

    async def send(self, **changes: Any) -> str:
        """Have a picture sent; return the message's id."""
        media = [{"url": f"{self._provider_url}/simulator/sample.jpg"}]
        body = {"to": RECIPIENT, "text": "A cat", "media": media} | changes
        given = {name: value for name, value in body.items() if value is not None}
        answer = await self.client.post("/v1/messages", json=given)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def reaches(self, message_id: str, *states: str) -> None:
        """Return once a message is in one of `states`."""
        await eventually(lambda: self._is_in(message_id, states))

    async def _is_in(self, message_id: str, states: tuple[str, ...]) -> bool:
        answer = await self.client.get(f"/v1/messages/{message_id}")
        return answer.json()["state"] in states

    async def _stop_all(self) -> None:
        for roles in list(self._processes):
            await self.stop(roles)


@pytest.fixture
def fleet(credentials: Any, postgres_url: str) -> Fleet:
    """Give a fleet that is not running yet."""
    return Fleet(credentials, postgres_url)


async def test_a_picture_goes_the_whole_way_without_anybody_looking(fleet):
    """Each step is another process' and is woken by the one before: no rest ever ends here."""
    async with fleet.running("api", "media", "dispatch", "inbound", "maintenance"):
        for _ in range(3):
            await fleet.reaches(await fleet.send(), "delivered")

    ledger = fleet.simulator.ledger
    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (3, {})


async def test_each_role_may_be_away_for_a_while(fleet):
    """What it would have done waits, and is done when a process of the role is there again."""
    waits_at = {"media": "preparing", "dispatch": "queued", "inbound": "submitted"}
    async with fleet.running("api", *waits_at):
        for role, state in waits_at.items():
            await fleet.stop(role)
            message_id = await fleet.send()
            await fleet.reaches(message_id, state)
            await fleet.start(role)
            await fleet.reaches(message_id, "delivered")

    ledger = fleet.simulator.ledger
    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (3, {})


async def test_the_door_may_be_closed_while_the_others_go_on(fleet):
    """A deploy of the HTTP interface is no reason for what was accepted to wait."""
    async with fleet.running("api", "media,dispatch,inbound"):
        ids = [await fleet.send(text=f"{number}") for number in range(5)]
        await fleet.stop("api")
        await eventually(lambda: fleet.simulator.ledger.accepted_total == 5)
        await fleet.start("api")
        for message_id in ids:
            # Receipts that found the door closed are repeated later than a test wants to wait.
            await fleet.reaches(message_id, "submitted", "delivered")

    assert fleet.simulator.ledger.repeated_client_refs() == {}


async def test_a_process_that_joins_and_leaves_costs_nothing(fleet):
    """Two dispatchers, then one, then another: each message leaves once."""
    async with fleet.running("api", "inbound", "dispatch", "media,dispatch"):
        ids = [await fleet.send(media=None, text=f"{number}") for number in range(10)]
        await fleet.stop("dispatch")
        ids += [await fleet.send(media=None, text=f"{number}") for number in range(10)]
        await fleet.start("dispatch")
        await fleet.stop("media,dispatch")
        ids += [await fleet.send(media=None, text=f"{number}") for number in range(10)]
        for message_id in ids:
            await fleet.reaches(message_id, "delivered")

    ledger = fleet.simulator.ledger
    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (30, {})
