"""Whether a run kept its promises: what the gateway tells, against what the provider counted."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from tests.scenarios.kill.timelines import Told, ToldAttempt

DELIVERED, UNCONFIRMED = "delivered", "unconfirmed"
SHOWN_MAX = 10
"""Violations of one kind that are written out."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Counts of what happened, and every broken promise, by its kind."""

    accepted_by_provider: int
    attempts: int
    unconfirmed: int
    settled_by_receipt: int
    """Attempts whose answer was never heard, and which a receipt made `delivered`."""
    broken: Mapping[str, list[str]] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """Return how often one promise was broken."""
        return len(self.broken.get(kind, ()))


def judge(
    promised: Mapping[str, str], told: Collection[Told], provider: Mapping[str, int]
) -> Judgement:
    """Compare the messages that the customer was promised (reference to id) with their ends.

    `provider` has how often each `client_ref` was accepted. All receipts must be in.
    """
    broken: dict[str, list[str]] = {}
    for kind, what in (
        *_lost(promised, told, provider),
        *_doubled(told, provider),
        *_undecided(told, provider),
        *_unknown(promised, told, provider),
    ):
        broken.setdefault(kind, []).append(what)
    attempts = [attempt for message in told for attempt in message.attempts]
    return Judgement(
        accepted_by_provider=sum(provider.values()),
        attempts=len(attempts),
        unconfirmed=sum(message.state == UNCONFIRMED for message in told),
        settled_by_receipt=sum(
            attempt.state == DELIVERED and not attempt.answered for attempt in attempts
        ),
        broken=broken,
    )


Findings = Iterator[tuple[str, str]]


def _lost(
    promised: Mapping[str, str], told: Collection[Told], provider: Mapping[str, int]
) -> Findings:
    """Every message that was promised is there: it was sent, or is listed as unconfirmed."""
    by_id = {message.id: message for message in told}
    for reference, id_ in promised.items():
        message = by_id.get(id_)
        if message is None:
            yield "lost", f"{reference}: {id_} is gone"
        elif message.state not in (DELIVERED, UNCONFIRMED) and not _taken(message, provider):
            yield "lost", f"{reference}: {id_} was never sent, and is {message.state}"


def _doubled(told: Collection[Told], provider: Mapping[str, int]) -> Findings:
    """The provider accepted at most one attempt of a message, and that once."""
    for message in told:
        taken = {a.client_ref: provider.get(a.client_ref, 0) for a in message.attempts}
        if sum(taken.values()) > 1:
            yield "duplicates", f"{message.reference}: {message.id} was accepted as {taken}"


def _undecided(told: Collection[Told], provider: Mapping[str, int]) -> Findings:
    """What the provider accepted is settled by its receipt, and nothing else is."""
    for message in told:
        taken = _taken(message, provider)
        states = {attempt.client_ref: attempt.state for attempt in taken}
        if taken and {message.state, *states.values()} != {DELIVERED}:
            what = f"is {message.state}, its accepted attempts {states}"
            yield "unsettled", f"{message.reference}: {message.id} {what}"
        if not taken and message.state == DELIVERED:
            yield "invented", f"{message.reference}: delivered, though it was never accepted"


def _taken(message: Told, provider: Mapping[str, int]) -> list[ToldAttempt]:
    return [attempt for attempt in message.attempts if provider.get(attempt.client_ref)]


def _unknown(
    promised: Mapping[str, str], told: Collection[Told], provider: Mapping[str, int]
) -> Findings:
    """Nothing was stored twice or unasked, and nothing left without an attempt on record."""
    for reference, count in Counter(message.reference for message in told).items():
        if count > 1 or reference not in promised:
            yield "unasked", f"{reference}: stored {count} times"
    known = {attempt.client_ref for message in told for attempt in message.attempts}
    for client_ref in provider.keys() - known:
        yield "unrecorded", f"{client_ref}: accepted, and no attempt has that name"
