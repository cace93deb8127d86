"""Accept a request once for each idempotency key: check it, then store it with its first event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wirephoto.clock import Clock
from wirephoto.domain.event import message_event
from wirephoto.domain.idempotency import fingerprint
from wirephoto.domain.message import Message
from wirephoto.domain.request import (
    MessageRequest,
)
from wirephoto.engine.drafting import Caller, Context, Drafted, Drafting
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
from wirephoto.storage.database import Transaction

BATCH_MAX = 1000
"""Messages in one batch (DESIGN, section 4)."""
ROUTE_MESSAGES = "/v1/messages"
ROUTE_BATCH = "/v1/messages/batch"
ROUTE_SIMPLE = "/send-mms"

Render = Callable[[Message], str]
"""Makes the answer that tells of an accepted message, as JSON."""


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


RenderBatch = Callable[[Sequence[Submitted | RequestRefused]], str]


class Submissions:
    """Takes messages in. Refused input stores nothing and uses up no key."""

    def __init__(
        self,
        *,
        commits: GroupCommit,
        clock: Clock,
        ids: Ids,
        drafting: Drafting,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._ids = ids
        self._drafting = drafting

    async def submit(
        self, caller: Caller, request: MessageRequest, *, key: str | None, render: Render
    ) -> Submitted:
        """Store one message; return the answer of this request, or of an earlier one.

        Raises:
            RequestRefused: the request breaks rules; each is named.
            StorageUnavailable: nothing is known to be stored; repeat with the same key.
        """
        now = self._clock.now()
        drafted = await self._drafted_or_answer(caller, request, ROUTE_MESSAGES, key, now)
        if not isinstance(drafted, Drafted):
            return drafted
        message = drafted.message
        body = render(message)
        keyed = self._keyed(caller, request, ROUTE_MESSAGES, key, now, message.id, body)
        accepted = await self._commits.run(accept, Acceptance((self._entry(drafted, keyed),)))
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
        drafted = await self._drafted_or_answer(caller, request, route, key, now)
        if not isinstance(drafted, Drafted):
            return drafted
        message = drafted.message
        running_until = now + timedelta(seconds=running_s)
        keyed = self._keyed(
            caller, request, route, key, now, message.id, running_until=running_until
        )
        accepted = await self._commits.run(accept, Acceptance((self._entry(drafted, keyed),)))
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
        asked = [item.request for item in items if isinstance(item.request, MessageRequest)]
        context = await self._drafting.context(caller, asked)
        results: list[Submitted | RequestRefused] = []
        entries: list[tuple[int, Entry]] = []
        for item in items:
            result, entry = await self._batch_entry(context, item, render)
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

    async def _drafted_or_answer(
        self, caller: Caller, request: MessageRequest, route: str, key: str | None, now: datetime
    ) -> Drafted | Submitted:
        """Return the message to store, or what the same request was answered before."""
        try:
            context = await self._drafting.context(caller, [request])
            return await self._drafting.message(context, request)
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

    async def _batch_entry(
        self, context: Context, item: BatchItem, render: Render
    ) -> tuple[Submitted | RequestRefused, Entry | None]:
        caller, now = context.caller, context.now
        if isinstance(item.request, RequestRefused):
            return item.request, None
        try:
            drafted = await self._drafting.message(context, item.request)
        except RequestRefused as refused:
            return refused, None
        message = drafted.message
        body = render(message)
        keyed = self._keyed(caller, item.request, ROUTE_MESSAGES, item.key, now, message.id, body)
        return Answered(202, body, message.id), self._entry(drafted, keyed)

    def _entry(self, drafted: Drafted, keyed: KeyedRequest | None) -> Entry:
        message = drafted.message
        event = message_event(self._ids.new("evt", message.created_at), message)
        return Entry(message, event, keyed, drafted.heard_from, drafted.worded)

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
