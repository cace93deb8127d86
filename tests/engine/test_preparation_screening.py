"""Who cannot receive a picture is found out before it is fetched."""

import pytest

from tests.engine.stage import FakeChecker, logged
from tests.engine.test_preparation import make_preparation, preparing, turn
from tests.factories import PICTURE
from wirephoto.domain.message import MessageState
from wirephoto.domain.number_facts import Unreachable

WHY = Unreachable("not_mobile", "This is a landline.")


@pytest.fixture
def check():
    return FakeChecker()


async def refuse(_message):
    return WHY


async def pass_by(_message):
    return None


async def test_a_number_that_cannot_receive_fails_the_message(stage, check):
    """With the reason and a sentence; its picture is not even fetched."""
    message = preparing()
    await stage.store(message)

    with logged() as lines:
        await turn(make_preparation(stage, check, screen=refuse))

    stored = await stage.message(message)
    assert (stored.state, stored.reason, stored.detail) == (
        MessageState.FAILED,
        WHY.reason,
        WHY.message,
    )
    assert await stage.events(message) == ["failed"]
    assert check.checked == []
    told = {"event": "number_refused", "message_id": message.id, "reason": "not_mobile"}
    assert told.items() <= lines[0].items()


async def test_a_number_that_passes_leaves_the_media_to_be_looked_at(stage, check):
    """In this order: a look-up is cheaper than a fetched and fitted picture."""
    message = preparing()
    await stage.store(message)

    await turn(make_preparation(stage, check, screen=pass_by))

    assert (await stage.message(message)).state == MessageState.QUEUED
    assert check.checked == [PICTURE]


async def test_a_text_has_no_media_to_look_at(stage):
    """It waits for its look-up alone, and nothing that fits pictures is asked."""

    async def prepare(_message):
        raise AssertionError

    message = preparing(media=())
    await stage.store(message)

    await turn(make_preparation(stage, prepare, screen=pass_by))

    stored = await stage.message(message)
    assert (stored.state, stored.media) == (MessageState.QUEUED, ())
