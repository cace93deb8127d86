"""A whole process: it starts, shares its database with others, and stops in order."""

import asyncio
import socket
import time
from contextlib import closing

import httpx
import pytest
from sqlalchemy import text, update

from tests.factories import PICTURE, RECIPIENT, send_request
from tests.gateway import KEY, UUID, FakeProvider, running, settings_of, states_in
from tests.virtual_clock import VirtualClock
from wirephoto.api.server import listen
from wirephoto.bootstrap import FAILURES_MAX, Gateway, served
from wirephoto.clock import SystemClock
from wirephoto.errors import SchemaMismatch, SettingsInvalid, StorageUnavailable
from wirephoto.storage.database import open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import schema_version

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
START_S_MAX = 2.0
SIMPLE = {"recipient": RECIPIENT, "imageUrl": PICTURE}


async def test_it_starts_in_under_two_seconds(database_url):
    """A restart must be over before anybody's retry gives up (DESIGN, section 6)."""
    begun = time.perf_counter()

    async with running(settings_of(database_url), provider=FakeProvider()) as (_, client):
        alive = await client.get("/healthz")

        assert alive.status_code == 200
        assert time.perf_counter() - begun < START_S_MAX


async def test_whoever_waits_for_an_answer_gets_it_before_the_process_stops(database_url):
    """HTTP ends first, and the dispatcher goes on until then: a deploy costs no 500s."""
    provider = FakeProvider()
    gateway = Gateway(settings_of(database_url), clock=SystemClock(), provider=provider)
    listener, url = listen("127.0.0.1", 0)
    stop = asyncio.Event()

    async def serve() -> None:
        async with served(gateway, listener):
            await stop.wait()

    serving = asyncio.create_task(serve())
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}, timeout=30) as client:
        waiting = asyncio.create_task(client.post("/send-mms", json=SIMPLE))
        await provider.asked.wait()
        stop.set()
        async with asyncio.timeout(20):
            while await _is_open(url):
                pass
        provider.open.set()
        answer = await waiting
        await serving

    assert (answer.status_code, answer.json()["message_uuid"]) == (200, f"{UUID[:-3]}001")
    assert await states_in(database_url) == ["submitted"]


async def _is_open(url: str) -> bool:
    """Tell whether somebody still takes connections."""
    port = int(url.rpartition(":")[2])
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_stop_leaves_nothing_claimed(database_url):
    """The next process finds everything queued, and need not wait for leases to run out."""
    provider = FakeProvider()
    provider.open.set()
    async with running(settings_of(database_url, sender_rate=20.0), provider=provider) as (
        _,
        client,
    ):
        batch = {"messages": [send_request() for _ in range(50)]}
        assert (await client.post("/v1/messages/batch", json=batch)).status_code == 200
        await provider.asked.wait()

    states = await states_in(database_url)
    assert set(states) == {"queued", "submitted"}
    assert states.count("submitted") == len(provider.submissions)


async def test_what_a_process_left_behind_is_sent_by_the_next(database_url):
    """A restart is no reason for a picture to be late, or to go twice."""
    provider = FakeProvider()
    settings = settings_of(database_url, sender_rate=50.0)
    async with running(settings, provider=FakeProvider()) as (gateway, client):
        await gateway.dispatcher.stop(0)
        batch = {"messages": [send_request() for _ in range(5)]}
        await client.post("/v1/messages/batch", json=batch)

    provider.open.set()
    async with running(settings, provider=provider), asyncio.timeout(20):
        while set(await states_in(database_url)) != {"submitted"}:
            pass

    assert len(provider.submissions) == 5


@on_sqlite
async def test_an_answer_that_never_comes_does_not_keep_a_process_alive(database_url):
    """After its grace the process ends; the message is in doubt, and nobody sends it again."""
    provider = FakeProvider()
    gateway = Gateway(
        settings_of(database_url, stop_grace_s=0.05), clock=SystemClock(), provider=provider
    )
    listener, url = listen("127.0.0.1", 0)

    async with asyncio.timeout(20), served(gateway, listener):
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}) as client:
            await client.post("/v1/messages", json=send_request())
        await provider.asked.wait()

    assert await states_in(database_url) == ["sending"]


async def test_a_database_that_is_too_new_is_left_alone(database_url):
    """During a rolling upgrade an old process must stop, not write what it misunderstands."""
    database = open_database(database_url)
    await upgrade(database)
    async with database.transaction() as tx:
        await tx.execute(update(schema_version).values(code_revision_min=999))
    await database.close()

    gateway = Gateway(settings_of(database_url), clock=SystemClock())
    with pytest.raises(SchemaMismatch, match="upgrade wirephoto"):
        await gateway.start()
    await gateway.stop()


async def test_a_database_that_is_out_of_reach_is_told():
    """A supervisor starts the process again; nothing is half started meanwhile."""
    listener, _ = listen("127.0.0.1", 0)
    settings = settings_of("postgresql://me@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailable):
        async with served(Gateway(settings, clock=SystemClock()), listener):
            pytest.fail("it cannot serve")

    assert listener.fileno() == -1


@on_sqlite
async def test_one_process_serves_a_sqlite_file(database_url):
    """Two would each take the other's claims for their own."""
    settings = settings_of(database_url)
    async with running(settings, provider=FakeProvider()):
        second = Gateway(settings, clock=SystemClock())
        with pytest.raises(SettingsInvalid, match="another process serves this SQLite file"):
            await second.start()
        await second.stop()

    async with running(settings, provider=FakeProvider()) as (_, client):
        assert (await client.get("/readyz")).status_code == 200


async def test_several_processes_share_a_postgresql_database(postgres_url):
    """Each message leaves once, whoever accepted it and whoever sends it."""
    providers = [FakeProvider(), FakeProvider()]
    for provider in providers:
        provider.open.set()
    settings = settings_of(postgres_url)
    async with (
        running(settings, provider=providers[0]) as (_, one),
        running(settings, provider=providers[1]) as (_, two),
        asyncio.timeout(30),
    ):
        for client in (one, two):
            batch = {"messages": [send_request() for _ in range(20)]}
            assert (await client.post("/v1/messages/batch", json=batch)).status_code == 200
        while set(await states_in(postgres_url)) != {"submitted"}:
            pass

    sent = [each.client_ref for provider in providers for each in provider.submissions]
    assert len(sent) == len(set(sent)) == 40


@on_sqlite
async def test_a_duty_that_fails_again_and_again_makes_the_process_unready(database_url):
    """A process that does not do its work must not be taken for one that has none."""
    clock = VirtualClock()
    settings = settings_of(database_url, vonage_signature_secret="s" * 32)
    async with running(settings, clock=clock, provider=FakeProvider()) as (gateway, client):
        before = await client.get("/readyz")
        async with gateway.database.transaction() as tx:
            await tx.connection.execute(text("DROP TABLE webhooks"))
        inbound = next(runner for runner in gateway.runners if runner.duty.name == "inbound")
        async with asyncio.timeout(20):
            while inbound.failures < FAILURES_MAX:
                await clock.advance(1)

        after = await client.get("/readyz")

    assert (before.status_code, before.json()["status"]) == (200, "ok")
    assert (after.status_code, after.json()["status"]) == (503, "unavailable")
    assert after.json()["findings"][0]["what"] == "inbound"


def test_an_address_is_told_as_it_is_typed() -> None:
    """An address of IPv6 stands in brackets, or the URL that is printed cannot be opened."""
    listener, url = listen("127.0.0.1", 0)
    with closing(listener):
        assert url == f"http://127.0.0.1:{listener.getsockname()[1]}"
    if socket.has_ipv6:
        try:
            listener, url = listen("::1", 0)
        except OSError:
            return  # this machine has no IPv6 address
        with closing(listener):
            assert url == f"http://[::1]:{listener.getsockname()[1]}"
