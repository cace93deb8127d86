"""A message and its attempts: states, the moves between them, and who follows whom.

A message is what a customer asked for; an attempt is one try to submit it. Answers and receipts
move the attempt, and the message follows its attempts (`follow`). Every move grows the message's
`version`; storage refuses a move whose `version` is no longer the stored one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

from wirephoto.domain.channel import Channel
from wirephoto.domain.media import Attachment, Media
from wirephoto.errors import IllegalTransition


class MessageState(StrEnum):
    """Where a message is. `TRANSITIONS` says what may follow what."""

    PREPARING = "preparing"
    """Accepted; its media is being checked or fitted."""
    QUEUED = "queued"
    """May be claimed from `due_at` on."""
    CLAIMED = "claimed"
    """A dispatcher has it until `lease_until`; nothing has left."""
    SENDING = "sending"
    """Its attempt is recorded; the first byte may leave."""
    UNCONFIRMED = "unconfirmed"
    """The request may have left and no answer is known; never sent again on its own."""
    SUBMITTED = "submitted"
    """The provider took it."""
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Tell whether the customer has heard the last word (`read` may still follow it)."""
        return self in _FINAL

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing of the current try has left: it may be canceled or blocked."""
        return self in WAITING


_S = MessageState
WAITING = frozenset({_S.PREPARING, _S.QUEUED, _S.CLAIMED})
WITHDRAWN = frozenset({_S.CANCELED, _S.EXPIRED, _S.BLOCKED})
"""Ended by us or by the customer before its current try had left."""
_CARRIER_WORD = frozenset({_S.DELIVERED, _S.READ, _S.REJECTED, _S.UNDELIVERABLE})
_FINAL = WITHDRAWN | _CARRIER_WORD | {_S.FAILED}
_TAKEN_AFTER_ALL = frozenset({_S.SUBMITTED, _S.DELIVERED, _S.READ})

TRANSITIONS: Mapping[MessageState, frozenset[MessageState]] = MappingProxyType(
    {
        _S.PREPARING: WITHDRAWN | {_S.QUEUED, _S.FAILED},
        # A receipt may show that an earlier attempt was taken after all; the next one is withdrawn.
        _S.QUEUED: WITHDRAWN | _TAKEN_AFTER_ALL | {_S.CLAIMED},
        _S.CLAIMED: WITHDRAWN | _TAKEN_AFTER_ALL | {_S.QUEUED, _S.SENDING},
        _S.SENDING: _CARRIER_WORD | {_S.QUEUED, _S.UNCONFIRMED, _S.SUBMITTED, _S.FAILED},
        _S.UNCONFIRMED: _CARRIER_WORD | {_S.QUEUED, _S.SUBMITTED, _S.FAILED},
        _S.SUBMITTED: _CARRIER_WORD | {_S.QUEUED},
        _S.DELIVERED: frozenset({_S.READ}),
        **dict.fromkeys(_FINAL - {_S.DELIVERED}, frozenset[MessageState]()),
    }
)
"""Which states may follow which (DESIGN: the life of a message)."""


class AttemptState(StrEnum):
    """Where one try to submit is; `rank` orders what may overwrite what."""

    SENDING = "sending"
    UNCONFIRMED = "unconfirmed"
    NOT_ACCEPTED = "not_accepted"
    SUBMITTED = "submitted"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    DELIVERED = "delivered"

    @property
    def rank(self) -> int:
        """Return how much is known: a lower rank never overwrites a higher or an equal one.

        delivered = rejected > undeliverable > submitted (contract 2.2); the provider's word
        overrules what we concluded from a broken answer.
        """
        return _ATTEMPT_RANK[self]


_ATTEMPT_RANK = {
    AttemptState.SENDING: 0,
    AttemptState.UNCONFIRMED: 1,
    AttemptState.NOT_ACCEPTED: 2,
    AttemptState.SUBMITTED: 3,
    AttemptState.UNDELIVERABLE: 4,
    AttemptState.REJECTED: 5,
    AttemptState.DELIVERED: 5,
}


class Category(StrEnum):
    """Why a message is sent; compliance rules depend on it."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    CONVERSATIONAL = "conversational"
    EMERGENCY = "emergency"


class Priority(IntEnum):
    """Who goes first within a campaign: the smaller number."""

    URGENT = 0
    NORMAL = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Message:
    """A message as stored. Numbers are E.164 with `+`; a sender may be a short code."""

    id: str
    tenant_id: str
    account_id: str
    campaign_id: str
    sender: str
    recipient: str
    text: str | None
    media: tuple[Media, ...]
    category: Category
    priority: Priority
    state: MessageState
    version: int
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    hold_reason: str | None = None
    reason: str | None = None
    detail: str | None = None
    slot_at: datetime | None = None
    lease_until: datetime | None = None
    tries: int = 0
    """Attempts that count against the bound: faults of the line or the campaign do not."""
    attempts: int = 0
    """Number of the latest attempt."""
    resends: int = 0
    """Attempts that followed one which was taken and then turned down; each has its price."""
    provider_message_id: str | None = None
    submitted_at: datetime | None = None
    final_at: datetime | None = None
    duplicate_possible: bool = False
    receipt_overdue: bool = False
    fair_key: str = ""
    """Whose message it is where several share a campaign: each gets its turn."""
    weight: int = 1
    """Slots of its campaign that it takes."""
    ordered: bool = False
    """It leaves after all earlier ordered messages to its recipient."""
    expected_at: datetime | None = None
    """When it was expected to leave, at its acceptance."""
    allowed_by: Mapping[str, str] | None = None
    """Which consent allows it, or why it needs none."""
    answer: str | None = None
    """The kind of answer that it is to a reply: such a one leaves whoever has opted out."""
    recipient_zone: str | None = None
    """Where the recipient is, as the caller knows it: an IANA zone, and two letters of a state."""
    recipient_state: str | None = None
    held_from: datetime | None = None
    """When it would have left if it were no quiet hours; what follows is explained there too."""
    window_closes_at: datetime | None = None
    hours_digest: str | None = None
    channel: Channel = Channel.MMS
    """How its next attempt travels, or its latest did."""
    fallback_text: str | None = None
    """What is sent as SMS if its picture is refused for the phone or for its size."""

    def move_to(
        self,
        state: MessageState,
        now: datetime,
        *,
        reason: str | None = None,
        detail: str | None = None,
        **changes: Any,
    ) -> "Message":
        """Return the message in `state`, one version on, with the instants that follow from it.

        `changes` are fields that change with the move.

        Raises:
            IllegalTransition: `TRANSITIONS` does not have the move.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(self.state, state)
        leased = state in (MessageState.CLAIMED, MessageState.PREPARING)
        follows: dict[str, Any] = {
            "hold_reason": self.hold_reason if state is MessageState.QUEUED else None,
            "slot_at": self.slot_at if leased or state is MessageState.SENDING else None,
            "lease_until": self.lease_until if leased else None,
            "submitted_at": now if state is MessageState.SUBMITTED else self.submitted_at,
            "final_at": self.final_at or (now if state.is_final else None),
            "receipt_overdue": False,
        }
        return replace(
            self,
            state=state,
            version=self.version + 1,
            updated_at=now,
            reason=reason,
            detail=detail,
            **(follows | changes),
        )

    def touched(self, now: datetime, **changes: Any) -> "Message":
        """Return the message in the same state with `changes`, one version on."""
        return replace(self, version=self.version + 1, updated_at=now, **changes)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to submit a message; `number` is 1 for the first.

    `client_ref` is stored before the first byte leaves and comes back in every receipt. After
    `deadline_at` nothing of the request may leave any more.
    """

    id: str
    tenant_id: str
    message_id: str
    number: int
    client_ref: str
    state: AttemptState
    slot_at: datetime | None
    started_at: datetime
    deadline_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    provider_message_id: str | None = None
    price: str | None = None
    currency: str | None = None
    network_code: str | None = None
    request: str | None = None
    """What was asked: trimmed, with numbers and secrets masked."""
    answer: str | None = None
    """What was answered, in the same manner."""
    check_at: datetime | None = None
    """When to find out what became of it, where it is in doubt or its receipt is overdue."""
    checks: int = 0
    """How often the provider's records were asked."""
    channel: Channel = Channel.MMS

    def move_to(self, state: AttemptState, now: datetime, **changes: Any) -> "Attempt":
        """Return the attempt in `state`; one whose outcome is in doubt is to be looked into."""
        follows: dict[str, Any] = {
            "ended_at": now,
            "check_at": now if state is AttemptState.UNCONFIRMED else None,
        }
        return replace(self, state=state, **(follows | changes))


@dataclass(frozen=True, slots=True)
class Submission:
    """What one attempt asks of the provider; an SMS has no attachments.

    `client_ref` names the attempt in every receipt; `ttl_s` is how long the provider may try, in
    seconds.
    """

    client_ref: str
    sender: str
    recipient: str
    text: str | None
    media: tuple[Attachment, ...]
    ttl_s: int
    channel: Channel = Channel.MMS
