"""The documentation is complete: what exists is written down, and what is written down exists."""

import json
import re
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.cli.test_documents import command_names
from wirephoto.api.problems import CODES
from wirephoto.config import ALL_ROLES, VARIABLES, Role, Settings
from wirephoto.domain.event import EVENT_TYPES
from wirephoto.domain.message import MessageState
from wirephoto.domain.number_facts import REASONS, REFUSABLE
from wirephoto.domain.outcome import FailureClass
from wirephoto.domain.phone import RefusalReason
from wirephoto.simulator.control import ControlRoutes
from wirephoto.simulator.insights import MAGIC_NUMBERS
from wirephoto.simulator.ledger import Ledger
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS
from wirephoto.simulator.switches import HttpFault, SwitchBoard, Switches
from wirephoto.telemetry import LogEvent
from wirephoto.vonage.codes import RECEIPT_CODES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def _settings_table() -> list[str]:
    """Return the table of `docs/settings.md`, as the code has it."""
    rows = ["| Variable | Default | What it is for |", "| --- | --- | --- |"]
    for variable, name in VARIABLES.items():
        field = Settings.model_fields[name]
        rows.append(f"| `{variable}` | {_default(field.default)} | {field.description} |")
    return rows


def _default(value: object) -> str:
    """Return a default as one would write it into `.env`; `-` where there is none."""
    if value is None or value == ():
        return "-"
    if value == ALL_ROLES:
        return f"`{','.join(Role)}`"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _table(page: str, heading: str = "") -> list[str]:
    """Return the rows of a page's tables, or of those in the section under `heading`."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("|")]


def _first_column(page: str, heading: str = "") -> AbstractSet[str]:
    rows = _table(page, heading)
    return {match[1] for row in rows if (match := re.match(r"\| `([^`]+)` \|", row))}


def test_the_table_of_settings_is_what_the_code_reads() -> None:
    """A setting that nobody can find, or a default that is not true, costs somebody a day."""
    assert "\n".join(_table("settings.md")) == "\n".join(_settings_table())


def test_every_code_of_a_receipt_is_explained_with_its_class() -> None:
    """Whoever wants another class must see what a code does now."""
    rows = [
        f"| `{code}` | `{failure.reason}` | `{failure.kind}` | {failure.detail} |"
        for code, failure in sorted(RECEIPT_CODES.items())
    ]

    assert _table("receipts.md", "Codes")[2:] == rows
    assert _first_column("receipts.md") >= {kind.value for kind in FailureClass} - {
        FailureClass.RECIPIENT,
        FailureClass.MESSAGE,
    }


@pytest.mark.parametrize("field", Settings.model_fields.values(), ids=VARIABLES)
def test_every_setting_says_what_it_is_for(field: object) -> None:
    """In a sentence that fits into a table."""
    description = getattr(field, "description", "")

    assert 20 <= len(description) <= 200
    assert "|" not in description
    assert not description.endswith(".")


def test_every_event_of_the_log_is_explained() -> None:
    """Whoever is woken by a line looks it up."""
    assert _first_column("logs.md") == set(LogEvent)


def test_every_error_code_is_explained_with_its_status() -> None:
    """A client is written from this table."""
    rows = [re.match(r"\| `(\w+)` \| (\d{3}) \| ", row) for row in _table("http.md", "Errors")]
    written = {row[1]: int(row[2]) for row in rows if row}

    assert written == {code: status for code, (status, _) in CODES.items()}


def test_every_state_and_every_type_of_event_is_explained() -> None:
    """Whoever meets one for the first time looks for it here."""
    assert _first_column("http.md", "States") == set(MessageState)
    assert _first_column("http.md", "Events") == set(EVENT_TYPES)


def test_every_command_is_listed() -> None:
    """A command that nobody knows of helps nobody, and one that is gone costs trust."""
    assert _first_column("commands.md") == {
        f"wirephoto {' '.join(names)}" for names in command_names()
    }


def test_the_table_of_magic_recipients_is_what_the_simulator_does() -> None:
    """Tests of other people's code are written from it."""
    rows = [
        f"| `{each.digits}` | `+121255501{each.digits}` | {each.summary} |"
        for each in MAGIC_RECIPIENTS
    ]

    assert _table("simulator.md", "Magic recipients")[2:] == rows


def test_the_table_of_magic_numbers_is_what_look_ups_tell() -> None:
    """Tests of other people's code are written from it, too."""
    rows = [
        f"| `{each.digits}` | `+121255501{each.digits}` | {each.summary} |"
        for each in MAGIC_NUMBERS
    ]

    assert _table("simulator.md", "Look-ups of numbers")[2:] == rows


def test_every_reason_of_a_number_is_explained() -> None:
    """Whoever is refused looks it up."""
    assert _first_column("numbers.md", "At acceptance") == set(RefusalReason)
    assert _first_column("numbers.md", "Looked up") == REASONS
    assert all(f"`{kind}`" in (DOCS / "numbers.md").read_text() for kind in REFUSABLE)


def test_the_switches_of_the_simulator_are_listed_with_their_defaults() -> None:
    """As they are written into the body that changes them."""
    rows = [row.split("|")[1:3] for row in _table("simulator.md", "Switches")[2:]]
    values = json.loads(msgspec.json.encode(Switches()))

    assert [(name.strip(), default.strip()) for name, default in rows] == [
        (f"`{name}`", f"`{json.dumps(value)}`") for name, value in values.items()
    ]


def test_every_fault_and_every_route_of_the_simulator_is_named() -> None:
    """What a test can provoke is what its author knows of."""
    page = (DOCS / "simulator.md").read_text(encoding="utf-8")
    routes = {f"{route.method} {route.path}" for route in _control_routes()}

    assert all(f"`{fault}`" in page for fault in HttpFault)
    assert _first_column("simulator.md", "Look and steer") == routes


def _control_routes() -> list[web.RouteDef]:
    async def receive(_: object) -> str:
        return ""

    board, ledger = SwitchBoard(Switches()), Ledger(1)
    return ControlRoutes(board=board, ledger=ledger, receive=receive).routes()
