"""Whether two processes, or two releases, reckon quiet hours alike: by what they reckon from."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from wirephoto.domain.place import EVERYWHERE

_FIRST = datetime(2026, 1, 4, 12, tzinfo=UTC)
_WEEKS = 20 * 52
"""Clocks change on Sundays: a look each week sees whenever a country does it otherwise."""
_DIGITS = 16


def digest_of(*texts: str) -> str:
    """Return what stands for `texts` and for what clocks will show in every state."""
    digest = hashlib.sha256()
    for text in (*texts, _clocks()):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:_DIGITS]


@cache
def _clocks() -> str:
    return ";".join(_clock(zone) for zone in EVERYWHERE)


def _clock(zone: str) -> str:
    """Return the hours by which a zone differs from UTC, week by week.

    Whatever brought the data (a package, the system), its version does not matter but what it says.
    """
    here = ZoneInfo(zone)
    weeks = [_FIRST + timedelta(weeks=week) for week in range(_WEEKS)]
    return zone + ",".join(str(week.astimezone(here).utcoffset()) for week in weeks)
