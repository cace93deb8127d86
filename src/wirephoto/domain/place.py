"""Where a recipient may be: the state whose law counts, and every time zone the phone may be in.

A number only tells where its area code is. People keep their numbers when they move, so what the
caller knows wins over it (facts 2.2).
"""

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wirephoto.domain.area_codes import find_area_code, zones_of_state

EVERYWHERE = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Adak",
    "Pacific/Honolulu",
)
"""Every zone of the fifty states, from east to west: where a phone may be that says nothing."""


class Basis(StrEnum):
    """What a place was concluded from; the audit trail tells it."""

    GIVEN = "given"
    """The caller, or a record of consent, named the zone or the state."""
    AREA_CODE = "area_code"
    UNKNOWN = "unknown"
    """No area code of a place: the phone may be anywhere in the fifty states."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recipient may be: two letters of a state, if it is known, and IANA zones.

    `zones` is never empty: whoever asks what time it is there gets an answer, and a cautious one.
    """

    state: str | None
    zones: tuple[str, ...]
    basis: Basis


def place_of(number: str, *, zone: str | None = None, state: str | None = None) -> Place:
    """Return where the owner of `number` (E.164) may be; `zone` and `state` are what is known.

    A zone alone says nothing of the law: the state of the area code still counts, for some states
    presume that whoever has their area code lives there (facts 2.1). A state alone says what the
    zones are: the area code's while it is in that state, all of the state's otherwise.
    """
    if zone is not None:
        return Place(state or state_of(number), (zone,), Basis.GIVEN)
    if state is not None:
        same = state == state_of(number)
        return Place(state, candidate_zones(number) if same else zones_of_state(state), Basis.GIVEN)
    area = find_area_code(number[2:5])
    if area is None or not area.zones:
        return Place(None, EVERYWHERE, Basis.UNKNOWN)
    return Place(area.state, area.zones, Basis.AREA_CODE)


def candidate_zones(number: str) -> tuple[str, ...]:
    """Return the zones that `number` (E.164) may be in: all of them where its code is no place."""
    return place_of(number).zones


def state_of(number: str) -> str | None:
    """Return the state of the area code of `number` (E.164); None where it is no place."""
    return place_of(number).state


def valid_zone(text: str) -> str:
    """Return the IANA name of a zone, as the caller wrote it.

    Raises:
        ValueError: no such zone is known.
    """
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder, or too long for a file
        raise ValueError("must be a time zone such as America/New_York") from None


def valid_state(text: str) -> str:
    """Return the two letters of a state, in upper case.

    Raises:
        ValueError: it is no state with area codes of its own.
    """
    state = text.upper()
    if not zones_of_state(state):
        raise ValueError("must be two letters of a state, such as TX")
    return state
