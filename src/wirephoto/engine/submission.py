"""Accept a request once for each idempotency key: check it, then store it with its first event."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wirephoto.clock import Clock
from wirephoto.domain.api_key import Scope
from wirephoto.domain.event import message_event
from wirephoto.domain.idempotency import fingerprint
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.request import MessageRequest, RequestRules, Uploads, check_request
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.acceptance import (
    Acceptance,
    Entry,
    KeyedRequest,
    accept,
    complete_key,
    find_keyed,
)
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.media import get_originals
from wirephoto.storage.senders import Sender

BATCH_MAX = 1000
"""Messages in one batch (DESIGN, section 4)."""
ROUTE_MESSAGES = "/v1/messages"
ROUTE_BATCH = "/v1/messages/batch"
ROUTE_SIMPLE = "/send-mms"

Render = Callable[[Message], str]
"""Makes the answer that tells of an accepted message, as JSON."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `live` keys reach the real provider."""

    tenant_id: str
    key_id: str
    live: bool
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to give: of this request, or of an earlier one with the same key (`replayed`)."""

    status: int
    body: str
    message_id: str | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A message without an answer yet: the request's own, or that of one that was cut off."""

    message_id: str
    keyed: KeyedRequest | None


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The key was used with another body (`reused`), or its first request still runs."""

    reused: bool


Submitted = Answered | Unanswered | KeyConflict


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One message of a batch: what was asked, or why it could not even be read."""

    request: MessageRequest | RequestRefused
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Context:
    """What a request is checked against."""

    caller: Caller
    senders: Mapping[str, Sender]
    uploads: Uploads
    now: datetime


RenderBatch = Callable[[Sequence[Submitted | RequestRefused]], str]


class Submissions:
    """Takes messages in. Refused input stores nothing and uses up no key."""

    def __init__(
        self,
        *,
        commits: GroupCommit,
        clock: Clock,
        ids: Ids,
        database: Database,
        directory: SenderDirectory,
        rules: RequestRules,
        media_is_prepared: bool,
    ) -> None:
        """Take what a message is made with; `media_is_prepared` says that media is looked at."""
        self._commits = commits
        self._database = database
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._rules = rules
        self._media_is_prepared = media_is_prepared

    async def submit(
        self, caller: Caller, request: MessageRequest, *, key: str | None, render: Render
    ) -> Submitted:
        """Store one message; return the answer of this request, or of an earlier one.

        Raises:
            RequestRefused: the request breaks rules; each is named.
            StorageUnavailable: nothing is known to be stored; repeat with the same key.
        """
        now = self._clock.now()
        message = await self._message_or_answer(caller, request, ROUTE_MESSAGES, key, now)
        if not isinstance(message, Message):
            return message
        body = render(message)
        keyed = self._keyed(caller, request, ROUTE_MESSAGES, key, now, message.id, body)
        accepted = await self._commits.run(accept, Acceptance((self._entry(message, keyed),)))
        if (earlier := accepted.entries[0]) and keyed:
            return _answer_of(earlier, keyed, now)
        return Answered(202, body, message.id)

    async def submit_unanswered(
        self,
        caller: Caller,
        request: MessageRequest,
        *,
        route: str,
        key: str | None,
        running_s: float,
    ) -> Submitted:
        """Store one message whose answer is made later, by `answer`.

        The key is held for `running_s` seconds; if whoever holds it is gone by then, the next
        request with the key takes the message over.

        Raises:
            RequestRefused: the request breaks rules; each is named.
            StorageUnavailable: nothing is known to be stored; repeat with the same key.
        """
        now = self._clock.now()
        message = await self._message_or_answer(caller, request, route, key, now)
        if not isinstance(message, Message):
            return message
        running_until = now + timedelta(seconds=running_s)
        keyed = self._keyed(
            caller, request, route, key, now, message.id, running_until=running_until
        )
        accepted = await self._commits.run(accept, Acceptance((self._entry(message, keyed),)))
        if (earlier := accepted.entries[0]) and keyed:
            return _answer_of(earlier, keyed, now)
        return Unanswered(message.id, keyed)

    async def answer(self, keyed: KeyedRequest, *, status: int, body: str) -> None:
        """Store the answer of a request that was accepted without one."""
        await self._commits.run(_complete, (keyed, status, body))

    async def submit_batch(
        self,
        caller: Caller,
        items: Sequence[BatchItem],
        *,
        key: str | None,
        render: Render,
        render_batch: RenderBatch,
    ) -> Submitted:
        """Store what a batch asks for, each message accepted or refused on its own.

        Raises:
            StorageUnavailable: nothing is known to be stored; repeat with the same key.
        """
        now = self._clock.now()
        senders = await self._directory.get()
        asked = [item.request for item in items if isinstance(item.request, MessageRequest)]
        uploads = await self._uploads(caller.tenant_id, asked)
        results: list[Submitted | RequestRefused] = []
        entries: list[tuple[int, Entry]] = []
        for item in items:
            context = _Context(caller, senders, uploads, now)
            result, entry = self._batch_entry(context, item, render)
            if isinstance(result, RequestRefused) and isinstance(item.request, MessageRequest):
                before = await self._answer_before(
                    caller, item.request, ROUTE_MESSAGES, item.key, now
                )
                result = before or result
            if entry:
                entries.append((len(results), entry))
            results.append(result)

        def outcome(known: Sequence[KeyedRequest | None]) -> str:
            # A transaction that is done again may end otherwise: what it said is not kept.
            final = list(results)
            for (place, entry), earlier in zip(entries, known, strict=True):
                if earlier and entry.keyed:
                    final[place] = _answer_of(earlier, entry.keyed, now)
            return render_batch(final)

        keyed = self._keyed(caller, [_asked(item) for item in items], ROUTE_BATCH, key, now)
        stored = tuple([entry for _, entry in entries])
        accepted = await self._commits.run(accept, Acceptance(stored, keyed, outcome))
        if accepted.earlier and keyed:
            return _answer_of(accepted.earlier, keyed, now)
        return Answered(200, accepted.body or outcome(accepted.entries), None)

    async def _message_or_answer(
        self, caller: Caller, request: MessageRequest, route: str, key: str | None, now: datetime
    ) -> Message | Submitted:
        """Return the message to store, or what the same request was answered before."""
        try:
            senders = await self._directory.get()
            uploads = await self._uploads(caller.tenant_id, [request])
            return self._message(_Context(caller, senders, uploads, now), request)
        except RequestRefused:
            if before := await self._answer_before(caller, request, route, key, now):
                return before
            raise

    async def _answer_before(
        self, caller: Caller, request: MessageRequest, route: str, key: str | None, now: datetime
    ) -> Submitted | None:
        """Return what the same request was answered when it still kept the rules, if it was.

        A time that was ahead then may be past now; who repeats it must not be told that it was
        refused.
        """
        keyed = self._keyed(caller, request, route, key, now)
        if keyed is None:
            return None
        earlier = await self._commits.run(find_keyed, keyed)
        if earlier is None or earlier.fingerprint != keyed.fingerprint:
            return None
        return _answer_of(earlier, keyed, now)

    async def _uploads(self, tenant_id: str, requests: Sequence[MessageRequest]) -> Uploads:
        """Return what the uploads are that requests speak of, as far as they are the tenant's."""
        ids = {media.upload for request in requests for media in request.media if media.upload}
        if not ids:
            return {}
        async with self._database.read() as tx:
            found = await get_originals(tx, tenant_id, sorted(ids))
        return {id_: one.kind if one.file_id else None for id_, one in found.items()}

    def _batch_entry(
        self, context: _Context, item: BatchItem, render: Render
    ) -> tuple[Submitted | RequestRefused, Entry | None]:
        caller, now = context.caller, context.now
        if isinstance(item.request, RequestRefused):
            return item.request, None
        try:
            message = self._message(context, item.request)
        except RequestRefused as refused:
            return refused, None
        body = render(message)
        keyed = self._keyed(caller, item.request, ROUTE_MESSAGES, item.key, now, message.id, body)
        return Answered(202, body, message.id), self._entry(message, keyed)

    def _message(self, context: _Context, request: MessageRequest) -> Message:
        caller, now = context.caller, context.now
        draft = check_request(
            request,
            self._rules,
            senders=_own(context.senders, caller.tenant_id),
            uploads=context.uploads,
            live=caller.live,
            now=now,
        )
        sender = context.senders[draft.sender]
        prepared = not draft.media or not self._media_is_prepared
        return Message(
            id=self._ids.new("msg", now),
            tenant_id=caller.tenant_id,
            account_id=sender.account_id,
            campaign_id=sender.campaign_id,
            sender=draft.sender,
            recipient=draft.recipient,
            text=draft.text,
            media=draft.media,
            category=draft.category,
            priority=draft.priority,
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

    def _entry(self, message: Message, keyed: KeyedRequest | None) -> Entry:
        event = message_event(self._ids.new("evt", message.created_at), message)
        return Entry(message, event, keyed)

    def _keyed(
        self,
        caller: Caller,
        request: object,
        route: str,
        key: str | None,
        now: datetime,
        message_id: str | None = None,
        body: str | None = None,
        running_until: datetime | None = None,
    ) -> KeyedRequest | None:
        if key is None:
            return None
        return KeyedRequest(
            tenant_id=caller.tenant_id,
            route=route,
            key=key,
            fingerprint=fingerprint(request),
            created_at=now,
            message_id=message_id,
            status=None if body is None else 202,
            body=body,
            running_until=running_until,
        )


def _asked(item: BatchItem) -> object:
    """Return what tells one item of a batch from another."""
    return item.request.faults if isinstance(item.request, RequestRefused) else item.request


def _own(senders: Mapping[str, Sender], tenant_id: str) -> Collection[str]:
    return [number for number, sender in senders.items() if sender.tenant_id == tenant_id]


def _answer_of(earlier: KeyedRequest, keyed: KeyedRequest, now: datetime) -> Submitted:
    """Return what an earlier request under the same key means for this one."""
    if earlier.fingerprint != keyed.fingerprint:
        return KeyConflict(reused=True)
    if earlier.status is not None and earlier.body is not None:
        return Answered(earlier.status, earlier.body, earlier.message_id, replayed=True)
    if earlier.message_id and (earlier.running_until is None or earlier.running_until < now):
        return Unanswered(earlier.message_id, earlier)
    return KeyConflict(reused=False)


async def _complete(
    tx: Transaction, rows: Sequence[tuple[KeyedRequest, int, str]]
) -> Sequence[None]:
    for keyed, status, body in rows:
        await complete_key(tx, keyed, status=status, body=body)
    return [None] * len(rows)
