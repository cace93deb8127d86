"""Customers are told of every event, signed, in the order of each message, at least once."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.engine.receiver import PATIENCE, endpoint_of, moved, stored, turn, waiting_rows
from tests.engine.stage import eventually, logged
from tests.factories import NOW
from tests.storage.writing import event_of
from wirephoto.domain.delivery import WAITS
from wirephoto.domain.message import MessageState
from wirephoto.engine.deliveries import LEASE
from wirephoto.engine.endpoints import Wanted
from wirephoto.storage.audit import list_audit
from wirephoto.storage.database import open_database
from wirephoto.storage.messages import insert_events
from wirephoto.storage.schema import DEFAULT_TENANT

S = MessageState


async def test_an_endpoint_hears_of_what_happens_after_it_was_made(receiver):
    """Each event once, in order; what was before is in the feed."""
    before, *after = await stored(receiver, 4)
    await receiver.tell(before)
    await receiver.create()
    await receiver.tell(*after)

    serving = receiver.deliveries()
    await turn(serving)
    await turn(serving)

    assert sorted(receiver.ids) == sorted(message.id for message in after)
    assert set(receiver.types) == {"message.queued"}
    assert await waiting_rows(receiver) == []


async def test_an_endpoint_hears_what_it_asked_for(receiver):
    """The rest of the feed costs it nothing."""
    await receiver.create(event_types=["message.delivered", "message.delivered"])
    [message] = await stored(receiver)
    await receiver.tell(*moved(message, S.SENDING, S.SUBMITTED, S.DELIVERED))

    await turn(receiver.deliveries())

    assert receiver.types == ["message.delivered"]


async def test_events_of_a_message_wait_for_the_one_that_failed(receiver):
    """Told the other way round, the older state would be taken for the newer; others go on."""
    slow, other = await stored(receiver, 2)
    await receiver.create()
    receiver.answer = lambda told: 500 if told["message_id"] == slow.id else 200
    await receiver.tell(*moved(slow, S.SENDING, S.SUBMITTED), *moved(other, S.SENDING, S.SUBMITTED))
    serving = receiver.deliveries()
    await turn(serving)

    assert receiver.ids.count(slow.id) == 1
    assert [told["type"] for told in receiver.told if told["message_id"] == other.id] == [
        "message.sending",
        "message.submitted",
    ]
    assert [row.tries for row in await waiting_rows(receiver)] == [1, 0]

    await receiver.tell(*moved(slow, S.CLAIMED, S.CLAIMED, S.DELIVERED)[2:])
    await turn(serving)
    assert [row.tries for row in await waiting_rows(receiver)] == [1, 0, 0]

    receiver.answer = lambda _told: 200
    await receiver.stage.advance(WAITS[0].total_seconds() * 1.2)
    receiver.told.clear()
    await turn(serving)
    assert receiver.types == ["message.sending", "message.submitted", "message.delivered"]
    assert await waiting_rows(receiver) == []


async def test_an_event_is_tried_on_the_schedule_and_given_up_after_it(receiver):
    """Days of patience, the same id each time, and then the message's next event."""
    [message] = await stored(receiver)
    made = await receiver.create()
    receiver.answer = lambda told: 200 if told["type"] == "message.submitted" else 503
    await receiver.tell(*moved(message, S.SENDING, S.SUBMITTED))
    serving, tried_at = receiver.deliveries(), []
    for _ in range(10_000):
        before = len(receiver.told)
        await turn(serving)
        if len(receiver.told) > before:
            tried_at.append(receiver.stage.clock.now())
        if not (left := await waiting_rows(receiver)):
            break
        wait_s = (left[0].due_at - receiver.stage.clock.now()).total_seconds()
        await receiver.stage.advance(max(wait_s, 300.0))

    waits = [later - earlier for earlier, later in pairwise(tried_at)]
    assert receiver.types == ["message.sending"] * (len(WAITS) + 1) + ["message.submitted"]
    assert len({headers["webhook-id"] for headers in receiver.headers[:-1]}) == 1
    assert (
        len({headers["webhook-timestamp"] for headers in receiver.headers[:-1]}) == len(WAITS) + 1
    )
    assert all(wait >= least for wait, least in zip(waits, WAITS, strict=False))
    assert (await endpoint_of(receiver, made)).failures == 0


async def test_an_endpoint_that_is_gone_is_told_nothing_more(receiver):
    """410 is its way to say so."""
    [message] = await stored(receiver)
    made = await receiver.create()
    receiver.answer = lambda _told: 410
    await receiver.tell(*moved(message, S.SENDING, S.SUBMITTED))
    serving = receiver.deliveries()
    with logged() as lines:
        await turn(serving)
    await receiver.stage.advance(3600)
    await turn(serving)

    assert len(receiver.told) == 1
    endpoint = await endpoint_of(receiver, made)
    assert (endpoint.disabled_at, endpoint.disabled_by) == (NOW, "gone")
    assert "endpoint_disabled" in [line["event"] for line in lines]
    async with receiver.stage.database.read() as tx:
        trail = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert [(entry.actor, entry.detail) for entry in trail if entry.act == "endpoint.disable"] == [
        ("gateway", {"reason": "gone"})
    ]


async def test_an_endpoint_that_failed_for_days_is_disabled_and_loses_nothing(receiver):
    """Nobody looks after it; once somebody does, it hears of everything from there on."""
    messages = await stored(receiver, 30)
    made = await receiver.create()
    receiver.answer = lambda _told: 500
    await receiver.tell(*messages)
    serving = receiver.deliveries()
    while (await endpoint_of(receiver, made)).disabled_at is None:
        await turn(serving)
        await receiver.stage.advance(1800)

    endpoint = await endpoint_of(receiver, made)
    assert endpoint.disabled_by == "failing"
    assert NOW + PATIENCE <= endpoint.disabled_at < NOW + PATIENCE + timedelta(hours=2)
    assert len(receiver.told) < 300

    receiver.answer = lambda _told: 200
    receiver.told.clear()
    await receiver.endpoints().change(endpoint.id, Wanted(enabled=True))
    for _ in range(3):
        await turn(serving)
    # Those that were tried ten times by then are given up; nothing else is.
    assert {message.id for message in messages[20:]} <= set(receiver.ids)
    assert len(receiver.ids) == len(set(receiver.ids))


async def test_what_waits_comes_at_once_when_an_endpoint_is_back(receiver):
    """After an outage of hours the next try would be hours away."""
    messages = await stored(receiver, 8)
    await receiver.create()
    receiver.answer = lambda _told: 503
    await receiver.tell(*messages)
    serving = receiver.deliveries()
    for _ in range(12):
        await turn(serving)
        await receiver.stage.advance(1000)
    receiver.answer = lambda _told: 200
    receiver.told.clear()
    await receiver.stage.advance(300)

    for _ in range(3):
        await turn(serving)

    assert sorted(receiver.ids) == sorted(message.id for message in messages)


async def test_a_dead_endpoint_does_not_hold_up_the_others(receiver):
    """Its connections hang for as long as they may; the other one has heard everything by then."""
    messages = await stored(receiver, 3)
    await receiver.create("/dead")
    await receiver.create("/lives")
    hanging, answers = asyncio.Event(), receiver.site.answer

    async def answer(request):
        if request.path == "/dead":
            await hanging.wait()
        return await answers(request)

    receiver.site.answer = answer
    await receiver.tell(*messages)
    serving = receiver.deliveries()
    await serving.turn()
    await eventually(lambda: len(receiver.told) == 3)
    [late] = await stored(receiver)
    await receiver.tell(late)

    async def heard():
        await serving.turn()
        return receiver.ids[-1] == late.id

    await eventually(heard)
    hanging.set()
    await serving.drain()


async def test_a_rest_that_an_endpoint_asks_for_is_kept(receiver):
    """429 with Retry-After: nothing is told before, not even what is new."""
    first, second = await stored(receiver, 2)
    await receiver.create()
    receiver.answer = lambda _told: 429
    receiver.answer_headers = {"Retry-After": "600"}
    await receiver.tell(first)
    serving = receiver.deliveries()
    await turn(serving)
    receiver.answer, receiver.answer_headers = (lambda _told: 200), {}
    await receiver.tell(second)

    await receiver.stage.advance(599)
    await turn(serving)
    assert len(receiver.told) == 1

    await receiver.stage.advance(1)
    await turn(serving)
    assert sorted(receiver.ids[1:]) == sorted([first.id, second.id])


async def test_an_endpoint_that_is_enabled_again_goes_on_at_once(receiver):
    """Whoever mended it looks whether events come; the rest was asked for before that."""
    made = await receiver.create()
    receiver.answer = lambda _told: 503
    receiver.answer_headers = {"Retry-After": "3600"}
    await receiver.tell(*await stored(receiver))
    serving = receiver.deliveries()
    await turn(serving)
    receiver.answer, receiver.answer_headers = (lambda _told: 200), {}
    for enabled in (False, True):
        await receiver.endpoints().change(made.endpoint.endpoint.id, Wanted(enabled=enabled))

    await turn(serving)

    assert len(receiver.told) == 2
    assert await waiting_rows(receiver) == []


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404])
async def test_nothing_but_a_2xx_is_a_success(receiver, status):
    """A redirect could lead anywhere, and is not followed."""
    await receiver.create()
    receiver.answer = lambda _told: status
    receiver.answer_headers = {"Location": receiver.site.url("/elsewhere")}
    await receiver.tell(*await stored(receiver))

    await turn(receiver.deliveries())

    assert [row.tries for row in await waiting_rows(receiver)] == [1]
    assert [request.path for request in receiver.site.requests] == ["/events"]


async def test_an_endpoint_that_became_internal_is_not_reached(receiver):
    """Its name may lead inside from one day to the next: each delivery looks anew."""
    await receiver.create()
    await receiver.tell(*await stored(receiver))

    with logged() as lines:
        await turn(receiver.deliveries(allow=()))

    assert receiver.site.requests == []
    [line] = lines
    assert (line["event"], line["reason"]) == ("delivery_delayed", "bad_url")


async def test_what_a_killed_process_left_is_told_by_another(receiver):
    """At least once: the same id says that it is the same event."""
    messages = await stored(receiver, 2)
    await receiver.create()
    await receiver.tell(*messages)
    killed, other = receiver.deliveries(), receiver.deliveries()
    gate, answers = asyncio.Event(), receiver.site.answer

    async def hang(request):
        await gate.wait()
        return await answers(request)

    receiver.site.answer = hang
    await killed.turn()
    await other.turn()
    assert not other._serving
    await killed.stop(0)
    receiver.site.answer = answers
    gate.set()
    receiver.told.clear()

    await receiver.stage.advance(LEASE.total_seconds())
    await turn(other)

    assert sorted(receiver.ids) == sorted(message.id for message in messages)


async def test_an_endpoint_that_is_claimed_during_a_stop_is_given_back(receiver):
    """Its deliveries would all fail, for the connections close next, and count against it."""
    made = await receiver.create()
    messages = await stored(receiver, 8)
    await receiver.tell(*messages)
    stopping, courier = receiver.deliveries(), receiver.couriers[-1]
    claiming = asyncio.create_task(stopping.turn())
    await asyncio.sleep(0)  # noqa: TID251 - the turn is under way
    await stopping.stop(5)
    await courier.close()
    await claiming
    await stopping.drain()

    assert (await endpoint_of(receiver, made)).failures == 0
    assert await waiting_rows(receiver) == []

    await turn(receiver.deliveries())
    assert sorted(receiver.ids) == sorted(message.id for message in messages)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_nothing_is_skipped_when_transactions_overlap(receiver, database_url):
    """The one that drew its number first commits last; SQLite has one writer."""
    late, quick = await stored(receiver, 2)
    await receiver.create()
    other = open_database(database_url)
    serving = receiver.deliveries()
    async with other.transaction() as tx:
        await insert_events(tx, [event_of(late)])
        await receiver.tell(quick)
        await turn(serving)
    for _ in range(2):
        await turn(serving)

    assert sorted(receiver.ids) == sorted([late.id, quick.id])
    await other.close()
