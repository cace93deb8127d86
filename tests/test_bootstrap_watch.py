"""What a process tells of itself while it works: counts, times, spans, and on which port."""

import contextlib
import socket
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import send_request
from tests.gateway import FakeProvider, running, settings_of
from wirephoto.api.server import listen
from wirephoto.bootstrap import Gateway, open_error_tracker, served
from wirephoto.bootstrap.watch import Watch
from wirephoto.clock import SystemClock
from wirephoto.domain.media import Fitting, Form
from wirephoto.domain.message import MessageState
from wirephoto.engine.moves import wait_until
from wirephoto.errors import MediaRefused, SettingsInvalid, WorkerFailed
from wirephoto.storage.database import open_database
from wirephoto.tracing import Traces

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DSN = "https://key@errors.example.com/7"


def values(page):
    """Return a page's samples by name and labels, those in the order of their names."""
    return {
        (sample.name, *[value for _, value in sorted(sample.labels.items())]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def submitted(gateway, client):
    """Have a message sent; return its id once the provider has taken it."""
    answer = await client.post("/v1/messages", json=send_request())
    message = await wait_until(
        gateway.database,
        gateway.clock,
        tenant_id="tnt_default",
        message_id=answer.json()["id"],
        done=lambda message: message.state is MessageState.SUBMITTED,
        patience=timedelta(seconds=15),
    )
    return message.id


async def test_a_message_on_its_way_is_counted_in_every_place(database_url):
    """Acceptance, slot, request, answer and transactions: each from where it happens."""
    provider = FakeProvider()
    provider.open.set()
    async with running(settings_of(database_url), provider=provider) as (gateway, client):
        await submitted(gateway, client)

        found = values((await client.get("/metrics")).text)

    assert found["wirephoto_messages_accepted_total",] == 1
    assert found["wirephoto_messages_moved_total", "submitted"] == 1
    assert found["wirephoto_provider_answers_total", "accepted", "accepted"] == 1
    assert found["wirephoto_slots_used_total", "cmp_default"] >= 1
    assert found["wirephoto_database_seconds_count", "write"] > 0
    assert found["wirephoto_loop_turned_timestamp_seconds", "dispatch"] > 0
    assert found["wirephoto_messages_open", "submitted"] == 1


@on_sqlite
async def test_a_message_on_its_way_is_traced(database_url):
    """Handed over by the time the process has stopped."""
    exporter, provider = InMemorySpanExporter(), FakeProvider()
    provider.open.set()
    async with running(settings_of(database_url), provider=provider, traces=Traces(exporter)) as (
        gateway,
        client,
    ):
        await submitted(gateway, client)

    names = [span.name for span in exporter.get_finished_spans()]
    assert names[0] == "message accept"
    assert names[-1] == "message submit"


class FakeFitter:
    """Does what it is told."""

    def __init__(self, end):
        self._end = end

    async def fit(self, source, target, output):
        if isinstance(self._end, Exception):
            raise self._end
        return self._end


def make_fitting(steps):
    form = Form("image/jpeg", 1000)
    return Fitting(form, form, steps, (), took_ms=1)


ENDS = [
    (make_fitting(("scaled",)), "fitted"),
    (make_fitting(()), "untouched"),
    (MediaRefused("corrupt", "x"), "refused"),
    (WorkerFailed("x"), "failed"),
]


@on_sqlite
@pytest.mark.parametrize(("end", "outcome"), ENDS, ids=[outcome for _, outcome in ENDS])
async def test_each_file_is_counted_by_what_became_of_it(database_url, end, outcome):
    """A worker that dies is another matter than a file that nobody could fit."""
    database = open_database(database_url)
    watch = Watch(settings_of(database_url), database)
    fitter = watch.fitter(FakeFitter(end))

    with contextlib.suppress(MediaRefused, WorkerFailed):
        assert await fitter.fit(Path("a"), None, Path("b")) is end

    page = await watch.exposition(SystemClock(), runners=list, dispatcher=lambda: None).page()
    await database.close()
    assert values(page.decode())["wirephoto_media_fit_seconds_count", outcome] == 1


@on_sqlite
async def test_the_metrics_have_a_port_of_their_own_where_one_is_set(database_url):
    """A scraper inside needs no key there, and the port is closed with the process."""
    port = free_port()
    settings = settings_of(database_url, metrics_port=port)
    gateway = Gateway(settings, clock=SystemClock(), provider=FakeProvider())

    async with (
        served(gateway, listen("127.0.0.1", 0)[0]),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        answer = await client.get("/metrics")

    assert values(answer.text)["wirephoto_database_up",] == 1
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@on_sqlite
async def test_a_port_that_is_taken_is_named_before_anything_starts(database_url):
    """Found out by the name of the setting, and nothing is left open."""
    taken, _ = listen("127.0.0.1", 0)
    with taken:
        settings = settings_of(database_url, metrics_port=taken.getsockname()[1])
        gateway = Gateway(settings, clock=SystemClock(), provider=FakeProvider())
        with pytest.raises(SettingsInvalid, match="WIREPHOTO_METRICS_PORT: cannot be listened on"):
            async with served(gateway, listen("127.0.0.1", 0)[0]):
                pass

    assert gateway.runners == []


def free_port():
    with listen("127.0.0.1", 0)[0] as listener:
        return listener.getsockname()[1]


@on_sqlite
async def test_traces_without_their_extra_are_refused_at_the_start(database_url, monkeypatch):
    """Not by a collector that stays empty."""
    monkeypatch.setitem(sys.modules, "wirephoto.tracing", None)
    settings = settings_of(database_url, otlp_url="http://collector:4318")
    database = open_database(database_url)

    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_OTLP_ENDPOINT: needs the extra"):
        Watch(settings, database)

    await database.close()


@on_sqlite
def test_error_tracking_without_its_extra_is_refused_at_the_start(database_url, monkeypatch):
    """Not when the first error happens, which would then be lost."""
    monkeypatch.setitem(sys.modules, "wirephoto.error_tracking", None)

    with pytest.raises(SettingsInvalid, match="SENTRY_DSN: needs the extra"):
        open_error_tracker(settings_of(database_url, sentry_dsn=DSN))


@on_sqlite
def test_errors_are_reported_where_the_settings_say(database_url):
    """And to nobody where they do not."""
    assert open_error_tracker(settings_of(database_url)) is None
    tracker = open_error_tracker(settings_of(database_url, sentry_dsn=DSN))
    assert tracker is not None
    tracker.close()


@on_sqlite
async def test_traces_go_where_the_settings_say(database_url):
    """Nothing is asked of the collector before there are spans."""
    database = open_database(database_url)
    watch = Watch(settings_of(database_url, otlp_url="http://collector:4318/"), database)

    await watch.close()
    await database.close()
