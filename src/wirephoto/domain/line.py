"""A line that stopped: why, and when one message may try whether the fault is gone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PROBE_FIRST_S = 5.0
PROBE_LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an account or a campaign does not send, and when one message may try again."""

    reason: str
    detail: str
    since: datetime
    probe_at: datetime
    probes: int = 0


def stopped(before: Stop | None, *, reason: str, detail: str, now: datetime) -> Stop:
    """Return the stop after one more fault: it keeps its start and its probes' growing pace."""
    if before is None:
        return Stop(reason, detail, since=now, probe_at=now + timedelta(seconds=PROBE_FIRST_S))
    return Stop(reason, detail, before.since, before.probe_at, before.probes)


def probing(stop: Stop, now: datetime) -> Stop:
    """Return the stop while a probe is under way: the next may go after twice the time."""
    wait_s = min(PROBE_LONGEST_S, PROBE_FIRST_S * 2.0 ** min(stop.probes + 1, 10))
    return Stop(
        stop.reason,
        stop.detail,
        stop.since,
        probe_at=now + timedelta(seconds=wait_s),
        probes=stop.probes + 1,
    )
