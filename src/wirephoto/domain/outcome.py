"""What the provider's answers and receipts mean to us: our words, none of the provider's."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What to do with a message after one try to submit it."""

    ACCEPTED = "accepted"
    """The provider took it."""
    RETRY = "retry"
    """Surely not taken; the same request may be made again later."""
    HELD_BACK = "held_back"
    """Nothing left: we kept it back ourselves. It goes with the next slot."""
    FAIL = "fail"
    """Surely not taken, and never will be as it is."""
    SUPPRESS = "suppress"
    """Surely not taken, and nothing for this recipient will be."""
    PAUSE_CAMPAIGN = "pause_campaign"
    """Surely not taken: this sender or campaign has a fault. The message stays queued."""
    STOP_LINE = "stop_line"
    """Surely not taken: the account has a fault. The message stays queued."""
    UNKNOWN = "unknown"
    """It may or may not have been taken; never sent again on its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try to submit.

    `reason` is for machines (`rate_limited`, `invalid_sender`, …), `detail` a sentence for people.
    `throttled` marks answers that ask us to slow down; `retry_after_s` is the provider's wish.
    """

    verdict: Verdict
    reason: str
    detail: str
    provider_message_id: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    retry_after_s: float | None = None
    throttled: bool = False
    answer: str | None = None
    """What was answered: trimmed, with numbers and secrets masked."""

    @property
    def is_outage(self) -> bool:
        """Tell whether it looks as if the provider, or the way to it, were down."""
        out_of_reach = self.verdict is Verdict.RETRY and not self.throttled
        return out_of_reach or self.verdict is Verdict.UNKNOWN


class ReceiptState(StrEnum):
    """What a receipt reports; `rank` orders reports that arrive late."""

    SUBMITTED = "submitted"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    DELIVERED = "delivered"
    READ = "read"


class FailureClass(StrEnum):
    """What a failure code in a receipt asks of us."""

    RETRY = "retry"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    SENDER = "sender"
    ACCOUNT = "account"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a receipt says that a message was not delivered, classified.

    `counts_against_sender` marks codes (spam, content) that pause a campaign when they pile up,
    `opted_out` the one that says the recipient sent STOP, `throttled` those that ask us to slow,
    `daily_cap` the one that says nothing more goes to this carrier before midnight Pacific time,
    `picture_refused` those that say the phone takes no picture, or none of this size: it has not
    arrived, and a text may.
    """

    code: str
    reason: str
    detail: str
    kind: FailureClass
    counts_against_sender: bool = False
    opted_out: bool = False
    throttled: bool = False
    daily_cap: bool = False
    picture_refused: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's report on one attempt, in our words.

    `reported_at` is the provider's time. `price` is a decimal number as text, in `currency`.
    """

    provider_message_id: str
    client_ref: str | None
    state: ReceiptState
    reported_at: datetime
    failure: Failure | None = None
    price: str | None = None
    currency: str | None = None
    network_code: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMedia:
    """One attachment that a phone sent: where the provider keeps it, for a while."""

    kind: str
    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from a phone to one of our senders. Numbers are E.164 with `+`, or short codes."""

    provider_message_id: str
    sender: str
    recipient: str
    channel: str
    text: str | None
    media: tuple[InboundMedia, ...]
    sent_at: datetime
    network_code: str | None = None
