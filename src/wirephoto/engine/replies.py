"""What phones say to us: STOP is heeded before the provider is answered, the rest soon after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from wirephoto.domain.channel import Channel, slots_taken
from wirephoto.domain.consent import (
    Consent,
    ConsentClass,
    ConsentMethod,
    ConsentPolicy,
    ConsentReason,
    Revocation,
    judge_consent,
)
from wirephoto.domain.event import message_event
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.message import Attempt, Category, Message, MessageState, Priority
from wirephoto.domain.opt_out import (
    Answer,
    Answerer,
    Decision,
    OptOut,
    OptOutScope,
    OptOutSource,
    ReplyPolicy,
    Standing,
    decide,
    may_be_answered,
    usual_answerer,
)
from wirephoto.domain.outcome import Receipt
from wirephoto.domain.phone import SenderKind
from wirephoto.domain.replies import Reply, classify
from wirephoto.domain.reply_answers import AnswerKind
from wirephoto.domain.reply_words import ReplyKind
from wirephoto.engine.opt_outs import silence
from wirephoto.engine.senders import SenderDirectory
from wirephoto.ids import Ids
from wirephoto.storage.acceptance import Acceptance, Entry, accept
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.consents import (
    StoredConsent,
    StoredRevocation,
    insert_consents,
    insert_revocations,
    load_records,
)
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.opt_outs import (
    StoredOptOut,
    end_opt_outs,
    standing_opt_outs,
)
from wirephoto.storage.recipients import get_answered_at, store_answered_at, store_heard
from wirephoto.storage.schema import DEFAULT_BRAND
from wirephoto.storage.senders import Sender
from wirephoto.storage.webhooks import InboundMessage, Webhook, store_webhooks
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage.wire import WireError, read_inbound

_log = get_log()

OVERTAKEN = "overtaken"
"""What becomes of a START that was said before a STOP which came in earlier."""


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """How replies are taken: how far STOP reaches, who answers at each kind of sender.

    Under a `consent` policy of double opt-in, YES confirms what a form has told us.
    """

    scope: OptOutScope = OptOutScope.BRAND
    answerers: Mapping[SenderKind, Answerer] = field(default_factory=dict)
    contact: str = ""
    yes_opts_in: bool = False
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)


class Replies:
    """Takes what phones say, and does what follows from it."""

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        directory: SenderDirectory,
        numbers: NumberHash,
        ids: Ids,
        settings: ReplySettings,
    ) -> None:
        self._database = database
        self._commits = commits
        self._directory = directory
        self._numbers = numbers
        self._ids = ids
        self._settings = settings

    async def take(self, webhook: Webhook) -> None:
        """Store a message from a phone; an opt-out silences in the same transaction.

        Raises:
            StorageUnavailable: nothing is stored, or nobody knows.
        """
        opt_out = await self._opt_out_in(webhook)
        if opt_out is None:
            await self._commits.run(store_webhooks, webhook)
            return
        # By itself: it locks messages, and so does much that others commit together.
        async with self._database.transaction() as tx:
            [is_new] = await store_webhooks(tx, [webhook])
            if is_new:
                await silence(tx, [opt_out], ids=self._ids, now=webhook.received_at)
        _log.info(LogEvent.OPTED_OUT, opt_out=opt_out.id, source=opt_out.opt_out.source.value)

    async def hear(self, tx: Transaction, messages: Sequence[InboundMessage]) -> None:
        """Note that phones wrote to us, before anything else is done about it.

        Their contacts are locked in the one order in which everybody locks contacts.
        """
        senders = await self._directory.get()
        heard = sorted(
            (senders[each.recipient].brand_id, each.sender, each.received_at, each.recipient)
            for each in messages
            if each.sender and each.recipient in senders
        )
        for _, phone, at, number in heard:
            await store_heard(tx, senders[number], phone, at)

    async def apply(self, tx: Transaction, message: InboundMessage) -> InboundMessage:
        """Do what follows from a message that is about to be kept; return it with what that was."""
        reply = classify(message.text or "")
        senders = await self._directory.get()
        sender, phone = senders.get(message.recipient), message.sender
        if sender is None or phone is None:
            return replace(message, reply=reply.kind.value, flagged=reply.is_opt_out)
        message = replace(message, tenant_id=sender.tenant_id)
        policy = self._policy(sender)
        before, later = await self._opt_outs(tx, message, sender)
        if reply.kind in (ReplyKind.OPT_IN, ReplyKind.YES) and later:
            return replace(message, reply=reply.kind.value, outcome=OVERTAKEN)
        answered_at = await get_answered_at(tx, sender.brand_id, phone)
        standing = Standing(
            opt_outs=tuple(row.opt_out for row in before),
            answered_at={AnswerKind(kind): at for kind, at in answered_at.items()},
            double_opt_in_pending=await self._is_pending(tx, reply, message, sender),
            answerable=bool(sender.brand) and may_be_answered(phone, senders),
        )
        decision = decide(reply, standing, policy=policy, now=message.received_at)
        await self._follow(tx, decision, message, sender=sender, before=before)
        return replace(
            message,
            reply=reply.kind.value,
            outcome=decision.reason,
            flagged=decision.flagged,
        )

    async def heed(self, news: Sequence[tuple[Message, Attempt, Receipt]], now: datetime) -> None:
        """Silence whoever has opted out where a receipt is the first to say so (code 1240)."""
        refused = [
            (message, receipt.failure)
            for message, _, receipt in news
            if receipt.failure and receipt.failure.opted_out
        ]
        if not refused:
            return
        senders = await self._directory.get()
        rows = []
        for message, failure in refused:
            sender = senders.get(message.sender)
            opt_out = OptOut(
                scope=self._settings.scope,
                source=OptOutSource.RECEIPT,
                brand_id=sender.brand_id if sender else DEFAULT_BRAND,
                sender=message.sender,
                reason=failure.code,
            )
            rows.append(self._row(opt_out, message.tenant_id, message.recipient, now))
        async with self._database.transaction() as tx:
            new = await silence(tx, rows, ids=self._ids, now=now)
        for row, is_new in zip(rows, new, strict=True):
            if is_new:
                _log.info(LogEvent.OPTED_OUT, opt_out=row.id, source=row.opt_out.source.value)

    async def _opt_out_in(self, webhook: Webhook) -> StoredOptOut | None:
        """Return the opt-out that a message from a phone is, if it is one."""
        try:
            inbound = read_inbound(webhook.body.encode(), received_at=webhook.received_at)
        except WireError:
            return None
        reply = classify(inbound.text or "")
        if not reply.is_opt_out or inbound.sender is None:
            return None
        sender = (await self._directory.get()).get(inbound.recipient)
        said = _said(reply)
        if sender is None:
            # A number that we do not know as ours: to be silent is the safe reading.
            opt_out = OptOut(
                OptOutScope.TENANT, OptOutSource.REPLY, DEFAULT_BRAND, inbound.recipient, said
            )
        else:
            opt_out = OptOut(
                self._settings.scope, OptOutSource.REPLY, sender.brand_id, sender.number, said
            )
        tenant_id = sender.tenant_id if sender else webhook.tenant_id
        row = self._row(opt_out, tenant_id, inbound.sender, webhook.received_at)
        return replace(
            row, provider_message_id=inbound.provider_message_id, said_at=inbound.sent_at
        )

    def _row(self, opt_out: OptOut, tenant_id: str, number: str, now: datetime) -> StoredOptOut:
        return StoredOptOut(
            id=self._ids.new("opt", now),
            tenant_id=tenant_id,
            recipient=number,
            recipient_hash=self._numbers.of(number),
            opt_out=opt_out,
            created_at=now,
        )

    def _policy(self, sender: Sender) -> ReplyPolicy:
        settings, kind = self._settings, SenderKind(sender.kind)
        return ReplyPolicy(
            brand_id=sender.brand_id,
            brand=sender.brand or "",
            sender=sender.number,
            sender_kind=kind,
            answerer=settings.answerers.get(kind) or usual_answerer(kind),
            scope=settings.scope,
            yes_opts_in=settings.yes_opts_in,
            contact=settings.contact,
        )

    async def _opt_outs(
        self, tx: Transaction, message: InboundMessage, sender: Sender
    ) -> tuple[list[StoredOptOut], list[StoredOptOut]]:
        """Return the sender's opt-outs that stood before the message, and those said after it."""
        assert message.sender, "whoever is answered has a number"
        found = await standing_opt_outs(tx, message.tenant_id, self._numbers.all_of(message.sender))
        covering = [
            row
            for row in found
            if row.opt_out.covers(brand_id=sender.brand_id, sender=sender.number)
            and row.provider_message_id != message.provider_message_id
        ]
        later = [row for row in covering if row.said_at and row.said_at > message.sent_at]
        return [row for row in covering if row not in later], later

    async def _is_pending(
        self, tx: Transaction, reply: Reply, message: InboundMessage, sender: Sender
    ) -> bool:
        """Tell whether a YES confirms a consent that counts only then."""
        if reply.kind is not ReplyKind.YES or not self._settings.consent.double_opt_in:
            return False
        assert message.sender, "whoever is answered has a number"
        found = await load_records(tx, sender.tenant_id, self._numbers.all_of(message.sender))
        of_brand = [records for (brand, _), records in found.items() if brand == sender.brand_id]
        verdict = judge_consent(
            Category.MARKETING,
            [consent for records in of_brand for consent in records.consents],
            [revocation for records in of_brand for revocation in records.revocations],
            policy=self._settings.consent,
            now=message.received_at,
        )
        return verdict.reason is ConsentReason.UNCONFIRMED

    async def _follow(
        self,
        tx: Transaction,
        decision: Decision,
        message: InboundMessage,
        *,
        sender: Sender,
        before: list[StoredOptOut],
    ) -> None:
        lifted = [row.id for row in before if row.opt_out in decision.lifted]
        if lifted:
            await end_opt_outs(tx, message.tenant_id, lifted, by="reply", now=message.received_at)
            _log.info(LogEvent.OPTED_IN, opt_outs=lifted)
        await self._record(tx, decision, message, sender)
        if decision.answer:
            await self._answer(tx, decision.answer, message, sender)

    async def _record(
        self, tx: Transaction, decision: Decision, message: InboundMessage, sender: Sender
    ) -> None:
        """Add to the records what a reply says of consents: STOP ends them all, START gives one.

        A STOP that reaches one sender alone leaves the brand its consents: the opt-out is enough.
        """
        now = message.received_at
        assert message.sender, "whoever is answered has a number"
        hash_ = self._numbers.of(message.sender)
        if decision.reason == "opted_out" and self._settings.scope is not OptOutScope.SENDER:
            row = StoredRevocation(
                id=self._ids.new("rev", now),
                tenant_id=sender.tenant_id,
                brand_id=sender.brand_id,
                recipient=message.sender,
                recipient_hash=hash_,
                revocation=Revocation(now),
                source="reply",
                created_at=now,
            )
            await insert_revocations(tx, [row])
        elif decision.opts_in:
            consent = Consent(
                id=self._ids.new("con", now),
                recipient=message.sender,
                brand_id=sender.brand_id,
                consent_class=ConsentClass.MARKETING,
                method=ConsentMethod.KEYWORD,
                given_at=now,
                inbound_id=message.id,
            )
            await insert_consents(tx, [StoredConsent(sender.tenant_id, hash_, consent, now)])

    async def _answer(
        self, tx: Transaction, answer: Answer, message: InboundMessage, sender: Sender
    ) -> None:
        """Queue an answer to a reply, before everything else that its sender has to send."""
        now = message.received_at
        assert message.sender, "whoever is answered has a number"
        reply = Message(
            id=self._ids.new("msg", now),
            tenant_id=sender.tenant_id,
            account_id=sender.account_id,
            campaign_id=sender.campaign_id,
            sender=sender.number,
            recipient=message.sender,
            text=answer.text,
            media=(),
            channel=Channel.SMS,
            weight=slots_taken(Channel.SMS, answer.text),
            category=Category.CONVERSATIONAL,
            priority=Priority.URGENT,
            state=MessageState.QUEUED,
            version=1,
            due_at=now,
            expires_at=answer.leave_by,
            created_at=now,
            updated_at=now,
            fair_key=sender.tenant_id,
            answer=answer.kind.value,
        )
        event = message_event(self._ids.new("evt", now), reply)
        await accept(tx, [Acceptance((Entry(reply, event),))])
        await store_answered_at(tx, sender, message.sender, {answer.kind.value: now})


def _said(reply: Reply) -> str:
    word = reply.keyword or ""
    return word if reply.kind is ReplyKind.OPT_OUT else f"probable: {word}"
