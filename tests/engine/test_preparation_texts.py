"""Media that is refused for its size, where a text may follow."""

import pytest

from tests.engine.stage import FakeChecker
from tests.engine.test_preparation import POLICY, make_preparation, preparing, refused, turn
from tests.factories import NOW, PICTURE
from wirephoto.domain.channel import Channel
from wirephoto.domain.fallback import GOES_ON, TOO_LARGE
from wirephoto.domain.message import MessageState


@pytest.fixture
def check() -> FakeChecker:
    return FakeChecker()


@pytest.mark.parametrize("reason", sorted(TOO_LARGE))
async def test_a_picture_that_is_too_large_goes_on_as_a_text(stage, check, reason):
    """At its time and in its place; the customer is told why."""
    message = preparing(fallback_text="ы" * 71, tries=2)
    await stage.store(message)
    check.faults[PICTURE] = [refused(reason, retryable=False)]
    dispatch = stage.database.bell(MessageState.QUEUED.value)

    await turn(make_preparation(stage, check))

    stored = await stage.message(message)
    assert (stored.state, stored.channel, stored.weight) == (MessageState.QUEUED, Channel.SMS, 2)
    assert (stored.reason, stored.detail) == (reason, f"What to do. {GOES_ON}")
    assert (stored.tries, stored.due_at, stored.lease_until) == (0, NOW, None)
    assert await stage.events(message) == ["queued"]
    assert dispatch.is_set()


@pytest.mark.parametrize("reason", ["not_an_image", "unreachable", "blocked_address", "corrupt"])
async def test_a_picture_that_cannot_be_had_fails_all_the_same(stage, check, reason):
    """That is a mistake to be told of and corrected, not a phone to be humoured."""
    message = preparing(fallback_text="A cat, sorry")
    await stage.store(message)
    check.faults[PICTURE] = [refused(reason, retryable=False)]

    await turn(make_preparation(stage, check))

    stored = await stage.message(message)
    assert (stored.state, stored.channel) == (MessageState.FAILED, Channel.MMS)


async def test_a_picture_that_may_still_be_had_is_waited_for(stage, check):
    """A text is the last resort, also where the picture took many tries."""
    message = preparing(fallback_text="A cat, sorry")
    await stage.store(message)
    check.faults[PICTURE] = [refused("too_large", retryable=True)] * POLICY.tries_max
    preparation = make_preparation(stage, check)

    await turn(preparation)

    assert (await stage.message(message)).state is MessageState.PREPARING
