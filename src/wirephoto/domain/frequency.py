"""How often one recipient may hear from us: at most so many messages in any stretch of time.

Florida, Oklahoma and Maryland allow three solicitations on a subject in 24 hours (facts 2.1), and
"in 24 hours" is any 24, not a day of the calendar. Three values per recipient keep that: they know
when the first message that still counts left and when the last did, and take the worst of those
between. So a cap is never exceeded; a message may wait longer than it had to, but never longer than
the stretch of time after the last one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from wirephoto.domain.message import Category

LIMIT_MAX = 1000
DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` messages within any time as long as `per`."""

    limit: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Tally:
    """What has left to a recipient and still counts for one cap: `count`, the last at `last_at`.

    The first of them left at `since`, at the latest.
    """

    count: int
    since: datetime
    last_at: datetime


def next_allowed_at(cap: Cap, tally: Tally | None, now: datetime) -> datetime:
    """Return when the next message may leave under `cap`: `now`, or the first instant after it."""
    current = _counting(cap, tally, now)
    if current is None or current.count < cap.limit:
        return now
    # There are more than the cap allows only where an operator has lowered it.
    only_one_over = current.count == cap.limit
    return (current.since if only_one_over else current.last_at) + cap.per


def counted(cap: Cap, tally: Tally | None, now: datetime) -> Tally:
    """Return the tally once a message has left at `now`."""
    current = _counting(cap, tally, now)
    if current is None:
        return Tally(1, now, now)
    return Tally(current.count + 1, current.since, max(now, current.last_at))


def _counting(cap: Cap, tally: Tally | None, now: datetime) -> Tally | None:
    """Return what of a tally still counts at `now`; None where nothing does."""
    if tally is None or tally.last_at + cap.per <= now:
        return None
    if tally.since + cap.per > now:
        return tally
    # Only the first is known to be over. The others left by `last_at`, nobody knows when.
    return Tally(tally.count - 1, tally.last_at, tally.last_at)


def free_at(
    caps: Iterable[Cap], category: Category, tallies: Mapping[str, Tally], now: datetime
) -> datetime:
    """Return when the next message of `category` may leave under all `caps`: `now`, or later."""
    return max(
        (next_allowed_at(cap, tallies.get(tally_name(category, cap)), now) for cap in caps),
        default=now,
    )


def counted_in(
    caps: Iterable[Cap], category: Category, tallies: Mapping[str, Tally], now: datetime
) -> Mapping[str, Tally]:
    """Return a recipient's tallies once a message of `category` has left at `now`."""
    names = {tally_name(category, cap): cap for cap in caps}
    return {**tallies, **{n: counted(cap, tallies.get(n), now) for n, cap in names.items()}}


def tally_name(category: Category, cap: Cap) -> str:
    """Return what the tally of a cap is called: not by its limit, which an operator may change."""
    return f"{category}/{cap.per.days}"


def parse_caps(text: str) -> Mapping[Category, tuple[Cap, ...]]:
    """Return the caps by category that a comma list says: `marketing=3/day,marketing=10/week`.

    Raises:
        ValueError: with a sentence that names the item and what is wrong with it.
    """
    caps: dict[Category, tuple[Cap, ...]] = {}
    for item in text.lower().split(","):
        match = _CAP(item.strip())
        if match is None:
            raise ValueError(f"`{item.strip()}` is no cap: write marketing=3/day, or =10/7days")
        if match[1] not in set(Category):
            raise ValueError(f"`{match[1]}` is no category: {', '.join(Category)}")
        category, limit = Category(match[1]), int(match[2])
        days = int(match[4]) if match[4] else {"day": 1, "week": 7}[match[3]]
        if not 1 <= limit <= LIMIT_MAX or not 1 <= days <= DAYS_MAX:
            raise ValueError(f"`{item.strip()}` must be 1 to {LIMIT_MAX} in 1 to {DAYS_MAX} days")
        cap = Cap(limit, timedelta(days=days))
        if any(other.per == cap.per for other in caps.get(category, ())):
            raise ValueError(f"`{item.strip()}` is the second cap for {category} in that time")
        caps[category] = (*caps.get(category, ()), cap)
    return MappingProxyType(caps)


_CAP = re.compile(r"([a-z]+)=([0-9]{1,4})/(?:(day|week)|([0-9]{1,3})days)").fullmatch
