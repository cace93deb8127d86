"""What receipts say of the lines that their messages went through."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.engine.stage import FakeProvider, Stage, logged, make_dispatcher, make_receipts
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.daily_cap import cap_day
from wirephoto.domain.line import PROBE_LONGEST_S, QUIET
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import (
    Failure,
    FailureClass,
    Outcome,
    Receipt,
    ReceiptState,
    Verdict,
)
from wirephoto.engine.line import heed, heed_receipts
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_BRAND, DEFAULT_CAMPAIGN
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.schema_senders import brand_days

BARRED = Failure("1060", "account_barred", "Barred.", FailureClass.ACCOUNT)
UNREGISTERED = Failure("1484", "not_registered", "No.", FailureClass.SENDER)
BUSY = Failure("1180", "busy", "Busy.", FailureClass.RETRY)


async def tell(stage: Stage, failure: Failure | None, *, left_at=NOW, late=timedelta()) -> None:
    now = stage.clock.now()
    message = make_message(state=MessageState.SUBMITTED, attempts=1)
    came_to = AttemptState.REJECTED if failure else AttemptState.DELIVERED
    attempt = make_attempt(message, state=came_to, started_at=left_at)
    state = ReceiptState.REJECTED if failure else ReceiptState.DELIVERED
    receipt = Receipt("uuid-1", attempt.client_ref, state, now - late, failure=failure)
    news = [(message, attempt, receipt)]
    complaints = make_receipts(stage).complaints
    await heed_receipts(stage.database, news, now, complaints=complaints)


async def standing(stage: Stage) -> tuple[str | None, str | None]:
    return (await stage.account()).stop_reason, (await stage.campaign()).stop_reason


@pytest.mark.parametrize(
    ("failure", "stops"),
    [
        (BARRED, ("account_barred", None)),
        (UNREGISTERED, (None, "not_registered")),
        (BUSY, (None, None)),
        (None, (None, None)),
    ],
)
async def test_only_faults_of_the_sender_or_the_account_stop_a_line(stage, failure, stops):
    """A busy phone is no reason to keep everybody waiting."""
    await tell(stage, failure)

    assert await standing(stage) == stops


async def test_the_providers_answer_does_not_release_what_receipts_stopped(stage):
    """It takes every message of a sender that is not registered, and rejects it later."""
    await tell(stage, UNREGISTERED)
    taken = Outcome(Verdict.ACCEPTED, "accepted", "Taken.", http_status=202)
    probed = frozenset({DEFAULT_CAMPAIGN})

    await heed(
        stage.database, taken, make_message(), left_at=NOW, probed=probed, now=stage.clock.now()
    )

    assert await standing(stage) == (None, "not_registered")


@pytest.mark.parametrize(("left_after_s", "released"), [(-1.0, False), (0.0, False), (1.0, True)])
async def test_a_delivery_of_what_left_after_the_fault_releases_the_line(
    stage, left_after_s, released
):
    """One that left before says nothing of it."""
    await tell(stage, UNREGISTERED)
    await tell(stage, BARRED)

    with logged() as lines:
        await tell(stage, None, left_at=NOW + timedelta(seconds=left_after_s))

    stops = (None, None) if released else ("account_barred", "not_registered")
    assert await standing(stage) == stops
    said = {line["event"] for line in lines}
    assert said == ({"line_resumed", "campaign_resumed"} if released else set())


async def test_a_delivery_does_not_release_what_an_answer_stopped(stage):
    """Its receipt may come minutes after the credentials were revoked."""
    refused = Outcome(Verdict.STOP_LINE, "unauthorized", "No.", http_status=401)
    await heed(stage.database, refused, make_message(), left_at=NOW, probed=frozenset(), now=NOW)

    await tell(stage, None, left_at=NOW + timedelta(seconds=1))

    assert (await stage.account()).stop_reason == "unauthorized"


async def test_a_campaign_whose_probes_are_not_refused_any_more_goes_on(stage):
    """Some carriers report no delivery: silence for long enough has to do."""
    await stage.prepare(rate=10.0)
    messages = [make_message() for _ in range(12)]
    await stage.store(*messages)
    await tell(stage, UNREGISTERED)
    dispatcher = make_dispatcher(stage, provider := FakeProvider(stage.clock))
    while stage.clock.now() - NOW < QUIET:
        await dispatcher.turn()
        await stage.advance(5.0)
    probes = len(provider.submitted)

    # It is noticed when the next probe is due.
    for _ in range(int(PROBE_LONGEST_S) + 5):
        await dispatcher.turn()
        await stage.advance(1.0)

    assert probes <= 8
    assert len(provider.submitted) == len(messages)
    assert await standing(stage) == (None, None)


async def test_a_campaign_whose_probes_are_refused_stays_paused(stage):
    """Each refusal begins the silence anew, and the probes become rare."""
    await stage.prepare(rate=10.0)
    await stage.store(*[replace(make_message(), due_at=NOW) for _ in range(40)])
    await tell(stage, UNREGISTERED)
    dispatcher = make_dispatcher(stage, provider := FakeProvider(stage.clock))
    for _ in range(400):
        before = len(provider.submitted)
        await dispatcher.turn()
        await stage.advance(5.0)
        if len(provider.submitted) > before:
            await tell(stage, UNREGISTERED)

    assert (await stage.campaign()).stop_reason == "not_registered"
    assert len(provider.submitted) < 15


async def test_a_rejection_that_is_told_late_stops_nothing(stage):
    """Webhooks are repeated for a day: the fault may be mended since yesterday."""
    await tell(stage, BARRED, late=QUIET + timedelta(seconds=1))

    assert await standing(stage) == (None, None)


async def test_a_broken_probe_does_not_make_a_202_a_proof(stage):
    """The provider takes every message of a barred account as well."""
    await tell(stage, BARRED)
    down = Outcome(Verdict.STOP_LINE, "provider_unreachable", "Down.")
    taken = Outcome(Verdict.ACCEPTED, "accepted", "Taken.", http_status=202)
    probed = frozenset({DEFAULT_ACCOUNT})

    for outcome in (down, taken):
        await heed(
            stage.database,
            outcome,
            make_message(),
            left_at=NOW,
            probed=probed,
            now=stage.clock.now(),
        )

    assert await standing(stage) == ("account_barred", None)


CROWDED = Failure("1000", "capacity_exceeded", "Full.", FailureClass.RETRY, throttled=True)


async def test_a_lack_of_capacity_slows_the_campaign(stage):
    """The carrier queues or drops what comes too fast; the account's other campaigns go on."""
    with logged() as lines:
        await tell(stage, CROWDED)

    campaign = await stage.campaign()
    assert (campaign.slow_share, campaign.slowed_at) == (0.5, NOW)
    assert (await stage.account()).slow_share == 1.0
    assert await standing(stage) == (None, None)
    [line] = lines
    assert (line["event"], line["campaign"]) == ("campaign_slowed", DEFAULT_CAMPAIGN)
    assert (line["share"], line["reason"]) == (0.5, "capacity_exceeded")


async def test_receipts_of_what_left_before_slow_the_campaign_no_further(stage):
    """They come seconds apart, about messages that left at the old pace."""
    await stage.advance(10.0)
    await tell(stage, CROWDED)
    await stage.advance(5.0)

    with logged() as lines:
        await tell(stage, CROWDED, left_at=NOW + timedelta(seconds=10))
    assert lines == []
    await tell(stage, CROWDED, left_at=NOW + timedelta(seconds=12))

    assert (await stage.campaign()).slow_share == pytest.approx(0.275)


async def test_a_lack_of_capacity_that_is_told_late_slows_nothing(stage):
    """It was yesterday's."""
    await tell(stage, CROWDED, late=QUIET + timedelta(seconds=1))

    assert (await stage.campaign()).slow_share == 1.0


async def networks(stage: Stage) -> dict[str, str | None]:
    async with stage.database.read() as tx:
        found = await tx.execute(select(contacts))
        return {row.recipient: row.network_code for row in found}


async def hear(stage: Stage, *told: tuple[str, str | None], failure: Failure | None = None) -> None:
    """Hear of (recipient, network code), at the provider's time NOW."""
    news = []
    for recipient, network_code in told:
        message = make_message(recipient=recipient, state=MessageState.SUBMITTED, attempts=1)
        attempt = make_attempt(message, state=AttemptState.SUBMITTED)
        receipt = Receipt(
            "uuid-1",
            attempt.client_ref,
            ReceiptState.REJECTED if failure else ReceiptState.DELIVERED,
            NOW,
            failure=failure,
            network_code=network_code,
        )
        news.append((message, attempt, receipt))
    complaints = make_receipts(stage).complaints
    await heed_receipts(stage.database, news, stage.clock.now(), complaints=complaints)


async def test_a_receipt_tells_on_which_network_a_phone_is(stage):
    """Nothing else does: the API has no look-up, and the cap is one carrier's alone."""
    await hear(stage, ("+12125550101", "310260"), ("+12125550102", None))
    assert await networks(stage) == {"+12125550101": "310260"}

    await hear(stage, ("+12125550101", "310410"), ("+12125550102", "311480"))
    await hear(stage, ("+12125550101", None))

    assert await networks(stage) == {"+12125550101": "310410", "+12125550102": "311480"}


@pytest.mark.parametrize("late", [timedelta(), timedelta(minutes=30)])
async def test_a_day_is_spent_when_the_carrier_says_so(stage, late):
    """Each further message would be turned down as well, at its price; how late we hear is one."""
    await stage.advance(late.total_seconds())
    capped = Failure("1460", "daily_limit", "Used up.", FailureClass.RETRY, daily_cap=True)

    with logged() as lines:
        await hear(stage, ("+12125550101", None), ("+12125550102", None), failure=capped)
        await hear(stage, ("+12125550103", None), failure=capped)

    async with stage.database.read() as tx:
        (day,) = await tx.execute(select(brand_days))
    assert (day.brand_id, day.day, day.sent) == (DEFAULT_BRAND, cap_day(NOW), 0)
    assert day.spent_at == NOW + late
    assert lines[0]["event"] == "daily_cap_spent"
    assert (lines[0]["campaigns"], lines[0]["day"]) == ([DEFAULT_CAMPAIGN], cap_day(NOW))
