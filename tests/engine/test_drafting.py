"""When a message that is accepted now may leave: by its recipient's clock, and by how often."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert

from tests.engine.stage import Stage
from tests.factories import NOW, RECIPIENT, SENDER, make_message
from tests.replying import NUMBERS
from tests.virtual_clock import VirtualClock
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.frequency import parse_caps
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category, MessageState
from wirephoto.domain.quiet_hours import QuietHours, parse_policy
from wirephoto.domain.quiet_rules import standard_rules
from wirephoto.domain.request import MessageRequest, RequestRules
from wirephoto.engine.drafting import Caller, Drafting
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_CAMPAIGN, DEFAULT_TENANT, campaigns
from wirephoto.storage.schema_recipients import contacts

CALLER = Caller(DEFAULT_TENANT, "key_1", live=True, scopes=frozenset({Scope.SEND}))
NIGHT = datetime(2026, 3, 5, 3, tzinfo=UTC)
"""22:00 in New York."""
MORNING = datetime(2026, 3, 5, 13, tzinfo=UTC)
EVENING = datetime(2026, 3, 6, 2, tzinfo=UTC)
"""08:00 and 21:00 there."""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock():
    return VirtualClock(NIGHT)


def make_drafting(
    stage: Stage, policy: str = "federal", caps: str | None = None, *, screened: bool = False
) -> Drafting:
    hours = QuietHours(parse_policy(policy), standard_rules())
    return Drafting(
        database=stage.database,
        clock=stage.clock,
        ids=stage.ids,
        directory=SenderDirectory(stage.database, stage.clock),
        numbers=NUMBERS,
        outlook=Outlook(stage.database, stage.clock, CapRules()),
        rules=RequestRules(
            default_sender=SENDER,
            default_category=Category.TRANSACTIONAL,
            expires_after=timedelta(hours=24),
            real_provider=False,
        ),
        marketing=MarketingRules(consent=ConsentPolicy(WithoutConsent.ALLOW), wording=False),
        media_is_prepared=True,
        numbers_are_screened=screened,
        departures=DepartureRules(hours, parse_caps(caps) if caps else {}),
    )


async def drafted(drafting, *, to=RECIPIENT, category="marketing", **fields):
    request = MessageRequest(to=to, text="A cat", category=Category(category), **fields)
    context = await drafting.context(CALLER, [request])
    return (await drafting.message(context, request)).message


async def refused(drafting, **fields):
    with pytest.raises(RequestRefused) as caught:
        await drafted(drafting, **fields)
    [fault] = caught.value.faults
    return fault


async def add_contact(stage, **values):
    row = {"brand_id": DEFAULT_BRAND, "recipient": RECIPIENT, "tenant_id": DEFAULT_TENANT}
    async with stage.database.transaction() as tx:
        await tx.execute(insert(contacts).values(row | values))


async def test_what_is_accepted_at_night_waits_for_the_morning(stage):
    """It knows when it leaves, why it waits, and until when it may leave."""
    message = await drafted(make_drafting(stage))

    assert (message.due_at, message.hold_reason) == (MORNING, "quiet_hours")
    assert (message.held_from, message.window_closes_at) == (NIGHT, EVENING)
    assert message.expected_at == MORNING
    assert message.hours_digest is not None


async def test_what_is_no_advertising_leaves_at_night(stage):
    """A code to log in with is of no use in the morning."""
    message = await drafted(make_drafting(stage), category="transactional")

    assert (message.due_at, message.hold_reason, message.window_closes_at) == (NIGHT, None, None)


async def test_without_rules_nothing_is_stored_nor_read(stage):
    """Who switches them off pays nothing for them."""
    drafting = make_drafting(stage, "off")
    await drafting.context(CALLER, [])  # senders and pools are read once
    asked = []
    engine = stage.database.writer.sync_engine, stage.database._reader.sync_engine
    for each in engine:
        event.listen(each, "before_cursor_execute", lambda *args: asked.append(args[2]))

    message = await drafted(drafting)

    assert not [statement for statement in asked if "contacts" in statement]
    assert (message.due_at, message.window_closes_at, message.hours_digest) == (NIGHT, None, None)


async def test_what_the_caller_knows_wins(stage):
    """It is 17:00 in Honolulu, whatever the area code; and the state's law counts as well."""
    drafting = make_drafting(stage, "state")
    there = await drafted(drafting, recipient_zone="Pacific/Honolulu")
    texan = await drafted(drafting, recipient_state="TX", recipient_zone="America/Chicago")

    assert (there.due_at, there.hold_reason) == (NIGHT, None)
    assert (there.recipient_zone, there.recipient_state) == ("Pacific/Honolulu", None)
    assert texan.due_at == datetime(2026, 3, 5, 15, tzinfo=UTC)


async def test_what_is_known_of_a_contact_counts_unless_the_caller_knows_better(stage):
    """It is stored with the message, which is reckoned anew by it."""
    await add_contact(stage, zone="Pacific/Honolulu", state="HI")
    drafting = make_drafting(stage)

    known = await drafted(drafting)
    told = await drafted(drafting, recipient_zone="America/Chicago")

    assert (known.due_at, known.recipient_zone, known.recipient_state) == (
        NIGHT,
        "Pacific/Honolulu",
        "HI",
    )
    assert (told.due_at, told.recipient_zone) == (MORNING + timedelta(hours=1), "America/Chicago")


async def test_an_answer_leaves_while_the_conversation_lasts(stage):
    """Then its window is the conversation's."""
    await add_contact(stage, last_in_at=NIGHT - 5 * MINUTE)

    message = await drafted(make_drafting(stage))

    assert (message.due_at, message.window_closes_at) == (NIGHT, NIGHT + 10 * MINUTE)


async def test_a_scheduled_message_is_held_by_the_hour_it_is_for(stage):
    """What is open now says nothing."""
    drafting = make_drafting(stage)
    noon, late = MORNING + timedelta(hours=4), EVENING + timedelta(hours=1)

    at_noon = await drafted(drafting, send_at=noon)
    held = await drafted(drafting, send_at=late)

    assert (at_noon.due_at, at_noon.hold_reason) == (noon, "scheduled")
    assert (held.due_at, held.hold_reason) == (MORNING + timedelta(days=1), "quiet_hours")
    assert held.held_from == late


async def test_a_hold_that_would_outlast_the_message_is_refused(stage):
    """Nothing is accepted that is known never to leave; the fault says what would help."""
    fault = await refused(make_drafting(stage), expires_at=MORNING)

    assert (fault.field, fault.code) == ("expires_at", "quiet_hours")
    assert "2026-03-05T13:00:00Z" in fault.message
    just = await drafted(make_drafting(stage), expires_at=MORNING + MINUTE)
    assert just.due_at == MORNING


async def test_an_hour_that_never_comes_is_refused(stage):
    """A number that may be anywhere has no hour that is nine o'clock everywhere."""
    drafting = make_drafting(stage, "daily 08:00-09:00")

    fault = await refused(drafting, recipient_state="AK")

    assert (fault.field, fault.code) == ("to", "never_open")
    assert "recipient_zone" in fault.message


async def test_who_has_heard_enough_is_waited_for(stage):
    """Three a day are three in any twenty-four hours; and the hours are asked then."""
    heard = {"count": 1, "since": NOW.isoformat(), "last_at": NOW.isoformat()}
    await add_contact(stage, tallies={"marketing/1": heard})
    capped = make_drafting(stage, "off", "marketing=1/day")

    message = await drafted(capped)
    fault = await refused(capped, expires_at=NIGHT + MINUTE)

    assert (message.due_at, message.hold_reason) == (NOW + timedelta(days=1), "frequency_cap")
    assert (fault.field, fault.code) == ("expires_at", "frequency_cap")
    assert (await drafted(capped, category="transactional")).due_at == NIGHT


async def test_a_batch_reads_its_recipients_at_once(stage):
    """One statement for all of them, however many."""
    drafting = make_drafting(stage)
    asked = []
    event.listen(
        stage.database._reader.sync_engine,
        "before_cursor_execute",
        lambda *args: asked.append(args[2]),
    )
    requests = [
        MessageRequest(to=f"+1212555{number:04}", text="A cat", category=Category.MARKETING)
        for number in range(100, 140)
    ]
    context = await drafting.context(CALLER, requests)
    for request in requests:
        assert (await drafting.message(context, request)).message.due_at == MORNING

    assert len([statement for statement in asked if "FROM contacts" in statement]) == 1


async def test_what_waits_before_it_may_push_it_into_the_next_day(stage):
    """What would be expected at night is expected in the morning after."""
    await stage.set_line(campaigns, DEFAULT_CAMPAIGN, rate=0.01)
    await stage.store(*[make_message(due_at=NOW, expires_at=EVENING) for _ in range(900)])

    message = await drafted(make_drafting(stage), expires_at=EVENING + timedelta(days=3))

    assert message.due_at == MORNING
    assert message.expected_at == MORNING + timedelta(days=1)


async def test_numbers_are_looked_at_before_a_text_is_queued(stage):
    """At once, also for one that leaves in the morning: its sender hears early that it fails."""
    message = await drafted(make_drafting(stage, screened=True))
    unscreened = await drafted(make_drafting(stage))

    assert (message.state, message.lease_until) == (MessageState.PREPARING, NIGHT)
    assert (message.due_at, message.hold_reason) == (MORNING, "quiet_hours")
    assert (unscreened.state, unscreened.lease_until) == (MessageState.QUEUED, None)
