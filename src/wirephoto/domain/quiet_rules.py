"""The laws on quiet hours as dated data: read from a document, each with its source.

Ours is `quiet_hours.toml` beside this module, where the form is explained. Operators correct it
with a document of their own (`RuleBook.corrected_by`), not with a new version of the code.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from wirephoto.domain.area_codes import zones_of_state
from wirephoto.domain.holiday import HolidayList, parse_holiday
from wirephoto.domain.hours import Hours, Window, parse_hours
from wirephoto.domain.message import Category

FEDERAL = "federal"
"""The place whose rules count everywhere."""

RULES_MAX = 500
HOLIDAYS_MAX = 100
"""Bounds of a document; ours has a twentieth of each."""


class Status(StrEnum):
    """How good the source of a rule is."""

    VERIFIED = "verified"
    SECONDARY = "secondary"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One version of the law of one place.

    `place` is `federal`, two letters of a state, or `custom` for an operator's own hours.
    `categories` are those that it holds. It is in force from the day `valid_from` on.
    """

    place: str
    hours: Hours
    source: str
    holidays: HolidayList | None = None
    categories: frozenset[Category] = frozenset({Category.MARKETING})
    valid_from: date = date.min
    status: Status = Status.VERIFIED
    read_on: date | None = None
    note: str = ""

    def windows_on(self, day: date) -> tuple[Window, ...]:
        """Return the windows of a day in that place."""
        holiday = self.holidays is not None and self.holidays.holds(day)
        return self.hours.on(day.weekday(), holiday=holiday)


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """All versions of the rule of one place, the latest first."""

    place: str
    versions: tuple[Rule, ...]

    def on(self, day: date) -> Rule | None:
        """Return the version in force on `day`, if there was any."""
        return next((rule for rule in self.versions if rule.valid_from <= day), None)


@dataclass(frozen=True, slots=True, eq=False)
class RuleBook:
    """The laws by place, the lists of holidays by name, and the texts that they were read from."""

    laws: Mapping[str, Law]
    holidays: Mapping[str, HolidayList] = field(default_factory=lambda: MappingProxyType({}))
    texts: tuple[str, ...] = ()

    def corrected_by(self, text: str) -> "RuleBook":
        """Return this book with the places and lists that an operator's document names replaced.

        Rules of the document may use our lists. Rules of ours keep the list that they were read
        with: whoever replaces a list that is used names its places as well.

        Raises:
            ValueError: the document is not in the form of ours; the sentence says where.
        """
        other = parse_rules(text, known=self.holidays)
        return RuleBook(
            MappingProxyType({**self.laws, **other.laws}),
            MappingProxyType({**self.holidays, **other.holidays}),
            self.texts + other.texts,
        )


class _Holidays(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    source: str
    days: dict[str, str]
    saturday: Literal["friday", "monday"] | None = None
    sunday: Literal["monday"] | None = None
    extends: str | None = None


class _Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    place: str
    hours: str
    source: str
    status: Status
    read_on: date
    holidays: str | None = None
    categories: tuple[Category, ...] = (Category.MARKETING,)
    valid_from: date = date.min
    note: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    rules: list[_Rule] = []
    holidays: dict[str, _Holidays] = {}


@cache
def standard_rules() -> RuleBook:
    """Return the rules that come with this version."""
    return parse_rules(files(__package__).joinpath("quiet_hours.toml").read_text(encoding="utf-8"))


def parse_rules(text: str, *, known: Mapping[str, HolidayList] = MappingProxyType({})) -> RuleBook:
    """Return what a document says; `known` are lists of holidays that it may name as well.

    Raises:
        ValueError: with a sentence that says which rule is wrong, and how.
    """
    try:
        document = msgspec.toml.decode(text, type=_Document)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"is no document of rules: {error}") from None
    if len(document.rules) > RULES_MAX:
        raise ValueError(f"has more than {RULES_MAX} rules")
    lists = dict(known)
    for name, entry in document.holidays.items():
        lists[name] = _holiday_list(name, entry, lists)
    rules = [_rule(entry, lists) for entry in document.rules]
    return RuleBook(MappingProxyType(_laws(rules)), MappingProxyType(lists), (text,))


def _laws(rules: Iterable[Rule]) -> dict[str, Law]:
    by_place: dict[str, list[Rule]] = {}
    for rule in rules:
        by_place.setdefault(rule.place, []).append(rule)
    laws = {}
    for place, versions in by_place.items():
        if len({rule.valid_from for rule in versions}) < len(versions):
            raise ValueError(f"{place}: two rules come into force on one day")
        versions.sort(key=lambda rule: rule.valid_from, reverse=True)
        laws[place] = Law(place, tuple(versions))
    return laws


def _holiday_list(name: str, entry: _Holidays, lists: Mapping[str, HolidayList]) -> HolidayList:
    base = _listed(name, entry.extends, lists)
    if len(entry.days) > HOLIDAYS_MAX:
        raise ValueError(f"holidays {name}: has more than {HOLIDAYS_MAX} days")
    try:
        own = {day: parse_holiday(words) for day, words in entry.days.items()}
    except ValueError as error:
        raise ValueError(f"holidays {name}: {error}") from None
    return HolidayList(
        rules=MappingProxyType({**(base.rules if base else {}), **own}),
        saturday={"friday": -1, "monday": 2, None: 0}[entry.saturday],
        sunday=1 if entry.sunday else 0,
    )


def _rule(entry: _Rule, lists: Mapping[str, HolidayList]) -> Rule:
    if entry.place != FEDERAL and not zones_of_state(entry.place):
        raise ValueError(f"`{entry.place}` is no place: write federal, or two letters of a state")
    try:
        hours = parse_hours(entry.hours)
    except ValueError as error:
        raise ValueError(f"{entry.place}: {error}") from None
    if (hours.holidays is None) != (entry.holidays is None):
        raise ValueError(f"{entry.place}: hours on holidays, and a list of them, go together")
    return Rule(
        place=entry.place,
        hours=hours,
        source=entry.source,
        holidays=_listed(entry.place, entry.holidays, lists),
        categories=_categories(entry.place, entry.categories),
        valid_from=entry.valid_from,
        status=entry.status,
        read_on=entry.read_on,
        note=entry.note,
    )


def _listed(user: str, name: str | None, lists: Mapping[str, HolidayList]) -> HolidayList | None:
    if name is not None and name not in lists:
        raise ValueError(f"{user}: there is no list of holidays `{name}` above it")
    return None if name is None else lists[name]


def _categories(place: str, names: Collection[Category]) -> frozenset[Category]:
    if not names or Category.EMERGENCY in names:
        raise ValueError(f"{place}: holds some category, but never emergencies")
    return frozenset(names)
