"""Checks that are taken out of the product, to see whether a judge notices.

Most departures are kept back in two places. With one of them out, the other one alone stops them;
with both out, they leave.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Executable, literal, or_

from wirephoto.storage import messages, queue
from wirephoto.storage.database import Database, Statement

Leak = Callable[[pytest.MonkeyPatch], None]


def stops_unstored(patch: pytest.MonkeyPatch) -> None:
    """Let opt-outs be answered, and neither stored nor heeded."""
    patch.setattr("wirephoto.engine.replies.silence", _says_so_and_does_nothing)


def stops_block_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let opt-outs be stored, while what waits goes on to wait: to be refused is all there is."""
    for module in ("opt_outs", "blocking"):
        patch.setattr(f"wirephoto.engine.{module}.block_silenced", _blocks_nothing)


def claim_knows_no_stop(patch: pytest.MonkeyPatch) -> None:
    """Let the claim take what is to somebody who has opted out."""
    patch.setattr(queue, "_claim", _without("opt_outs", queue._claim))


def last_look_knows_no_stop(patch: pytest.MonkeyPatch) -> None:
    """Let what is claimed leave for somebody who has opted out."""
    patch.setattr(messages, "_move_to_sending", _without("opt_outs", messages._move_to_sending))


def claim_holds_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let the claim give slots to what it is too late for: its own statement is what is left."""
    patch.setattr("wirephoto.engine.claim._keep_to_hours", _holds_nothing)


def claim_knows_no_hours(patch: pytest.MonkeyPatch) -> None:
    """Let the claim take what has no open window by the rules in force."""
    patch.setattr(queue, "_claim", _without("hours_digest", queue._claim))


def last_look_knows_no_hours(patch: pytest.MonkeyPatch) -> None:
    """Let what is claimed leave after its window has closed."""
    without = _without("window_closes_at", messages._move_to_sending)
    patch.setattr(messages, "_move_to_sending", without)


def _without(named: str, statement: Statement) -> Statement:
    """Return the builder of a statement whose condition on a table or column always holds."""

    def build(database: Database) -> Executable:
        built: Any = statement(database)
        conditions = list(built._where_criteria)
        [place] = [at for at, each in enumerate(conditions) if named in str(each)]
        # Not left out: its parameters are still given.
        conditions[place] = or_(conditions[place], literal(1) == 1)
        built._where_criteria = tuple(conditions)
        return built  # type: ignore[no-any-return]

    return build


async def _says_so_and_does_nothing(_tx: Any, rows: Any, **_: Any) -> list[bool]:
    return [True] * len(rows)


async def _blocks_nothing(*_: Any, **__: Any) -> list[Any]:
    return []


async def _holds_nothing(*_: Any) -> None:
    pass
