"""One round of an endpoint: some of its events, in the order of each message."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from wirephoto.clock import Clock
from wirephoto.domain.delivery import Answer, next_try_at
from wirephoto.domain.endpoint import Endpoint
from wirephoto.domain.event import Event
from wirephoto.engine.courier import Courier
from wirephoto.storage.deliveries import WaitingEvent
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

AT_ONCE = 8
"""Messages whose events are told to one endpoint side by side."""
BUDGET_S = 15.0
"""How long a round begins deliveries, in seconds; what is not begun by then waits for the next."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event to deliver, and how it waits; `is_stored` where it waited before."""

    event: Event
    waits: WaitingEvent
    is_stored: bool


@dataclass(slots=True)
class Round:
    """Delivers parcels to an endpoint, and holds what became of them.

    Several messages are told side by side, the events of one of them one after another: behind an
    event that is not taken, those of its message wait. The round ends early when the endpoint asks
    for a rest, is gone, or fails so often that nothing else is to be expected.
    """

    courier: Courier
    clock: Clock
    random: Random
    patience: timedelta
    endpoint: Endpoint
    done: list[Parcel] = field(default_factory=list)
    failed: list[Parcel] = field(default_factory=list)
    rest_s: float = 0.0
    _until_s: float = 0.0

    async def run(self, parcels: Sequence[Parcel]) -> None:
        """Deliver what can be delivered; each parcel is in `done`, in `failed`, or as it was."""
        self._until_s = self.clock.monotonic() + BUDGET_S
        chains: dict[str, list[Parcel]] = {}
        for parcel in parcels:
            chains.setdefault(parcel.waits.subject, []).append(parcel)
        waiting = list(reversed(chains.values()))
        if self.endpoint.is_down and waiting:
            # One that has failed for long is asked with a single event whether it is back.
            await self._tell(waiting.pop())
            return

        async def work() -> None:
            while waiting:
                await self._tell(waiting.pop())

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(work())

    @property
    def _is_over(self) -> bool:
        endpoint, late = self.endpoint, self.clock.monotonic() >= self._until_s
        return late or bool(self.rest_s) or endpoint.disabled_at is not None

    async def _tell(self, chain: Sequence[Parcel]) -> None:
        """Tell the events of one message in order, up to the first that is not taken."""
        for parcel in chain:
            if self._is_over or (self.endpoint.is_down and self.failed):
                return
            answer = await self.courier.carry(self.endpoint, parcel.event)
            now = self.clock.now()
            self.endpoint = self.endpoint.answered(answer, now, patience=self.patience)
            if answer.is_success:
                self.done.append(parcel)
                continue
            self.rest_s = max(self.rest_s, answer.rest_s)
            if not self._put_off(parcel, answer):
                return

    def _put_off(self, parcel: Parcel, answer: Answer) -> bool:
        """Have a parcel wait for its next try; tell whether it is given up instead."""
        tries = parcel.waits.tries + 1
        due_at = next_try_at(
            tries,
            jitter=self.random.random(),
            now=self.clock.now(),
            retry_after_s=answer.retry_after_s,
        )
        told = {
            "endpoint": self.endpoint.id,
            "event_id": parcel.event.id,
            "tries": tries,
            "http_status": answer.status,
            "reason": answer.reason,
        }
        if due_at is None:
            _log.error(LogEvent.DELIVERY_GIVEN_UP, **told)
            self.done.append(parcel)
            return True
        _log.info(LogEvent.DELIVERY_DELAYED, **told, due_at=due_at.isoformat())
        self.failed.append(replace(parcel, waits=replace(parcel.waits, tries=tries, due_at=due_at)))
        return False
