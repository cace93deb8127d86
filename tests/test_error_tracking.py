"""What is reported of an error, and what must never be."""

import io
import json
import logging

import pytest

from tests.reporting import reporting
from wirephoto.error_tracking import REPORTS_MAX, ErrorTracker
from wirephoto.errors import SettingsInvalid
from wirephoto.telemetry import LogEvent, get_log

NUMBER, CAPTION, KEY = "+12125550123", "Meet me at the pier", "wp_live_0123456789abcdefghij"


@pytest.fixture
def envelopes():
    """Give what leaves, of a log whose errors are reported."""
    with reporting(io.StringIO()) as envelopes:
        yield envelopes


def fail(caption):
    raise ValueError(f"{NUMBER} has no {KEY}, {len(caption)} characters")


def report(**fields):
    try:
        fail(CAPTION)
    except ValueError as error:
        get_log().exception(LogEvent.LOOP_FAILED, exc_info=error, **fields)


def test_an_error_is_reported_with_its_traceback(envelopes):
    """Where in our code, and in which duty: enough to begin to look."""
    report(loop="dispatch")

    [envelope] = envelopes
    event = envelope.get_event()
    [error] = event["exception"]["values"]
    assert event["transaction"] == "loop_failed"
    assert event["extra"]["loop"] == "dispatch"
    assert event["release"].startswith("wirephoto@")
    assert error["type"] == "ValueError"
    assert [frame["function"] for frame in error["stacktrace"]["frames"]] == ["report", "fail"]


def test_a_report_holds_nothing_of_whom_it_concerns(envelopes):
    """It leaves the house: masked as the log is, and without the values of variables."""
    report(recipient=NUMBER, text=CAPTION, url=f"https://x.example/?token={KEY}")

    whole = b"".join(envelope.serialize() for envelope in envelopes).decode()
    assert NUMBER not in whole
    assert CAPTION not in whole
    assert KEY not in whole
    assert '"vars"' not in whole
    assert '"server_name"' not in whole or json.loads(whole.splitlines()[2])["server_name"] == ""
    assert "+1212***0123" in whole


def test_what_is_no_error_is_not_reported(envelopes):
    """Warnings are for who watches the log; an error without an exception has no place in code."""
    get_log().warning(LogEvent.WEBHOOK_REFUSED, exc_info=ValueError("x"))
    get_log().error(LogEvent.LINE_STOPPED, reason="unauthorized")

    assert envelopes == []


def test_a_fault_in_a_loop_is_no_flood(envelopes):
    """Each report may have its price, and the twenty-first says nothing new."""
    for _ in range(REPORTS_MAX + 5):
        report()

    assert len(envelopes) == REPORTS_MAX


def test_lines_of_libraries_are_no_flood_either(envelopes):
    """Each is another text, with the name of a task in it: they are known by who wrote them."""
    for number in range(REPORTS_MAX + 5):
        try:
            fail(CAPTION)
        except ValueError:
            logging.getLogger("asyncio").exception("Task-%d: exception was never retrieved", number)

    assert len(envelopes) == REPORTS_MAX
    assert {envelope.get_event()["transaction"] for envelope in envelopes} == {"asyncio"}


def test_whoever_reports_does_not_fail_of_it():
    """A failure to report must not take the place of what was to be reported."""

    stream = io.StringIO()

    with reporting(stream, breaks=True):
        report()

    assert json.loads(stream.getvalue())["event"] == "loop_failed"


def test_a_dsn_that_is_none_is_refused_by_its_name():
    """Its value, which holds a key, is not shown."""
    with pytest.raises(SettingsInvalid, match="SENTRY_DSN: must be") as refused:
        ErrorTracker("https://errors.example.com")

    assert "errors.example.com" not in str(refused.value)
