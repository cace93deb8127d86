"""Which sender of a pool a recipient hears from: pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

POOL_SENDERS_MAX = 1000
"""Senders of one pool."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sender of a pool.

    `leaves_at` is when a message would leave from it, None where nobody knows. `available` is
    False while the sender is paused or its campaign stopped.
    """

    number: str
    available: bool
    leaves_at: datetime | None


def is_pool_name(name: str) -> bool:
    """Tell whether a pool may have this name: it begins with a letter, so it is no number."""
    return _NAME.fullmatch(name) is not None


def choose(
    candidates: Sequence[Candidate], *, recipient: str, sticky: str | None, sticky_waits: bool
) -> Candidate | None:
    """Return the sender for a recipient, None from an empty pool.

    Who has heard from one of them hears from the same again; where that one cannot send,
    `sticky_waits` says whether the message waits for it. Else a number with the recipient's area
    code, else the one from which the message leaves first. Where none can send, the message waits
    for the one that would have been chosen.
    """
    known = next((one for one in candidates if one.number == sticky), None)
    if known and (known.available or sticky_waits):
        return known
    usable = [one for one in candidates if one.available] or list(candidates)
    near = [one for one in usable if _area(one.number) == _area(recipient)]
    return min(near or usable, key=_order, default=None)


def _area(number: str) -> str:
    return number[2:5] if number.startswith("+1") else number


def _order(candidate: Candidate) -> tuple[bool, datetime, str]:
    never = datetime.max.replace(tzinfo=UTC)
    return (candidate.leaves_at is None, candidate.leaves_at or never, candidate.number)
