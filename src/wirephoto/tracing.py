"""Traces: one for each message, from its acceptance to the last receipt, made of what is committed.

The identifier of a message is a UUID, and so is that of its trace: every process, and whoever has
the message's id, knows the trace without being told. Spans say which part of a message's life took
how long; none holds a number, a caption or an address.

This module needs the extra `otel`: it is imported only where traces are asked for.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from wirephoto import __version__
from wirephoto.domain.event import Event
from wirephoto.domain.message import MessageState
from wirephoto.ids import made_at, uuid_of

SERVICE: Final = "wirephoto"
EXPORT_S: Final = 3.0
"""How long a collector is tried with one batch; a stopping process waits for two at the most."""
OPEN_MAX: Final = 50_000
"""Messages whose last move is remembered; of one that is forgotten, a span begins where it ends."""
_SPAN_MASK: Final = (1 << 64) - 1
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope(SERVICE, __version__)
_SHARE_BITS: Final = 56
"""The bits of a trace's identifier that are random (W3C Trace Context 2, section 3.2.2.3)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPANS: Final = {
    "preparing": "prepare",
    "queued": "wait",
    "sending": "submit",
    "unconfirmed": "doubt",
    "submitted": "receipt",
    "delivered": "receipt",
}
"""What the time is called that a message spends in a state until it leaves it."""
_TOLD: Final = ("reason", "attempt", "attempt_state", "provider_code")
"""What a span tells of an event: words of ours, numbers of attempts, codes of the provider."""
_FAILED: Final = frozenset({"rejected", "undeliverable", "failed", "blocked", "expired"})


class Traces:
    """Makes spans of the events of `share` of the messages, and has `exporter` take them.

    The exporter works in a thread of its own: a collector that is slow or away loses spans and
    holds nothing up.
    """

    def __init__(self, exporter: "SpanExporter", *, share: float = 1.0) -> None:
        self._exporter = exporter
        self._processor = BatchSpanProcessor(exporter)
        self._resource = Resource.create({"service.name": SERVICE, "service.version": __version__})
        self._bound = int(share * (1 << _SHARE_BITS))
        self._last: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def committed(self, events: Sequence[Event], accepted: AbstractSet[str]) -> None:
        """Make spans of what a transaction told; `accepted` are the messages that began with it."""
        for event in events:
            if not event.type.startswith("message."):
                continue
            if self._is_traced(event.moved_id):
                for span in self._spans(event, is_first=event.moved_id in accepted):
                    self._processor.on_end(span)

    def close(self) -> None:
        """Hand over the last spans; after `EXPORT_S` only the batch that is under way is tried."""
        # The processor by itself would try a collector that is away with one batch after another.
        enough = threading.Timer(EXPORT_S, self._exporter.shutdown)
        enough.start()
        try:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
        finally:
            enough.cancel()

    def _is_traced(self, message_id: str) -> bool:
        return uuid_of(message_id) & ((1 << _SHARE_BITS) - 1) < self._bound

    def _spans(self, event: Event, *, is_first: bool) -> Iterator["ReadableSpan"]:
        state = event.type.removeprefix("message.")
        began_at = made_at(event.moved_id)
        if is_first:
            yield self._span(event, "accept", began_at, is_root=True)
        else:
            # What another process did last is not known here: the span is as short as the event.
            before, since = self._last.get(event.moved_id, ("", event.at))
            yield self._span(event, _SPANS.get(before) or _after(state), since)
        self._last.pop(event.moved_id, None)
        if not MessageState(state).is_final:
            self._last[event.moved_id] = (state, event.at)
            if len(self._last) > OPEN_MAX:
                self._last.popitem(last=False)

    def _span(
        self, event: Event, name: str, since: datetime, *, is_root: bool = False
    ) -> "ReadableSpan":
        trace_id = uuid_of(event.moved_id)
        root = _context(trace_id, trace_id)
        own = root if is_root else _context(trace_id, uuid_of(event.id))
        state = event.type.removeprefix("message.")
        told = {f"wirephoto.{name}": event.data[name] for name in _TOLD if name in event.data}
        return ReadableSpan(
            f"message {name}",
            context=own,
            parent=None if is_root else root,
            resource=self._resource,
            attributes={
                "wirephoto.message_id": event.moved_id,
                "wirephoto.state": state,
                **told,
            },
            status=Status(StatusCode.ERROR if state in _FAILED else StatusCode.UNSET),
            start_time=_nanos(min(since, event.at)),
            end_time=_nanos(event.at),
            instrumentation_scope=_SCOPE,
        )


def open_traces(otlp_url: str, *, share: float) -> Traces:
    """Return traces that go to a collector at `otlp_url`, by OTLP over HTTP.

    Headers that it wants are in the usual variable, `OTEL_EXPORTER_OTLP_HEADERS`.
    """
    exporter = OTLPSpanExporter(endpoint=f"{otlp_url}/v1/traces", timeout=EXPORT_S)
    return Traces(exporter, share=share)


def _context(trace_id: int, span_uuid: int) -> SpanContext:
    """Return the context of a span; its identifier is the random half of a UUID."""
    return SpanContext(trace_id, span_uuid & _SPAN_MASK, is_remote=False, trace_flags=_SAMPLED)


def _after(state: str) -> str:
    """Return what a span is called of which only the end is known."""
    by_carrier = ("delivered", "read", "rejected", "undeliverable")
    return "receipt" if state in by_carrier else "move"


def _nanos(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
