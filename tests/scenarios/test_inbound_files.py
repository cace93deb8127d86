"""Pictures from phones on their whole way: told by webhook, fetched with a token, kept, given."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.stage import eventually
from tests.scenarios.world import RECIPIENT, SENDER, Place, World, running_world
from wirephoto.simulator.inbound import InboundOrder, SentFile
from wirephoto.simulator.settings import Credentials, make_credentials

PICTURE = b"\xff\xd8\xff\xe0" + b"a picture" * 20 + b"\xff\xd9"
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A Cat\r\nEND:VCARD\r\n"
FILES = (SentFile("cat.jpg", PICTURE), SentFile("cat.vcf", CARD))


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Give where a gateway that hosts nothing keeps what phones send."""
    return {"media": "check", "media_store": str(tmp_path / "media")}


async def say(world: World, *files: SentFile) -> None:
    """Have a phone send files to our sender."""
    order = InboundOrder(sender=RECIPIENT[1:], to=SENDER, text="A cat", files=files)
    await world.simulator.receive(order)


async def states(world: World) -> list[list[str]]:
    listed = (await world.client.get("/v1/inbound")).json()["messages"]
    return [[media["state"] for media in message["media"]] for message in listed]


async def until(world: World, *wanted: str) -> dict[str, Any]:
    """Return the one message once its attachments are where they should be."""

    async def there() -> bool:
        return await states(world) == [[*wanted]]

    await eventually(there)
    [message] = (await world.client.get("/v1/inbound")).json()["messages"]
    return dict(message)


async def test_a_phone_s_files_can_be_had_from_the_gateway(credentials, database_url, settings):
    """The provider gives them to us alone, and for two days."""
    async with running_world(credentials, database_url, **settings) as world:
        await say(world, *FILES)

        message = await until(world, "stored", "stored")

        given = [
            await world.client.get(f"/v1/inbound/{message['id']}/media/{place}")
            for place in range(2)
        ]
        assert [answer.content for answer in given] == [PICTURE, CARD]
        types = [answer.headers["Content-Type"] for answer in given]
        assert types == ["image/jpeg", "text/vcard"]
        assert world.simulator.ledger.answers[401] == 0
        talk = (await world.client.get(f"/v1/conversations/{RECIPIENT}")).json()
        assert [entry["inbound"] for entry in talk["entries"]] == [message]


async def test_files_survive_an_outage_and_a_restart(credentials, database_url, settings):
    """They wait in the database, whichever process fetches them at last."""
    async with AsyncExitStack() as stack:
        place = Place(credentials, database_url)
        await place.open(stack)
        async with place.gateway(credentials, **settings) as world:
            world.simulator.flip(outage="unavailable")
            await say(world, *FILES)
            await until(world, "waiting", "waiting")
        place.simulator.flip(outage=None)
        async with place.gateway(credentials, **settings) as world:
            await until(world, "stored", "stored")


async def test_a_key_that_the_provider_does_not_know_is_told_of(database_url, settings):
    """Somebody has to give the gateway the right one, and has two days for it."""
    theirs: Credentials = make_credentials()
    async with AsyncExitStack() as stack:
        place = Place(theirs, database_url)
        await place.open(stack)
        wrong = {"vonage_private_key": make_credentials().private_key}
        async with place.gateway(theirs, **settings, **wrong) as world:
            await say(world, FILES[0])

            async def told() -> bool:
                [message] = (await world.client.get("/v1/inbound")).json()["messages"] or [None]
                return bool(message and message["media"][0]["reason"])

            await eventually(told)
            message = await until(world, "waiting")
            assert message["media"][0]["reason"] == "unauthorized"
