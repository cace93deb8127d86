"""Files that phones sent are kept as the provider keeps them."""

import base64
import json

import pytest

from wirephoto.simulator.media import LIFE

PHONE = {"from": "12125550123", "to": "12015550100"}
BYTES = b"\xff\xd8picture"
FILE = {"name": "cat.jpg", "data": base64.b64encode(BYTES).decode()}


async def order(world, *files, **changes):
    """Have a phone send files; return the body of the webhook."""
    body = json.dumps({**PHONE, "files": files or [FILE], **changes})
    async with world.session.post(f"{world.url}/simulator/inbound", data=body) as answer:
        assert answer.status == 202, await answer.text()
    return (await world.outside.next()).body


async def get(world, url, headers=None):
    async with world.session.get(url, headers=headers or {}) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_file_is_kept_under_an_address_of_the_simulator(world):
    """Where the gateway asks for it with its token (contract 2.3)."""
    body = await order(world, text="A cat")

    picture = body["image"]
    assert (picture["name"], picture["caption"]) == ("cat.jpg", "A cat")
    assert picture["url"].startswith(f"{world.url}/v3/media/")
    assert await get(world, picture["url"], world.headers()) == (200, "image/jpeg", BYTES)


async def test_several_files_have_an_address_each(world):
    """Addresses of others may be among them."""
    media = ["https://m.example/a.pdf"]
    body = await order(world, FILE, {"name": "me.vcf", "data": "QQ=="}, media=media)

    urls = {item["url"]: item["type"] for item in body["content"]}
    assert list(urls.values()) == ["file", "image", "vcard"]
    assert len(urls) == 3


@pytest.mark.parametrize(
    "claims", [{"application_id": "another"}, {"exp": 0}, {"key": "none"}, {"key": "basic"}]
)
async def test_who_has_no_token_of_the_application_gets_nothing(world, claims):
    """ "Secure inbound media" is the default here: a gateway that shows none must be seen."""
    url = (await order(world))["image"]["url"]
    if "key" not in claims:
        headers = {"Authorization": f"Bearer {world.token(**claims)}"}
    elif claims["key"] == "basic":
        pair = f"{world.credentials.api_key}:{world.credentials.api_secret}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    else:
        headers = {}

    status, _, body = await get(world, url, headers)

    assert status == 401
    assert BYTES not in body


async def test_addresses_are_public_where_that_is_switched(world):
    """As they are for applications that do not secure inbound media."""
    world.simulator.flip(inbound_media_secured=False)

    assert (await get(world, (await order(world))["image"]["url"]))[0] == 200


async def test_an_address_dies_after_48_hours(world):
    """Whoever comes later has lost the file."""
    url = (await order(world))["image"]["url"]

    world.clock.advance(LIFE.total_seconds() - 1)
    alive, _, _ = await get(world, url, world.headers())
    world.clock.advance(2)
    dead, _, _ = await get(world, url, world.headers())

    assert (alive, dead) == (200, 404)


async def test_a_provider_that_is_down_gives_nothing(world):
    """So that it can be shown that the gateway asks again."""
    url = (await order(world))["image"]["url"]
    world.simulator.flip(outage="unavailable")

    assert (await get(world, url, world.headers()))[0] == 503


async def test_unknown_names_are_not_there(world):
    """Nor does anything else live under the address."""
    assert (await get(world, f"{world.url}/v3/media/x", world.headers()))[0] == 404


@pytest.mark.parametrize("file", [{"name": "a/b", "data": ""}, {"name": "", "data": ""}, {}])
async def test_a_file_that_no_phone_could_send_is_refused(world, file):
    """A typing error must not pass for a file."""
    body = json.dumps({**PHONE, "files": [file]})

    async with world.session.post(f"{world.url}/simulator/inbound", data=body) as answer:
        assert answer.status == 422
