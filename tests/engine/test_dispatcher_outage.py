"""The provider is down: a few messages find out, the rest waits, and comes back at its rate."""

from itertools import pairwise

import pytest

from tests.engine.stage import FakeProvider, logged, make_dispatcher
from tests.factories import make_message
from wirephoto.domain.line import OUTAGE_AFTER
from wirephoto.domain.message import MessageState
from wirephoto.domain.outcome import Outcome, Verdict

REFUSED = Outcome(Verdict.RETRY, "connection_failed", "Down.")
LOST = Outcome(Verdict.UNKNOWN, "gateway_error", "Down.", http_status=503)
THROTTLED = Outcome(Verdict.RETRY, "rate_limited", "Slow.", http_status=429, throttled=True)
FAILED = Outcome(Verdict.FAIL, "invalid_recipient", "No.", http_status=422)


async def run(stage, dispatcher, seconds, step=0.25):
    for _ in range(int(seconds / step)):
        await dispatcher.turn()
        await stage.advance(step)


async def start(stage, outcomes, *, messages=60, rate=4.0, **settings):
    await stage.prepare(rate=rate)
    stored = [make_message() for _ in range(messages)]
    await stage.store(*stored)
    provider = FakeProvider(stage.clock, *outcomes)
    return stored, provider, make_dispatcher(stage, provider, **settings)


@pytest.mark.parametrize("outcome", [REFUSED, LOST], ids=["refused", "lost"])
async def test_an_outage_stops_the_line(stage, outcome):
    """Else each message in the queue would end in doubt, one after the other."""
    messages, provider, dispatcher = await start(stage, [outcome] * 1000)

    with logged() as lines:
        await run(stage, dispatcher, 20.0)

    account = await stage.account()
    assert account.stop_reason == "provider_unreachable"
    assert OUTAGE_AFTER <= len(provider.submitted) <= OUTAGE_AFTER + 4
    doubted = (await stage.states(messages)).count("unconfirmed")
    assert doubted == (len(provider.submitted) if outcome is LOST else 0)
    assert [line["reason"] for line in lines if line["event"] == "line_stopped"] == [
        "provider_unreachable"
    ]


async def test_a_long_outage_uses_up_no_tries(stage):
    """A message must not fail because the provider was away for the night."""
    messages, provider, dispatcher = await start(stage, [REFUSED] * 1000, messages=OUTAGE_AFTER + 1)

    await run(stage, dispatcher, 4 * 3600.0, step=60.0)

    assert len(provider.submitted) > 40
    assert set(await stage.states(messages)) == {"queued"}
    tries = [(await stage.message(message)).tries for message in messages]
    assert max(tries) <= 2


async def test_what_waited_for_the_provider_comes_back_at_its_rate(stage):
    """No storm greets it: the first that gets through opens the line, the slots do the rest."""
    messages, provider, dispatcher = await start(stage, [REFUSED] * (OUTAGE_AFTER + 3))

    await run(stage, dispatcher, 120.0, step=0.5)

    assert set(await stage.states(messages)) == {MessageState.SUBMITTED.value}
    assert (await stage.account()).stop_reason is None
    back = provider.times[OUTAGE_AFTER + 3 :]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(back)]
    assert min(gaps) >= 0.25 - 0.1


@pytest.mark.parametrize("between", [THROTTLED, FAILED], ids=["throttled", "failed"])
async def test_any_answer_of_the_provider_shows_that_it_is_there(stage, between):
    """Broken connections now and then are the ordinary noise of a network."""
    noise = ([REFUSED] * (OUTAGE_AFTER - 1) + [between]) * 4
    _, provider, dispatcher = await start(stage, noise)

    await run(stage, dispatcher, 60.0, step=0.5)

    assert len(provider.submitted) > len(noise)
    assert (await stage.account()).stop_reason is None
