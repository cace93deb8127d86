"""What a receipt does to its attempt and message, wherever it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from wirephoto.clock import Clock
from wirephoto.domain.follow import Pair, apply_receipt, follow_receipt
from wirephoto.domain.outcome import FailureClass, Receipt
from wirephoto.domain.retry import ResendPolicy
from wirephoto.engine.transitions import transition_between
from wirephoto.ids import Ids
from wirephoto.storage.messages import Transition


@dataclass(frozen=True, slots=True)
class ReceiptRules:
    """How often a message is submitted anew, and which codes mean something else here.

    `classes` puts the operator's judgement of a code in the place of ours.
    """

    resend: ResendPolicy = field(default_factory=ResendPolicy)
    classes: Mapping[str, FailureClass] = field(default_factory=dict)


class Receipts:
    """Turns receipts, of webhooks or of the provider's records, into moves to be recorded."""

    def __init__(self, rules: ReceiptRules, *, clock: Clock, ids: Ids, random: Random) -> None:
        self._rules = rules
        self._clock = clock
        self._ids = ids
        self._random = random

    def judged(self, receipt: Receipt) -> Receipt:
        """Return the receipt with its failure classified as the operator wants it."""
        failure = receipt.failure
        if failure is None or failure.code not in self._rules.classes:
            return receipt
        return replace(receipt, failure=replace(failure, kind=self._rules.classes[failure.code]))

    def apply(self, pair: Pair, receipt: Receipt) -> Transition | None:
        """Return the move that a receipt makes, or None where it says nothing new."""
        now = self._clock.now()
        attempt = apply_receipt(pair.attempt, receipt, now)
        message = follow_receipt(
            Pair(pair.message, attempt),
            receipt,
            policy=self._rules.resend,
            jitter=self._random.random(),
            now=now,
        )
        return transition_between(pair, Pair(message, attempt), ids=self._ids, now=now)
