"""Recipients whose clocks and hours are known by heart, for a judge that asks no code of ours."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

EVERYWHERE = ("America/New_York", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu")


@dataclass(frozen=True, slots=True)
class Someone:
    """A recipient: what a request says of them, and their clocks and hours by heart.

    `by_state` are the first and the last hour from Monday to Friday, Saturday and Sunday.
    """

    number: str
    zones: tuple[str, ...]
    by_state: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] = ((8, 21),) * 3
    given_zone: str | None = None
    given_state: str | None = None

    def may_hear(self, now: datetime, policy: str) -> bool:
        """Tell whether it is an hour for advertising by every clock."""
        return all(self._may_hear_by(now.astimezone(ZoneInfo(zone)), policy) for zone in self.zones)

    def _may_hear_by(self, clock: datetime, policy: str) -> bool:
        opens, closes = 8, 21
        if policy == "state":
            opens, closes = self.by_state[max(0, clock.weekday() - 4)]
        elif policy != "federal":
            opens, closes = 10, 16
        return opens <= clock.hour < closes


PEOPLE = (
    Someone("+12125550123", ("America/New_York",)),
    Someone("+13055550123", ("America/New_York",), ((8, 20),) * 3),
    Someone("+12145550123", ("America/Chicago",), ((9, 21), (9, 21), (12, 21))),
    Someone("+19285550123", ("America/Phoenix", "America/Denver")),
    Someone("+19285550124", ("America/Denver",), given_zone="America/Denver"),
    Someone("+18085550123", ("Pacific/Honolulu",)),
    Someone("+12125550124", ("America/Chicago",), given_zone="America/Chicago"),
    Someone(
        "+12125550125",
        ("America/Chicago", "America/Denver"),
        ((9, 21), (9, 21), (12, 21)),
        given_state="TX",
    ),
    Someone("+18005550123", EVERYWHERE, ((10, 18), (10, 17), (0, 0)), given_zone=None),
)
