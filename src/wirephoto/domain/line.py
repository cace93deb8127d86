"""A line that stopped: why, and when one message may try whether the fault is gone."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

PROBE_FIRST_S = 5.0
PROBE_LONGEST_S = 300.0
QUIET = timedelta(seconds=2 * PROBE_LONGEST_S)
"""A line that receipts stopped goes on after so long without another such receipt.

Probes leave at least twice in that time, and a fault shows within seconds. To wait for a delivery
would not do: some carriers report none (contract 2.2).
"""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a line is probed that only a human may start again."""
OUTAGE_AFTER = 5
"""Requests without an answer of the provider, one after the other, that stop the line.

A few broken connections are the internet's ordinary noise. When it is an outage, each further
request would leave a message in doubt, or come back with all the others at its end.
"""


class Proof(StrEnum):
    """What shows that the fault is gone."""

    ANSWER = "answer"
    """The provider takes a message."""
    RECEIPT = "receipt"
    """A message is delivered, or none is turned down for `QUIET`."""
    HUMAN = "human"
    """Somebody looked into it, and says so: no message tries."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an account or a campaign does not send, and when one message may try again.

    `since` is when it began, `fault_at` when the fault was last seen.
    """

    reason: str
    detail: str
    since: datetime
    fault_at: datetime
    probe_at: datetime
    probes: int = 0
    proof: Proof = Proof.ANSWER

    def is_over(self, now: datetime) -> bool:
        """Tell whether a fault that only receipts show has not been seen for long enough."""
        return self.proof is Proof.RECEIPT and now - self.fault_at >= QUIET


def stopped(
    before: Stop | None, *, reason: str, detail: str, now: datetime, proof: Proof = Proof.ANSWER
) -> Stop:
    """Return the stop after one more fault: it keeps its start and its probes' growing pace.

    What needs a stronger proof (a human's word most of all, then a receipt) still needs it,
    whatever else goes wrong meanwhile.
    """
    if before is None:
        first_at = NEVER if proof is Proof.HUMAN else now + timedelta(seconds=PROBE_FIRST_S)
        return Stop(reason, detail, since=now, fault_at=now, probe_at=first_at, proof=proof)
    if _STRENGTH[before.proof] > _STRENGTH[proof]:
        return replace(before, fault_at=now)
    probe_at = NEVER if proof is Proof.HUMAN else before.probe_at
    return replace(
        before, reason=reason, detail=detail, fault_at=now, proof=proof, probe_at=probe_at
    )


def paused_by_hand(before: Stop | None, reason: str | None, now: datetime) -> Stop:
    """Return the stop that somebody asks for: it holds until somebody says otherwise."""
    detail = reason or "Somebody paused it."
    return stopped(before, reason="paused", detail=detail, now=now, proof=Proof.HUMAN)


_STRENGTH = MappingProxyType({Proof.ANSWER: 0, Proof.RECEIPT: 1, Proof.HUMAN: 2})


def probing(stop: Stop, now: datetime) -> Stop:
    """Return the stop while a probe is under way: the next may go after twice the time."""
    wait_s = min(PROBE_LONGEST_S, PROBE_FIRST_S * 2.0 ** min(stop.probes + 1, 10))
    return replace(stop, probe_at=now + timedelta(seconds=wait_s), probes=stop.probes + 1)


@dataclass(frozen=True, slots=True)
class ComplaintLimit:
    """How many complaints of carriers (spam, content, fraud) pause a campaign for a human.

    Of the last `of_last` messages that came to an end, at least `least` and more than `share`. One
    in a hundred is what carriers let pass; a campaign that goes on beyond some is suspended, which
    costs more than a pause. A few alone prove nothing: a small sender has them by chance.
    """

    of_last: int = 200
    share: float = 0.05
    least: int = 5

    def is_exceeded(self, complaints: int, ends: int) -> bool:
        """Tell whether so many complaints among so many ends are too many."""
        return complaints >= self.least and complaints > self.share * ends
