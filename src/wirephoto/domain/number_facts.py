"""What a look-up tells of a number, and whether a picture can go there at all.

The rules of `phone` judge how a number is written. Whether a mobile phone answers to it nobody can
tell from its digits: in the US landlines and phones share their area codes (facts 3).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class NumberKind(StrEnum):
    """What is behind a number."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    """A line without a phone that takes pictures, toll-free and premium ones among them."""
    VIRTUAL = "virtual"
    """A number of a service on the internet: some take pictures, some do not."""
    UNASSIGNED = "unassigned"
    """No network has it at present."""
    INVALID = "invalid"
    """Nobody can have it."""
    UNKNOWN = "unknown"
    """The look-up was answered, and told nothing."""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a look-up told; `network_code` is MCC and MNC of a phone's network."""

    kind: NumberKind
    network_code: str | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why no picture can go to a number: for machines, and a sentence that never repeats it."""

    reason: str
    message: str


NOT_MOBILE = "not_mobile"
_WHY = {
    NumberKind.LANDLINE: Unreachable(
        NOT_MOBILE, "This is a landline: it cannot receive pictures. Ask for a mobile number."
    ),
    NumberKind.VIRTUAL: Unreachable(
        NOT_MOBILE, "This is a virtual number, not a mobile phone: ask for a mobile number."
    ),
    NumberKind.UNASSIGNED: Unreachable(
        "number_unassigned", "No mobile network has this number at present: check the number."
    ),
    NumberKind.INVALID: Unreachable(
        "number_invalid", "No phone can have this number: check the number."
    ),
}
REFUSABLE = tuple(kind.value for kind in _WHY)
"""The kinds that may be refused."""
REASONS = frozenset(why.reason for why in _WHY.values())
"""Every reason for which a look-up fails a message."""
UNKNOWN_LIFE_MAX = timedelta(days=1)
"""How long an answer is kept at most that told nothing: a supplier may have been away."""


def judge(facts: NumberFacts, refuses: Collection[NumberKind]) -> Unreachable | None:
    """Return why no picture can go to a number, where its kind is one that is refused."""
    return _WHY.get(facts.kind) if facts.kind in refuses else None


def good_until(facts: NumberFacts, now: datetime, life: timedelta) -> datetime:
    """Return until when what a look-up told stands for the next."""
    return now + (min(life, UNKNOWN_LIFE_MAX) if facts.kind is NumberKind.UNKNOWN else life)
