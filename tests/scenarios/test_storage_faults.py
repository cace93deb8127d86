"""The database takes nothing more: whoever asks hears of it, and no message is lost or doubled."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from tests.cli.conftest import started
from tests.engine.stage import logged, receipt
from tests.factories import RECIPIENT
from tests.gateway import KEY, FakeProvider, running, settings_of
from tests.scenarios.faults import (
    files_at_most,
    full_file,
    full_server,
    query_only,
    read_only_file,
    read_only_server,
)
from tests.scenarios.world import SENDER, running_simulator
from wirephoto.api.server import listen
from wirephoto.clock import SystemClock
from wirephoto.simulator.settings import Credentials
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.examination import examine
from wirephoto.storage.schema import messages

PATIENCE_S = 60.0
IN_FLIGHT = 8
WAITING = 12
FAULTS = [
    pytest.param("sqlite", full_file, id="full-sqlite"),
    pytest.param("sqlite", query_only, id="query-only-sqlite"),
    pytest.param("sqlite", read_only_file, id="read-only-sqlite"),
    pytest.param("postgres", full_server, id="full-postgres"),
    pytest.param("postgres", read_only_server, id="read-only-postgres"),
]


class Customer:
    """Posts texts, each under a key of its own, and remembers which were promised."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.promised: list[str] = []

    async def post(self, text: str) -> httpx.Response:
        """Ask for a text to be sent; one that was asked for before has its key still."""
        body = {"to": RECIPIENT, "text": text}
        headers = {"Idempotency-Key": text.split()[0]}
        answer = await self._client.post("/v1/messages", json=body, headers=headers)
        if answer.status_code == 202:
            self.promised.append(text)
        return answer

    async def post_until_refused(self) -> tuple[str, httpx.Response]:
        """Go on posting until one is refused; return its text and the answer."""
        for number in range(500):
            text = f"during-{number} {'x' * 900}"
            answer = await self.post(text)
            if answer.status_code != 202:
                return text, answer
        raise AssertionError("nothing was refused")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when `condition` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await SystemClock().sleep(0.05)


async def states(database: Database) -> Counter[str]:
    """Return how many messages are in each state."""
    async with database.read() as tx:
        return Counter((await tx.execute(select(messages.c.state))).scalars())


async def broken(database: Database) -> list[str]:
    """Return which invariants do not hold."""
    found = [finding async for finding in examine(database)]
    return [finding.invariant.name for finding in found if not finding.holds]


@pytest.mark.parametrize(("database_url", "fault"), FAULTS, indirect=["database_url"])
async def test_a_database_that_takes_nothing_loses_and_doubles_nothing(database_url, fault):
    """In the middle of traffic: some on the wire, some waiting, some being posted."""
    provider = FakeProvider()
    settings = settings_of(
        database_url, in_flight_max=IN_FLIGHT, lease_s=2, webhooks_unsigned="loopback"
    )
    with logged() as lines:
        async with running(settings, provider=provider) as (gateway, client):
            customer = Customer(client)
            for number in range(IN_FLIGHT + WAITING):
                assert (await customer.post(f"before-{number}")).status_code == 202
            await until(lambda: is_on_the_wire(provider))
            told = {
                "json": receipt(provider.submissions[0].client_ref, str(uuid4()), "delivered")
                | {"padding": "x" * 5000}
            }

            async with fault(gateway.database):
                refused, answer = await customer.post_until_refused()
                webhook = await client.post("/webhooks/status", **told)
                provider.open.set()
                await gateway.clock.sleep(1.2)  # answers come, and are tried twice
                still = await states(gateway.database)
                read = await client.get("/v1/messages")

            assert (await customer.post(refused)).status_code == 202
            assert (await client.post("/webhooks/status", **told)).status_code == 200
            count = len(customer.promised)

            async def is_all_sent() -> bool:
                return await states(gateway.database) == {"submitted": count - 1, "delivered": 1}

            await until(is_all_sent)
            assert await broken(gateway.database) == []

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert (webhook.status_code, webhook.headers["retry-after"]) == (503, "1")
    assert read.status_code == 200
    assert still["sending"] > 0
    assert still.total() == count - 1
    assert Counter(each.text for each in provider.submissions) == Counter(customer.promised)
    assert {line["error"].split(":")[0] for line in lines if "error" in line} == {"database"}
    assert not [line for line in lines if line.get("exc_info")]


async def is_on_the_wire(provider: FakeProvider) -> bool:
    """Tell whether the dispatcher is busy: for the last few places it does not claim."""
    return len(provider.submissions) >= IN_FLIGHT - 2


def environment(credentials: Credentials, provider_url: str) -> dict[str, str]:
    """Return the settings of a process that sends through the provider there."""
    return {
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY": credentials.private_key.replace("\n", "\\n"),
        "VONAGE_SIGNATURE_SECRET": credentials.signature_secret,
        "VONAGE_API_KEY": credentials.api_key,
        "VONAGE_API_SECRET": credentials.api_secret,
        "VONAGE_BASE_URL": provider_url,
        "VONAGE_SENDER_NUMBER": SENDER,
        "WIREPHOTO_SENDER_RATE": "30",
        "WIREPHOTO_LEASE_S": "2",
        "WIREPHOTO_API_KEY": KEY,
    }


async def test_a_process_whose_files_may_not_grow_lives_and_goes_on(credentials, tmp_path):
    """The system sends a signal as well, which ends a process that does not expect it."""
    listener, url = listen("127.0.0.1", 0)
    listener.close()
    path = tmp_path / "data" / "wirephoto.db"
    async with running_simulator(credentials, url) as (simulator, provider_url):
        serve = ["serve", "--port", url.rpartition(":")[2]]
        variables = environment(credentials, provider_url)
        with started(*serve, folder=tmp_path, **variables) as process:
            await asyncio.to_thread(process.until, "Wirephoto listens on")
            side = open_database(f"sqlite:///{path}")
            async with httpx.AsyncClient(
                base_url=url, headers={"X-API-Key": KEY}, timeout=30, trust_env=False
            ) as client:
                customer = Customer(client)
                for number in range(WAITING):
                    assert (await customer.post(f"before-{number}")).status_code == 202
                with files_at_most(path.with_name("wirephoto.db-wal").stat().st_size, process.pid):
                    refused, answer = await customer.post_until_refused()
                    await SystemClock().sleep(1.0)
                    alive = await client.get("/healthz")
                assert (await customer.post(refused)).status_code == 202

                async def is_all_delivered() -> bool:
                    return await states(side) == {"delivered": len(customer.promised)}

                await until(is_all_delivered)
            code = await asyncio.to_thread(process.end, signal.SIGTERM)
            assert await broken(side) == []
            await side.close()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (alive.status_code, code) == (200, 0)
    assert "disk I/O error (SQLITE_IOERR" in process.err
    assert "Traceback" not in process.err
    sent = Counter(each.body["text"] for each in simulator.accepted)
    assert sent == Counter(customer.promised)
