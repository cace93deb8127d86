"""`/metrics`: who may read it, what it costs, and what it says when the database is away."""

from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.application import client_of, make_exposition
from tests.api.conftest import with_services
from tests.engine.stage import logged
from tests.factories import make_message
from tests.storage.writing import store
from wirephoto.api.app import create_app
from wirephoto.api.metrics import KEPT_S_MIN, create_metrics_app
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.engine.loop import Runner
from wirephoto.errors import StorageUnavailable

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def values(page):
    """Return a page's samples by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_a_key_that_may_read_gets_the_metrics(app, store_key):
    """As Prometheus reads them."""
    async with client_of(app, key=await store_key(Scope.READ)) as client:
        answer = await client.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert values(answer.text)["wirephoto_database_up",] == 1


@on_sqlite
async def test_without_a_key_there_are_none(app):
    """How much is sent, and when, is nobody else's business."""
    async with client_of(app, key=None) as client:
        assert (await client.get("/metrics")).status_code == 401


@on_sqlite
async def test_another_tenants_key_may_not(app, store_key, other_tenant):
    """The numbers are about all tenants, and name their campaigns."""
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)
    async with client_of(app, key=key) as client:
        assert (await client.get("/metrics")).status_code == 403


@on_sqlite
async def test_on_a_port_of_their_own_they_need_no_key(database, clock):
    """And nothing else is served there."""
    app = create_metrics_app(make_exposition(database, clock))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://metrics.test") as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/v1/messages")).status_code == 404


async def test_what_the_database_told_is_kept_for_a_moment(database, clock):
    """Several scrapers, or one that is impatient, must not count the queue all the time."""
    exposition = make_exposition(database, clock)
    await exposition.page()
    await store(database, make_message())

    early = values((await exposition.page()).decode())
    await clock.advance(KEPT_S_MIN)
    late = values((await exposition.page()).decode())

    assert ("wirephoto_queue_messages", "cmp_default") not in early
    assert late["wirephoto_queue_messages", "cmp_default"] == 1
    assert late["wirephoto_reading_age_seconds",] == 0


class AwayDatabase:
    """A database that cannot be reached, after a hang where there is one."""

    hang = None
    asked = 0

    @asynccontextmanager
    async def read(self):
        self.asked += 1
        if self.hang:
            await self.hang()
        raise StorageUnavailable("database: away")
        yield


async def test_without_the_database_there_is_still_a_page(clock):
    """That is when one looks; what nobody can tell is missing, not old."""
    exposition = make_exposition(AwayDatabase(), clock)

    found = values((await exposition.page()).decode())

    assert found["wirephoto_database_up",] == 0
    assert ("wirephoto_webhooks_waiting",) not in found
    assert ("wirephoto_messages_accepted_total",) in found


async def test_a_database_that_came_back_is_seen_soon(clock):
    """A hang of a minute must not be told for twenty."""
    database = AwayDatabase()
    exposition = make_exposition(database, clock)

    async def hang():
        await clock.advance(60.0)

    database.hang = hang
    await exposition.page()
    database.hang = None
    await clock.advance(KEPT_S_MIN)
    await exposition.page()

    assert database.asked == 2


async def test_a_fault_of_the_page_is_answered_and_logged(clock):
    """A scraper sees a number, the operator's log what is wrong."""
    exposition = make_exposition(None, clock)
    transport = httpx.ASGITransport(app=create_metrics_app(exposition))
    async with httpx.AsyncClient(transport=transport, base_url="http://metrics.test") as client:
        with logged() as lines:
            answer = await client.get("/metrics")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert [line["event"] for line in lines] == ["request_failed"]


class Duty:
    """A duty that has a name."""

    name = "work"


@on_sqlite
async def test_duties_tell_when_they_last_turned_and_how_often_they_failed(database, clock):
    """A loop that hangs fails nothing: only the time since its last turn shows it."""
    runner, fresh = Runner(Duty(), clock), Runner(Duty(), clock)
    runner.turned_at, runner.failures_total = clock.now(), 3

    found = values(
        (await make_exposition(database, clock, runners=lambda: [runner]).page()).decode()
    )
    new = values((await make_exposition(database, clock, runners=lambda: [fresh]).page()).decode())

    assert found["wirephoto_loop_failures_total", "work"] == 3
    turned = ("wirephoto_loop_turned_timestamp_seconds", "work")
    assert found[turned] == clock.now().timestamp()
    assert new[turned] == 0


@on_sqlite
async def test_disks_tell_how_full_they_are(database, clock, tmp_path):
    """A folder that is not there yet has no disk."""
    volumes = {"media": tmp_path, "database": tmp_path / "missing"}

    found = values((await make_exposition(database, clock, volumes=volumes).page()).decode())

    free, size = (found[f"wirephoto_disk_{name}_bytes", "media"] for name in ("free", "size"))
    assert 0 < free <= size
    assert ("wirephoto_disk_free_bytes", "database") not in found


@on_sqlite
async def test_a_process_without_the_interface_tells_its_metrics_too(app):
    """Whatever its roles are, somebody has to see what it does."""

    services = services_of(with_services(app, roles=frozenset({"dispatch"})))
    async with client_of(create_app(services)) as client:
        assert (await client.get("/metrics")).status_code == 200
