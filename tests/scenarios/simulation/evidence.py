"""What the world outside saw: requests that left and arrived, and what customers were told.

What can be judged at once is judged at once; `properties` judges the rest at the end.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.scenarios.simulation.journal import Journal
from tests.scenarios.simulation.loop import LoopClock
from tests.scenarios.simulation.records import Move, Records, at
from wirephoto.domain.message import TRANSITIONS, AttemptState, MessageState
from wirephoto.domain.pacing import LATE_MAX

BEGUN_BEFORE = timedelta(milliseconds=50)
"""How long before its slot a message may be found fit to leave, at most."""


@dataclass(slots=True)
class Order:
    """What a customer wanted to have sent, and what it was told about it."""

    reference: str
    recipient: str
    key: str | None
    promised: dict[str, None] = field(default_factory=dict)
    """The ids that a 202 named."""
    answers: dict[bytes, None] = field(default_factory=dict)
    """The bodies of all answers that promised something."""
    tries: int = 0
    is_refused: bool = False
    is_canceled: bool = False
    will_never_go: bool = False
    """The simple door said that it is certain that it will not go."""
    provider_ids: dict[str, None] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Decision:
    """What an operator said of one attempt of a message in doubt."""

    message_id: str
    number: int
    outcome: str
    told: int = 0
    """Answers 200."""
    lost: int = 0
    """Requests whose answer was lost: each may have been obeyed."""

    @property
    def of(self) -> tuple[str, int, str]:
        """Return what the decision is about."""
        return self.message_id, self.number, self.outcome


class Evidence:
    """Everything that the properties are judged by, besides the database and the ledger."""

    def __init__(self, clock: LoopClock, journal: Journal, records: Records) -> None:
        self._clock = clock
        self._journal = journal
        self._records = records
        self.orders: list[Order] = []
        self.decisions: list[Decision] = []
        self.departures: list[datetime] = []
        self.on_the_wire: dict[str, None] = {}
        """The `client_ref` of each request that left and may yet be accepted."""
        self.delivered_at: dict[str, datetime] = {}
        """When the news of a delivery was first answered 200, by the provider's id."""

    def departed(self, client_ref: str) -> None:
        """Note a request that leaves a process."""
        now = self._clock.now()
        self.departures.append(now)
        self.on_the_wire[client_ref] = None
        self._journal.note("network", f"POST {client_ref} leaves")
        attempt = self._records.attempt_of(client_ref)
        if attempt is None:
            self._journal.blame(f"POST {client_ref} leaves before its attempt is stored")
        elif now > at(attempt, "message_expires_at") + LATE_MAX + BEGUN_BEFORE:
            self._journal.blame(f"POST {client_ref} leaves after its message has expired")

    def landed(self, client_ref: str) -> None:
        """Note that the provider has accepted a request, or never will."""
        self.on_the_wire.pop(client_ref, None)

    def arrived(self, body: bytes) -> None:
        """Note a request that the provider reads."""
        client_ref = json.loads(body)["client_ref"]
        self._journal.note("network", f"POST {client_ref} arrives")
        if self._records.attempt_of(client_ref) is None:
            self._journal.blame(f"POST {client_ref} arrives and has no stored attempt")

    def webhook_answered(self, body: bytes, status: int) -> None:
        """Note the answer that a webhook got."""
        receipt = json.loads(body)
        what = f"{receipt.get('status')} of {receipt.get('client_ref')}"
        self._journal.note("network", f"webhook {what} answered {status}")
        if status not in (200, 503):
            self._journal.blame(f"webhook {what} answered {status}")
        if status != 200:
            return
        if not self._records.has_webhook(body):
            self._journal.blame(f"webhook {what} answered 200 and not stored")
        if receipt.get("status") == "delivered":
            self.delivered_at.setdefault(receipt["message_uuid"], self._clock.now())

    def promised(self, order: Order, message_id: str, body: bytes) -> None:
        """Note that a customer was told that a message is accepted."""
        order.promised[message_id] = None
        order.answers[body] = None
        if not self._records.has_message(message_id):
            self._journal.blame(f"{message_id} is promised and not stored")

    def committed(self) -> None:
        """Note the moves that a commit brought; judge each."""
        for move in self._records.new_moves():
            version = "" if move.version_after is None else f" v{move.version_after}"
            self._journal.note(move.kind, f"{move.id} {move.before} -> {move.after}{version}")
            if fault := _fault_of(move):
                self._journal.blame(f"{move.id} {move.before} -> {move.after}: {fault}")
            if move.after == MessageState.FAILED and self._records.fails_a_probe(move.id):
                self._journal.blame(f"{move.id} failed because the provider is out of reach")


def _fault_of(move: Move) -> str | None:
    if move.kind == "attempt":
        if move.before is None:
            return None if move.after == AttemptState.SENDING else "begins as it must not"
        before, after = AttemptState(move.before), AttemptState(move.after)
        same_or_more = before is after or after.rank > before.rank
        return None if same_or_more else "an attempt forgets what was known"
    if move.before is None:
        new = move.after in (MessageState.PREPARING, MessageState.QUEUED)
        return None if new and move.version_after == 1 else "begins as it must not"
    if move.version_after != (move.version_before or 0) + 1:
        return f"version {move.version_before} -> {move.version_after}"
    before_state, after_state = MessageState(move.before), MessageState(move.after)
    if before_state is not after_state and after_state not in TRANSITIONS[before_state]:
        return "no such move"
    return None
