"""What a claim leaves to another hour: whatever has no open window by the rules in force."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from tests.engine.nights import at, hours
from tests.engine.stage import Stage
from tests.factories import RECIPIENT, make_message
from tests.race import race
from tests.virtual_clock import VirtualClock
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.departure import NEVER_QUIET, Person, within_hours
from wirephoto.domain.message import Category, Message, MessageState
from wirephoto.domain.quiet_hours import QuietHours
from wirephoto.engine.claim import Claim, claim_due
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.queue import claim_messages
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_BRAND, DEFAULT_TENANT
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.turns import LOOK_AHEAD

FEDERAL = hours()
OPENS, CLOSES = at("2026-03-04 08:00"), at("2026-03-04 21:00")
NEXT_OPENS, NEXT_CLOSES = at("2026-03-05 08:00"), at("2026-03-05 21:00")
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock():
    return VirtualClock(CLOSES - SECOND)


async def claim_in(tx, stage, *, under: QuietHours = FEDERAL, limit: int = 100) -> Claim:
    return await claim_due(
        tx,
        DEFAULT_ACCOUNT,
        now=stage.clock.now(),
        head_start=timedelta(milliseconds=30),
        limit=limit,
        lease=timedelta(seconds=30),
        cap_rules=CapRules(),
        hours=under,
    )


async def claim(stage: Stage, **how: object) -> Claim:
    async with stage.database.transaction() as tx:
        return await claim_in(tx, stage, **how)


def advert(*, under: QuietHours = FEDERAL, to: str = RECIPIENT, **changes: object) -> Message:
    """Return a message as it is accepted in the open window that ends at `CLOSES`."""
    message = make_message(
        category=Category.MARKETING,
        recipient=to,
        due_at=OPENS,
        expires_at=CLOSES + timedelta(days=5),
    )
    found = within_hours(under, Person(to), message.category, OPENS + timedelta(hours=2))
    assert found is not None
    window = {"window_closes_at": found.window_closes_at, "hours_digest": found.hours_digest}
    return replace(message, **(window | changes))


async def waiting(stage: Stage, message: Message) -> tuple[object, ...]:
    found = await stage.message(message)
    return found.state.value, found.hold_reason, found.due_at, found.window_closes_at


async def test_what_is_claimed_in_its_window_leaves(stage):
    """A second before nine in the evening it still may."""
    message = advert()
    await stage.store(message)

    assert [each.id for each in (await claim(stage)).messages] == [message.id]


async def test_what_is_still_there_at_closing_time_waits_for_the_morning(stage):
    """At nine sharp it may not; it is looked at once, then not before eight."""
    message, transactional = advert(), make_message(hours_digest=FEDERAL.digest, due_at=OPENS)
    await stage.store(message, transactional)
    await stage.advance(1.0)

    found = await claim(stage)

    assert [each.id for each in found.messages] == [transactional.id]
    assert await waiting(stage, message) == ("queued", "quiet_hours", NEXT_OPENS, NEXT_CLOSES)
    assert (await stage.message(message)).held_from == CLOSES


async def test_a_held_message_leaves_in_the_morning(stage):
    """By the window that was stored when it was held: nothing is reckoned then."""
    message = advert()
    await stage.store(message)
    await stage.advance(1.0)
    await claim(stage)
    await stage.advance((NEXT_OPENS - CLOSES).total_seconds())

    [claimed] = (await claim(stage)).messages

    assert (claimed.id, claimed.hold_reason) == (message.id, None)


@pytest.mark.parametrize(
    ("reason", "due_at"),
    [
        ("daily_limit", at("2026-03-05 00:00", "America/Los_Angeles")),
        (None, CLOSES + timedelta(minutes=5)),
        ("frequency_cap", at("2026-03-05 06:30")),
    ],
    ids=["midnight-pacific", "retry", "cap"],
)
async def test_whatever_moved_it_into_the_night_it_does_not_leave_there(stage, reason, due_at):
    """Midnight in Los Angeles is three in the morning here: its window is over, so it is held."""
    message = advert(due_at=due_at, hold_reason=reason)
    await stage.store(message)
    await stage.advance((due_at - stage.clock.now()).total_seconds())

    assert (await claim(stage)).messages == []
    assert await waiting(stage, message) == ("queued", "quiet_hours", NEXT_OPENS, NEXT_CLOSES)


async def test_what_was_held_by_other_means_into_the_next_day_leaves_then(stage):
    """Its window is over, and another one is open: it is stored anew, and leaves at once."""
    noon = at("2026-03-05 12:00")
    message = advert(due_at=noon, hold_reason="daily_limit")
    await stage.store(message)
    await stage.advance((noon - stage.clock.now()).total_seconds())

    [claimed] = (await claim(stage)).messages

    assert (claimed.id, claimed.window_closes_at) == (message.id, NEXT_CLOSES)


@pytest.mark.parametrize(
    "given",
    [{"hours_digest": "other"}, {"hours_digest": None, "window_closes_at": None}],
    ids=["other rules", "no rules"],
)
async def test_what_follows_from_other_rules_is_reckoned_anew(stage, given):
    """An upgrade, or a change of policy, between acceptance and claim."""
    lasting = given | ({"window_closes_at": CLOSES + timedelta(hours=9)} if len(given) == 1 else {})
    evening, night = advert(**lasting), advert(**lasting)
    await stage.store(evening)
    [claimed] = (await claim(stage)).messages
    await stage.store(night)
    await stage.advance(1.0)

    assert (await claim(stage)).messages == []
    assert (claimed.window_closes_at, claimed.hours_digest) == (CLOSES, FEDERAL.digest)
    assert await waiting(stage, night) == ("queued", "quiet_hours", NEXT_OPENS, NEXT_CLOSES)


async def test_rules_that_are_off_hold_nothing(stage):
    """What was held under others leaves when it is due; its old window is forgotten."""
    message = advert()
    await stage.store(message)
    await stage.advance(1.0)

    [claimed] = (await claim(stage, under=NEVER_QUIET)).messages

    assert (claimed.window_closes_at, claimed.hours_digest) == (None, None)


async def test_an_answer_to_a_reply_has_no_hours(stage):
    """Whoever writes STOP at night hears at night that it is heard."""
    answer = make_message(answer="stop", due_at=OPENS, category=Category.CONVERSATIONAL)
    await stage.store(answer)
    await stage.advance(1.0)

    assert [each.id for each in (await claim(stage)).messages] == [answer.id]


async def test_a_conversation_goes_on_while_the_recipient_writes(stage):
    """Its window is over; but they have written again."""
    await stage.advance(3600.0)
    now = stage.clock.now()
    ended = {"due_at": now, "window_closes_at": now}
    writes, silent = advert(**ended), advert(to="+12125550199", **ended)
    contact = {"brand_id": DEFAULT_BRAND, "tenant_id": DEFAULT_TENANT}
    async with stage.database.transaction() as tx:
        rows = [{"recipient": writes.recipient, "last_in_at": now - timedelta(minutes=1)}]
        await tx.execute(insert(contacts).values([contact | row for row in rows]))
    await stage.store(writes, silent)

    [claimed] = (await claim(stage)).messages

    assert (claimed.id, claimed.window_closes_at) == (writes.id, now + timedelta(minutes=14))
    assert (await stage.message(silent)).due_at == NEXT_OPENS


@pytest.mark.parametrize(
    ("recipient", "known", "now", "opens"),
    [
        # New York's clocks leave out 02:00 to 03:00, then show 01:00 to 02:00 twice.
        ("+12125550123", {}, "2026-03-08 00:30", "2026-03-08 12:00"),
        ("+12125550123", {}, "2026-11-01 00:30", "2026-11-01 13:00"),
        # Arizona has no summer time, but the Navajo Nation within its area code has.
        ("+19285550123", {}, "2026-07-15 00:30", "2026-07-15 15:00"),
        (
            "+19285550123",
            {"recipient_zone": "America/Denver"},
            "2026-07-15 00:30",
            "2026-07-15 14:00",
        ),
        ("+16025550123", {}, "2026-03-08 00:30", "2026-03-08 15:00"),
        ("+18005550123", {}, "2026-03-08 00:30", "2026-03-08 18:00"),
    ],
)
async def test_every_clock_that_may_be_meant_is_asked(stage, recipient, known, now, opens):
    """On the days on which clocks change, and where they never do; on the right is UTC."""
    night = at(now)
    message = advert(to=recipient, due_at=night, expires_at=night + timedelta(days=2), **known)
    message = replace(message, window_closes_at=night)
    await stage.store(message)
    await stage.clock.advance((night - stage.clock.now()).total_seconds())

    assert (await claim(stage)).messages == []
    assert (await stage.message(message)).due_at == at(opens, "UTC")


async def test_an_hour_that_never_comes_is_waited_for_until_the_message_expires(stage):
    """New rules may still let it go; until then it is looked at no more."""
    never = hours("daily 08:00-09:00")
    message = advert(to="+18005550123", under=NEVER_QUIET)
    await stage.store(message)

    assert (await claim(stage, under=never)).messages == []
    assert await waiting(stage, message) == (
        "queued",
        "quiet_hours",
        message.expires_at,
        message.expires_at,
    )


async def test_many_that_are_too_late_are_held_in_batches(stage):
    """And the first that may leave behind them is found at once, not after a rest."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    count = 3 * LOOK_AHEAD
    adverts = [advert(id=f"msg_{place:04d}") for place in range(count)]
    behind = make_message(id="msg_z", due_at=CLOSES, hours_digest=FEDERAL.digest)
    await stage.store(*adverts, behind)
    await stage.advance(1.0)
    claims = [await claim(stage, limit=8)]
    while not claims[-1].messages:
        assert claims[-1].rest_s == 0.0
        claims.append(await claim(stage, limit=8))

    assert [each.id for each in claims[-1].messages] == [behind.id]
    assert len(claims) <= 4
    held = {(await stage.message(each)).due_at for each in adverts}
    assert held == {NEXT_OPENS}


async def test_what_is_fresh_costs_no_statement_more(stage):
    """Only what is stale is read again."""
    await stage.store(advert(), make_message(hours_digest=FEDERAL.digest, due_at=OPENS))
    asked = []
    event.listen(
        stage.database.writer.sync_engine,
        "before_cursor_execute",
        lambda *args: asked.append(args[2]),
    )

    assert len((await claim(stage)).messages) == 2
    assert not [statement for statement in asked if "contacts" in statement]


async def test_the_claim_itself_takes_nothing_whose_window_is_over(stage):
    """Whatever was thought before: who chose the messages may have seen them a moment ago."""
    message = advert()
    await stage.store(message)
    async with stage.database.transaction() as tx:
        slots, lease = [(message.id, CLOSES)], CLOSES + timedelta(seconds=30)
        shut = await claim_messages(
            tx, slots, now=CLOSES, lease_until=lease, hours_digest=FEDERAL.digest
        )
        other = await claim_messages(
            tx, slots, now=CLOSES - SECOND, lease_until=lease, hours_digest="other"
        )
        fresh = await claim_messages(
            tx, slots, now=CLOSES - SECOND, lease_until=lease, hours_digest=FEDERAL.digest
        )

    assert (shut, other) == ([], [])
    assert [each.id for each in fresh] == [message.id]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_cancel_that_meets_the_hold_wins(stage):
    """The claim waits for nobody: what another one has locked is left to the next claim."""
    message = advert()
    await stage.store(message)
    await stage.advance(1.0)
    canceled = message.move_to(MessageState.CANCELED, CLOSES)
    async with stage.database.transaction() as tx:
        assert await record_transitions(tx, [Transition(canceled)]) == [True]
        assert (await claim(stage)).messages == []

    assert await stage.states([message]) == ["canceled"]
    assert (await stage.message(message)).due_at == OPENS


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_two_claims_hold_and_send_each_message_once(stage):
    """The second waits for the first, and finds what that has held."""
    late, soon = advert(), make_message(hours_digest=FEDERAL.digest, due_at=OPENS)
    await stage.store(late, soon)
    await stage.advance(1.0)
    claims = []

    async def first(tx):
        claims.append(await claim_in(tx, stage))

    claims.append(await race(stage.database, first, lambda: claim(stage)))

    assert [[each.id for each in found.messages] for found in claims] == [[soon.id], []]
    assert (await stage.message(late)).due_at == NEXT_OPENS
