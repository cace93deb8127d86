"""From a request that keeps the rules to the message that is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wirephoto.clock import Clock
from wirephoto.domain.api_key import SAFE_CATEGORIES, Scope
from wirephoto.domain.channel import TEXT_CHARS_MAX, Channel, channel_of, slots_taken
from wirephoto.domain.departure import (
    CAPPED,
    QUIET,
    SCHEDULED,
    Departure,
    DepartureRules,
    Person,
)
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.marketing import MarketingRules, permit, word
from wirephoto.domain.message import Category, Message, MessageState
from wirephoto.domain.opt_out import silencing
from wirephoto.domain.origin import Origins
from wirephoto.domain.pool import Candidate, choose
from wirephoto.domain.request import (
    Draft,
    MessageRequest,
    RequestRules,
    Uploads,
    check_request,
)
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.recipients import Known, Recipients
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.consents import Records, Worded
from wirephoto.storage.database import Database
from wirephoto.storage.media import get_originals
from wirephoto.storage.pools import HeardFrom, Pool
from wirephoto.storage.senders import Sender

NEVER_OPEN = (
    "No hour of the next weeks is within the quiet hours' rules in every zone that this phone may "
    "be in: name its `recipient_zone` or `recipient_state`."
)
_HELD_BY = {
    QUIET: "Quiet hours where the recipient is hold it",
    CAPPED: "The recipient has heard enough of the brand: the cap on how often holds it",
}
OPTED_OUT = Fault(
    "to",
    "opted_out",
    "The recipient has opted out of hearing from this sender; only they can undo that.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `live` keys reach the real provider.

    `senders` are numbers and pools that its messages may come from, none for all of the tenant's;
    `categories` what they may be for.
    """

    tenant_id: str
    key_id: str
    live: bool
    scopes: frozenset[Scope]
    senders: frozenset[str] = frozenset()
    categories: frozenset[Category] = SAFE_CATEGORIES


@dataclass(frozen=True, slots=True)
class Context:
    """What some requests of a caller are checked against."""

    caller: Caller
    senders: Mapping[str, Sender]
    pools: Mapping[str, Pool]
    uploads: Uploads
    now: datetime
    known: Known


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
        numbers_are_screened: bool = False,
        departures: DepartureRules | None = None,
    ) -> None:
        """Take what a message is made with.

        `media_is_prepared` and `numbers_are_screened` say what is looked at before it is queued.
        """
        self._database = database
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._outlook = outlook
        self._rules = rules
        self._marketing = marketing
        self._media_is_prepared = media_is_prepared
        self._numbers_are_screened = numbers_are_screened
        self._departures = departures or DepartureRules()
        self._recipients = Recipients(
            database,
            numbers=numbers,
            departures=self._departures,
            default_category=rules.default_category,
            wording=marketing.wording,
        )

    async def context(self, caller: Caller, requests: Sequence[MessageRequest]) -> Context:
        """Return what the requests are to be checked against, read with few statements."""
        pools = await self._directory.pools(caller.tenant_id)
        picked = {*pools, None} if caller.senders else pools.keys()
        return Context(
            caller=caller,
            senders=await self._directory.get(),
            pools=pools,
            uploads=await self._uploads(caller.tenant_id, requests),
            now=self._clock.now(),
            known=await self._recipients.known(caller.tenant_id, requests, picked),
        )

    async def message(self, context: Context, request: MessageRequest) -> Drafted:
        """Return the message that a request asks for, with the time at which it will leave.

        Raises:
            RequestRefused: the request breaks rules; each is named.
        """
        draft = check_request(
            request,
            self._rules,
            origins=_origins(context),
            categories=context.caller.categories,
            uploads=context.uploads,
            live=context.caller.live,
            now=context.now,
        )
        sender = await self._sender(context, draft)
        opt_outs = context.known.opt_outs.get(draft.recipient, ())
        if silencing(opt_outs, brand_id=sender.brand_id, sender=sender.number):
            raise RequestRefused([OPTED_OUT])
        await self._outlook.refresh(sender.campaign_id)
        whom = (sender.brand_id, draft.recipient)
        draft, allowed_by, is_worded = self._permitted(context, draft, sender)
        person = _person(context, draft, sender)
        message = replace(self._made(context, draft, sender, person), allowed_by=allowed_by)
        worded = Worded(message.tenant_id, *whom, context.now) if is_worded else None
        if worded:
            context.known.worded[whom] = worded.at
        if not sender.paused:  # else nobody knows when it leaves, and nobody stands behind it
            message = self._expected(self._outlook.expect(message), person)
        if draft.among is None:
            return Drafted(message, worded=worded)
        context.known.heard_from[draft.recipient] = sender.number
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
        records = context.known.records.get(whom, Records())
        allowed_by = permit(
            draft.category, records.consents, records.revocations, rules=rules, now=now
        )
        if isinstance(allowed_by, Fault):
            raise RequestRefused([allowed_by])
        channel = channel_of(draft.media)
        text, is_worded = self._worded(
            context, draft, sender, field="text", text=draft.text, channel=channel
        )
        fallback = draft.fallback_text
        if fallback is not None:
            fallback, _ = self._worded(
                context,
                draft,
                sender,
                field="fallback.sms.text",
                text=fallback,
                channel=Channel.SMS,
            )
        return replace(draft, text=text, fallback_text=fallback), allowed_by, is_worded

    def _worded(
        self,
        context: Context,
        draft: Draft,
        sender: Sender,
        *,
        field: str,
        text: str | None,
        channel: Channel,
    ) -> tuple[str | None, bool]:
        """Return a text of a draft as it is sent, and whether it tells how to opt out.

        Raises:
            RequestRefused: the wording that it needs has no room.
        """
        worded = word(
            text,
            sender.brand,
            context.known.worded.get((sender.brand_id, draft.recipient)),
            category=draft.category,
            rules=self._marketing,
            now=context.now,
            chars_max=TEXT_CHARS_MAX[channel],
            field_name=field,
        )
        if isinstance(worded, Fault):
            raise RequestRefused([worded])
        return worded

    async def sender_of(self, caller: Caller, wanted: str | None) -> Sender:
        """Return the caller's sender that a message with this `from` would leave from.

        Raises:
            RequestRefused: it is none of theirs, or none is named and there are several.
        """
        context = await self.context(caller, ())
        faults: list[Fault] = []
        number = _origins(context).sender(wanted, self._rules.default_sender, faults)
        if faults:
            raise RequestRefused(faults)
        return context.senders[number]

    def _expected(self, message: Message, person: Person) -> Message:
        """Return a message with its `expected_at` in hours that are open to it.

        What waits before it may take longer than its window is open.
        """
        at, closes_at = message.expected_at, message.window_closes_at
        if at is None or closes_at is None or at < closes_at:
            return message
        departure = self._departures.departure(person, message.category, at)
        return replace(message, expected_at=departure.due_at if departure else None)

    def _departure(self, draft: Draft, person: Person) -> Departure:
        """Return when a message may leave, by its recipient's clock and what they have heard.

        Raises:
            RequestRefused: not before it expires.
        """
        departure = self._departures.departure(person, draft.category, draft.due_at)
        if departure is None:
            raise RequestRefused([Fault("to", "never_open", NEVER_OPEN)])
        if departure.hold_reason and departure.due_at >= draft.expires_at:
            until = f"{departure.due_at:%Y-%m-%dT%H:%M:%SZ}"
            why = f"{_HELD_BY[departure.hold_reason]} until {until}, when it has expired."
            raise RequestRefused([Fault("expires_at", departure.hold_reason, why)])
        return departure

    def _made(self, context: Context, draft: Draft, sender: Sender, person: Person) -> Message:
        caller, now = context.caller, context.now
        departure = self._departure(draft, person)
        due_at = departure.due_at
        channel = channel_of(draft.media)
        looked_at = self._looked_at_from(draft, now, due_at)
        return Message(
            id=self._ids.new("msg", now),
            tenant_id=caller.tenant_id,
            account_id=sender.account_id,
            campaign_id=sender.campaign_id,
            sender=sender.number,
            recipient=draft.recipient,
            text=draft.text,
            media=draft.media,
            channel=channel,
            weight=slots_taken(channel, draft.text),
            fallback_text=draft.fallback_text,
            category=draft.category,
            priority=draft.priority,
            ordered=draft.ordered,
            state=MessageState.PREPARING if looked_at else MessageState.QUEUED,
            version=1,
            due_at=due_at,
            expires_at=draft.expires_at,
            created_at=now,
            updated_at=now,
            reference=draft.reference,
            metadata=draft.metadata,
            fair_key=caller.tenant_id,
            lease_until=looked_at,
            hold_reason=departure.hold_reason or (SCHEDULED if due_at > now else None),
            recipient_zone=person.zone,
            recipient_state=person.state,
            held_from=departure.held_from,
            window_closes_at=departure.window_closes_at,
            hours_digest=departure.hours_digest,
        )

    def _looked_at_from(self, draft: Draft, now: datetime, due_at: datetime) -> datetime | None:
        """Return from when on a message is looked at before it is queued; None if it is not."""
        if draft.media and self._media_is_prepared:
            # What we host is fetched at once. Where the provider will fetch, what the address holds
            # now says nothing about what it will hold when the message is due.
            return now if self._rules.hosts_media else due_at
        return now if self._numbers_are_screened else None

    async def _sender(self, context: Context, draft: Draft) -> Sender:
        """Return the sender that is named, or the best of several for the recipient."""
        if draft.among is None:
            return context.senders[draft.sender]
        members = [context.senders[number] for number in draft.among if number in context.senders]
        candidates = []
        for sender in members:
            await self._outlook.refresh(sender.campaign_id)
            leaves_at = self._outlook.when(sender.campaign_id, draft.due_at, draft.priority)
            candidates.append(Candidate(sender.number, sender.available, leaves_at))
        chosen = choose(
            candidates,
            recipient=draft.recipient,
            sticky=context.known.heard_from.get(draft.recipient),
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


def _person(context: Context, draft: Draft, sender: Sender) -> Person:
    """Return what is known of a recipient; what the request says of them wins."""
    known = context.known.people.get((sender.brand_id, draft.recipient), Person(draft.recipient))
    return replace(
        known,
        zone=draft.recipient_zone or known.zone,
        state=draft.recipient_state or known.state,
    )


def _origins(context: Context) -> Origins:
    caller = context.caller
    return Origins(
        senders=[n for n, s in context.senders.items() if s.tenant_id == caller.tenant_id],
        pools={name: pool.senders for name, pool in context.pools.items()},
        allowed=caller.senders,
    )
