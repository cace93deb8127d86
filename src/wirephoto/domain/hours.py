"""Opening hours: on which days and between which hours, by the clock on a wall.

Laws and settings are written in the same words, one item after another:

    mon-fri 09:00-20:00, sat 10:00-12:00 14:00-18:00, holidays closed

Days that are not named are closed; `daily` names all seven. Holidays are days like others unless
they are named; then only those hours are open that their weekday has too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

WINDOWS_MAX = 8
"""Windows that one day may have: a bound for what others write."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """From the minute `opens` up to and without `closes`, both counted from midnight."""

    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Hours:
    """The windows of every weekday, Monday first, and those of holidays if they have their own."""

    week: tuple[tuple[Window, ...], ...]
    holidays: tuple[Window, ...] | None = None

    def on(self, weekday: int, *, holiday: bool) -> tuple[Window, ...]:
        """Return the windows of a day; Monday is 0."""
        windows = self.week[weekday]
        if not holiday or self.holidays is None:
            return windows
        return tuple(_common(windows, self.holidays))


def parse_hours(text: str) -> Hours:
    """Return the hours that `text` says.

    Raises:
        ValueError: with a sentence that names the item and what is wrong with it.
    """
    given: dict[str, tuple[Window, ...]] = {}
    for item in text.lower().split(","):
        days, *windows = item.split() or [""]
        names = _named(days)
        if not windows:
            raise ValueError(f"`{item.strip()}` must name days and hours, such as mon 09:00-20:00")
        parsed = _windows(windows)
        for name in names:
            if name in given:
                raise ValueError(f"`{name}` is given twice")
            given[name] = parsed
    holidays = given.pop("holidays", None)
    if not given:
        raise ValueError("names no day of the week")
    return Hours(tuple(given.get(day, ()) for day in DAYS), holidays)


def _named(text: str) -> tuple[str, ...]:
    """Return the days that a word means: one, a range that may pass Sunday, or all."""
    if text == "daily":
        return DAYS
    if text == "holidays":
        return (text,)
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"`{text}` is no day: write mon, tue … sun, mon-fri, daily or holidays")
    start, length = DAYS.index(first), 1
    if dash:
        length = (DAYS.index(last) - start) % len(DAYS) + 1
    return (DAYS + DAYS)[start : start + length]


def _windows(words: list[str]) -> tuple[Window, ...]:
    if words == ["closed"]:
        return ()
    if len(words) > WINDOWS_MAX:
        raise ValueError(f"has more than {WINDOWS_MAX} windows on one day")
    windows = tuple(_window(word) for word in words)
    for before, after in pairwise(windows):
        if after.opens <= before.closes:
            raise ValueError(f"`{' '.join(words)}`: windows must be in order and apart")
    return windows


def _window(word: str) -> Window:
    match = _HOURS(word)
    if match is None:
        raise ValueError(f"`{word}` is no window: write 09:00-20:00, or closed")
    opens, closes = (60 * int(match[i]) + int(match[i + 1]) for i in (1, 3))
    if closes > _MINUTES:
        raise ValueError(f"`{word}`: a day ends at 24:00")
    if opens >= closes:
        raise ValueError(f"`{word}` ends before it begins: past midnight is the next day's window")
    return Window(opens, closes)


def _common(some: tuple[Window, ...], others: tuple[Window, ...]) -> Iterator[Window]:
    for one in some:
        for other in others:
            opens, closes = max(one.opens, other.opens), min(one.closes, other.closes)
            if opens < closes:
                yield Window(opens, closes)


_HOURS = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])").fullmatch
