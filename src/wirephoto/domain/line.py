"""A line that stopped: why, and when one message may try whether the fault is gone."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

PROBE_FIRST_S = 5.0
PROBE_LONGEST_S = 300.0
QUIET = timedelta(seconds=2 * PROBE_LONGEST_S)
"""A line that receipts stopped goes on after so long without another such receipt.

Probes leave at least twice in that time, and a fault shows within seconds. To wait for a delivery
would not do: some carriers report none (contract 2.2).
"""
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

    What only receipts can show to be gone stays so, whatever else goes wrong meanwhile.
    """
    if before is None:
        probe_at = now + timedelta(seconds=PROBE_FIRST_S)
        return Stop(reason, detail, since=now, fault_at=now, probe_at=probe_at, proof=proof)
    if before.proof is Proof.RECEIPT and proof is Proof.ANSWER:
        return replace(before, fault_at=now)
    return replace(before, reason=reason, detail=detail, fault_at=now, proof=proof)


def probing(stop: Stop, now: datetime) -> Stop:
    """Return the stop while a probe is under way: the next may go after twice the time."""
    wait_s = min(PROBE_LONGEST_S, PROBE_FIRST_S * 2.0 ** min(stop.probes + 1, 10))
    return replace(stop, probe_at=now + timedelta(seconds=wait_s), probes=stop.probes + 1)
