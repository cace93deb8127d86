"""Pictures on their whole way: fetched or uploaded, fitted by real workers, hosted, fetched."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from PIL import Image
from sqlalchemy import Table, func, select

from tests.egress_site import Site, open_site
from tests.scenarios.world import RECIPIENT, World, running_world
from wirephoto.clock import SystemClock
from wirephoto.simulator.settings import Credentials
from wirephoto.storage.messages import MessageFilter, list_messages
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import files, media, renditions

BUDGET = 150_000 - 4_000
PLACE_TAKEN = "Somewhere"


def photograph(edge: int = 1200) -> bytes:
    """Return a sideways JPEG that is too large for `fast`, with a note of where it was taken."""
    noise = Image.frombytes(
        "RGB", (edge // 4, edge // 4), Random(3).randbytes(3 * (edge // 4) ** 2)
    )
    picture = noise.resize((edge, edge * 3 // 4), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, PLACE_TAKEN
    body = BytesIO()
    picture.save(body, "JPEG", quality=95, exif=exif)
    return body.getvalue()


@pytest.fixture
async def hosting(
    credentials: Credentials, database_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    """Give a gateway that hosts its files, and its provider, which fetches them."""
    store = str(tmp_path / "pictures")
    async with running_world(
        credentials, database_url, media_store=store, media_workers=1, sync_wait_s=15
    ) as world:
        yield world


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Give a web site whose every page is the same photograph."""
    async with open_site() as made:
        serves(made, photograph(), "image/jpeg")
        yield made


def serves(site: Site, body: bytes, content_type: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    site.answer = answer


async def count(world: World, table: Table) -> int:
    async with world.gateway.database.read() as tx:
        return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())


async def attempts_of(world: World, message_id: str) -> list[dict[str, Any]]:
    answer = await world.client.get(f"/v1/messages/{message_id}/events")
    found: list[dict[str, Any]] = answer.json()["attempts"]
    return found


async def test_an_upload_reaches_the_phone_fitted(hosting):
    """What people have in their hands: sideways, too large, with the place it was taken."""
    headers = {"Content-Type": "image/jpeg"}
    uploaded = await hosting.client.post("/v1/media", content=photograph(), headers=headers)
    assert uploaded.status_code == 201

    message_id = await hosting.send(media=[{"upload": uploaded.json()["id"]}], media_profile="fast")
    message = await hosting.until(message_id, "delivered", "rejected", "failed")

    assert message.state == "delivered"
    shown = (await hosting.client.get(f"/v1/messages/{message_id}")).json()["media"][0]
    assert shown["media_id"] == uploaded.json()["id"]
    assert (shown["fitting"]["original"]["width"], shown["fitting"]["original"]["height"]) == (
        900,
        1200,
    )
    assert shown["fitting"]["sent"]["size_bytes"] <= BUDGET
    asked = (await attempts_of(hosting, message_id))[-1]
    url = asked["request"].split('"url":"')[1].split('"')[0]
    hosted = await hosting.client.get(url)
    assert hosted.headers["content-type"] == "image/jpeg"
    assert len(hosted.content) == shown["fitting"]["sent"]["size_bytes"]
    assert PLACE_TAKEN.encode() not in hosted.content
    with Image.open(BytesIO(hosted.content)) as picture:
        assert picture.height > picture.width


async def test_a_fetch_is_evidence_of_its_attempt(hosting, site):
    """Nothing else tells of a request whose answer was lost, until a receipt comes."""
    message_id = await hosting.send(media=[{"url": site.url()}])
    await hosting.until(message_id, "delivered", "rejected", "failed")

    latest = (await attempts_of(hosting, message_id))[-1]

    assert [(fetch["attachment"], fetch["method"]) for fetch in latest["fetches"]] == [(0, "GET")]
    assert "aiohttp" in latest["fetches"][0]["user_agent"]


async def test_a_thousand_messages_with_one_picture_cost_one_fetch_and_one_fit(hosting, site):
    """A bulk of one picture must not hammer its server, nor decode it a thousand times."""
    later = (SystemClock().now() + timedelta(hours=1)).isoformat()
    wanted = {
        "to": RECIPIENT,
        "media": [{"url": site.url()}],
        "media_profile": "fast",
        "send_at": later,
    }

    batch = {"messages": [wanted] * 1000}
    answer = await hosting.client.post("/v1/messages/batch", json=batch)
    last = answer.json()["results"][-1]["message"]["id"]
    for result in answer.json()["results"]:
        await hosting.until(result["message"]["id"], "queued", "failed")

    assert len(site.requests) == 1
    assert await count(hosting, renditions) == 1
    assert await count(hosting, media) == 1
    assert await count(hosting, files) == 2
    async with hosting.gateway.database.read() as tx:
        prepared = await list_messages(
            tx, DEFAULT_TENANT, MessageFilter(), before_id=None, limit=1001
        )
    assert len(prepared) == 1000
    assert {message.state for message in prepared} == {"queued"}
    assert len({message.media[0].prepared.file_id for message in prepared}) == 1
    assert last in {message.id for message in prepared}


async def test_what_cannot_go_out_is_refused_then_and_there(hosting, site):
    """With its reason and the remedy, before anybody waits for a picture that never comes."""
    serves(site, b"<html>Sign in first</html>", "text/html")
    body = {"to": RECIPIENT, "media": [{"url": site.url()}], "preflight": True}

    refused = await hosting.client.post("/v1/messages", json=body)
    simple = await hosting.client.post(
        "/send-mms", json={"recipient": RECIPIENT, "imageUrl": site.url("/other.jpg")}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "media_refused")
    assert refused.json()["errors"][0]["code"] == "not_an_image"
    assert simple.status_code == 400
    assert simple.json()["error"].startswith("imageUrl: ")


async def test_with_preflight_the_answer_shows_what_will_be_sent(hosting, site):
    """An application can show the picture as the phone will."""
    body = {"to": RECIPIENT, "media": [{"url": site.url()}], "preflight": True}

    accepted = await hosting.client.post("/v1/messages", json=body)

    assert accepted.status_code == 202
    assert accepted.json()["state"] != "preparing"
    assert accepted.json()["media"][0]["fitting"]["sent"]["media_type"] == "image/jpeg"
