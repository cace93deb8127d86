"""From a request that keeps the rules to the message that is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from wirephoto.clock import Clock
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import consent_needed
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.marketing import MarketingRules, permit, word
from wirephoto.domain.message import Category, Message, MessageState
from wirephoto.domain.opt_out import OptOut, silencing
from wirephoto.domain.phone import Refusal, parse_recipient
from wirephoto.domain.pool import Candidate, choose
from wirephoto.domain.request import (
    TEXT_CHARS_MAX,
    Draft,
    MessageRequest,
    RequestRules,
    Uploads,
    check_request,
    choose_sender,
)
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.consents import Records, Worded, load_records, worded_at
from wirephoto.storage.database import Database
from wirephoto.storage.media import get_originals
from wirephoto.storage.opt_outs import standing_opt_outs
from wirephoto.storage.pools import HeardFrom, Pool, heard_from
from wirephoto.storage.senders import Sender

OPTED_OUT = Fault(
    "to",
    "opted_out",
    "The recipient has opted out of hearing from this sender; only they can undo that.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `live` keys reach the real provider."""

    tenant_id: str
    key_id: str
    live: bool
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Context:
    """What some requests of a caller are checked against.

    `heard_from` says which sender the recipients of pools have heard from; what is chosen for one
    request is kept in it for the next ones. `opt_outs` has those of each recipient that stand,
    `records` their consents and `worded` when they were last told how to opt out, by brand.
    """

    caller: Caller
    senders: Mapping[str, Sender]
    pools: Mapping[str, Pool]
    uploads: Uploads
    now: datetime
    opt_outs: Mapping[str, Sequence[OptOut]] = field(default_factory=dict)
    records: Mapping[tuple[str, str], Records] = field(default_factory=dict)
    worded: dict[tuple[str, str], datetime] = field(default_factory=dict)
    heard_from: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drafted:
    """A message that is to be stored, and what its recipient's contact remembers of it.

    That is the sender that they hear from now on, and that they are told how to opt out.
    """

    message: Message
    heard_from: HeardFrom | None = None
    worded: Worded | None = None


class Drafting:
    """Makes messages of requests, from what is known of senders, pools, uploads and queues."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        ids: Ids,
        directory: SenderDirectory,
        numbers: NumberHash,
        outlook: Outlook,
        rules: RequestRules,
        marketing: MarketingRules,
        media_is_prepared: bool,
    ) -> None:
        """Take what a message is made with; `media_is_prepared` says that media is looked at."""
        self._database = database
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._numbers = numbers
        self._outlook = outlook
        self._rules = rules
        self._marketing = marketing
        self._media_is_prepared = media_is_prepared

    async def context(self, caller: Caller, requests: Sequence[MessageRequest]) -> Context:
        """Return what the requests are to be checked against, read with few statements."""
        pools = await self._directory.pools(caller.tenant_id)
        known = await self._known(caller.tenant_id, requests)
        return Context(
            caller=caller,
            senders=await self._directory.get(),
            pools=pools,
            uploads=await self._uploads(caller.tenant_id, requests),
            now=self._clock.now(),
            opt_outs=known.opt_outs,
            records=known.records,
            worded=known.worded,
            heard_from=await self._heard_from(caller.tenant_id, requests, pools),
        )

    async def message(self, context: Context, request: MessageRequest) -> Drafted:
        """Return the message that a request asks for, with the time at which it will leave.

        Raises:
            RequestRefused: the request breaks rules; each is named.
        """
        draft = check_request(
            request,
            self._rules,
            senders=_own(context),
            pools=context.pools,
            uploads=context.uploads,
            live=context.caller.live,
            now=context.now,
        )
        sender = await self._sender(context, draft)
        opt_outs = context.opt_outs.get(draft.recipient, ())
        if silencing(opt_outs, brand_id=sender.brand_id, sender=sender.number):
            raise RequestRefused([OPTED_OUT])
        await self._outlook.refresh(sender.campaign_id)
        whom = (sender.brand_id, draft.recipient)
        draft, allowed_by, is_worded = self._permitted(context, draft, sender)
        message = replace(self._made(context, draft, sender), allowed_by=allowed_by)
        worded = Worded(message.tenant_id, *whom, context.now) if is_worded else None
        if worded:
            context.worded[whom] = worded.at
        if not sender.paused:  # else nobody knows when it leaves, and nobody stands behind it
            message = self._outlook.expect(message)
        if draft.pool is None:
            return Drafted(message, worded=worded)
        context.heard_from[draft.recipient] = sender.number
        heard = HeardFrom(sender.brand_id, draft.recipient, message.tenant_id, sender.number)
        return Drafted(message, heard, worded)

    def _permitted(
        self, context: Context, draft: Draft, sender: Sender
    ) -> tuple[Draft, Mapping[str, str], bool]:
        """Return a draft as it may be sent, what allows it, and whether it tells how to opt out.

        Raises:
            RequestRefused: no consent allows it, or the wording that it needs has no room.
        """
        whom, now, rules = (sender.brand_id, draft.recipient), context.now, self._marketing
        records = context.records.get(whom, Records())
        allowed_by = permit(
            draft.category, records.consents, records.revocations, rules=rules, now=now
        )
        if isinstance(allowed_by, Fault):
            raise RequestRefused([allowed_by])
        worded = word(
            draft.text,
            sender.brand,
            context.worded.get(whom),
            category=draft.category,
            rules=rules,
            now=now,
            chars_max=TEXT_CHARS_MAX,
        )
        if isinstance(worded, Fault):
            raise RequestRefused([worded])
        text, is_worded = worded
        return replace(draft, text=text), allowed_by, is_worded

    async def sender_of(self, caller: Caller, wanted: str | None) -> Sender:
        """Return the caller's sender that a message with this `from` would leave from.

        Raises:
            RequestRefused: it is none of theirs, or none is named and there are several.
        """
        context = await self.context(caller, ())
        faults: list[Fault] = []
        number = choose_sender(wanted, self._rules, _own(context), faults)
        if faults:
            raise RequestRefused(faults)
        return context.senders[number]

    def _made(self, context: Context, draft: Draft, sender: Sender) -> Message:
        caller, now = context.caller, context.now
        prepared = not draft.media or not self._media_is_prepared
        return Message(
            id=self._ids.new("msg", now),
            tenant_id=caller.tenant_id,
            account_id=sender.account_id,
            campaign_id=sender.campaign_id,
            sender=sender.number,
            recipient=draft.recipient,
            text=draft.text,
            media=draft.media,
            category=draft.category,
            priority=draft.priority,
            ordered=draft.ordered,
            state=MessageState.QUEUED if prepared else MessageState.PREPARING,
            version=1,
            due_at=draft.due_at,
            expires_at=draft.expires_at,
            created_at=now,
            updated_at=now,
            reference=draft.reference,
            metadata=draft.metadata,
            fair_key=caller.tenant_id,
            # What we host is fetched at once. Where the provider will fetch, what the address holds
            # now says nothing about what it will hold when the message is due.
            lease_until=None if prepared else now if self._rules.hosts_media else draft.due_at,
            hold_reason="scheduled" if draft.due_at > now else None,
        )

    async def _sender(self, context: Context, draft: Draft) -> Sender:
        """Return the sender that is named, or the one that its pool has for the recipient."""
        if draft.pool is None:
            return context.senders[draft.sender]
        members = [
            context.senders[number]
            for number in context.pools[draft.pool].senders
            if number in context.senders
        ]
        candidates = []
        for sender in members:
            await self._outlook.refresh(sender.campaign_id)
            leaves_at = self._outlook.when(sender.campaign_id, draft.due_at, draft.priority)
            candidates.append(Candidate(sender.number, sender.available, leaves_at))
        chosen = choose(
            candidates,
            recipient=draft.recipient,
            sticky=context.heard_from.get(draft.recipient),
            sticky_waits=self._rules.sticky_waits,
        )
        if chosen is None:
            raise RequestRefused([Fault("from", "empty_pool", "This pool has no sender.")])
        return context.senders[chosen.number]

    async def _uploads(self, tenant_id: str, requests: Sequence[MessageRequest]) -> Uploads:
        ids = {media.upload for request in requests for media in request.media if media.upload}
        if not ids:
            return {}
        async with self._database.read() as tx:
            found = await get_originals(tx, tenant_id, sorted(ids))
        return {id_: one.kind if one.file_id else None for id_, one in found.items()}

    async def _known(self, tenant_id: str, requests: Sequence[MessageRequest]) -> "_Known":
        """Return what is known of the recipients; numbers that were erased are known by hash."""
        named = {
            hash_: number
            for number in _recipients(requests)
            for hash_ in self._numbers.all_of(number)
        }
        categories = {request.category or self._rules.default_category for request in requests}
        found = _Known()
        async with self._database.read() as tx:
            for row in await standing_opt_outs(tx, tenant_id, named):
                number = named[row.recipient_hash]
                found.opt_outs.setdefault(number, []).append(row.opt_out)
            if any(consent_needed(category) for category in categories):
                for (brand_id, hash_), records in (
                    await load_records(tx, tenant_id, named)
                ).items():
                    known = found.records.setdefault((brand_id, named[hash_]), Records())
                    known.consents.extend(records.consents)
                    known.revocations.extend(records.revocations)
            if Category.MARKETING in categories and self._marketing.wording:
                told = await worded_at(tx, tenant_id, set(named.values()))
                found.worded.update(told)
        return found

    async def _heard_from(
        self, tenant_id: str, requests: Sequence[MessageRequest], pools: Collection[str]
    ) -> dict[str, str]:
        recipients = _recipients([request for request in requests if request.from_ in pools])
        if not recipients:
            return {}
        async with self._database.read() as tx:
            return dict(await heard_from(tx, tenant_id, sorted(recipients)))


@dataclass(frozen=True, slots=True)
class _Known:
    opt_outs: dict[str, list[OptOut]] = field(default_factory=dict)
    records: dict[tuple[str, str], Records] = field(default_factory=dict)
    worded: dict[tuple[str, str], datetime] = field(default_factory=dict)


def _recipients(requests: Sequence[MessageRequest]) -> set[str]:
    """Return to whom requests are, as far as they say so in a way that is a number."""
    numbers = [parse_recipient(request.to, fictional_allowed=True) for request in requests]
    return {number.e164 for number in numbers if not isinstance(number, Refusal)}


def _own(context: Context) -> Collection[str]:
    tenant_id = context.caller.tenant_id
    return [n for n, sender in context.senders.items() if sender.tenant_id == tenant_id]
