"""How far a clock is from the database's, judged by what asking for the time told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DRIFT_MAX = timedelta(milliseconds=100)
"""A drift beyond this is reported (DESIGN, "Time"): what a message may be late at the provider."""


@dataclass(frozen=True, slots=True)
class TimeSample:
    """One question for the time: ours when we asked, theirs, and how long the answer took."""

    asked_at: datetime
    told_at: datetime
    round_trip: timedelta

    @property
    def drift(self) -> timedelta:
        """Return their time minus ours, supposing that they looked half way through."""
        return self.told_at - (self.asked_at + self.round_trip / 2)


def known_drift(samples: Sequence[TimeSample]) -> timedelta:
    """Return by how much our clock must move on to tell their time; negative is back.

    The shortest round trip says most. It may be wrong by half of itself: less than that is no
    drift that anybody knows of, and a slow database must not set a good clock wrong.
    """
    best = min(samples, key=lambda sample: sample.round_trip)
    return best.drift if abs(best.drift) > best.round_trip / 2 else timedelta()
