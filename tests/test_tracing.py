"""One trace for each message: what its spans are called, how long they are, and what they tell."""

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.factories import NOW, RECIPIENT, make_ids, make_message
from wirephoto.domain.event import Event, message_event
from wirephoto.domain.message import MessageState
from wirephoto.ids import uuid_of
from wirephoto.tracing import EXPORT_S, Traces, open_traces

IDS = make_ids(3)
LIFE = ("preparing", "queued", "sending", "submitted", "delivered", "read")


def event_of(message, state, after_s):
    at = NOW + timedelta(seconds=after_s)
    moved = replace(message, state=MessageState(state), updated_at=at)
    return message_event(IDS.new("evt", at), moved)


def traced(*transactions, share=1.0):
    """Return the spans of events that were committed, each with the ids of new messages."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter, share=share)
    for events, accepted in transactions:
        traces.committed(events, accepted)
    traces.close()
    return list(exporter.get_finished_spans())


def life_of(message, states=LIFE):
    """Return the transactions of a message that moves each second."""
    return [
        ([event_of(message, state, second)], {message.id} if second == 0 else set())
        for second, state in enumerate(states)
    ]


def at(nanos):
    return datetime.fromtimestamp(nanos / 1e9, UTC)


def test_a_message_is_one_trace_from_acceptance_to_the_last_receipt():
    """Whoever asks where the time went sees it part by part."""
    message = make_message()

    spans = traced(*life_of(message))

    assert [span.name for span in spans] == [
        "message accept",
        "message prepare",
        "message wait",
        "message submit",
        "message receipt",
        "message receipt",
    ]
    root, *others = spans
    assert {span.context.trace_id for span in spans} == {uuid_of(message.id)}
    assert root.parent is None
    assert {span.parent.span_id for span in others} == {root.context.span_id}
    assert len({span.context.span_id for span in spans}) == len(spans)
    assert [span.attributes["wirephoto.state"] for span in spans] == list(LIFE)
    submit = spans[3]
    assert at(submit.start_time) == NOW + timedelta(seconds=2)
    assert at(submit.end_time) == NOW + timedelta(seconds=3)


def test_another_process_continues_the_trace():
    """It knows the message's id and no more: the span is as short as what it saw."""
    message = make_message()

    [span] = traced(([event_of(message, "delivered", 9)], set()))

    assert span.name == "message receipt"
    assert span.context.trace_id == uuid_of(message.id)
    assert span.start_time == span.end_time


def test_a_message_that_failed_is_marked():
    """A list of traces shows at a glance which ones to open."""
    spans = traced(*life_of(make_message(), ("queued", "failed")))

    assert [span.status.status_code for span in spans] == [StatusCode.UNSET, StatusCode.ERROR]


def test_a_share_traces_the_same_messages_in_every_process():
    """Half a trace helps nobody."""
    transactions = [life_of(make_message())[:2] for _ in range(200)]

    one, other = (traced(*[part[half] for part in transactions], share=0.3) for half in (0, 1))

    kept = {span.context.trace_id for span in one}
    assert kept == {span.context.trace_id for span in other}
    assert 30 < len(kept) < 90
    assert traced(*transactions[0], share=0.0) == []


def test_spans_tell_codes_and_no_words_of_people():
    """A collector is often somebody else's: `detail` may quote what the provider said."""
    message = make_message(state=MessageState.FAILED, reason="bad", detail=f"To {RECIPIENT}: hi")
    event = message_event(IDS.new("evt", NOW), message)

    [span] = traced(([event], set()))

    assert dict(span.attributes) == {
        "wirephoto.message_id": message.id,
        "wirephoto.state": "failed",
        "wirephoto.reason": "bad",
    }


def test_events_of_other_things_make_no_span():
    """The outbox may tell of more than messages."""
    event = Event("evt_x", "tnt_default", "inb_x", "inbound.received", {}, NOW)

    assert traced(([event], set())) == []


def test_a_collector_that_is_away_holds_nothing_up():
    """Not even a process that stops, beyond a few seconds."""
    traces = open_traces("http://127.0.0.1:9", share=1.0)
    for events, accepted in life_of(make_message()):
        traces.committed(events, accepted)
    begun = time.perf_counter()

    traces.close()

    assert time.perf_counter() - begun < EXPORT_S + 2


class SilentExporter(SpanExporter):
    """Takes each batch, and answers nothing until it is told to stop."""

    def __init__(self):
        self.batches = 0
        self.stopped = threading.Event()

    def export(self, spans):
        self.batches += 1
        self.stopped.wait(10)
        return SpanExportResult.FAILURE

    def shutdown(self):
        self.stopped.set()


def test_a_collector_that_never_answers_is_waited_for_once(monkeypatch):
    """Whoever stops would else wait for each batch of a full queue."""
    monkeypatch.setattr("wirephoto.tracing.EXPORT_S", 0.05)
    exporter = SilentExporter()
    traces = Traces(exporter)
    for _ in range(300):
        for events, accepted in life_of(make_message()):
            traces.committed(events, accepted)
    begun = time.perf_counter()

    traces.close()

    assert exporter.batches > 1
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("status", [200, 400])
async def test_spans_leave_by_otlp_over_http(status):
    """To `/v1/traces` of the collector; what it refuses is lost, and not offered again."""
    got = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.path, request.content_type, await request.read()))
        return web.Response(status=status)

    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    message = make_message()

    traces = open_traces(f"http://127.0.0.1:{runner.addresses[0][1]}", share=1.0)
    for events, accepted in life_of(message):
        traces.committed(events, accepted)
    await asyncio.to_thread(traces.close)
    await runner.cleanup()

    [(path, content_type, body)] = got
    assert (path, content_type) == ("/v1/traces", "application/x-protobuf")
    assert uuid_of(message.id).to_bytes(16, "big") in body
