"""The last look before a message leaves: its window, its recipient's caps, and the audit trail."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from tests.engine.nights import at, rules
from tests.engine.stage import FakeProvider, Stage, make_dispatcher, make_inbound, receipt
from tests.factories import make_attempt, make_message
from tests.virtual_clock import VirtualClock
from wirephoto.domain.message import AttemptState, Category, Message, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.claim import IDLE_REST_S
from wirephoto.storage.audit import list_audit
from wirephoto.storage.departures import read_tallies
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_recipients import contacts

OPENS, CLOSES = at("2026-03-04 08:00"), at("2026-03-04 21:00")
NEXT_OPENS = at("2026-03-05 08:00")
DAY = timedelta(days=1)
LATER = Outcome(Verdict.RETRY, "unavailable", "Later.", http_status=503)


@pytest.fixture
def clock():
    return VirtualClock(CLOSES - timedelta(hours=1))


def advert(departures, **changes: object) -> Message:
    fields = {
        "category": Category.MARKETING,
        "due_at": OPENS,
        "expires_at": OPENS + 10 * DAY,
        "window_closes_at": CLOSES,
        "hours_digest": departures.hours.digest,
    }
    return make_message(**(fields | changes))


async def audit(stage: Stage) -> list[dict[str, str]]:
    async with stage.database.read() as tx:
        rows = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=10)
    return [{"act": row.act, "object": row.object, "actor": row.actor} | row.detail for row in rows]


async def send(stage: Stage, *messages: Message, departures, provider=None, seconds=1.0):
    """Store messages and let a dispatcher take turns for some seconds; return who was asked."""
    provider = provider or FakeProvider(stage.clock)
    await stage.store(*messages)
    dispatcher = make_dispatcher(stage, provider, departures=departures)
    for _ in range(round(seconds / 0.5)):
        await dispatcher.turn()
        await stage.advance(0.5)
    return provider


async def test_what_is_claimed_before_closing_time_and_begun_after_it_stays(stage):
    """The last check sees it; the next claim holds it until the morning, and nothing spins."""
    departures, provider = rules(), FakeProvider(stage.clock)
    slot_at = CLOSES + timedelta(seconds=0.1)
    message = advert(
        departures, state=MessageState.CLAIMED, slot_at=slot_at, lease_until=CLOSES + DAY
    )
    await stage.store(message)
    await stage.advance(3600.0 - 0.02)
    dispatcher = make_dispatcher(stage, provider, departures=departures)
    sending = asyncio.create_task(dispatcher._send(message, turn=1, probed=frozenset()))

    await stage.advance(0.2)
    await sending
    assert await stage.states([message]) == ["queued"]
    await dispatcher.turn()
    assert await dispatcher.turn() == IDLE_REST_S

    held = await stage.message(message)
    assert (held.hold_reason, held.due_at) == ("quiet_hours", NEXT_OPENS)
    assert (held.version, provider.submitted) == (3, [])
    assert await stage.attempts(message) == []


async def test_who_leaves_at_night_by_its_category_is_told_to_the_audit_trail(stage):
    """With the rule that would have held it, and what it was called."""
    message = advert(rules(), category=Category.EMERGENCY, window_closes_at=None)
    await stage.advance(7200.0)

    provider = await send(stage, message, departures=rules())

    assert len(provider.submitted) == 1
    assert await audit(stage) == [
        {
            "act": "message.quiet_hours_bypass",
            "object": message.id,
            "actor": DEFAULT_TENANT,
            "exemption": "category",
            "category": "emergency",
            "place": "federal",
            "source": "47 CFR 64.1200(c)(1)",
        }
    ]


async def test_an_answer_within_a_conversation_is_told_as_well(stage):
    """Its window is the conversation's."""
    await stage.advance(7200.0)
    ends_at = stage.clock.now() + timedelta(minutes=5)
    message = advert(rules(), window_closes_at=ends_at)

    await send(stage, message, departures=rules())

    assert [entry["exemption"] for entry in await audit(stage)] == ["conversation"]


async def test_what_leaves_by_day_is_not_told(stage):
    """Nor is what answers a reply, nor anything while the rules are off."""
    departures = rules()
    await send(stage, advert(departures), make_message(due_at=OPENS), departures=departures)
    await stage.advance(7200.0)
    await send(stage, make_message(due_at=OPENS, answer="stop"), departures=departures)
    provider = await send(stage, make_message(due_at=OPENS), departures=rules("off"))

    assert len(provider.submitted) == 1
    assert await audit(stage) == []


async def test_a_bypass_of_what_did_not_leave_is_not_told(stage):
    """Both are one transaction."""
    night = CLOSES + timedelta(hours=1)
    await stage.advance(7200.0)
    message = make_message(due_at=OPENS, expires_at=night + timedelta(seconds=0.02))
    await stage.store(message)
    stage.clock.offset = night - stage.clock.now()
    dispatcher = make_dispatcher(stage, FakeProvider(stage.clock), departures=rules())
    await dispatcher.turn()
    stage.clock.offset += timedelta(seconds=0.02)
    await stage.advance(0.1)

    assert await stage.states([message]) == ["expired"]
    assert await audit(stage) == []


async def test_who_has_heard_enough_hears_no_more_today(stage):
    """The third of three waits until a day after the first, with the reason."""
    departures = rules("off", "marketing=2/day")
    messages = [advert(departures, window_closes_at=None) for _ in range(3)]

    provider = await send(stage, *messages, departures=departures)

    left = [(await stage.attempts(message)) for message in messages]
    started = [attempts[0].started_at for attempts in left if attempts]
    [held] = [m for m in [await stage.message(each) for each in messages] if not m.attempts]
    assert len(provider.submitted) == 2
    assert (held.hold_reason, held.due_at) == ("frequency_cap", min(started) + DAY)
    assert (held.reason, held.tries) == (None, 0)


async def test_a_capped_message_leaves_when_its_time_has_come(stage):
    """Not earlier, and once."""
    departures = rules("off", "marketing=1/day")
    first, second = [advert(departures, window_closes_at=None) for _ in range(2)]
    provider = await send(stage, first, second, departures=departures)
    waits_until = max([(await stage.message(each)).due_at for each in (first, second)])
    await stage.advance((waits_until - stage.clock.now()).total_seconds() - 1)
    await send(stage, departures=departures, provider=provider)
    assert len(provider.submitted) == 1

    await send(stage, departures=departures, provider=provider)

    assert len(provider.submitted) == 2


async def test_a_cap_that_ends_at_night_is_followed_by_the_morning(stage):
    """Held by the one, then by the other."""
    departures = rules(caps="marketing=1/day")
    await stage.advance(3590.0)
    first = advert(departures)
    second = advert(departures, window_closes_at=CLOSES)
    provider = await send(stage, first, second, departures=departures)
    [held] = [m for m in [await stage.message(m) for m in (first, second)] if not m.attempts]
    assert held.hold_reason == "frequency_cap"
    await stage.advance(DAY.total_seconds() + 30)
    await send(stage, departures=departures, provider=provider)

    after = await stage.message(held)
    assert (after.hold_reason, after.due_at) == ("quiet_hours", NEXT_OPENS + DAY)
    assert len(provider.submitted) == 1


async def test_a_message_that_is_tried_again_counts_once(stage):
    """Its recipient has heard nothing yet."""
    departures = rules("off", "marketing=1/day")
    message = advert(departures, window_closes_at=None)
    provider = FakeProvider(stage.clock, LATER, LATER)

    await send(stage, message, departures=departures, provider=provider, seconds=30)

    assert (await stage.message(message)).attempts == 3
    async with stage.database.read() as tx:
        [row] = (await tx.execute(select(contacts.c.tallies))).all()
    assert read_tallies(row.tallies)["marketing/1"].count == 1


async def test_without_caps_no_contact_is_touched(stage):
    """Who configures none pays for none; nor does a message that none is for."""
    asked = []
    engine = stage.database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    await send(stage, advert(rules()), departures=rules())
    await send(stage, make_message(due_at=OPENS), departures=rules("off", "marketing=1/day"))

    assert await stage.count(contacts) == 0
    assert not [one for one in asked if "contacts" in one and "INSERT" in one]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_two_dispatchers_keep_to_one_cap(stage):
    """Whoever commits first: no more than the cap leave, and none is lost."""
    departures = rules("off", "marketing=3/day")
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    messages = [advert(departures, window_closes_at=None) for _ in range(20)]
    await stage.store(*messages)
    provider = FakeProvider(stage.clock)
    dispatchers = [make_dispatcher(stage, provider, departures=departures) for _ in range(2)]
    for _ in range(6):
        await asyncio.gather(*[dispatcher.turn() for dispatcher in dispatchers])
        await stage.advance(0.5)

    assert len(provider.submitted) == 3
    stored = [await stage.message(message) for message in messages]
    assert sorted({m.hold_reason or m.state.value for m in stored}) == [
        "frequency_cap",
        "submitted",
    ]


async def test_a_claim_that_news_of_an_earlier_attempt_has_touched_is_given_back(stage):
    """Else the message would stand still until its lease ends: half a minute for nothing."""
    again = make_message(state=MessageState.QUEUED, attempts=1, resends=1)
    first = make_attempt(again, state=AttemptState.REJECTED)
    before_it = make_message(due_at=again.due_at - timedelta(seconds=5), recipient="+12125550177")
    await stage.store(before_it, again)
    await stage.store_attempts(first)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    assert (await stage.message(again)).state is MessageState.CLAIMED
    price = {"price": "0.01", "currency": "EUR"}
    await stage.tell(receipt(first.client_ref, status="submitted", usage=price))
    await make_inbound(stage).turn()

    for _ in range(3):
        await stage.advance(1.0)
        await dispatcher.turn()
    await stage.advance(1.0)

    assert [each.recipient for each in provider.submitted] == [before_it.recipient, again.recipient]
    assert (await stage.message(again)).state is MessageState.SUBMITTED
