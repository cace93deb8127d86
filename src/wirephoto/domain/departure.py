"""When a message may leave by its recipient's clock, and by how often they have heard from us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from wirephoto.domain.frequency import Cap, Tally, free_at
from wirephoto.domain.message import Category, Message
from wirephoto.domain.place import Place, place_of
from wirephoto.domain.quiet_hours import (
    Allowed,
    Base,
    Bypass,
    Exemption,
    Held,
    Policy,
    QuietHours,
)
from wirephoto.domain.quiet_rules import standard_rules

NEVER_QUIET = QuietHours(Policy(Base.OFF), standard_rules())
"""Quiet hours that hold nothing."""
QUIET = "quiet_hours"
"""Why a message waits for the next hour that is open."""
SCHEDULED = "scheduled"
"""Why a message waits for the time that its caller chose."""
CAPPED = "frequency_cap"
"""Why a message waits until its recipient may hear from us again."""


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient, as far as rules ask: their number, and what is known beyond it.

    `last_in_at` is when they last wrote to the brand, `tallies` what of it they have heard.
    """

    number: str
    zone: str | None = None
    state: str | None = None
    last_in_at: datetime | None = None
    tallies: Mapping[str, Tally] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Departure:
    """When a message leaves, as it is stored with it.

    It may leave from `due_at` on and before `window_closes_at` (None: whenever), as rules with
    `hours_digest` say. `held_from` is when it would have left if it were no quiet hours.
    """

    due_at: datetime
    hold_reason: str | None = None
    held_from: datetime | None = None
    window_closes_at: datetime | None = None
    hours_digest: str | None = None


@dataclass(frozen=True, slots=True)
class DepartureRules:
    """Quiet hours, and caps on how often one recipient hears from a brand."""

    hours: QuietHours = NEVER_QUIET
    caps: Mapping[Category, tuple[Cap, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def asks_about(self, category: Category) -> bool:
        """Tell whether it depends on the recipient when a message of `category` may leave."""
        return category in self.caps or self.hours.may_hold(category)

    def departure(self, person: Person, category: Category, at: datetime) -> Departure | None:
        """Return when a message to `person` leaves that could at `at`; None: at no hour ever."""
        free = free_at(self.caps.get(category, ()), category, person.tallies, at)
        found = within_hours(self.hours, person, category, free)
        if found is None or found.hold_reason or free == at:
            return found
        return Departure(free, CAPPED, None, found.window_closes_at, found.hours_digest)

    def caps_on(self, message: Message) -> tuple[Cap, ...]:
        """Return the caps that a message counts against when it leaves.

        It counts once, with its first attempt. An answer to a reply was asked for.
        """
        if message.answer is not None or message.attempts:
            return ()
        return self.caps.get(message.category, ())

    def bypass(self, message: Message, now: datetime) -> Bypass | None:
        """Return why a message leaves that others of its kind, or marketing, would wait with.

        The window that is stored with it is open: what the clock alone would hold is an answer.
        """
        if self.hours.digest is None or message.answer is not None:
            return None
        place = _place(Person(message.recipient, message.recipient_zone, message.recipient_state))
        verdict = self.hours.check(now, place, message.category)
        if isinstance(verdict, Held):
            return Bypass(Exemption.CONVERSATION, verdict.rule)
        return verdict.bypass


def within_hours(
    hours: QuietHours, person: Person, category: Category, at: datetime
) -> Departure | None:
    """Return when a message leaves that could at `at`, by the hours; None: at no hour ever."""
    if hours.digest is None:
        return Departure(at)
    place = _place(person)
    verdict = hours.check(at, place, category, last_in_at=person.last_in_at)
    if isinstance(verdict, Allowed):
        return Departure(at, window_closes_at=verdict.until, hours_digest=hours.digest)
    if verdict.next_at is None:
        return None
    opened = hours.check(verdict.next_at, place, category)
    assert isinstance(opened, Allowed), "what is held is open when its hold ends"
    return Departure(verdict.next_at, QUIET, at, opened.until, hours.digest)


def _place(person: Person) -> Place:
    return place_of(person.number, zone=person.zone, state=person.state)
