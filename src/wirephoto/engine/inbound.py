"""Apply stored webhooks: receipts move attempts, inbound messages are kept."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wirephoto.clock import Clock
from wirephoto.domain.event import inbound_event
from wirephoto.domain.follow import Pair, contradicts
from wirephoto.domain.inbound_file import ADDRESS_LIFE, InboundFile
from wirephoto.domain.message import Attempt, Message
from wirephoto.domain.outcome import Receipt
from wirephoto.engine.line import heed_receipts
from wirephoto.engine.receipts import Receipts
from wirephoto.engine.replies import Replies
from wirephoto.errors import StorageUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.inbound_files import insert_inbound_files
from wirephoto.storage.messages import (
    Transition,
    find_attempts,
    insert_events,
    lock_messages,
    record_transitions,
)
from wirephoto.storage.webhooks import (
    WEBHOOK_STORED,
    InboundMessage,
    Webhook,
    count_failed_try,
    insert_inbound,
    known_inbound,
    mark_applied,
    postpone_webhooks,
    waiting_seqs,
    waiting_webhooks,
)
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage.wire import WireError, read_inbound, read_status

_log = get_log()

TURN_MAX = 200
"""Webhooks that one turn applies."""
REST_S = 1.0
TRIES_MAX = 3
"""How often a webhook may fail on its own before it is given up."""
MATCH_REST = timedelta(seconds=15)
MATCH_PATIENCE = timedelta(minutes=10)
"""How long a receipt without our name for its attempt may wait for the answer that gives the
provider's name; one with our name is matched at once or never, for that is stored beforehand."""
STATUS, INBOUND = "status", "inbound"
APPLIED, REPEATED, CONTRADICTED = "applied", "repeated", "contradicted"
UNMATCHED, UNREADABLE, FAILED = "unmatched", "unreadable", "failed"


class Inbound:
    """Applies webhooks in the order in which they were stored."""

    name = "inbound"

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        ids: Ids,
        receipts: Receipts,
        replies: Replies,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._receipts = receipts
        self._replies = replies
        self.bell = database.bell(WEBHOOK_STORED)

    async def turn(self) -> float:
        """Apply up to `TURN_MAX` webhooks; return how long to rest, in seconds."""
        try:
            applied = await self._apply_waiting()
        except StorageUnavailable:
            raise
        except Exception:  # noqa: BLE001 - one bad webhook must not hold up those behind it
            applied = await self._apply_one_by_one()
        return 0.0 if applied == TURN_MAX else REST_S

    async def _apply_waiting(self, seq: int | None = None) -> int:
        """Apply the oldest webhooks, or one, in one transaction; return how many there were."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            waiting = await waiting_webhooks(tx, now=now, limit=TURN_MAX, seq=seq)
            applied = await self._apply_receipts(tx, [w for w in waiting if w.kind == STATUS])
            outcomes = dict.fromkeys([webhook.seq for webhook in waiting], UNREADABLE)
            outcomes |= applied.outcomes
            outcomes |= await self._keep_inbound(tx, [w for w in waiting if w.kind == INBOUND])
            early = [w for w in waiting if w.seq in applied.nameless and _may_match(w, now)]
            for webhook in early:
                del outcomes[webhook.seq]
            await postpone_webhooks(tx, [webhook.seq for webhook in early], now + MATCH_REST)
            await mark_applied(tx, outcomes, now)
        for webhook in waiting:
            if webhook.seq in outcomes:
                _report(webhook, outcomes[webhook.seq])
        await self._replies.heed(applied.news, now)
        await heed_receipts(self._database, applied.news, now, complaints=self._receipts.complaints)
        return len(waiting)

    async def _apply_one_by_one(self) -> int:
        """Apply each webhook in a transaction of its own; return how many were dealt with."""
        async with self._database.read() as tx:
            seqs = await waiting_seqs(tx, now=self._clock.now(), limit=TURN_MAX)
        dealt_with = 0
        for seq in seqs:
            try:
                dealt_with += await self._apply_waiting(seq)
            except StorageUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not come for ever
                dealt_with += await self._fail(seq, error)
        return dealt_with

    async def _fail(self, seq: int, error: Exception) -> bool:
        """Count a failed try of one webhook; tell whether it was given up."""
        async with self._database.transaction() as tx:
            tries = await count_failed_try(tx, seq)
            given_up = tries >= TRIES_MAX
            if given_up:
                await mark_applied(tx, {seq: FAILED}, self._clock.now())
        _log.error(LogEvent.WEBHOOK_FAILED, seq=seq, tries=tries, given_up=given_up, exc_info=error)
        return given_up

    async def _apply_receipts(self, tx: Transaction, webhooks: list[Webhook]) -> "_Applied":
        """Apply receipts in order; several for one message take a round each."""
        applied = _Applied()
        receipts: list[tuple[int, Receipt]] = []
        for webhook in webhooks:
            try:
                receipt = read_status(webhook.body.encode(), received_at=webhook.received_at)
            except WireError:
                continue
            receipts.append((webhook.seq, self._receipts.judged(receipt)))
        if not receipts:
            return applied
        known = await _known(tx, [receipt for _, receipt in receipts])
        while receipts:
            later: list[tuple[int, Receipt]] = []
            moves: dict[str, Transition] = {}
            for seq, receipt in receipts:
                attempt = known.attempt_of(receipt)
                if attempt is None:
                    applied.not_ours(seq, receipt)
                elif attempt.message_id in moves:
                    later.append((seq, receipt))
                elif move := self._receipts.apply(known.pair(attempt), receipt):
                    moves[attempt.message_id] = move
                    applied.moved(seq, receipt, known.keep(move))
                else:
                    applied.outcomes[seq] = (
                        CONTRADICTED if contradicts(attempt, receipt) else REPEATED
                    )
            recorded = await record_transitions(tx, list(moves.values()))
            assert all(recorded), "the messages are locked"
            receipts = later
        return applied

    async def _keep_inbound(self, tx: Transaction, webhooks: list[Webhook]) -> dict[int, str]:
        """Keep messages from phones, and do what follows; return what became of each webhook."""
        told = {webhook.seq: self._read_inbound(webhook) for webhook in webhooks}
        messages = {seq: message for seq, message in told.items() if message}
        known = await known_inbound(tx, [each.provider_message_id for each in messages.values()])
        fresh = [each for each in messages.values() if each.provider_message_id not in known]
        await self._replies.hear(tx, fresh)
        outcomes = dict.fromkeys(told, UNREADABLE)
        for seq, message in messages.items():
            is_known = message.provider_message_id in known
            outcomes[seq] = REPEATED if is_known else await self._keep(tx, message)
            known.add(message.provider_message_id)
        return outcomes

    def _read_inbound(self, webhook: Webhook) -> InboundMessage | None:
        try:
            inbound = read_inbound(webhook.body.encode(), received_at=webhook.received_at)
        except WireError:
            return None
        return InboundMessage(
            id=self._ids.new("inb", webhook.received_at),
            tenant_id=webhook.tenant_id,
            provider_message_id=inbound.provider_message_id,
            sender=inbound.sender,
            recipient=inbound.recipient,
            channel=inbound.channel,
            text=inbound.text,
            media=inbound.media,
            network_code=inbound.network_code,
            sent_at=inbound.sent_at,
            received_at=webhook.received_at,
        )

    async def _keep(self, tx: Transaction, message: InboundMessage) -> str:
        followed = await self._replies.apply(tx, message)
        if not await insert_inbound(tx, followed):
            return REPEATED
        await insert_inbound_files(tx, _files_of(followed))
        event = inbound_event(
            self._ids.new("evt", message.received_at),
            tenant_id=followed.tenant_id,
            inbound_id=followed.id,
            reply=followed.reply,
            at=message.received_at,
        )
        await insert_events(tx, [event])
        return APPLIED


@dataclass(slots=True)
class _Applied:
    """What became of a turn's receipts.

    `nameless` are those of nobody that lack our name for their attempt; `news` says what attempts
    have come to, for the lines that they went through.
    """

    outcomes: dict[int, str] = field(default_factory=dict)
    nameless: set[int] = field(default_factory=set)
    news: list[tuple[Message, Attempt, Receipt]] = field(default_factory=list)

    def not_ours(self, seq: int, receipt: Receipt) -> None:
        """Note a receipt for no attempt that is known now."""
        self.outcomes[seq] = UNMATCHED
        if receipt.client_ref is None:
            self.nameless.add(seq)

    def moved(self, seq: int, receipt: Receipt, after: Pair) -> None:
        """Note a receipt that said something new."""
        self.outcomes[seq] = APPLIED
        self.news.append((after.message, after.attempt, receipt))


def _files_of(message: InboundMessage) -> list[InboundFile]:
    """Return what is to be fetched of a message that has just come."""
    return [
        InboundFile(
            inbound_id=message.id,
            position=position,
            tenant_id=message.tenant_id,
            due_at=message.received_at,
            dies_at=message.received_at + ADDRESS_LIFE,
        )
        for position in range(len(message.media))
    ]


def _may_match(webhook: Webhook, now: datetime) -> bool:
    return now - webhook.received_at < MATCH_PATIENCE


@dataclass(slots=True)
class _Known:
    """The attempts that a turn's receipts name, with their messages, as they change."""

    messages: dict[str, Message]
    by_client_ref: dict[str, Attempt] = field(default_factory=dict)
    by_provider_id: dict[str, Attempt] = field(default_factory=dict)

    def attempt_of(self, receipt: Receipt) -> Attempt | None:
        """Return the attempt that a receipt names: by our name first, the provider's second."""
        attempt = self.by_client_ref.get(receipt.client_ref or "")
        return attempt or self.by_provider_id.get(receipt.provider_message_id)

    def pair(self, attempt: Attempt) -> Pair:
        """Return an attempt with its message."""
        return Pair(self.messages[attempt.message_id], attempt)

    def keep(self, move: Transition) -> Pair:
        """Remember a message and its attempt as a move leaves them."""
        assert move.attempt is not None, "a receipt moves an attempt"
        self.messages[move.message.id] = move.message
        self.know(move.attempt)
        return Pair(move.message, move.attempt)

    def know(self, attempt: Attempt) -> None:
        """Remember an attempt by its names."""
        self.by_client_ref[attempt.client_ref] = attempt
        if attempt.provider_message_id:
            self.by_provider_id[attempt.provider_message_id] = attempt


async def _known(tx: Transaction, receipts: list[Receipt]) -> _Known:
    """Lock the messages first and read the attempts under their locks."""
    refs = [receipt.client_ref for receipt in receipts if receipt.client_ref]
    provider_ids = [receipt.provider_message_id for receipt in receipts]
    found = await find_attempts(tx, refs, provider_ids)
    messages = await lock_messages(tx, sorted({attempt.message_id for attempt in found}))
    known = _Known(messages)
    for attempt in await find_attempts(tx, refs, provider_ids):
        known.know(attempt)
    return known


def _report(webhook: Webhook, outcome: str) -> None:
    if outcome == UNREADABLE:
        _log.warning(LogEvent.WEBHOOK_UNREADABLE, webhook=webhook.seq, kind=webhook.kind)
    elif outcome == UNMATCHED:
        _log.warning(LogEvent.RECEIPT_UNMATCHED, webhook=webhook.seq)
    elif outcome == CONTRADICTED:
        _log.warning(LogEvent.RECEIPT_CONTRADICTED, webhook=webhook.seq)
    elif webhook.kind == INBOUND:
        _log.info(LogEvent.INBOUND_RECEIVED, webhook=webhook.seq, outcome=outcome)
    else:
        _log.debug(LogEvent.RECEIPT_APPLIED, webhook=webhook.seq, outcome=outcome)
