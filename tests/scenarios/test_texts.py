"""Texts on their whole way: alone, and in the place of a picture that a phone cannot take."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.scenarios.world import RECIPIENT, SENDER, World, running_world
from wirephoto.domain.channel import Channel
from wirephoto.domain.message import AttemptState
from wirephoto.simulator.inbound import InboundOrder
from wirephoto.simulator.settings import Credentials

NO_MMS = "+12125550155"
"""A phone that takes no MMS (1310)."""
TOO_LARGE = "+12125550160"
"""One for which the provider finds each picture too large (1381)."""
BARRED = "+12125550151"
SORRY = {"sms": {"text": "A cat, sorry"}}


@pytest.fixture
async def hosting(
    credentials: Credentials, database_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Give a gateway that hosts its files, and its provider."""
    store = str(tmp_path / "pictures")
    async with running_world(
        credentials, database_url, media_store=store, media_workers=1
    ) as world:
        yield world


def asked(world: World, recipient: str) -> list[dict[str, Any]]:
    """Return what the provider was asked to send to a number, in order."""
    digits = recipient.removeprefix("+")
    return [each.body for each in world.simulator.ledger.accepted if each.recipient == digits]


async def attempts(world: World, message_id: str) -> list[tuple[Channel, AttemptState]]:
    found = await world.attempts(message_id)
    return [(each.channel, each.state) for each in found if each.reason != "slot_missed"]


async def test_a_text_alone_is_delivered_as_sms(world):
    """It needs no picture, no preparation, and no more than one attempt."""
    message_id = await world.send(media=None, text="Your table is ready.")

    message = await world.until(message_id, "delivered", "rejected", "failed")

    assert message.state == "delivered"
    [body] = asked(world, RECIPIENT)
    assert (body["channel"], body["message_type"]) == ("sms", "text")
    assert body["text"] == "Your table is ready."
    shown = (await world.client.get(f"/v1/messages/{message_id}")).json()
    assert (shown["channel"], shown["fallback"]) == ("sms", None)
    assert "preparing" not in await world.timeline(message_id)


@pytest.mark.parametrize("recipient", [NO_MMS, TOO_LARGE])
async def test_a_picture_that_a_phone_cannot_take_arrives_as_a_text(hosting, recipient):
    """With a link that opens the picture, in the same message's history."""
    message_id = await hosting.send(to=recipient, fallback=SORRY)

    message = await hosting.until(message_id, "delivered", "rejected", "failed")

    assert message.state == "delivered"
    assert await attempts(hosting, message_id) == [
        (Channel.MMS, AttemptState.REJECTED),
        (Channel.SMS, AttemptState.DELIVERED),
    ]
    picture, text = asked(hosting, recipient)
    assert (picture["channel"], text["channel"]) == ("mms", "sms")
    words, link = text["text"].split("\n")
    assert words == "A cat, sorry"
    assert link != picture["image"]["url"]
    async with httpx.AsyncClient(trust_env=False) as phone:
        opened = await phone.get(link)
    assert (opened.status_code, opened.headers["content-type"]) == (200, "image/jpeg")


async def test_customers_see_how_each_attempt_travelled(hosting):
    """In the message, in its attempts and in its events."""
    message_id = await hosting.send(to=NO_MMS, fallback=SORRY)
    await hosting.until(message_id, "delivered")

    shown = (await hosting.client.get(f"/v1/messages/{message_id}")).json()
    timeline = (await hosting.client.get(f"/v1/messages/{message_id}/events")).json()

    assert (shown["channel"], shown["fallback"]) == ("sms", SORRY)
    channels = [each["channel"] for each in timeline["attempts"]]
    assert list(dict.fromkeys(channels)) == ["mms", "sms"]
    told = {event["data"].get("channel") for event in timeline["events"]}
    assert {"mms", "sms"} <= told
    [again] = [e for e in timeline["events"] if e["data"].get("reason") == "device_unsuitable"]
    assert again["type"] == "message.queued"


async def test_a_number_that_takes_nothing_gets_no_text_either(world):
    """The picture was not what stood in the way."""
    message_id = await world.send(to=BARRED, fallback=SORRY)

    message = await world.until(message_id, "delivered", "rejected", "failed")

    assert message.state == "rejected"
    assert [body["channel"] for body in asked(world, BARRED)] == ["mms"]


async def test_without_a_text_in_reserve_the_refusal_is_the_last_word(world):
    """Nobody's words are made up for them."""
    message_id = await world.send(to=NO_MMS)

    message = await world.until(message_id, "delivered", "rejected", "failed")

    assert (message.state, message.reason) == ("rejected", "device_unsuitable")


async def test_stop_between_the_picture_and_the_text_is_obeyed(
    credentials: Credentials, database_url: str
) -> None:
    """The text would be the message after STOP that costs its sender 500 dollars."""
    slow = {"final_delay_s": 2.0}
    async with running_world(credentials, database_url, switches=slow) as world:
        message_id = await world.send(to=NO_MMS, fallback=SORRY)
        await world.until(message_id, "submitted")
        digits = NO_MMS.removeprefix("+")
        await world.simulator.receive(InboundOrder(sender=digits, to=SENDER, text="STOP"))

        message = await world.until(message_id, "blocked", "delivered", "rejected")

        assert message.state == "blocked"
        pictures = [body for body in asked(world, NO_MMS) if body.get("text") == "A cat, sorry"]
        assert pictures == []
