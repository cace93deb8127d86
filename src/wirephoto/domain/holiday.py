"""Which days are holidays, from how people say it: `jul 4`, `last mon may`, `easter -2`.

A day may be followed by a shift in days (`4th thu nov +1` is the day after Thanksgiving) and by
`even years` (general elections). `2026-12-26` is one day that somebody proclaimed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from functools import lru_cache

from wirephoto.domain.hours import DAYS

SHIFT_DAYS_MAX = 60
"""How far a day may be from the one it is counted from: Shrove Tuesday is 47 before Easter."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NTHS = ("1st", "2nd", "3rd", "4th")
_YEARS_KEPT = 32
_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """A day of every year, or one date: `anchor` in the words above, and what follows it."""

    anchor: str
    shift: int = 0
    even_years: bool = False

    def day_in(self, year: int) -> date | None:
        """Return the day that it is in `year`, if it is any."""
        if self.even_years and year % 2:
            return None
        day = _anchor_day(self.anchor, year)
        return day and day + timedelta(days=self.shift)


@dataclass(frozen=True, slots=True, eq=False)
class HolidayList:
    """The holidays of one law.

    `saturday` and `sunday` are by how many days a holiday moves that falls there. The day itself
    stays one: laws differ in it, and a message that waits a day longer harms nobody.
    """

    rules: Mapping[str, HolidayRule]
    saturday: int = 0
    sunday: int = 0

    def holds(self, day: date) -> bool:
        """Tell whether `day` is a holiday, or the day on which one is observed."""
        return day in _days_of(self, day.year)


def parse_holiday(text: str) -> HolidayRule:
    """Return the rule that `text` says.

    Raises:
        ValueError: it is none, or a day that no year has.
    """
    match = _RULE(" ".join(text.lower().split()))
    if match is None:
        raise ValueError(
            f"`{text}` is no holiday: write jul 4, last mon may, 4th thu nov +1, easter -2, "
            "1st mon nov +1 even years, or 2026-12-26"
        )
    rule = HolidayRule(match[1], int(match[2] or 0), match[3] is not None)
    if abs(rule.shift) > SHIFT_DAYS_MAX:
        raise ValueError(f"`{text}` is more than {SHIFT_DAYS_MAX} days from the day it names")
    year = int(rule.anchor[:4]) if _is_date(rule.anchor) else _LEAP_YEAR
    if _anchor_day(rule.anchor, year) is None:
        raise ValueError(f"`{text}` is a day that no year has")
    return rule


@lru_cache(maxsize=1024)
def _days_of(holidays: HolidayList, year: int) -> frozenset[date]:
    """Return the holidays of `year`: New Year's Day may be observed in the year before it."""
    days: set[date] = set()
    for each in range(max(year - 1, MINYEAR), min(year + 1, MAXYEAR) + 1):
        for rule in holidays.rules.values():
            day = rule.day_in(each)
            if day is not None:
                days |= {day, day + timedelta(days=_moved(holidays, day))}
    return frozenset(day for day in days if day.year == year)


def _moved(holidays: HolidayList, day: date) -> int:
    return {5: holidays.saturday, 6: holidays.sunday}.get(day.weekday(), 0)


def _anchor_day(anchor: str, year: int) -> date | None:
    """Return the day in `year`; None where that year lacks it."""
    if anchor == "easter":
        return _easter(year)
    if _is_date(anchor):
        given, month, day = map(int, anchor.split("-"))
        return _date(year, month, day) if given == year else None
    first, second, *month_name = anchor.split()
    if not month_name:
        return _date(year, _MONTHS.index(first) + 1, int(second))
    return _nth_weekday(year, _MONTHS.index(month_name[0]) + 1, DAYS.index(second), first)


def _is_date(anchor: str) -> bool:
    return "-" in anchor


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _nth_weekday(year: int, month: int, weekday: int, nth: str) -> date:
    if nth == "last":
        ultimo = date(year, month, 28) + timedelta(days=4)
        ultimo -= timedelta(days=ultimo.day)
        return ultimo - timedelta(days=(ultimo.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * _NTHS.index(nth))


def _easter(year: int) -> date:
    """Return Easter Sunday (Meeus, Astronomical Algorithms, chapter 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, since_leap = divmod(century, 4)
    drift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - drift + 15) % 30
    to_sunday = (32 + 2 * since_leap + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


_RULE = re.compile(
    rf"((?:{'|'.join(_MONTHS)}) [0-9]{{1,2}}"
    rf"|(?:{'|'.join(_NTHS)}|last) (?:{'|'.join(DAYS)}) (?:{'|'.join(_MONTHS)})"
    r"|easter|[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?: ([+-][0-9]{1,3}))?( even years)?"
).fullmatch
