"""Metrics: what happened in this process, counted, and how things stand, in Prometheus' format.

Labels are bounded: states, codes of known tables, campaigns, names of our own. None is a number, a
caption, a key or anything else that a stranger chose. `docs/metrics.md` says what each one means.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wirephoto.domain.event import Event
from wirephoto.domain.message import MessageState
from wirephoto.ids import made_ms

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
OTHER: Final = "other"
"""The label of what no table knows."""
REASONS_MAX: Final = 100
"""Different reasons of ours that become labels; there are fewer, and a mistake must not add up."""

_CALL_S: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
_LIFE_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 21_600, 86_400, 172_800)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as it is documented."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


_C: Final = "counter"
_G: Final = "gauge"
_H: Final = "histogram"
ACCEPTED = Described("wirephoto_messages_accepted_total", _C, "Messages that were taken in")
MOVED = Described(
    "wirephoto_messages_moved_total",
    _C,
    "Moves of messages into a state, the first one included; into `sending` is a request to"
    " Vonage, into `submitted` one that it took",
    ("state",),
)
ENDED = Described(
    "wirephoto_messages_ended_total",
    _C,
    "Messages that came to an end: `code` is Vonage's (`other` where its documents have none such),"
    " else our reason, else empty",
    ("state", "code"),
)
TIME_TO_STATE = Described(
    "wirephoto_time_to_state_seconds",
    _H,
    "Time from acceptance until a message entered a state",
    ("state",),
)
PROVIDER_TIME = Described(
    "wirephoto_provider_seconds",
    _H,
    "Time of a request to Vonage until its answer, by what the answer means",
    ("verdict",),
)
PROVIDER_ANSWERS = Described(
    "wirephoto_provider_answers_total",
    _C,
    "Answers of Vonage, and what came instead: connections that broke, time that ran out",
    ("verdict", "reason"),
)
MEDIA_TIME = Described(
    "wirephoto_media_fit_seconds",
    _H,
    "Time that a file took to be fitted, the wait for a worker included: `fitted`, `untouched`,"
    " `refused` or `failed`",
    ("outcome",),
)
DATABASE_TIME = Described(
    "wirephoto_database_seconds",
    _H,
    "Time of a transaction that ended well, the wait for a connection included: `read` or `write`",
    ("kind",),
)
_HAPPENS: Final = (
    ACCEPTED,
    MOVED,
    ENDED,
    TIME_TO_STATE,
    PROVIDER_TIME,
    PROVIDER_ANSWERS,
    MEDIA_TIME,
    DATABASE_TIME,
)

SLOTS_USED = Described(
    "wirephoto_slots_used_total",
    _C,
    "Slots of a campaign's rate that this process took; some are forfeited",
    ("campaign",),
)
IN_FLIGHT = Described(
    "wirephoto_in_flight", _G, "Messages that this process has claimed or is sending"
)
LOOP_FAILURES = Described(
    "wirephoto_loop_failures_total", _C, "Turns of a background duty that failed", ("loop",)
)
LOOP_TURNED = Described(
    "wirephoto_loop_turned_timestamp_seconds",
    _G,
    "When a background duty last ended a turn well, as Unix time; 0 if it never has",
    ("loop",),
)
QUEUE_DEPTH = Described(
    "wirephoto_queue_messages",
    _G,
    "Messages of a campaign that are queued, those held for later included",
    ("campaign",),
)
QUEUE_AGE = Described(
    "wirephoto_queue_oldest_due_seconds",
    _G,
    "For how long the message of a campaign has been due that has been due the longest",
    ("campaign",),
)
OPEN = Described(
    "wirephoto_messages_open",
    _G,
    "Messages now in `preparing`, `claimed`, `sending`, `unconfirmed` (in doubt) or `submitted`"
    " (no receipt yet; without those that are `receipt_overdue`)",
    ("state",),
)
OPEN_AGE = Described(
    "wirephoto_messages_open_oldest_seconds",
    _G,
    "How old the oldest of them is: since acceptance, in `submitted` since Vonage took it",
    ("state",),
)
WEBHOOKS_WAITING = Described(
    "wirephoto_webhooks_waiting", _G, "Webhooks of Vonage that are stored and not applied yet"
)
WEBHOOK_LAG = Described(
    "wirephoto_webhook_lag_seconds",
    _G,
    "How long the oldest webhook has waited that could be applied now",
)
LINE_RATE = Described(
    "wirephoto_line_rate",
    _G,
    "Slots per second that an account or a campaign may use now: less than its rate where we were"
    " asked to slow down",
    ("kind", "line"),
)
LINE_STOPPED = Described(
    "wirephoto_line_stopped",
    _G,
    "1 while an account or a campaign does not send; `/readyz` says why",
    ("kind", "line"),
)
DISK_FREE = Described(
    "wirephoto_disk_free_bytes",
    _G,
    "Free bytes where the `database` (a SQLite file) or the `media` store (a folder) is",
    ("volume",),
)
DISK_SIZE = Described("wirephoto_disk_size_bytes", _G, "All bytes of that disk", ("volume",))
DATABASE_UP = Described(
    "wirephoto_database_up",
    _G,
    "1 where the database could be asked for this page; 0: what it would have told is missing",
)
READING_AGE = Described(
    "wirephoto_reading_age_seconds",
    _G,
    "How old that is what the database told: its numbers are kept for a moment",
)
_STANDS: Final = (
    SLOTS_USED,
    IN_FLIGHT,
    LOOP_FAILURES,
    LOOP_TURNED,
    QUEUE_DEPTH,
    QUEUE_AGE,
    OPEN,
    OPEN_AGE,
    WEBHOOKS_WAITING,
    WEBHOOK_LAG,
    LINE_RATE,
    LINE_STOPPED,
    DISK_FREE,
    DISK_SIZE,
    DATABASE_UP,
    READING_AGE,
)
METRICS: Final = (*_HAPPENS, *_STANDS)
"""Every metric of ours; those of the process itself (`process_…`) come with the library."""


@dataclass(slots=True)
class Reading:
    """How things stand at one moment: values of metrics, by their labels."""

    values: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)

    def put(self, metric: Described, value: float, *labels: str) -> None:
        """Note the value of a metric for its labels, in their order."""
        assert metric in _STANDS, "the others are counted"
        self.values.setdefault(metric.name, {})[labels] = value

    def update(self, other: "Reading") -> None:
        """Take over what another reading says."""
        self.values |= other.values


_STATES: Final[Mapping[str, MessageState]] = {
    f"message.{state}": state for state in MessageState if state is not MessageState.CLAIMED
}


class Metrics:
    """What one process counts, in a registry of its own.

    `codes` are the provider's known codes of receipts, `reasons` ours for its answers. Counting
    takes microseconds, for it runs after each commit.
    """

    def __init__(self, *, codes: Collection[str], reasons: Collection[str]) -> None:
        self._codes = frozenset(codes)
        self._answer_reasons = frozenset(reasons)
        self._end_reasons: set[str] = set()
        # Each counter would also say when it was made: twice the page, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._standing = _Standing()
        self._registry.register(self._standing)
        self._accepted = self._counter(ACCEPTED)
        moved, time_to_state = self._counter(MOVED), self._histogram(TIME_TO_STATE, _LIFE_S)
        told = list(_STATES.values())
        # Looked up once: a label's child costs more to find than to count.
        self._moved = {state: moved.labels(state.value) for state in told}
        self._time_to_state = {state: time_to_state.labels(state.value) for state in told}
        self._ended = self._counter(ENDED)
        self._provider_time = self._histogram(PROVIDER_TIME, _CALL_S)
        self._provider_answers = self._counter(PROVIDER_ANSWERS)
        self._media_time = self._histogram(MEDIA_TIME, _CALL_S)
        database_time = self._histogram(DATABASE_TIME, _CALL_S)
        self._database_time = {kind: database_time.labels(kind) for kind in ("read", "write")}

    def committed(self, events: Sequence[Event], accepted: AbstractSet[str]) -> None:
        """Count what a transaction told; `accepted` are the ids of messages that began with it."""
        if accepted:
            self._accepted.inc(len(accepted))
        moved: Tally[MessageState] = Tally()
        ended: Tally[tuple[str, str]] = Tally()
        for event in events:
            state = _STATES.get(event.type)
            if state is None:
                continue
            moved[state] += 1
            if event.moved_id not in accepted:
                waited_s = event.at.timestamp() - made_ms(event.moved_id) / 1000
                self._time_to_state[state].observe(max(0.0, waited_s))
            if state.is_final:
                ended[state.value, self._code(event)] += 1
        for state, count in moved.items():
            self._moved[state].inc(count)
        for labels, count in ended.items():
            self._ended.labels(*labels).inc(count)

    def used_database(self, kind: Literal["read", "write"], seconds: float) -> None:
        """Note how long a transaction took."""
        self._database_time[kind].observe(seconds)

    def answered(self, verdict: str, reason: str, seconds: float) -> None:
        """Count one answer of the provider."""
        known = reason if reason in self._answer_reasons else OTHER
        self._provider_answers.labels(verdict, known).inc()
        self._provider_time.labels(verdict).observe(seconds)

    def fitted(
        self, outcome: Literal["fitted", "untouched", "refused", "failed"], seconds: float
    ) -> None:
        """Count one file that went through a media worker."""
        self._media_time.labels(outcome).observe(seconds)

    def page(self, reading: Reading) -> bytes:
        """Return every metric as Prometheus reads it (`CONTENT_TYPE`)."""
        self._standing.reading = reading
        return generate_latest(self._registry)

    def _code(self, event: Event) -> str:
        if code := event.data.get("provider_code"):
            return str(code) if code in self._codes else OTHER
        reason = str(event.data.get("reason", ""))
        if reason not in self._end_reasons and len(self._end_reasons) >= REASONS_MAX:
            return OTHER
        self._end_reasons.add(reason)
        return reason

    def _counter(self, metric: Described) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _histogram(self, metric: Described, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            metric.name, metric.meaning, metric.labels, registry=self._registry, buckets=buckets
        )


class _Standing(Collector):
    """Tells the latest reading; what it does not know has no value, not an old one."""

    def __init__(self) -> None:
        self.reading = Reading()

    def collect(self) -> Iterator[Metric]:
        for metric in _STANDS:
            family: CounterMetricFamily | GaugeMetricFamily
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in sorted(self.reading.values.get(metric.name, {}).items()):
                family.add_metric(labels, value)
            yield family

    def describe(self) -> Iterator[Metric]:
        yield from self.collect()
