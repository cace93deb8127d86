"""What a seed makes of the world: which faults there are, how often, and what customers ask for.

Each seed has some of the faults and not the others (swarm testing): where everything fails at
once, nothing gets far enough to fail in an interesting way.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.factories import NOW
from wirephoto.domain.daily_cap import next_pacific_midnight
from wirephoto.simulator.switches import AccountFault, HttpFault, LookUpFault, Outage

BEFORE_MIDNIGHT = next_pacific_midnight(NOW) - timedelta(minutes=1)
"""When a run begins in which what is held for the day leaves again."""
AREAS = ("212", "312", "415", "646")
FAULT_RATES = (0.02, 0.05, 0.15, 0.4)
_ACCOUNT_FAULTS = tuple(AccountFault)


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances of each fault at each occasion, and times in seconds; the default is calm."""

    disk_error: float = 0.0
    commit_refused: float = 0.0
    commit_unanswered: float = 0.0
    disk_slow: float = 0.0
    disk_slow_s: float = 0.0
    customer_lost: float = 0.0
    """A customer's connection breaks, before or after its request was handled."""
    webhook_lost: float = 0.0
    webhook_slow_s: float = 0.0
    provider_unreachable: float = 0.0
    """The connection is refused: no byte leaves."""
    provider_lost_before: float = 0.0
    """The request left, and the provider never read it."""
    provider_lost_after: float = 0.0
    """The provider took the request; its answer is lost."""
    provider_late: float = 0.0
    """The answer comes after the client gave up."""
    media_missing: float = 0.0
    records_unreachable: float = 0.0
    """A question to the provider's records is not answered, before or after it was read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's world."""

    faults: Faults
    disorder: float
    network_s: float
    """What a message between two machines takes at most, where nothing is wrong."""
    disk_s: float
    """What a call of the disk takes at most, likewise: while it does, everything else goes on."""
    crashes: int
    steps_to_crash: int
    """A process dies within so many of its steps, as long as there are `crashes` left."""
    stops: int
    outages: int
    """How often the disk, the provider, the way to it or the account fail for a while."""
    outage_s: float
    """How long they fail at most."""
    starts_at: datetime
    lasts_s: float
    customers: int
    requests: int
    acts: tuple[str, ...]
    operators: int
    """Who settle messages in doubt, each without a word to the others."""
    looks: int
    """How often each looks for messages in doubt."""
    thinks_s: float
    """How long they look at a message at most before they say something of it."""
    areas: tuple[str, ...]
    """Where recipients are: the fewer, the more often one gets several messages."""
    magic: float
    """How many of the recipients are magic ones."""
    quiet: float
    """How many are those whose last receipt, or any, never comes."""
    short_lived: float
    """How many messages expire within seconds."""
    scheduled: float
    settings: dict[str, Any] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)


OFTEN = ("send", "send", "send_twice", "send_and_cancel", "look")
RARELY = ("batch", "send_unkeyed", "simple_door")


def draw_plan(random: Random) -> Plan:
    """Return the plan of a seed's random source."""
    sender_rate = random.choice((2.0, 5.0, 20.0, 50.0))
    return Plan(
        faults=_draw_faults(random),
        disorder=random.choice((0.0, 0.1, 0.5, 1.0)),
        network_s=random.choice((0.002, 0.02, 0.1)),
        disk_s=random.choice((0.0, 0.002, 0.01)),
        crashes=random.choice((0, 1, 2, 4)),
        steps_to_crash=random.choice((100, 500, 2500)),
        stops=random.choice((0, 0, 1)),
        outages=random.choice((0, 0, 1, 2)),
        outage_s=random.choice((10.0, 10.0, 100.0)),
        starts_at=random.choice((NOW, NOW, BEFORE_MIDNIGHT)),
        lasts_s=random.choice((5.0, 15.0, 40.0, 120.0)),
        customers=random.choice((1, 2, 4)),
        requests=random.choice((4, 8, 14)),
        acts=(*random.sample(OFTEN, random.randint(1, len(OFTEN))), *_some(random, RARELY)),
        operators=random.choice((0, 1, 3)),
        looks=random.choice((4, 12)),
        thinks_s=random.choice((2.0, 100.0)),
        areas=AREAS[: random.choice((1, 4))],
        magic=random.choice((0.0, 0.3, 0.7)),
        quiet=random.choice((0.0, 0.0, 0.3)),
        short_lived=random.choice((0.0, 0.0, 0.3)),
        scheduled=random.choice((0.0, 0.0, 0.3)),
        settings=_draw_settings(random, sender_rate),
        switches=_draw_switches(random, sender_rate),
    )


def _draw_settings(random: Random, sender_rate: float) -> dict[str, Any]:
    return {
        "sender_rate": sender_rate,
        "account_rate": random.choice((0.5, 1.0, 3.0)) * sender_rate,
        "lease_s": random.choice((1.0, 3.0, 10.0)),
        "submit_timeout_s": random.choice((0.5, 2.0, 10.0)),
        "in_flight_max": random.choice((1, 4, 64)),
        "stop_grace_s": random.choice((0.0, 1.0, 5.0)),
        "tries_max": random.choice((2, 5, 16)),
        "resends_max": random.randint(0, 3),
        "resend_wait_s": random.choice((2.0, 120.0)),
        "receipt_window_h": random.choice((48.0, 48.0, 0.01, 0.5)),
        "expires_after_h": random.choice((2.0, 2.0, 24.0)),
        "delivery": random.choice(("at_most_once", "at_most_once", "at_least_once")),
        "delivery_grace_s": 60.0,
        "reports": random.random() < 0.4,
        # One phone's 1460 ends the brand's day: it must not keep all others' messages.
        "unknown_networks": "free",
    }


def _draw_faults(random: Random) -> Faults:
    drawn: dict[str, float] = {
        name: random.choice(FAULT_RATES)
        for name in Faults.__slots__
        if not name.endswith("_s") and random.random() < 0.3
    }
    # A transaction has many statements, and a turn several transactions.
    for name in ("disk_error", "commit_refused", "commit_unanswered"):
        if name in drawn:
            drawn[name] /= 4
    slow = {"disk_slow_s": random.choice((0.02, 0.3, 3.0)), "webhook_slow_s": 0.0}
    if random.random() < 0.3:
        slow["webhook_slow_s"] = random.choice((1.0, 20.0))
    return Faults(**drawn, **slow)


def _draw_switches(random: Random, rate: float) -> dict[str, Any]:
    faults = random.sample(list(HttpFault), random.choice((0, 0, 1, 3)))
    return {
        "rate_per_s": random.choice((None, None, rate, rate / 2)),
        "retry_after": random.random() < 0.5,
        "fault_rates": {fault: random.choice((0.05, 0.25)) for fault in faults},
        "answer_delay_s": random.choice((0.3, 3.0, 20.0)),
        "submitted_delay_s": random.choice((0.0, 0.2, 2.0)),
        "final_delay_s": random.choice((0.0, 1.0, 20.0)),
        "receipts_doubled": random.random() < 0.2,
        "receipts_disordered": random.random() < 0.2,
        "fetch_media": random.random() < 0.5,
        "reports_delay_s": random.choice((0.0, 30.0, 200.0)),
        "reports_page_items": random.choice((1, 3, 1000)),
        "reports_fault": random.choice((None, None, None, *LookUpFault)),
    }


def _some(random: Random, choices: Sequence[str]) -> list[str]:
    return random.sample(choices, random.randint(0, len(choices)))


def draw_outage(random: Random) -> dict[str, Any]:
    """Return the switches of one way in which the provider fails for a while."""
    if random.random() < 0.5:
        return {"outage": random.choice(list(Outage))}
    return {"account_fault": random.choice(_ACCOUNT_FAULTS)}


class Weather:
    """The faults as they are at the moment, drawn whenever something leaves the process."""

    def __init__(
        self, random: Random, faults: Faults, *, network_s: float = 0.0, disk_s: float = 0.0
    ) -> None:
        self._random = random
        self._network_s = network_s
        self._disk_s = disk_s
        self.faults = faults
        self.disk_is_broken = False
        self.provider_is_cut_off = False

    def calm_down(self) -> None:
        """Let nothing fail any more."""
        self.faults = Faults()
        self.disk_is_broken = False
        self.provider_is_cut_off = False

    def change(self, **faults: float) -> None:
        """Change some faults."""
        self.faults = replace(self.faults, **faults)

    def refuses_connection(self) -> bool:
        """Tell whether no byte of a request gets to the provider."""
        return self.provider_is_cut_off or self.strikes(self.faults.provider_unreachable)

    def strikes(self, chance: float) -> bool:
        """Tell whether something of this chance happens now."""
        return chance > 0 and self._random.random() < chance

    def disk_pause_s(self) -> float:
        """Return how long the disk takes."""
        slow = self.strikes(self.faults.disk_slow)
        most_s = self.faults.disk_slow_s if slow else self._disk_s
        return self._random.random() * most_s if most_s else 0.0

    def disk_fails(self, act: str) -> bool:
        """Tell whether a call fails before it does anything."""
        if act == "rollback":
            return False
        chance = self.faults.commit_refused if act == "commit" else self.faults.disk_error
        return self.disk_is_broken or self.strikes(chance)

    def commit_is_unanswered(self) -> bool:
        """Tell whether a commit happens and yet seems to fail."""
        return self.disk_is_broken or self.strikes(self.faults.commit_unanswered)

    def disk_error(self, texts: Sequence[str]) -> sqlite3.OperationalError:
        """Return what the driver raises."""
        return sqlite3.OperationalError(self._random.choice(texts))

    def network_s(self) -> float:
        """Return how long a message between two machines is under way."""
        return self._random.random() * self._network_s

    def between(self, least: float, most: float) -> float:
        """Return a number between two."""
        return self._random.uniform(least, most)
