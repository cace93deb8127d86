"""A machine whose clock is wrong by a minute claims, sends and rescues like one that is right."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from tests.engine.stage import eventually
from tests.factories import make_attempt, make_ids, make_message, send_request
from tests.gateway import FakeProvider, running, settings_of, states_in
from wirephoto.bootstrap import Gateway
from wirephoto.clock import SystemClock
from wirephoto.domain.message import MessageState
from wirephoto.engine.maintenance import DEADLINE_MARGIN, Rescuer
from wirephoto.storage.messages import insert_attempts, insert_messages
from wirephoto.storage.schema import attempts

RATE = 40.0
COUNT = 80
SECOND = timedelta(seconds=1)
wrong = pytest.mark.parametrize("error", [60 * SECOND, -60 * SECOND], ids=["ahead", "behind"])


class WrongClock(SystemClock):
    """The clock of a machine that nobody set."""

    def __init__(self, error: timedelta) -> None:
        super().__init__()
        self._error = error

    def now(self) -> datetime:
        """Return an instant that is off, unless it is corrected."""
        return super().now() + self._error


@wrong
async def test_two_that_disagree_about_the_time_keep_one_pace(postgres_url, error):
    """Slots of one lie a minute ahead for the other, which would stand still or send at once."""
    settings = settings_of(postgres_url, sender_rate=RATE)
    providers = [FakeProvider(), FakeProvider()]
    for provider in providers:
        provider.open.set()
    async with (
        running(settings, clock=WrongClock(error), provider=providers[0]) as (_, client),
        running(settings, provider=providers[1]) as (right, _),
    ):
        batch = {"messages": [send_request() for _ in range(COUNT)]}
        begun_at = SystemClock().now()
        assert (await client.post("/v1/messages/batch", json=batch)).status_code == 200
        await eventually(lambda: all_submitted(postgres_url))
        took = SystemClock().now() - begun_at
        slots, starts = await slots_and_starts(right)

    assert all(b - a >= SECOND / RATE for a, b in pairwise(slots))
    assert abs(slots[0] - begun_at) < 20 * SECOND  # a busy machine's delay, not a clock's minute
    assert all(start - slot < SECOND for slot, start in zip(slots, starts, strict=True))
    assert took >= (COUNT - 1) / RATE * SECOND
    sent = [len(provider.submissions) for provider in providers]
    assert sum(sent) == COUNT
    assert min(sent) > 0, "both had a part in it"


async def all_submitted(url: str) -> bool:
    return set(await states_in(url)) == {"submitted"}


async def slots_and_starts(gateway: Gateway) -> tuple[list[datetime], list[datetime]]:
    """Return when attempts might leave, in order, and when they were recorded."""
    async with gateway.database.read() as tx:
        query = select(attempts.c.slot_at, attempts.c.started_at).order_by(attempts.c.slot_at)
        rows = (await tx.execute(query)).all()
    return [row.slot_at for row in rows], [row.started_at for row in rows]


@wrong
async def test_a_wrong_clock_rescues_nothing_too_early_and_nothing_too_late(postgres_url, error):
    """Too early: what another process has is sent by a second one. Too late: it waits for ever."""
    settings = settings_of(postgres_url, roles="api", secret="s" * 40)
    now = SystemClock().now()
    held = make_message(state=MessageState.CLAIMED, lease_until=now + 20 * SECOND)
    left = make_message(state=MessageState.CLAIMED, lease_until=now - SECOND)
    waiting = make_message(state=MessageState.SENDING, attempts=1)
    hopeless = make_message(state=MessageState.SENDING, attempts=1)
    tries = [
        make_attempt(waiting, deadline_at=now + 10 * SECOND),
        make_attempt(hopeless, deadline_at=now - DEADLINE_MARGIN - SECOND),
    ]
    async with running(settings, clock=WrongClock(error)) as (gateway, _):
        async with gateway.database.transaction() as tx:
            await insert_messages(tx, [held, left, waiting, hopeless])
            await insert_attempts(tx, tries)

        await Rescuer(gateway.database, gateway.clock, make_ids()).turn()

        assert sorted(await states_in(postgres_url)) == [
            "claimed",
            "queued",
            "sending",
            "unconfirmed",
        ]
