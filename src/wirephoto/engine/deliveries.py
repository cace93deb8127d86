"""Tell customers' endpoints of events: each at least once, those of a message in their order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from wirephoto.clock import Clock
from wirephoto.domain.event import Event
from wirephoto.engine.courier import Courier
from wirephoto.engine.delivery_round import Parcel, Round
from wirephoto.errors import SecretUnreadable
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.deliveries import (
    ClaimedEndpoint,
    Served,
    WaitingEvent,
    claim_endpoints,
    due_endpoints,
    due_events,
    has_room,
    settle_endpoint,
    waiting_subjects,
)
from wirephoto.storage.endpoints import hurry
from wirephoto.storage.feed import FeedPosition, read_feed
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

SIDE_BY_SIDE = 64
"""Endpoints that one process serves at a time, each by itself: a slow one holds up no other."""
PAGE_MAX = 100
"""Events that a round reads from the feed, and as many of those that wait."""
REST_S = 0.5
LEASE = timedelta(seconds=90)
"""How long an endpoint is one process' to serve: longer than a round can take."""
UNREADABLE_REST = timedelta(seconds=60)
"""How long an endpoint rests whose events cannot be signed."""


class Deliveries:
    """Serves every endpoint that has something to hear; each is one process' at a time."""

    name = "deliveries"

    def __init__(
        self,
        *,
        database: Database,
        courier: Courier,
        clock: Clock,
        ids: Ids,
        random: Random,
        patience: timedelta,
    ) -> None:
        self._database = database
        self._courier = courier
        self._clock = clock
        self._ids = ids
        self._random = random
        self._patience = patience
        self._serving: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self.bell = database.bell()

    async def turn(self) -> float:
        """Take up as many endpoints as there is room for; return how long to rest, in seconds."""
        room = SIDE_BY_SIDE - len(self._serving)
        if self._stopping.is_set() or not room:
            return REST_S
        now = self._clock.now()
        # Looked for without a transaction that writes: mostly there is nothing to tell.
        async with self._database.read() as tx:
            due = await due_endpoints(tx, now=now, limit=room)
        if not due:
            return REST_S
        async with self._database.transaction() as tx:
            claimed = await claim_endpoints(tx, due, now=now, lease_until=now + LEASE)
        if self._stopping.is_set():
            # Asked to stop meanwhile: what is begun now would fail only because we end.
            await self._leave(claimed)
            return REST_S
        for endpoint in claimed:
            serving = asyncio.create_task(self._serve(endpoint))
            self._serving.add(serving)
            serving.add_done_callback(self._served)
        return REST_S

    async def drain(self) -> None:
        """Return when no endpoint is being served."""
        while self._serving:
            await asyncio.wait(self._serving)

    async def stop(self, grace_s: float) -> None:
        """Take up nothing more; what is not done after `grace_s` seconds is left to its lease."""
        self._stopping.set()
        if self._serving:
            await asyncio.wait(self._serving, timeout=grace_s)
        left = list(self._serving)
        for serving in left:
            serving.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _served(self, serving: "asyncio.Task[None]") -> None:
        self._serving.discard(serving)
        self.bell.set()  # there may be more for it
        if not serving.cancelled() and (error := serving.exception()):
            # Nothing is lost: the endpoint is served again when its lease has run out.
            _log.error(LogEvent.LOOP_FAILED, loop=self.name, error=str(error), exc_info=error)

    async def _serve(self, claimed: ClaimedEndpoint) -> None:
        """Tell one endpoint some of what it has not heard, and record what came of it."""
        try:
            self._courier.secrets_of(claimed.endpoint)
        except SecretUnreadable as error:
            _log.error(LogEvent.ENDPOINT_UNREADABLE, endpoint=error.owner, error=str(error))
            await self._leave([claimed], rest=UNREADABLE_REST)
            return
        place, parcels, held = await self._look(claimed)
        tour = Round(
            courier=self._courier,
            clock=self._clock,
            random=self._random,
            patience=self._patience,
            endpoint=claimed.endpoint,
        )
        await tour.run(parcels)
        await self._settle(claimed, tour, place=place, parcels=parcels, held=held)

    async def _look(
        self, claimed: ClaimedEndpoint
    ) -> tuple[FeedPosition, list[Parcel], list[WaitingEvent]]:
        """Return where the endpoint will be, what to deliver, and what has to wait for others."""
        endpoint, now = claimed.endpoint, self._clock.now()
        async with self._database.read() as tx:
            due = await due_events(tx, claimed, now=now, limit=PAGE_MAX)
            parcels = [Parcel(event, waits, is_stored=True) for waits, event in due]
            enough = len(parcels) == PAGE_MAX or (endpoint.is_down and parcels)
            if enough or not await has_room(tx, claimed):
                return claimed.place, parcels, []
            page = await read_feed(tx, endpoint.tenant_id, after=claimed.place, limit=PAGE_MAX)
            page = _up_to_first(claimed, page) if endpoint.is_down else page
            place = page[-1][0] if page else claimed.place
            fresh = [
                WaitingEvent(endpoint.id, endpoint.tenant_id, at, _subject(event), 0, now)
                for at, event in page
                if endpoint.wants(event.type)
            ]
            behind = await waiting_subjects(tx, claimed, {waits.subject for waits in fresh})
        events = dict(page)
        parcels += [
            Parcel(events[waits.place], waits, is_stored=False)
            for waits in fresh
            if waits.subject not in behind
        ]
        return place, parcels, [waits for waits in fresh if waits.subject in behind]

    async def _settle(
        self,
        claimed: ClaimedEndpoint,
        tour: Round,
        *,
        place: FeedPosition,
        parcels: Sequence[Parcel],
        held: Sequence[WaitingEvent],
    ) -> None:
        now = self._clock.now()
        ended = {parcel.waits.place for parcel in (*tour.done, *tour.failed)}
        untried = [p.waits for p in parcels if p.waits.place not in ended and not p.is_stored]
        rest = timedelta(seconds=max(tour.rest_s, tour.endpoint.rest_s()))
        served = Served(
            endpoint=tour.endpoint.resting(rest, now),
            place=place,
            done=[parcel.waits.place for parcel in tour.done if parcel.is_stored],
            waiting=[*[parcel.waits for parcel in tour.failed], *untried, *held],
        )
        async with self._database.transaction() as tx:
            if not await settle_endpoint(tx, claimed, served, now=now):
                return
            if claimed.endpoint.is_down and not tour.endpoint.is_down:
                await hurry(tx, tour.endpoint.tenant_id, tour.endpoint.id, now)
            await self._note(tx, claimed, tour)

    async def _note(self, tx: Transaction, claimed: ClaimedEndpoint, tour: Round) -> None:
        """Tell whoever looks after the endpoint that nothing more goes there."""
        endpoint = tour.endpoint
        if endpoint.disabled_at is None or endpoint.disabled_by is None:
            return
        entry = AuditEntry(
            id=self._ids.new("aud", endpoint.disabled_at),
            tenant_id=endpoint.tenant_id,
            actor="gateway",
            act="endpoint.disable",
            object=endpoint.id,
            at=endpoint.disabled_at,
            detail={"reason": endpoint.disabled_by},
        )
        await insert_audit(tx, [entry])
        since = endpoint.failing_since
        _log.error(
            LogEvent.ENDPOINT_DISABLED,
            endpoint=claimed.endpoint.id,
            reason=endpoint.disabled_by,
            failures=endpoint.failures,
            failing_since=since.isoformat() if since else None,
        )

    async def _leave(
        self, claimed: Sequence[ClaimedEndpoint], *, rest: timedelta = timedelta()
    ) -> None:
        """Free endpoints as they were, to be told of something after a rest."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            for each in claimed:
                served = Served(each.endpoint.resting(rest, now), each.place, [], [])
                await settle_endpoint(tx, each, served, now=now)


def _subject(event: Event) -> str:
    """Return whose events are told in their order."""
    return event.message_id or event.id


def _up_to_first(
    claimed: ClaimedEndpoint, page: Sequence[tuple[FeedPosition, Event]]
) -> Sequence[tuple[FeedPosition, Event]]:
    """Return the page as far as the first event that the endpoint wants."""
    for index, (_, event) in enumerate(page):
        if claimed.endpoint.wants(event.type):
            return page[: index + 1]
    return page
