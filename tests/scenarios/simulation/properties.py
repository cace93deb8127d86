"""What must hold when a run is over: each function yields what does not.

Everything has been repaired by then, every webhook was delivered, every customer has its answer.
The oracle of what was sent is the provider's ledger, never our own database.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.scenarios.simulation.evidence import Evidence, Order
from tests.scenarios.simulation.records import Records, Row, at
from wirephoto.domain.daily_cap import next_pacific_midnight
from wirephoto.domain.event import EVENT_TYPES
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.engine.dispatcher import OUTAGE
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.recipients import Ending, behaviour_of

RATE_SLACK_S = 0.1
LONG_ENOUGH = timedelta(minutes=30)
"""Longer than it takes to send everything once nothing fails."""
_RESTING = frozenset({MessageState.SUBMITTED, MessageState.UNCONFIRMED})
_PERMITS_ANOTHER = frozenset({AttemptState.REJECTED, AttemptState.UNDELIVERABLE})
_TAKEN = _PERMITS_ANOTHER | {AttemptState.SUBMITTED, AttemptState.DELIVERED}
_TOLD = {event_type.removeprefix("message.") for event_type in EVENT_TYPES}


@dataclass(slots=True)
class Findings:
    """A finished run, as the properties look at it."""

    evidence: Evidence
    ledger: Ledger
    settings: dict[str, Any]
    calm_at: datetime
    """Since when nothing fails any more."""
    now: datetime
    messages: dict[str, Row]
    attempts: dict[str, list[Row]]
    accepted: dict[str, Accepted]
    """What the provider accepted, by `client_ref`."""
    states: dict[str, list[str]]
    """The states that each message went through."""
    events: dict[str, list[Row]]
    doubted_at: dict[str, datetime]
    """Since when attempts were in doubt, by their ids; also of those that are settled."""
    audits: list[Row]

    @property
    def repeats(self) -> bool:
        """Tell whether the operator wants what is in doubt to be sent again."""
        return bool(self.settings["delivery"] == "at_least_once")

    def of(self, order: Order) -> list[Row]:
        """Return the messages that were made of an order."""
        return [row for row in self.messages.values() if row.text == order.reference]

    def accepted_of(self, message: Row) -> list[Row]:
        """Return the attempts of a message that the provider accepted."""
        return [row for row in self.attempts[message.id] if row.client_ref in self.accepted]

    def fate_of(self, attempt: Row) -> str:
        """Return what the provider says became of an accepted attempt."""
        return self.ledger.state_of(self.accepted[attempt.client_ref].message_uuid)

    def is_refused(self, attempt: Row) -> bool:
        """Tell whether an accepted attempt did not arrive, as the provider says and we know."""
        return {attempt.state, self.fate_of(attempt)} <= _PERMITS_ANOTHER

    def is_repeated(self, attempt: Row, since: datetime) -> bool:
        """Tell whether an attempt had been in doubt for so long that it is repeated."""
        doubted_at = self.doubted_at.get(attempt.id)
        grace = timedelta(seconds=self.settings["delivery_grace_s"])
        return self.repeats and doubted_at is not None and since >= doubted_at + grace

    def permits_another(self, attempt: Row, since: datetime) -> bool:
        """Tell whether an accepted attempt allowed another one to begin at `since`."""
        return self.is_refused(attempt) or self.is_repeated(attempt, since)

    def is_given_up(self, attempt: Row) -> bool:
        """Tell whether nobody looks any more for what became of an attempt in doubt."""
        message = self.messages[attempt.message_id]
        repeated = attempt.number < message.attempts or message.state != MessageState.UNCONFIRMED
        return repeated and attempt.id in self.doubted_at

    def hears_nothing_of(self, attempt: Row) -> bool:
        """Tell whether nothing ever says what became of an attempt."""
        recipient = self.messages[attempt.message_id].recipient.removeprefix("+")
        asks = self.settings["reports"] and not self.is_given_up(attempt)
        return behaviour_of(recipient).ending is Ending.SILENT and not asks


def gather(
    evidence: Evidence,
    ledger: Ledger,
    records: Records,
    *,
    settings: dict[str, Any],
    calm_at: datetime,
    now: datetime,
) -> Findings:
    """Read everything once."""
    attempts, events = defaultdict(list), defaultdict(list)
    for row in records.attempts():
        attempts[row.message_id].append(row)
    for row in records.events():
        events[row.message_id].append(row)
    states: dict[str, list[str]] = defaultdict(list)
    for move in records.moves():
        if move.kind == "message" and move.before != move.after:
            states[move.id].append(move.after)
    return Findings(
        evidence=evidence,
        ledger=ledger,
        settings=settings,
        calm_at=calm_at,
        now=now,
        messages={row.id: row for row in records.messages()},
        attempts=attempts,
        accepted={str(message.client_ref): message for message in ledger.accepted},
        states=states,
        events=events,
        doubted_at=records.doubted_at(),
        audits=records.audits(),
    )


def nothing_is_sent_twice(found: Findings) -> Iterator[str]:
    """A message goes out again only after the carrier has said that it did not arrive.

    Or, where the operator chose `at_least_once`, after nobody has known of it for the grace time.
    """
    for client_ref, count in found.ledger.repeated_client_refs().items():
        yield f"{client_ref} was accepted {count} times"
    for message in found.messages.values():
        for attempt, later in pairwise(found.accepted_of(message)):
            if not found.permits_another(attempt, at(later, "started_at")):
                yield f"{message.id} was accepted again as {later.client_ref}"


def what_is_in_doubt_is_not_repeated(found: Findings) -> Iterator[str]:
    """Not even where the provider never took it: nobody knew that, unless the operator chose so."""
    for message in found.messages.values():
        for attempt, later in pairwise(found.attempts[message.id]):
            in_doubt = attempt.state == AttemptState.UNCONFIRMED
            if in_doubt and not found.is_repeated(attempt, at(later, "started_at")):
                yield f"{attempt.id} is in doubt, and {later.id} was made"


def no_rate_is_exceeded(found: Findings) -> Iterator[str]:
    """In any window of w seconds at most rate * (w + 0.1) + 1 requests leave."""
    left = sorted(found.evidence.departures)
    for name in ("sender_rate", "account_rate"):
        rate = found.settings[name]
        for first in range(len(left)):
            for last in range(first + 1, len(left)):
                window_s = (left[last] - left[first]) / timedelta(seconds=1)
                if last - first + 1 > rate * (window_s + RATE_SLACK_S) + 1 + 1e-6:
                    yield f"{name}: {last - first + 1} requests left within {window_s:.3f} s"
                    return


def nothing_is_lost(found: Findings) -> Iterator[str]:
    """What was promised is stored, and everything ends, rests or is visibly in doubt.

    But for what the carrier takes no more of today: that is queued until midnight.
    """
    for order in found.evidence.orders:
        for message_id in order.promised:
            if message_id not in found.messages:
                yield f"{message_id} was promised and is gone"
    for message in found.messages.values():
        state = MessageState(message.state)
        if not state.is_final and state not in _RESTING and not _is_held(message, found):
            yield f"{message.id} was left {state}"
        for attempt in found.attempts[message.id]:
            if attempt.state == AttemptState.SENDING:
                yield f"{attempt.id} was left sending"


def _is_held(message: Row, found: Findings) -> bool:
    latest = found.attempts[message.id][-1:]
    return (
        message.state == MessageState.QUEUED
        and message.hold_reason == "daily_limit"
        and [attempt.provider_code for attempt in latest] == ["1460"]
        and at(message, "due_at") == next_pacific_midnight(at(latest[0], "ended_at"))
        and at(message, "due_at") > found.now
    )


def nothing_is_forgotten(found: Findings) -> Iterator[str]:
    """A message that lived on in calm weather goes out; only a stubborn recipient's grows old."""
    for message in found.messages.values():
        had_time = at(message, "expires_at") > found.calm_at + LONG_ENOUGH
        if message.state == MessageState.EXPIRED and had_time:
            yield f"{message.id} was left to expire"


def an_outage_fails_nothing(found: Findings) -> Iterator[str]:
    """While the provider is away the line is at fault, not the messages that wait for it."""
    for message in found.messages.values():
        if message.state == MessageState.FAILED and message.reason == OUTAGE.reason:
            yield f"{message.id} failed because the provider was away"


def doubt_is_about_what_was_not_taken(found: Findings) -> Iterator[str]:
    """What the provider took is settled by its receipts; what stays in doubt it never took."""
    for message in found.messages.values():
        for attempt in found.accepted_of(message):
            doubtful = attempt.state == AttemptState.UNCONFIRMED
            if doubtful and not found.hears_nothing_of(attempt):
                yield f"{attempt.id} of {message.id} is in doubt, and the provider accepted it"
        if message.state == MessageState.UNCONFIRMED:
            latest = found.attempts[message.id][-1]
            if latest.client_ref in found.accepted and not found.hears_nothing_of(latest):
                yield f"{message.id} is in doubt, and the provider accepted it"


def at_least_once_leaves_no_doubt(found: Findings) -> Iterator[str]:
    """Where the operator wants it repeated, only what is too old or out of tries stays in doubt."""
    for message in found.messages.values():
        had_time = at(message, "expires_at") > found.calm_at + LONG_ENOUGH
        had_tries = message.tries + 1 < found.settings["tries_max"]
        stays = message.state == MessageState.UNCONFIRMED and had_time and had_tries
        if found.repeats and stays:
            yield f"{message.id} stays in doubt, and was to be repeated"


def nothing_is_made_up(found: Findings) -> Iterator[str]:
    """No attempt is said to be taken that the provider never accepted."""
    for message in found.messages.values():
        for attempt in found.attempts[message.id]:
            taken = attempt.state in _TAKEN
            if taken and attempt.client_ref not in found.accepted:
                yield f"{attempt.id} is {attempt.state}, and the provider never accepted it"


def resends_are_bounded(found: Findings) -> Iterator[str]:
    """Each costs money: no more follow what the carrier refused than the operator allows."""
    for message in found.messages.values():
        refused = [
            attempt
            for attempt in found.accepted_of(message)
            if found.is_refused(attempt) and attempt.number < message.attempts
        ]
        paid = [attempt for attempt in refused if attempt.id not in found.doubted_at]
        if len(paid) > found.settings["resends_max"]:
            yield f"{message.id} was sent anew {len(paid)} times"


def a_missing_receipt_is_marked(found: Findings) -> Iterator[str]:
    """Who waits in vain is told, and nobody else."""
    window = timedelta(hours=found.settings["receipt_window_h"])
    for message in found.messages.values():
        awaited = message.state == MessageState.SUBMITTED
        since = at(message, "submitted_at") if awaited else found.now
        if awaited and since + window + LONG_ENOUGH < found.now and not message.receipt_overdue:
            yield f"{message.id} has no receipt, and nobody says so"
        if message.receipt_overdue and (not awaited or since + window > found.now):
            yield f"{message.id} is {message.state} and marked as overdue"


def what_an_operator_said_is_done(found: Findings) -> Iterator[str]:
    """A 200 is obeyed once and stays true, and the audit trail has each act once."""
    audited = Counter((row.object, row.number, row.outcome) for row in found.audits)
    told: Counter[tuple[str, int, str]] = Counter()
    lost: Counter[tuple[str, int, str]] = Counter()
    for decision in found.evidence.decisions:
        told[decision.of] += decision.told
        lost[decision.of] += decision.lost
    for which in told | audited:
        if not told[which] <= audited[which] <= told[which] + lost[which]:
            yield f"{which} was told {told[which]} times and is audited {audited[which]} times"
    for message_id, number, outcome in audited:
        message, attempt = found.messages[message_id], found.attempts[message_id][number - 1]
        if not _is_true(outcome, message, attempt):
            yield f"{message_id} is {message.state}, {attempt.id} {attempt.state} after {outcome}"


def _is_true(outcome: str, message: Row, attempt: Row) -> bool:
    if outcome == "abandon":
        return bool(message.state == MessageState.FAILED and attempt.number == message.attempts)
    if outcome == "sent":
        return attempt.state in _TAKEN
    return bool(attempt.state == AttemptState.NOT_ACCEPTED)


def a_cancel_is_kept(found: Findings) -> Iterator[str]:
    """Nothing of a message goes out that its customer was told is canceled, or will never go."""
    for order in found.evidence.orders:
        for message in found.of(order):
            for attempt in found.accepted_of(message):
                promised = order.is_canceled or order.will_never_go
                if promised and not found.permits_another(attempt, message.final_at or found.now):
                    yield f"{message.id} was not to go, and was accepted"
        for message in found.of(order):
            if order.is_canceled and message.state != MessageState.CANCELED:
                yield f"{message.id} was canceled and is {message.state}"


def one_key_is_one_message(found: Findings) -> Iterator[str]:
    """However often a request is repeated, and it is answered the same each time."""
    uuids = {accepted.message_uuid for accepted in found.accepted.values()}
    for order in found.evidence.orders:
        count = len(found.of(order))
        if len(order.promised) > 1 or count > (1 if order.key else order.tries):
            yield f"{order.reference}: {count} messages, promised {list(order.promised)}"
        if len(order.answers) > 1:
            yield f"{order.reference} was answered differently: {list(order.answers)}"
        if order.is_refused and count:
            yield f"{order.reference} was refused and is stored"
        if not order.provider_ids.keys() <= uuids:
            yield f"{order.reference} was told an id that the provider does not know"


def the_timeline_tells_the_story(found: Findings) -> Iterator[str]:
    """Each move is told once, in order; the last word is the state, and is said once."""
    for message in found.messages.values():
        told = [event.type.removeprefix("message.") for event in found.events[message.id]]
        moved = _without_releases(found.states[message.id])
        if told != moved:
            yield f"{message.id} went {moved} and told {told}"
        if told[-1:] != [message.state]:
            yield f"{message.id} is {message.state} and told {told}"
        final = [state for state in told if MessageState(state).is_final]
        if len(final) > 1 and final != [MessageState.DELIVERED, MessageState.READ]:
            yield f"{message.id} ended more than once: {told}"


def _without_releases(states: list[str]) -> list[str]:
    """Return the moves that are news: a claim is not, nor is one that is given back."""
    told: list[str] = []
    for place, state in enumerate(states):
        released = state == MessageState.QUEUED and states[place - 1 : place] == ["claimed"]
        if state in _TOLD and not released:
            told.append(state)
    return told


def what_arrived_is_delivered(found: Findings) -> Iterator[str]:
    """A delivery on any attempt ends its message, unless it had ended before."""
    for message in found.messages.values():
        for attempt in found.accepted_of(message):
            uuid = found.accepted[attempt.client_ref].message_uuid
            delivered_at = found.evidence.delivered_at.get(uuid)
            if delivered_at is None or message.state in (
                MessageState.DELIVERED,
                MessageState.READ,
            ):
                continue
            final = MessageState(message.state).is_final
            given_up = message.reason == "resolved_abandon"
            if not final or (at(message, "final_at") > delivered_at and not given_up):
                yield f"{message.id} is {message.state}, and {uuid} was delivered"


def what_the_provider_said_is_known(found: Findings) -> Iterator[str]:
    """Each accepted attempt ends as the provider says that it ended."""
    for message in found.messages.values():
        silent = behaviour_of(message.recipient.removeprefix("+")).ending is Ending.SILENT
        for attempt in found.accepted_of(message):
            said = found.fate_of(attempt)
            if not silent and attempt.state != said:
                yield f"{attempt.id} is {attempt.state}, and the provider says {said}"


PROPERTIES = (
    nothing_is_sent_twice,
    what_is_in_doubt_is_not_repeated,
    no_rate_is_exceeded,
    nothing_is_lost,
    nothing_is_forgotten,
    an_outage_fails_nothing,
    doubt_is_about_what_was_not_taken,
    at_least_once_leaves_no_doubt,
    nothing_is_made_up,
    resends_are_bounded,
    a_missing_receipt_is_marked,
    what_an_operator_said_is_done,
    a_cancel_is_kept,
    one_key_is_one_message,
    the_timeline_tells_the_story,
    what_arrived_is_delivered,
    what_the_provider_said_is_known,
)
