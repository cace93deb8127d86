"""Numbers are looked up on the whole way: from the request to the phone, or to the refusal."""

from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from tests.scenarios.world import RECIPIENT, Place, World, running_world
from wirephoto.simulator.switches import LookUpFault as F
from wirephoto.storage.schema_recipients import contacts

LANDLINE, PORTED, INVALID = "+12125550180", "+12125550181", "+12125550182"
UNASSIGNED = "+12125550183"
SETTINGS = {"look_up": "on"}


async def networks(world: World) -> dict[str, str]:
    """Return on which network each phone is."""
    async with world.gateway.database.read() as tx:
        found = await tx.execute(select(contacts.c.recipient, contacts.c.network_code))
        return {row.recipient: row.network_code for row in found}


def asked(world: World) -> int:
    """Return how often something was answered 200: in these scenarios, look-ups alone."""
    return world.simulator.ledger.answers[200]


@pytest.mark.parametrize("mode", ["check", "convert", "passthrough"])
async def test_landlines_fail_and_phones_get_their_pictures(
    mode, credentials, database_url, tmp_path
):
    """Whatever is done to media, and also where there is none."""
    settings = SETTINGS | {"media": mode}
    if mode == "convert":
        settings["media_store"] = str(tmp_path / "media")
    async with running_world(credentials, database_url, **settings) as world:
        landline = await world.send(to=LANDLINE)
        ported = await world.send(to=PORTED, media=None)
        picture = await world.send()

        failed = await world.until(landline, "failed")
        assert (failed.state, failed.reason) == ("failed", "not_mobile")
        assert failed.detail == (
            "This is a landline: it cannot receive pictures. Ask for a mobile number."
        )
        assert await world.timeline(landline) == ["preparing", "failed"]
        for sent in (ported, picture):
            assert (await world.until(sent, "delivered")).state == "delivered"
        sent_to = {message.recipient for message in world.simulator.accepted}
        assert sent_to == {PORTED[1:], RECIPIENT[1:]}


async def test_a_number_is_asked_for_once(credentials, database_url):
    """Also by the next process: what was told is kept in the database."""
    place = Place(credentials, database_url)
    async with AsyncExitStack() as stack:
        await place.open(stack)
        for number in range(2):
            async with place.gateway(credentials, **SETTINGS) as world:
                for each in [await world.send(media=None) for _ in range(3)]:
                    assert (await world.until(each, "delivered")).state == "delivered"
                assert asked(world) == 1, number


@pytest.mark.parametrize("fault", [F.UNAVAILABLE, F.FORBIDDEN, F.TRUNCATED, F.THROTTLED])
async def test_without_the_look_up_messages_go(fault, credentials, database_url):
    """It is there to save money: nothing waits for it, and nobody is refused for its failures."""
    switches = {"insights_fault": fault}
    async with running_world(credentials, database_url, switches=switches, **SETTINGS) as world:
        for number in (LANDLINE, INVALID):
            message = await world.send(to=number, media=None)
            assert (await world.until(message, "delivered")).state == "delivered"


async def test_the_operator_says_who_is_refused(credentials, database_url):
    """And how many look-ups a day may cost: what comes beyond goes on unasked."""
    settings = SETTINGS | {"look_up_refuses": "unassigned", "look_up_day_max": 2}
    async with running_world(credentials, database_url, **settings) as world:
        unassigned = await world.send(to=UNASSIGNED, media=None)
        assert (await world.until(unassigned, "failed")).reason == "number_unassigned"
        for number in (LANDLINE, INVALID):
            message = await world.send(to=number, media=None)
            assert (await world.until(message, "delivered")).state == "delivered"
        assert asked(world) == 2


async def test_the_network_is_known_before_the_first_picture_leaves(credentials, database_url):
    """T-Mobile's daily cap counts by it; receipts, which tell it too, come too late for that."""
    settings = SETTINGS | {"unknown_networks": "free"}
    silent = {"receipts_final": False}
    async with running_world(credentials, database_url, switches=silent, **settings) as world:
        message = await world.send(media=None)
        await world.until(message, "submitted")
        assert list((await networks(world)).values()) == ["310260"]


async def test_the_simple_door_names_the_field_that_is_wrong(credentials, database_url):
    """Not the picture: another one would not arrive either."""
    async with running_world(credentials, database_url, **SETTINGS) as world:
        body = {"recipient": LANDLINE, "imageUrl": world.picture}
        answer = await world.client.post("/send-mms", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("recipient: This is a landline")


async def test_without_the_setting_nobody_asks(world):
    """A product that costs money is the operator's to choose."""
    message = await world.send(to=LANDLINE, media=None)

    assert (await world.until(message, "delivered")).state == "delivered"
    assert asked(world) == 0
