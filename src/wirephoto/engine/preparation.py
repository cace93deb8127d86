"""Look at the media of accepted messages before they are queued."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.event import message_event
from wirephoto.domain.media import Media
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.retry import RetryPolicy, retry_at
from wirephoto.errors import MediaRefused
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.queue import claim_preparing
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TURN_MAX = 16
"""Messages that one process looks at side by side."""
REST_S = 0.5
LEASE = timedelta(seconds=120)
"""How long a message is one process' to look at."""
PATIENCE_S = 100.0
"""How long all attachments of a message may take together: shorter than the lease, in seconds."""

TOO_SLOW = "The attachments took too long to fetch: serve them faster, or send fewer."
CHECK_FAILED = "The attachments could not be looked at; the log says why."


class Checker(Protocol):
    """Looks at one attachment."""

    async def __call__(self, media: Media) -> object:
        """Return when it may go out.

        Raises:
            MediaRefused: it may not, now or ever.
        """
        ...


class Preparation:
    """Takes messages from `preparing` to `queued`, or to `failed` with the reason."""

    name = "preparation"

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        check: Checker,
        clock: Clock,
        ids: Ids,
        random: Random,
        retry: RetryPolicy,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._commits = commits
        self._check = check
        self._clock = clock
        self._ids = ids
        self._random = random
        self._retry = retry
        self._patience_s = patience_s
        self.bell = database.bell(MessageState.PREPARING.value)

    async def turn(self) -> float:
        """Look at up to `TURN_MAX` messages; return how long to rest, in seconds."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            leased = await claim_preparing(tx, now=now, lease_until=now + LEASE, limit=TURN_MAX)
        preparing = [self._prepare(message) for message in leased]
        # One that fails does not stop the others: their leases would hold them up for minutes.
        for failed in await asyncio.gather(*preparing, return_exceptions=True):
            if failed is not None:
                raise failed
        return 0.0 if leased else REST_S

    async def _prepare(self, message: Message) -> None:
        """Record what became of one message; the result is dropped if it has moved meanwhile."""
        refused = await self._look_at(message)
        if refused:
            after = self._refused(message, refused)
        else:
            # The tries of preparing are over; those of sending count from nought.
            after = message.move_to(MessageState.QUEUED, self._clock.now(), tries=0)
        event = None
        if after.state is not message.state:
            event = message_event(self._ids.new("evt", after.updated_at), after)
        await self._commits.run(record_transitions, Transition(after, event=event))

    async def _look_at(self, message: Message) -> MediaRefused | None:
        try:
            async with asyncio.timeout(self._patience_s):
                for media in message.media:
                    await self._check(media)
        except MediaRefused as refused:
            return refused
        except TimeoutError:
            return MediaRefused("unreachable", TOO_SLOW, retryable=True)
        except Exception as error:  # noqa: BLE001 - the message must not wait for ever for a fix
            _log.error(LogEvent.LOOP_FAILED, loop=self.name, error=str(error), exc_info=error)
            return MediaRefused("check_failed", CHECK_FAILED, retryable=True)
        return None

    def _refused(self, message: Message, refused: MediaRefused) -> Message:
        now = self._clock.now()
        why = {"reason": refused.reason, "detail": str(refused)}
        _log.info(LogEvent.MEDIA_REFUSED, message_id=message.id, reason=refused.reason)
        tries = message.tries + 1
        if not refused.retryable or tries >= self._retry.tries_max:
            return message.move_to(MessageState.FAILED, now, **why)
        due_at = retry_at(
            self._retry, tries=tries, jitter=self._random.random(), now=now, retry_after_s=None
        )
        return message.touched(now, lease_until=None, due_at=due_at, tries=tries, **why)
