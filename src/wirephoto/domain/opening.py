"""Opening hours in several time zones at once, as one line of instants in UTC.

An instant is open where the clock on the wall is within the hours of that day, in every zone and
by every law. So an hour that a clock shows twice is open twice, and one that it leaves out is not
there, whatever the laws are.

All instants are whole seconds since 1970, for zones and hours change at whole ones. A line is
worked out a week at a time and kept.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from wirephoto.domain.message import Category
from wirephoto.domain.quiet_rules import Law, Rule

WEEKS_AHEAD = 9
"""How far is looked for a change: twice as long as any message may wait (30 days)."""

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_WEEKS_KEPT = 2 * WEEKS_AHEAD
_OFFSETS_KEPT = 4096
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that is open throughout (`rule` is None), or closed throughout.

    `rule` is what closes its beginning; other rules may close the rest. `ends_at` is None where
    nothing changes within `WEEKS_AHEAD`.
    """

    rule: Rule | None
    ends_at: datetime | None


_ALWAYS_OPEN = Stretch(None, None)


class Opening:
    """When messages of one category may leave: by every law, in every zone."""

    def __init__(self, laws: Sequence[Law], zones: Sequence[str], category: Category) -> None:
        # Most messages are held by no law at all, and need not look for the next change.
        self._laws = [law for law in laws if any(category in r.categories for r in law.versions)]
        compute = partial(_week, self._laws, tuple(zones), category)
        self._week = lru_cache(maxsize=_WEEKS_KEPT)(compute)

    def stretch_at(self, now: datetime) -> Stretch:
        """Return what is now, and until when."""
        if not self._laws:
            return _ALWAYS_OPEN
        at = now.timestamp()
        week = int(at // _WEEK_S)
        cuts, rules = self._week(week)
        index = bisect_right(cuts, at) - 1
        rule = rules[index]
        for ahead in range(1, WEEKS_AHEAD + 1):
            for later in range(index + 1, len(cuts)):
                if (rules[later] is None) != (rule is None):
                    return Stretch(rule, datetime.fromtimestamp(cuts[later], UTC))
            cuts, rules = self._week(week + ahead)
            index = -1
        return Stretch(rule, None)


def _week(
    laws: Sequence[Law], zones: Sequence[str], category: Category, week: int
) -> tuple[list[int], list[Rule | None]]:
    """Return the seconds of a week at which something changes, and what closes from each on."""
    start, end = week * _WEEK_S, (week + 1) * _WEEK_S
    closed = [
        (begin, until, rule)
        for zone in zones
        for law in laws
        for begin, until, rule in _closed(law, zone, start, end)
        if category in rule.categories
    ]
    cuts = sorted({start}.union(*((begin, until) for begin, until, _ in closed)) - {end})
    rules: list[Rule | None] = [None] * len(cuts)
    index_of = {cut: index for index, cut in enumerate(cuts)} | {end: len(cuts)}
    # Whoever comes first in the list names the reason, so it is painted last.
    for begin, until, rule in reversed(closed):
        first, last = index_of[begin], index_of[until]
        rules[first:last] = [rule] * (last - first)
    return cuts, rules


def _closed(law: Law, zone: str, start: int, end: int) -> Iterator[tuple[int, int, Rule]]:
    """Yield the parts of a time in which `law` lets nothing leave to `zone`."""
    for begin, until, offset in _offsets(zone, start, end):
        for day in range((begin + offset) // _DAY_S, (until - 1 + offset) // _DAY_S + 1):
            today = _EPOCH + timedelta(days=day)
            rule = law.on(today)
            if rule is None:
                continue
            midnight = day * _DAY_S - offset
            shut = midnight
            for window in rule.windows_on(today):
                yield from _clipped(shut, midnight + 60 * window.opens, begin, until, rule)
                shut = midnight + 60 * window.closes
            yield from _clipped(shut, midnight + _DAY_S, begin, until, rule)


def _clipped(
    opens: int, closes: int, begin: int, until: int, rule: Rule
) -> Iterator[tuple[int, int, Rule]]:
    opens, closes = max(opens, begin), min(closes, until)
    if opens < closes:
        yield opens, closes, rule


@lru_cache(maxsize=_OFFSETS_KEPT)
def _offsets(zone: str, start: int, end: int) -> tuple[tuple[int, int, int], ...]:
    """Return the parts of a time with one offset from UTC each: begin, end, offset in seconds."""
    clock = ZoneInfo(zone)
    parts = []
    begin, offset = start, _offset(clock, start)
    for day in range(start, end, _DAY_S):
        if _offset(clock, day + _DAY_S) != offset:
            change = _change(clock, day, day + _DAY_S)
            parts.append((begin, change, offset))
            begin, offset = change, _offset(clock, change)
    parts.append((begin, end, offset))
    return tuple(part for part in parts if part[0] < part[1])


def _change(clock: ZoneInfo, before: int, after: int) -> int:
    """Return the first second after `before` with the offset of `after`: no zone changes twice."""
    offset = _offset(clock, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(clock, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _offset(clock: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, clock).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())
