"""What is counted, under which labels, and that the page says no more than is known."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import NOW, RECIPIENT, make_ids, make_message
from wirephoto.domain.event import message_event
from wirephoto.domain.message import MessageState
from wirephoto.metrics import (
    DATABASE_UP,
    METRICS,
    OTHER,
    QUEUE_DEPTH,
    REASONS_MAX,
    Metrics,
    Reading,
)

IDS = make_ids(11)


@pytest.fixture
def metrics():
    """Give the metrics of a process that knows one code and one answer."""
    return Metrics(codes=["1330"], reasons=["accepted"])


def read(metrics, reading=None):
    """Return the page's samples that are not nought, by name and labels in their order."""
    page = metrics.page(reading or Reading()).decode()
    return {
        (sample.name, *[value for _, value in sorted(sample.labels.items())]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.value and not sample.name.startswith("process_")
    }


def event_in(state, *, after_s=0.0, code=None, reason=None, message=None):
    message = message or make_message()
    moved = replace(
        message, state=state, reason=reason, updated_at=NOW + timedelta(seconds=after_s)
    )
    event = message_event(IDS.new("evt", moved.updated_at), moved)
    return replace(event, data={**event.data, **({"provider_code": code} if code else {})})


def test_an_accepted_message_is_counted_once(metrics):
    """It moves into its first state as well, in no time."""
    event = event_in(MessageState.QUEUED)

    metrics.committed([event], {event.message_id})

    assert read(metrics) == {
        ("wirephoto_messages_accepted_total",): 1,
        ("wirephoto_messages_moved_total", "queued"): 1,
    }


def test_a_move_tells_how_long_it_took_from_acceptance(metrics):
    """The one number that a customer feels; the id says when the message was accepted."""
    metrics.committed([event_in(MessageState.SUBMITTED, after_s=1.5)], set())

    found = read(metrics)

    assert found["wirephoto_time_to_state_seconds_sum", "submitted"] == pytest.approx(1.5)
    assert found["wirephoto_time_to_state_seconds_bucket", "2.5", "submitted"] == 1
    assert ("wirephoto_time_to_state_seconds_bucket", "1.0", "submitted") not in found


def test_a_clock_that_went_back_makes_no_negative_time(metrics):
    """A sum that shrinks looks like a restart to Prometheus."""
    metrics.committed([event_in(MessageState.SUBMITTED, after_s=-3)], set())

    found = read(metrics)

    assert ("wirephoto_time_to_state_seconds_sum", "submitted") not in found


@pytest.mark.parametrize(
    ("code", "reason", "label"),
    [
        ("1330", "unknown_destination", "1330"),
        ("+12125550123", "unlisted_code", OTHER),
        (None, "too_old", "too_old"),
        (None, None, ""),
    ],
)
def test_ends_are_counted_by_codes_that_are_known(metrics, code, reason, label):
    """Whatever the provider writes there must not become a label: each costs memory for ever."""
    metrics.committed([event_in(MessageState.REJECTED, code=code, reason=reason)], set())

    assert read(metrics)["wirephoto_messages_ended_total", label, "rejected"] == 1


def test_reasons_cannot_become_more_and_more(metrics):
    """One that held a message's id by mistake would else end the monitoring of everything."""
    for number in range(REASONS_MAX + 5):
        metrics.committed([event_in(MessageState.FAILED, reason=f"reason_{number}")], set())

    assert read(metrics)["wirephoto_messages_ended_total", OTHER, "failed"] == 5


def test_answers_are_counted_and_timed(metrics):
    """By what they mean; a reason that no table knows is one of the others."""
    metrics.answered("accepted", "accepted", 0.2)
    metrics.answered("fail", RECIPIENT, 0.2)

    found = read(metrics)

    assert found["wirephoto_provider_answers_total", "accepted", "accepted"] == 1
    assert found["wirephoto_provider_answers_total", OTHER, "fail"] == 1
    assert found["wirephoto_provider_seconds_count", "accepted"] == 1


def test_events_of_other_things_are_left_alone(metrics):
    """The outbox may tell of more than messages."""
    metrics.committed([replace(event_in(MessageState.QUEUED), type="inbound.received")], set())

    assert read(metrics) == {}


def test_the_page_tells_the_latest_reading_alone(metrics):
    """A campaign whose queue is empty must not keep the last number that it had."""
    before, after = Reading(), Reading()
    before.put(QUEUE_DEPTH, 7, "cmp_a")
    after.put(DATABASE_UP, 1)

    assert read(metrics, before) == {("wirephoto_queue_messages", "cmp_a"): 7}
    assert read(metrics, after) == {("wirephoto_database_up",): 1}


def test_every_metric_is_on_the_page(metrics):
    """What is documented and not there is looked for in vain, even before anything happened."""
    page = metrics.page(Reading()).decode()
    families = {(each.name, each.type) for each in text_string_to_metric_families(page)}

    assert {(each.name.removesuffix("_total"), each.kind) for each in METRICS} <= families
    assert all(name.startswith(("wirephoto_", "process_")) for name, _ in families)


def test_two_processes_in_one_count_apart():
    """The registry is the process' own, not the library's for all."""
    one, other = (Metrics(codes=(), reasons=()) for _ in range(2))

    one.fitted("fitted", 0.1)

    assert read(other) == {}
