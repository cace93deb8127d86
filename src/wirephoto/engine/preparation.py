"""Make accepted messages ready before they are queued: their recipients and their media."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.event import message_event
from wirephoto.domain.fallback import TOO_LARGE, fall_back, may_fall_back
from wirephoto.domain.media import Media
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.number_facts import Unreachable
from wirephoto.domain.retry import RetryPolicy, retry_at
from wirephoto.engine.library import LOOK_AFTER
from wirephoto.errors import MediaRefused, StorageUnavailable, StoreUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.media import Need
from wirephoto.storage.messages import Transition, record_prepared, record_transitions
from wirephoto.storage.queue import claim_preparing
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

SIDE_BY_SIDE = 64
"""Messages whose media one process has in hand at a time."""
ROOM_MIN = SIDE_BY_SIDE // 2
"""What must be free before more are taken up: to lease one costs as much as to lease many."""
REST_S = 0.5
LEASE = timedelta(seconds=120)
"""How long a message is one process' to look at."""
PATIENCE_S = 100.0
"""How long all attachments of a message may take together: shorter than the lease, in seconds."""

TOO_SLOW = "The attachments took too long to fetch: serve them faster, or send fewer."
CHECK_FAILED = "The attachments could not be looked at; the log says why."


class Prepare(Protocol):
    """Looks at the media of one message, and makes it ready where that is asked for."""

    async def __call__(self, message: Message) -> tuple[Media, ...]:
        """Return the media as it may go out.

        Raises:
            MediaRefused: it may not, now or ever.
        """
        ...


class Screen(Protocol):
    """Finds out whether a message can arrive at all."""

    async def __call__(self, message: Message) -> Unreachable | None:
        """Return why it cannot, if that is known."""
        ...


class Preparation:
    """Takes messages from `preparing` to `queued`, or to `failed` with the reason.

    What is too large is queued as a text, where the customer has given one.
    """

    name = "preparation"

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        prepare: Prepare,
        clock: Clock,
        ids: Ids,
        random: Random,
        retry: RetryPolicy,
        screen: Screen | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._commits = commits
        self._prepare_media = prepare
        self._screen = screen
        self._clock = clock
        self._ids = ids
        self._random = random
        self._retry = retry
        self._patience_s = patience_s
        self._preparing: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.bell = database.bell(MessageState.PREPARING.value)

    async def turn(self) -> float:
        """Take up as many messages as there is room for; return how long to rest, in seconds."""
        room = SIDE_BY_SIDE - len(self._preparing)
        if self._stopping or room < ROOM_MIN:
            return REST_S
        now = self._clock.now()
        async with self._database.transaction() as tx:
            leased = await claim_preparing(tx, now=now, lease_until=now + LEASE, limit=room)
        for message in leased:
            preparing = asyncio.create_task(self._prepare(message))
            self._preparing.add(preparing)
            preparing.add_done_callback(self._prepared)
        # Where there is too little room, whoever makes it enough rings the bell.
        return REST_S

    async def drain(self) -> None:
        """Return when nothing is in hand."""
        while self._preparing:
            await asyncio.wait(self._preparing)

    async def stop(self, grace_s: float) -> None:
        """Take up nothing more; what is not done after `grace_s` seconds is left to its lease."""
        self._stopping = True
        if self._preparing:
            await asyncio.wait(self._preparing, timeout=grace_s)
        left = list(self._preparing)
        for preparing in left:
            preparing.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _prepared(self, preparing: "asyncio.Task[None]") -> None:
        self._preparing.discard(preparing)
        if SIDE_BY_SIDE - len(self._preparing) == ROOM_MIN:
            self.bell.set()
        if not preparing.cancelled() and (error := preparing.exception()):
            # Nothing is lost: the message is looked at again when its lease has run out.
            _log.error(LogEvent.LOOP_FAILED, loop=self.name, error=str(error), exc_info=error)

    async def _prepare(self, message: Message) -> None:
        """Record what became of one message; the result is dropped if it has moved meanwhile."""
        if self._screen and (unreachable := await self._screen(message)):
            _log.info(LogEvent.NUMBER_REFUSED, message_id=message.id, reason=unreachable.reason)
            why = {"reason": unreachable.reason, "detail": unreachable.message}
            now = self._clock.now()
            await self._record(message.move_to(MessageState.FAILED, now, **why))
            return
        try:
            media = await self._made_ready(message) if message.media else ()
        except MediaRefused as refused:
            await self._record_refusal(message, refused)
            return
        now = self._clock.now()
        # The tries of preparing are over; those of sending count from nought.
        queued = message.move_to(MessageState.QUEUED, now, tries=0, media=media)
        event = message_event(self._ids.new("evt", now), queued)
        moved = Transition(queued, event=event, needs=_needs(queued))
        await self._commits.run(record_prepared, moved)

    async def _made_ready(self, message: Message) -> tuple[Media, ...]:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._prepare_media(message)
        except (MediaRefused, StorageUnavailable, StoreUnavailable):
            # Where our own database or media store is away, no message fails for it.
            raise
        except TimeoutError as error:
            raise MediaRefused("unreachable", TOO_SLOW, retryable=True) from error
        except Exception as error:
            # The message must not wait for ever for a fix of what is wrong here.
            _log.error(LogEvent.LOOP_FAILED, loop=self.name, error=str(error), exc_info=error)
            raise MediaRefused("check_failed", CHECK_FAILED, retryable=True) from error

    async def _record_refusal(self, message: Message, refused: MediaRefused) -> None:
        now = self._clock.now()
        _log.info(LogEvent.MEDIA_REFUSED, message_id=message.id, reason=refused.reason)
        tries = message.tries + 1
        why = {"reason": refused.reason, "detail": str(refused)}
        if not refused.retryable or tries >= self._retry.tries_max:
            if refused.reason in TOO_LARGE and may_fall_back(message, now):
                await self._record(fall_back(message, now, tries=0, **why))
            else:
                await self._record(message.move_to(MessageState.FAILED, now, **why))
            return
        again_at = retry_at(
            self._retry, tries=tries, jitter=self._random.random(), now=now, retry_after_s=None
        )
        waiting = message.touched(now, lease_until=again_at, tries=tries, **why)
        await self._commits.run(record_transitions, Transition(waiting))

    async def _record(self, moved: Message) -> None:
        event = message_event(self._ids.new("evt", moved.updated_at), moved)
        await self._commits.run(record_transitions, Transition(moved, event=event))


def _needs(message: Message) -> tuple[Need, ...]:
    """Return which files a message needs until it is final."""
    return tuple(
        Need(
            message_id=message.id,
            position=position,
            tenant_id=message.tenant_id,
            media_id=media.prepared.media_id,
            file_id=media.prepared.file_id,
            look_at=max(message.due_at, message.updated_at) + LOOK_AFTER,
        )
        for position, media in enumerate(message.media)
        if media.prepared
    )
