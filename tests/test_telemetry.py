"""What reaches the log, in which form, and what must never reach it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from pydantic import SecretStr

from wirephoto.telemetry import (
    TEXT_CHARS_MAX,
    LogEvent,
    LogFormat,
    LogLevel,
    configure_logging,
    get_log,
    mask_phone,
    redact_text,
)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    at: datetime = datetime(2026, 3, 1, 12, 30, 45, 678_901, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        return


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


Configure = Callable[..., io.StringIO]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Sends the log into a string, and puts everything back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def into_string(
        log_format: LogFormat = "json",
        level: LogLevel = "info",
        stream: io.StringIO | None = None,
    ) -> io.StringIO:
        stream = stream or io.StringIO()
        configure_logging(log_format, level, stream=stream, clock=FixedClock())
        return stream

    yield into_string
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _logged(configure: Configure, **fields: object) -> dict[str, Any]:
    stream = configure()
    get_log().info(LogEvent.ATTEMPT_SUBMITTED, **fields)
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def test_a_line_is_one_json_object(configure: Configure) -> None:
    """Collectors read lines, and people read the first columns."""
    stream = configure()

    get_log(role="api").warning(LogEvent.LINE_STOPPED, reason="unauthorized", count=2)

    assert stream.getvalue() == (
        '{"at":"2026-03-01T12:30:45.678+00:00","level":"warning","event":"line_stopped",'
        '"role":"api","reason":"unauthorized","count":2}\n'
    )


@pytest.mark.parametrize(
    ("log_format", "terminal", "is_json"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("console", False, False),
    ],
)
def test_the_form_follows_the_reader(
    configure: Configure, log_format: LogFormat, terminal: bool, is_json: bool
) -> None:
    """People at a terminal, programs elsewhere, unless told otherwise."""
    stream = configure(log_format, stream=Terminal() if terminal else io.StringIO())

    get_log().info(LogEvent.GATEWAY_STARTED, to="+12125550123")

    line = stream.getvalue()
    assert line.startswith("{") is is_json
    assert "gateway_started" in line
    assert "+1212***0123" in line


def test_nothing_is_looked_at_below_the_level(configure: Configure) -> None:
    """A line that nobody will read must not cost what a line costs."""
    stream = configure(level="warning")

    class Explosive:
        def __str__(self) -> str:
            raise AssertionError("looked at")

    get_log().info(LogEvent.ATTEMPT_SUBMITTED, field=Explosive())

    assert stream.getvalue() == ""


def _fail(error: Exception) -> None:
    raise error


PHONES = [
    ("+12125550123", "+1212***0123"),
    ("12125550123", "1212***0123"),
    ("2125550123", "212***0123"),
    ("(212) 555-0123", "212***0123"),
    ("+1 (212) 555-0123", "+1212***0123"),
    ("212.555.0123", "212***0123"),
    ("to=+12125550123;", "to=+1212***0123;"),
    ("tel:+12125550123", "tel:+1212***0123"),
    ("/v1/conversations/%2B12125550123?x=1", "/v1/conversations/+1212***0123?x=1"),
    ("campaign_12125550123", "campaign_1212***0123"),
    ("12125550123,12125550124", "1212***0123,1212***0124"),
    ('{"to":"12125550123"}', '{"to":"1212***0123"}'),
    ("+491701234567 and +4915112345678", "+4917***4567 and +4915***5678"),
    ("+6831234", "+***1234"),
    ("12125550123abc", "1212***0123abc"),
    ("+1\u00a0212\u2011555\u20110123", "+1212***0123"),
]


@pytest.mark.parametrize(("text", "masked"), PHONES)
def test_a_phone_number_is_masked_however_it_is_written(text: str, masked: str) -> None:
    """Logs are kept longer and seen by more people than the database."""
    assert redact_text(text) == masked


def test_many_numbers_in_a_row_are_all_masked() -> None:
    """A list of recipients printed by mistake is the worst case."""
    text = " ".join(f"1212555{number:04}" for number in range(100, 200))

    masked = redact_text(text)

    assert not any(f"1212555{number:04}" in masked for number in range(100, 200))


@pytest.mark.parametrize(
    "text",
    [
        "msg_01kd3v7x2m8q5r9t0w1y3z4b6c",
        "3fa85f64-5717-4562-8dfc-2c963f66afa6",
        "00000000-1111-4222-8333-444444444444",
        "2026-03-01T12:30:45.678+00:00",
        "2026-03-01 12:30:45,678 started",
        "192.168.100.200:54321",
        "took 1234567 ms",
        "gateway_started",
    ],
)
def test_what_only_looks_like_a_number_stays(text: str) -> None:
    """Ids, instants and addresses are what one searches a log for."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("number", "masked"),
    [("+12125550123", "+1212***0123"), ("54321", "***4321"), ("+6831234", "+***1234")],
)
def test_a_mask_hides_three_digits_at_least(number: str, masked: str) -> None:
    """Short numbers pay with their beginning."""
    assert mask_phone(number) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Bearer canary.canary-canary", "Bearer [redacted]"),
        ("authorization: basic Y2FuYXJ5OmNhbmFyeQ==", "authorization: basic [redacted]"),
        ("the key wp_live_canaryCANARY123 is", "the key wp_live_[redacted] is"),
        ("wp_test_canary", "wp_test_[redacted]"),
        ("signed by whsec_canary+CANARY/x== now", "signed by whsec_[redacted] now"),
        ("eyJhbGciOi.eyJpc3MiOi.canary_-x", "[redacted]"),
        ("postgresql://me:canary@db/name", "postgresql://[redacted]@db/name"),
        ("GET /x?api_key=canary&api_secret=canary&y=1", None),
        ("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\nx", "[redacted]\nx"),
        ("-----BEGIN RSA PRIVATE KEY-----\\ncanary", "[redacted]"),
        (
            "[SQL: INSERT]\n[parameters: ('canary',)]\nx",
            "[SQL: INSERT]\n[parameters: [redacted]]\nx",
        ),
    ],
)
def test_a_credential_inside_a_text_is_masked(text: str, masked: str | None) -> None:
    """Errors of libraries quote what they were given."""
    redacted = redact_text(text)

    assert "canary" not in redacted.lower()
    assert masked is None or redacted == masked


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "X-API-Key",
        "token",
        "access_token",
        "secret",
        "signature_secret",
        "private_key",
        "api_key",
        "password",
        "text",
        "caption",
        "body",
    ],
)
def test_a_field_that_names_a_secret_loses_its_value(configure: Configure, key: str) -> None:
    """Whatever the value looks like, and however deep it lies."""
    line = _logged(configure, **{key: "canary"}, nested=[{"inner": {key: ["canary"]}}])

    assert line[key] == "[redacted]"
    assert line["nested"][0]["inner"][key] == "[redacted]"


def test_values_of_every_kind_can_be_logged(configure: Configure) -> None:
    """A log call must never be what fails."""
    loop: list[object] = []
    loop.append(loop)

    @dataclass
    class Message:
        caption: str = "canary"

    line = _logged(
        configure,
        none=None,
        flag=True,
        number=3,
        phone=12125550123,
        ratio=0.5,
        endless=float("inf"),
        state=LogEvent.LINE_STOPPED,
        raw_bytes=b"canary",
        at_=datetime(2026, 1, 2, tzinfo=UTC),
        rest=timedelta(seconds=1.5),
        error=ValueError("no +12125550123"),
        uuid=UUID(int=0),
        path=Path("a/b"),
        address=ip_address("10.0.0.1"),
        hidden=SecretStr("canary"),
        message=Message(),
        several={"one"},
        loop=loop,
        **{"key with +12125550123": {"+12125550123": 1}},
    )

    assert "canary" not in json.dumps(line)
    assert "12125550123" not in json.dumps(line["key with +12125550123"])
    assert line["flag"] is True
    assert line["phone"] == "1212***0123"
    assert line["state"] == "line_stopped"
    assert line["rest"] == 1.5
    assert line["error"] == "ValueError: no +1212***0123"
    assert line["uuid"] == "00000000-0000-0000-0000-000000000000"
    assert line["message"] == "<Message>"


def test_a_traceback_is_kept_and_masked(configure: Configure) -> None:
    """It is needed, and it quotes values."""
    stream = configure()

    try:
        _fail(ValueError("Bearer canary for +12125550123"))
    except ValueError:
        get_log().exception(LogEvent.LOOP_FAILED, loop="dispatcher")

    line = json.loads(stream.getvalue())
    assert "ValueError: Bearer [redacted] for +1212***0123" in line["exception"]
    assert "test_telemetry.py" in line["exception"]
    assert "12125550123" not in stream.getvalue()


def test_the_console_shows_no_local_variables(configure: Configure) -> None:
    """Pretty tracebacks print every local past any redaction."""
    stream = configure("console", stream=Terminal())
    canary = "the value of " + "a local variable"

    try:
        _fail(ValueError(len(canary)))
    except ValueError:
        get_log().exception(LogEvent.LOOP_FAILED)

    assert "ValueError" in stream.getvalue()
    assert canary not in stream.getvalue()


def test_a_text_cannot_write_lines_of_its_own(configure: Configure) -> None:
    """What callers send is quoted in the log: it must not forge lines or steer a terminal."""
    stream = configure("console")

    get_log().info(LogEvent.REQUEST_FAILED, path="/x\n2026 [info] all is well\x1b[2J")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_a_long_text_is_cut() -> None:
    """One line must not fill a disk."""
    assert len(redact_text("x" * 10 * TEXT_CHARS_MAX)) == TEXT_CHARS_MAX + 1


@pytest.mark.parametrize("name", ["uvicorn.error", "aiohttp.client", "sqlalchemy.pool", "alembic"])
def test_libraries_take_the_same_way(configure: Configure, name: str) -> None:
    """Their lines quote numbers and addresses as well."""
    stream = configure()

    logging.getLogger(name).warning("refused %s with %s", "+12125550123", "Bearer canary")
    logging.getLogger(name).info("chatter")

    assert json.loads(stream.getvalue()) == {
        "at": "2026-03-01T12:30:45.678+00:00",
        "level": "warning",
        "event": "refused +1212***0123 with Bearer [redacted]",
        "logger": name,
    }


def test_a_librarys_traceback_is_masked(configure: Configure) -> None:
    """Servers log what escapes a route by the standard way."""
    stream = configure()

    try:
        _fail(ValueError("+12125550123"))
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")

    line = json.loads(stream.getvalue())
    assert "ValueError: +1212***0123" in line["exception"]


def test_statements_are_not_logged_even_when_debugging(configure: Configure) -> None:
    """Their parameters are captions and numbers."""
    stream = configure(level="debug")

    logging.getLogger("sqlalchemy.engine.Engine").info("[generated] ('canary',)")
    logging.getLogger("alembic").info("chatter")

    assert "canary" not in stream.getvalue()
    assert "chatter" in stream.getvalue()


def test_lines_go_to_the_standard_error_of_the_moment(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to what a command prints; loggers outlive redirections."""
    configure()
    configure_logging("json", "info")
    log = get_log()
    with pytest.MonkeyPatch.context() as patch:
        gone = io.StringIO()
        patch.setattr("sys.stderr", gone)
        log.info(LogEvent.GATEWAY_STARTED)
        assert "gateway_started" in gone.getvalue()
        gone.close()

    log.info(LogEvent.GATEWAY_STOPPED)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "gateway_stopped" in captured.err
