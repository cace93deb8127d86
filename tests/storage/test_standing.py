"""How things stand is counted from live work, by campaign and by state."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from tests.factories import NOW, make_attempt, make_ids, make_message
from tests.storage.writing import store
from wirephoto.domain.message import MessageState
from wirephoto.storage.messages import insert_attempts
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, accounts, campaigns
from wirephoto.storage.standing import LineStanding, load_standing
from wirephoto.storage.webhooks import Webhook, mark_applied, postpone_webhooks, store_webhooks

MINUTE = timedelta(minutes=1)


async def load(database):
    async with database.read() as tx:
        return await load_standing(tx, NOW)


async def test_an_empty_gateway_has_nothing_open(database):
    """Nought is a number: a line on a dashboard that is missing looks like a process that is."""
    standing = await load(database)

    assert standing.queues == []
    assert [(one.messages, one.since) for one in standing.open] == [(0, None)] * 5
    assert (standing.webhooks, standing.webhook_since) == (0, None)


async def test_a_queue_has_its_depth_and_what_has_been_due_the_longest(database):
    """What is held for later counts into the one and not into the other."""
    await store(
        database,
        make_message(due_at=NOW + 5 * MINUTE),
        make_message(due_at=NOW - 9 * MINUTE),
        make_message(due_at=NOW - 3 * MINUTE),
        make_message(state=MessageState.DELIVERED, due_at=NOW - 90 * MINUTE),
    )

    [queue] = (await load(database)).queues

    assert (queue.campaign_id, queue.messages) == (DEFAULT_CAMPAIGN, 3)
    assert queue.due_since == NOW - 9 * MINUTE


async def test_messages_are_counted_in_every_state_that_is_not_the_last(database):
    """Those in doubt above all: somebody has to decide."""
    ids = make_ids(5)
    sending = make_message(state=MessageState.SENDING, attempts=1)
    await store(
        database,
        make_message(id=ids.new("msg", NOW - 8 * MINUTE), state=MessageState.UNCONFIRMED),
        make_message(id=ids.new("msg", NOW - 2 * MINUTE), state=MessageState.UNCONFIRMED),
        make_message(id=ids.new("msg", NOW - 4 * MINUTE), state=MessageState.PREPARING),
        make_message(state=MessageState.CLAIMED, lease_until=NOW),
        make_message(state=MessageState.SUBMITTED, submitted_at=NOW - 7 * MINUTE),
        make_message(
            state=MessageState.SUBMITTED, submitted_at=NOW - 70 * MINUTE, receipt_overdue=True
        ),
        sending,
    )
    async with database.transaction() as tx:
        await insert_attempts(tx, [make_attempt(sending)])

    found = {one.state: (one.messages, one.since) for one in (await load(database)).open}

    assert found == {
        MessageState.PREPARING: (1, NOW - 4 * MINUTE),
        MessageState.UNCONFIRMED: (2, NOW - 8 * MINUTE),
        MessageState.SUBMITTED: (1, NOW - 7 * MINUTE),
        MessageState.CLAIMED: (1, None),
        MessageState.SENDING: (1, None),
    }


async def test_webhooks_lag_from_the_oldest_that_could_be_applied(database):
    """One that waits for what it speaks of is early, not late."""
    hook = Webhook("tnt_default", DEFAULT_ACCOUNT, "status", "a", "{}", NOW - 5 * MINUTE)
    others = [
        replace(hook, jti="b", received_at=NOW - 4 * MINUTE),
        replace(hook, jti="c", received_at=NOW - 3 * MINUTE),
        replace(hook, jti="d", received_at=NOW - 2 * MINUTE),
    ]
    async with database.transaction() as tx:
        await store_webhooks(tx, [hook, *others])
        await mark_applied(tx, {1: "applied"}, NOW)
        await postpone_webhooks(tx, [2], NOW + MINUTE)

    standing = await load(database)

    assert (standing.webhooks, standing.webhook_since) == (3, NOW - 3 * MINUTE)


async def test_lines_tell_what_they_may_use_now_and_whether_they_stand(database):
    """A line that was asked to slow down has less than its rate."""
    async with database.transaction() as tx:
        await tx.execute(update(accounts).values(rate=30.0, slow_share=0.5, slowed_at=NOW))
        stop = {"stopped_at": NOW, "stop_reason": "paused", "stop_detail": "x", "probe_at": NOW}
        await tx.execute(update(campaigns).values(rate=4.0, **stop))

    standing = await load(database)

    assert standing.lines == [
        LineStanding("account", DEFAULT_ACCOUNT, 15.0, stopped=False),
        LineStanding("campaign", DEFAULT_CAMPAIGN, 4.0, stopped=True),
    ]
