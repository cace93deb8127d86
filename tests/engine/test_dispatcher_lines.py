"""Lines that stop and go on while messages are on their way."""

from datetime import timedelta
from itertools import pairwise

from tests.engine.stage import FakeProvider, logged, make_dispatcher
from tests.factories import NOW, SENDER, make_message
from wirephoto.domain.line import PROBE_FIRST_S
from wirephoto.domain.message import MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.loop import Runner
from wirephoto.storage.schema import DEFAULT_ACCOUNT, accounts

UNAUTHORIZED = Outcome(Verdict.STOP_LINE, "unauthorized", "No.", http_status=401)
INVALID_SENDER = Outcome(Verdict.PAUSE_CAMPAIGN, "invalid_sender", "No.", http_status=422)


async def test_a_stopped_line_keeps_everything_queued(stage):
    """Wrong credentials lose nothing: one message is refused, the rest never leaves."""
    await stage.prepare(rate=20.0)
    messages = [make_message() for _ in range(6)]
    await stage.store(*messages)
    provider = FakeProvider(stage.clock, UNAUTHORIZED)
    dispatcher = make_dispatcher(stage, provider)

    with logged() as lines:
        await dispatcher.turn()
        await stage.advance(0.3)
        await dispatcher.turn()
        await stage.advance(1.0)

    assert len(provider.submitted) == 1
    assert await stage.states(messages) == ["queued"] * 6
    assert [(await stage.message(message)).tries for message in messages] == [0] * 6
    account = await stage.account()
    assert (account.stop_reason, account.stop_detail) == ("unauthorized", "No.")
    assert account.probe_at == account.stopped_at + timedelta(seconds=PROBE_FIRST_S)
    assert "line_stopped" in [line["event"] for line in lines]


async def test_what_is_claimed_already_does_not_run_into_the_limit_as_well(stage):
    """The provider asked for fewer requests: those that have not left wait like all others."""
    await stage.prepare(rate=20.0)
    messages = [make_message() for _ in range(4)]
    await stage.store(*messages)
    limited = Outcome(
        Verdict.RETRY, "rate_limited", "Slower.", http_status=429, retry_after_s=5.0, throttled=True
    )
    provider = FakeProvider(stage.clock, limited)
    dispatcher = make_dispatcher(stage, provider)

    await dispatcher.turn()
    await stage.advance(1.0)
    at_once = len(provider.submitted)
    await stage.advance(5.0)
    await dispatcher.turn()
    await stage.advance(1.0)

    assert at_once == 1
    assert len(provider.submitted) > 1


async def test_a_paused_campaign_lets_the_others_go_on(stage):
    """Messages of other campaigns leave in the very slots that the same claim gave them."""
    await stage.prepare(rate=20.0)
    other = await stage.add_campaign("other", rate=20.0)
    ours = [make_message() for _ in range(3)]
    theirs = [make_message(campaign_id=other, sender="+12025550101") for _ in range(3)]
    await stage.store(*ours, *theirs)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)

    async def refuse_ours(submission):
        if submission.sender == SENDER:
            provider.outcomes.append(INVALID_SENDER)

    provider.before = refuse_ours
    await dispatcher.turn()
    await stage.advance(0.3)

    assert [submission.sender for submission in provider.submitted].count(SENDER) == 1
    assert await stage.states(ours) == ["queued"] * 3
    assert await stage.states(theirs) == ["submitted"] * 3
    assert (await stage.campaign()).stop_reason == "invalid_sender"
    assert (await stage.campaign(other)).stopped_at is None
    assert (await stage.account()).stopped_at is None


async def test_a_probe_that_succeeds_starts_the_line_again(stage):
    """Nobody has to press a button once the credentials are right, or the balance is topped up."""
    messages = [make_message() for _ in range(3)]
    provider = FakeProvider(stage.clock, UNAUTHORIZED)
    await stage.store(*messages)
    dispatcher = make_dispatcher(stage, provider)
    runner = Runner(dispatcher, stage.clock)
    runner.start()
    await stage.advance(PROBE_FIRST_S - 0.5)
    assert len(provider.submitted) == 1

    with logged() as lines:
        await stage.advance(2.0)

    assert await stage.states(messages) == ["submitted"] * 3
    assert (await stage.account()).stopped_at is None
    assert [line["event"] for line in lines].count("line_resumed") == 1
    await runner.stop()


async def test_a_probe_that_fails_waits_longer_for_the_next(stage):
    """A line that stands still for a week must not knock a hundred thousand times."""
    message = make_message()
    await stage.store(message)
    provider = FakeProvider(stage.clock, *[UNAUTHORIZED] * 4)
    runner = Runner(make_dispatcher(stage, provider), stage.clock)
    runner.start()

    await stage.advance(60.0)

    waits = [(b - a).total_seconds() for a, b in pairwise(provider.times)]
    assert [round(wait) for wait in waits[:3]] == [5, 10, 20]
    account = await stage.account()
    assert account.probes == 3
    assert (await stage.message(message)).state is MessageState.QUEUED
    await runner.stop()


async def test_a_campaign_s_probe_that_succeeds_starts_the_campaign_again(stage):
    """The same for a sender that was linked to the application meanwhile."""
    messages = [make_message() for _ in range(2)]
    await stage.store(*messages)
    provider = FakeProvider(stage.clock, INVALID_SENDER)
    runner = Runner(make_dispatcher(stage, provider), stage.clock)
    runner.start()

    await stage.advance(PROBE_FIRST_S + 1.5)

    assert await stage.states(messages) == ["submitted"] * 2
    assert (await stage.campaign()).stopped_at is None
    await runner.stop()


async def test_an_account_that_another_process_stopped_is_left_alone(stage):
    """The line is in the database, not in a process."""
    await stage.set_line(
        accounts,
        DEFAULT_ACCOUNT,
        stopped_at=NOW,
        stop_reason="low_balance",
        stop_detail="No credit.",
        probe_at=NOW + timedelta(seconds=60),
    )
    provider = FakeProvider(stage.clock)

    await stage.store(make_message())

    await make_dispatcher(stage, provider).turn()
    await stage.advance(0.1)

    assert provider.submitted == []


async def test_a_probe_that_missed_its_slot_is_no_probe(stage):
    """A machine that was busy for a moment must not keep the line shut for minutes."""
    message, provider = make_message(), FakeProvider(stage.clock)
    await stage.store(message)
    stopped = {"stopped_at": NOW, "stop_reason": "x", "stop_detail": "X.", "probe_at": NOW}
    await stage.set_line(accounts, DEFAULT_ACCOUNT, **stopped)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    probing = await stage.account()
    stage.clock._elapsed_s += 10.0

    await stage.advance(0.0)
    released = await stage.account()
    await dispatcher.turn()
    await stage.advance(1.0)

    assert probing.probe_at > NOW
    assert (released.probe_at, released.probes) == (NOW + timedelta(seconds=10), 0)
    assert len(provider.submitted) == 1
    assert (await stage.account()).stop_reason is None
