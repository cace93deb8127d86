"""May a message leave now, by the clock of whoever receives it; until when, and if not, when next.

Which laws count is the operator's policy. What they say is data (`quiet_rules`), and how it becomes
instants is arithmetic (`opening`): this module only decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache

from wirephoto.domain.hours import Hours, parse_hours
from wirephoto.domain.message import Category
from wirephoto.domain.opening import Opening
from wirephoto.domain.place import Place
from wirephoto.domain.quiet_rules import FEDERAL, Law, Rule, RuleBook
from wirephoto.domain.rules_digest import digest_of

CONVERSATION = timedelta(minutes=15)
"""How long after a recipient's own message an answer may leave at any hour.

Sources speak of "the last minutes" (facts 2.1); a quarter of an hour is enough to write one.
"""
CUSTOM = "custom"
"""The place that an operator's own hours are told by."""
_PLACES_KEPT = 1024


class Base(StrEnum):
    """Whose hours count."""

    OFF = "off"
    FEDERAL = "federal"
    STATE = "state"
    """Federal hours and those of the recipient's state; all states' where it is not known."""
    STRICTEST = "strictest"
    """The hours that every law of the rule book allows."""


class Exemption(StrEnum):
    """Why a message may leave although it is quiet hours."""

    CATEGORY = "category"
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator has chosen: whose hours count, and own hours beside them.

    `also_held` are categories that are treated as if they were marketing. `conversation` of zero
    exempts no answer.
    """

    base: Base = Base.STATE
    own: Hours | None = None
    also_held: frozenset[Category] = frozenset()
    conversation: timedelta = CONVERSATION

    def __post_init__(self) -> None:
        assert Category.EMERGENCY not in self.also_held


@dataclass(frozen=True, slots=True)
class Bypass:
    """A message that leaves in quiet hours: why it may, and the rule that would have held it."""

    exemption: Exemption
    rule: Rule


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may leave from now on, and before `until` (None: whenever within the next weeks).

    `bypass` is for the audit trail: it is there where only an exemption lets the message leave.
    """

    until: datetime | None
    bypass: Bypass | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """It may not leave now; `rule` is what holds it.

    `next_at` is the first instant at which it may. None: no hour within the next weeks is open in
    every zone, so it will never leave under these rules.
    """

    next_at: datetime | None
    rule: Rule


def parse_policy(text: str) -> Policy:
    """Return what a setting says: `off`, `federal`, `state`, `strictest`, own hours, or both.

    `state and mon-fri 10:00-19:00, holidays closed` are own hours within those of the law.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    first, *own = [part.strip() for part in text.lower().split(" and ")]
    base = next((base for base in Base if base == first), None)
    if base is None:
        base, own = Base.OFF, [first, *own]
        if not any(char.isdigit() for char in first):
            raise ValueError(
                "must be off, federal, state, strictest, or hours such as mon-fri 09:00-20:00"
            )
    elif own and base is Base.OFF:
        raise ValueError("cannot be off and have hours")
    if len(own) > 1:
        raise ValueError("combines one law with your own hours: state and mon-fri 09:00-20:00")
    hours = parse_hours(own[0]) if own else None
    if hours is not None and not any(hours.week):
        raise ValueError("would hold every message for ever: there is no hour that is open")
    return Policy(base, hours)


class QuietHours:
    """A policy over a rule book. Build it once: what it works out is kept."""

    def __init__(self, policy: Policy, book: RuleBook) -> None:
        self._policy = policy
        self._book = book
        self._opening = lru_cache(maxsize=_PLACES_KEPT)(self._open_hours)

    @cached_property
    def digest(self) -> str | None:
        """Return what tells these rules from others, the clocks' own included; None: they are off.

        What was reckoned under another digest is to be reckoned again.
        """
        policy = self._policy
        if policy.base is Base.OFF and policy.own is None:
            return None
        also = sorted(policy.also_held)
        chosen = (policy.base, policy.own, also, policy.conversation)
        return digest_of(repr(chosen), *self._book.texts)

    def may_hold(self, category: Category) -> bool:
        """Tell whether there is any hour at which a message of `category` is held somewhere."""
        return self.digest is not None and (
            category in self._policy.also_held or category in self._held_categories
        )

    @cached_property
    def _held_categories(self) -> frozenset[Category]:
        laws = self._book.laws.values() if self._policy.base is not Base.OFF else ()
        rules = [rule for law in laws for rule in law.versions]
        return frozenset({Category.MARKETING}.union(*[rule.categories for rule in rules]))

    def check(
        self,
        now: datetime,
        place: Place,
        category: Category,
        *,
        last_in_at: datetime | None = None,
    ) -> Allowed | Held:
        """Tell whether a message of `category` may leave to `place` at `now`.

        `last_in_at` is when the recipient last wrote to this sender.
        """
        kind = Category.MARKETING if category in self._policy.also_held else category
        opening = self._opening_of(place, kind)
        here = opening.stretch_at(now)
        if here.rule is not None:
            return self._in_conversation(now, last_in_at, opening, here.rule) or Held(
                here.ends_at, here.rule
            )
        if kind is Category.MARKETING:
            return Allowed(here.ends_at)
        rule = self._opening_of(place, Category.MARKETING).stretch_at(now).rule
        return Allowed(here.ends_at, Bypass(Exemption.CATEGORY, rule) if rule else None)

    def _in_conversation(
        self, now: datetime, last_in_at: datetime | None, opening: Opening, rule: Rule
    ) -> Allowed | None:
        """Return until when an answer may leave although `rule` holds other messages."""
        if last_in_at is None or now >= (ends_at := last_in_at + self._policy.conversation):
            return None
        then = opening.stretch_at(ends_at)
        until = ends_at if then.rule else then.ends_at
        return Allowed(until, Bypass(Exemption.CONVERSATION, rule))

    def _opening_of(self, place: Place, kind: Category) -> Opening:
        state = place.state if self._policy.base is Base.STATE else None
        return self._opening(state, place.zones, kind)

    def _open_hours(self, state: str | None, zones: tuple[str, ...], kind: Category) -> Opening:
        return Opening(tuple(self._laws(state)), zones, kind)

    def _laws(self, state: str | None) -> Iterator[Law]:
        laws, base = self._book.laws, self._policy.base
        if base is Base.STRICTEST or (base is Base.STATE and state is None):
            yield from laws.values()
        elif base is not Base.OFF:
            places = [FEDERAL] if state is None else [FEDERAL, state]
            yield from (laws[place] for place in places if place in laws)
        if self._policy.own is not None:
            yield Law(CUSTOM, (self._own_rule(self._policy.own),))

    def _own_rule(self, hours: Hours) -> Rule:
        return Rule(
            place=CUSTOM,
            hours=hours,
            source="the operator's settings",
            holidays=self._book.holidays.get(FEDERAL),
        )
