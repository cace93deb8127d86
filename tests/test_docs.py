"""The documentation is complete: what exists is written down, and what is written down exists."""

import re
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr

from wirephoto.config import ALL_ROLES, VARIABLES, Role, Settings
from wirephoto.telemetry import LogEvent

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


def _table(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("|")]


def _first_column(page: str) -> AbstractSet[str]:
    return {match[1] for row in _table(page) if (match := re.match(r"\| `([^`]+)` \|", row))}


def test_the_table_of_settings_is_what_the_code_reads() -> None:
    """A setting that nobody can find, or a default that is not true, costs somebody a day."""
    assert "\n".join(_table("settings.md")) == "\n".join(_settings_table())


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
