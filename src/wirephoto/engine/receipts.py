"""What a receipt does to its attempt and message, wherever it came from."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from wirephoto.clock import Clock
from wirephoto.domain.follow import Pair, apply_receipt, follow_receipt
from wirephoto.domain.line import ComplaintLimit
from wirephoto.domain.message import Attempt, AttemptState, Message
from wirephoto.domain.outcome import Failure, FailureClass, Receipt
from wirephoto.domain.retry import ResendPolicy
from wirephoto.engine.transitions import transition_between
from wirephoto.ids import Ids
from wirephoto.storage.messages import Transition


@dataclass(frozen=True, slots=True)
class ReceiptRules:
    """How often a message is submitted anew, and which codes mean something else here.

    `classes` puts the operator's judgement of a code in the place of ours; `complaints` says how
    many of carriers pause a campaign. `media_url` is where hosted files are found.
    """

    resend: ResendPolicy = field(default_factory=ResendPolicy)
    classes: Mapping[str, FailureClass] = field(default_factory=dict)
    complaints: ComplaintLimit = field(default_factory=ComplaintLimit)
    media_url: str = ""


class Complaints:
    """Watches how each campaign's last messages ended, in this process.

    Not in the database: a share of the last ones is the same share in every process that applies
    receipts, and what a restart forgets is soon seen again.
    """

    def __init__(self, limit: ComplaintLimit) -> None:
        self._limit = limit
        self._ends: dict[str, deque[bool]] = {}

    def too_many(
        self, news: Sequence[tuple[Message, Attempt, Receipt]]
    ) -> list[tuple[str, Failure]]:
        """Note how messages ended; return each campaign with too many complaints, and why.

        Such a campaign begins anew: whoever starts it again means that what was is settled.
        """
        found = []
        for message, attempt, receipt in news:
            if not (receipt.failure or attempt.state is AttemptState.DELIVERED):
                continue
            fresh: deque[bool] = deque(maxlen=self._limit.of_last)
            ends = self._ends.setdefault(message.campaign_id, fresh)
            ends.append(receipt.failure is not None and receipt.failure.counts_against_sender)
            if receipt.failure and ends[-1] and self._limit.is_exceeded(sum(ends), len(ends)):
                found.append((message.campaign_id, _paused(sum(ends), len(ends), receipt.failure)))
                ends.clear()
        return found


def _paused(complaints: int, ends: int, last: Failure) -> Failure:
    return Failure(
        last.code,
        "complaints",
        f"Carriers turned down {complaints} of the last {ends} messages for what they were: "
        f"{last.detail} Look into it before you resume the campaign.",
        FailureClass.SENDER,
    )


class Receipts:
    """Turns receipts, of webhooks or of the provider's records, into moves to be recorded."""

    def __init__(self, rules: ReceiptRules, *, clock: Clock, ids: Ids, random: Random) -> None:
        self._rules = rules
        self._clock = clock
        self._ids = ids
        self._random = random
        self.complaints = Complaints(rules.complaints)

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
            media_url=self._rules.media_url,
        )
        return transition_between(pair, Pair(message, attempt), ids=self._ids, now=now)
