"""What an answer says of the account and the campaign, beyond its message."""

from datetime import datetime, timedelta

import pytest

from tests.engine.stage import Stage, logged
from tests.factories import NOW, make_message
from wirephoto.domain.line import PROBE_FIRST_S
from wirephoto.domain.message import MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.line import heed
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, accounts, campaigns


def outcome(verdict: Verdict, reason: str = "why", **more: object) -> Outcome:
    return Outcome(verdict, reason, "Because.", **more)  # type: ignore[arg-type]


async def hear(
    stage: Stage, what: Outcome, *, probe: bool = False, left_at: datetime = NOW
) -> None:
    probed = frozenset({DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN} if probe else ())
    now = stage.clock.now()
    await heed(stage.database, what, make_message(), left_at=left_at, probed=probed, now=now)


async def stop_both(stage: Stage) -> None:
    await hear(stage, outcome(Verdict.STOP_LINE))
    await hear(stage, outcome(Verdict.PAUSE_CAMPAIGN))


async def standing(stage: Stage) -> tuple[bool, bool]:
    """Tell whether the account and the campaign stand still."""
    account, campaign = await stage.account(), await stage.campaign()
    return account.stopped_at is not None, campaign.stopped_at is not None


async def test_the_account_stops_with_the_reason(stage):
    """Whoever reads `/readyz` must see what to do."""
    with logged() as lines:
        await hear(stage, outcome(Verdict.STOP_LINE, "low_balance"))

    account = await stage.account()
    assert (account.stop_reason, account.stop_detail) == ("low_balance", "Because.")
    assert (account.stopped_at, account.probes) == (NOW, 0)
    assert account.probe_at == NOW + timedelta(seconds=PROBE_FIRST_S)
    assert await standing(stage) == (True, False)
    [line] = lines
    assert (line["event"], line["log_level"]) == ("line_stopped", "error")
    assert (line["account"], line["reason"]) == (DEFAULT_ACCOUNT, "low_balance")


async def test_a_campaign_pauses_alone(stage):
    """A sender's fault is not the account's."""
    with logged() as lines:
        await hear(stage, outcome(Verdict.PAUSE_CAMPAIGN, "invalid_sender"))

    assert await standing(stage) == (False, True)
    [line] = lines
    assert (line["event"], line["campaign"]) == ("campaign_paused", DEFAULT_CAMPAIGN)


async def test_one_more_refusal_does_not_bring_the_next_probe_nearer(stage):
    """Requests that were on the wire come back refused one after the other."""
    await hear(stage, outcome(Verdict.STOP_LINE, "unauthorized"))
    await stage.advance(3.0)

    with logged() as lines:
        await hear(stage, outcome(Verdict.STOP_LINE, "unauthorized"))
        assert lines == []  # it is no news
        await hear(stage, outcome(Verdict.STOP_LINE, "forbidden"))
        assert len(lines) == 1

    account = await stage.account()
    assert account.stopped_at == NOW
    assert account.probe_at == NOW + timedelta(seconds=PROBE_FIRST_S)
    assert account.stop_reason == "forbidden"


@pytest.mark.parametrize(
    ("verdict", "after"),
    [
        (Verdict.ACCEPTED, (False, False)),
        (Verdict.FAIL, (False, True)),
        (Verdict.SUPPRESS, (False, True)),
        (Verdict.PAUSE_CAMPAIGN, (False, True)),
        (Verdict.STOP_LINE, (True, True)),
        (Verdict.RETRY, (True, True)),
        (Verdict.HELD_BACK, (True, True)),
        (Verdict.UNKNOWN, (True, True)),
    ],
)
async def test_what_a_probe_proves(stage, verdict, after):
    """A refused number shows that the credentials are good; a lost connection shows nothing."""
    await stop_both(stage)

    await hear(stage, outcome(verdict), probe=True)

    assert await standing(stage) == after


async def test_an_answer_to_an_ordinary_message_starts_nothing(stage):
    """It may be older than the stop."""
    await stop_both(stage)

    await hear(stage, outcome(Verdict.ACCEPTED))

    assert await standing(stage) == (True, True)


async def test_a_line_that_goes_on_wakes_the_dispatchers(stage):
    """Its queue has waited long enough."""
    await hear(stage, outcome(Verdict.STOP_LINE))
    bell = stage.database.bell(MessageState.QUEUED.value)

    await hear(stage, outcome(Verdict.ACCEPTED), probe=True)

    assert bell.is_set()
    account = await stage.account()
    assert (account.stop_reason, account.probe_at, account.probes) == (None, None, 0)


async def test_being_throttled_never_brings_a_slot_nearer(stage):
    """Two answers may cross: the longer wish counts."""
    later = NOW + timedelta(seconds=50)
    await stage.set_line(accounts, DEFAULT_ACCOUNT, next_slot_at=later)

    with logged() as lines:
        await hear(stage, outcome(Verdict.RETRY, throttled=True, http_status=429))

    assert (await stage.account()).next_slot_at == later
    assert [line["event"] for line in lines] == ["account_slowed"]


async def test_being_throttled_slows_the_account_for_a_while(stage):
    """Half the rate at first, the rest within a minute: the provider's limit may have changed."""
    await stage.prepare(account_rate=30.0)

    with logged() as lines:
        await hear(stage, outcome(Verdict.RETRY, throttled=True, http_status=429))

    account = await stage.account()
    assert (account.slow_share, account.slowed_at, account.rate) == (0.5, NOW, 30.0)
    assert (await stage.campaign()).slow_share == 1.0
    assert [(line["event"], line["share"]) for line in lines] == [("account_slowed", 0.5)]


async def test_answers_to_what_left_together_slow_the_account_once(stage):
    """Sixty-four refusals of one burst would otherwise slow it to nothing."""
    refused = outcome(Verdict.RETRY, throttled=True, http_status=429)
    await stage.advance(1.0)
    for left_at in (NOW, NOW + timedelta(seconds=0.5)):
        await hear(stage, refused, left_at=left_at)
    assert (await stage.account()).slow_share == 0.5

    await stage.advance(2.0)
    await hear(stage, refused, left_at=NOW + timedelta(seconds=2.5))

    assert (await stage.account()).slow_share == pytest.approx(0.26)


async def test_stops_are_found_again_after_a_restart(stage):
    """They are rows, not memory: another process sees the same."""
    await stop_both(stage)

    for table in (accounts, campaigns):
        async with stage.database.read() as tx:
            rows = (await tx.execute(table.select())).all()
        assert [row.stop_reason for row in rows] == ["why"]
