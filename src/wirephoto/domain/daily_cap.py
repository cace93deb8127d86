"""The daily cap of a brand: how much of it is left, and whose messages count against it.

One carrier, T-Mobile, takes only so many messages of a brand from midnight to midnight, Pacific
time; what comes after fails, it is not queued (contract 4.2, as aggregators publish it).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

CAP_ZONE = "America/Los_Angeles"
CAPPED_NETWORKS = (
    "310120",
    "310160",
    "310200",
    "310210",
    "310220",
    "310230",
    "310240",
    "310250",
    "310260",
    "310270",
    "310310",
    "310490",
    "310580",
    "310660",
    "310800",
    "311490",
    "311660",
    "312250",
)
"""Network codes (ITU-T E.212) of T-Mobile US, with those that came to it with Sprint and MetroPCS.

The provider's contract names none but 310260: the others are as the numbering plan's public lists
give them, and a setting replaces them all.
"""
HELD = "daily_limit"
"""Why a message waits for midnight."""


@dataclass(frozen=True, slots=True)
class CapRules:
    """Which recipients' messages count: those on `networks`, and perhaps those on unknown ones."""

    networks: Collection[str] = frozenset(CAPPED_NETWORKS)
    unknown_counts: bool = True

    def counts(self, network_code: str | None) -> bool:
        """Tell whether a message to a phone that was last seen on a network counts."""
        return self.unknown_counts if network_code is None else network_code in self.networks


@dataclass(frozen=True, slots=True)
class DailyCap:
    """What a brand may send in a day, and what of it has gone today.

    `cap` is None where no registration tells it; `spent` says that the carrier refused one today.
    Text counts by segments, a picture as one.
    """

    brand_id: str
    cap: int | None = None
    sent: int = 0
    spent: bool = False

    @property
    def is_limited(self) -> bool:
        """Tell whether there is a limit today that anybody knows of."""
        return self.spent or self.cap is not None

    @property
    def left(self) -> int:
        """Return how much more may leave today, of a limit that is known."""
        return 0 if self.spent or self.cap is None else max(0, self.cap - self.sent)


def within(left: int, weights: Sequence[int]) -> list[bool]:
    """Tell which of some messages, in their order, may leave when so much is left of a cap.

    A weight of 0 is that of a message that does not count.
    """
    taken = []
    for weight in weights:
        fits = weight == 0 or weight <= left
        left -= weight if fits else 0
        taken.append(fits)
    return taken


def cap_day(now: datetime) -> str:
    """Return the present day in the zone of the daily caps, as `YYYY-MM-DD`."""
    return now.astimezone(ZoneInfo(CAP_ZONE)).date().isoformat()


def next_pacific_midnight(now: datetime) -> datetime:
    """Return the end of the present day in the zone of the daily caps."""
    tomorrow = now.astimezone(ZoneInfo(CAP_ZONE)).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=ZoneInfo(CAP_ZONE)).astimezone(UTC)
