"""Uploads, what was made of them, and the files that phones fetch."""

from datetime import timedelta

import pytest

from tests.api.application import add_sender, client_of, make_app
from tests.factories import NOW, make_attempt, make_message, send_request
from tests.library import FakeFitter, make_media
from wirephoto.api.media import UPLOAD_BYTES_MAX
from wirephoto.domain.media import Fitting, Form, Media, MediaKind, Prepared, Target
from wirephoto.domain.message import MessageState
from wirephoto.storage.hosting import (
    HostedName,
    insert_names,
)
from wirephoto.storage.media import (
    get_original,
)
from wirephoto.storage.messages import insert_attempts, insert_messages
from wirephoto.storage.schema import DEFAULT_TENANT

JPEG = b"\xff\xd8\xff" + bytes(300)


@pytest.fixture
def media(database, clock, tmp_path):
    made = make_media(database, clock, tmp_path, fitter=FakeFitter())
    yield made
    left = [path.name for folder in tmp_path.glob("wirephoto-*") for path in folder.iterdir()]
    made.scratch.close()
    assert left == []


@pytest.fixture
async def hosting(database, clock, media):
    """Give a client of a gateway that hosts files."""
    await add_sender(database, clock)
    async with client_of(make_app(database, clock, media=media, media_is_prepared=True)) as client:
        yield client


async def upload(client, body=JPEG, content_type="image/jpeg"):
    return await client.post("/v1/media", content=body, headers={"Content-Type": content_type})


async def hosted(database, media, clock, body=JPEG, *, expires_at=NOW + timedelta(days=999)):
    """Store a message with an attempt and a hosted file; return the message and the name."""
    with media.scratch.path() as path:
        path.write_bytes(body)
        original = await media.library.upload(DEFAULT_TENANT, path, None)
    message = make_message(state=MessageState.SUBMITTED, attempts=1)
    name = HostedName(
        "1234567890abcdefghjkmnpqrs.jpg",
        DEFAULT_TENANT,
        message.id,
        1,
        0,
        original.file_id,
        "image/jpeg",
        expires_at,
    )
    async with database.transaction() as tx:
        await insert_messages(tx, [message])
        await insert_attempts(tx, [make_attempt(message)])
        await insert_names(tx, [name])
    return message, name.name


async def test_an_upload_is_kept_and_shown(hosting, database):
    """What it is shows in its bytes, whatever its sender calls it."""
    answer = await upload(hosting, content_type="image/png")

    assert answer.status_code == 201
    made = answer.json()
    assert (made["kind"], made["media_type"]) == ("image", "image/jpeg")
    assert (made["size_bytes"], made["available"], made["url"]) == (303, True, None)
    assert (await hosting.get(f"/v1/media/{made['id']}")).json() == made
    async with database.read() as tx:
        assert (await get_original(tx, DEFAULT_TENANT, made["id"])).file_id is not None


async def test_a_form_with_a_file_is_an_upload_too(hosting):
    """Browsers have no other way; the other fields are passed over, and so is a second file."""
    files = [
        ("note", (None, b"what it is")),
        ("file", ("cat.ics", b"BEGIN:VCALENDAR", "text/calendar")),
        ("file", ("dog.jpg", JPEG, "image/jpeg")),
    ]

    made = await hosting.post("/v1/media", files=files)

    assert made.status_code == 201
    assert (made.json()["media_type"], made.json()["size_bytes"]) == ("text/calendar", 15)


FORM = "multipart/form-data; boundary=xyz"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", b""),
        (FORM, b""),
        ("multipart/form-data", JPEG),
        (FORM, b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--xyz--\r\n'),
        (FORM, b'--xyz\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nhalf'),
        (FORM, b"no form at all"),
    ],
)
async def test_what_holds_no_file_is_refused(hosting, content_type, body):
    """With the field's name, and nothing is kept."""
    refused = await upload(hosting, body, content_type)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "file"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_file_that_is_too_large_is_refused(hosting, streamed):
    """By what it says of itself, or once it has come so far."""
    body = bytes(UPLOAD_BYTES_MAX + 1)

    async def pieces():
        for at in range(0, len(body), 1_000_000):
            yield body[at : at + 1_000_000]

    refused = await upload(hosting, pieces() if streamed else body)

    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_without_a_public_address_nothing_can_be_uploaded(client):
    """It could never be fetched: better said now than when the message is due."""
    refused = await upload(client)
    message = await client.post("/v1/messages", json=send_request(media=[{"upload": "med_1"}]))

    assert (refused.status_code, refused.json()["code"]) == (409, "not_hosted")
    assert message.json()["errors"][0]["code"] == "not_hosted"


@pytest.mark.parametrize(
    ("part", "field", "code"),
    [
        ({"upload": "med_none"}, "media[0].upload", "unknown_upload"),
        ({"upload": "med_1", "url": "https://example.com/a.jpg"}, "media[0].upload", "conflict"),
        ({}, "media[0].url", "required"),
    ],
)
async def test_an_attachment_is_an_address_or_an_upload(hosting, part, field, code):
    """One of the two, and one that is there."""
    refused = await hosting.post("/v1/messages", json=send_request(media=[part]))

    fault = refused.json()["errors"][0]
    assert (refused.status_code, fault["field"], fault["code"]) == (422, field, code)


async def test_a_message_takes_its_kind_from_the_upload(hosting):
    """Who uploads a contact need not say so twice."""
    made = (await upload(hosting, b"BEGIN:VCARD\r\nEND:VCARD\r\n")).json()

    sent = await hosting.post("/v1/messages", json=send_request(media=[{"upload": made["id"]}]))

    (part,) = sent.json()["media"]
    assert (part["kind"], part["upload"], part["url"]) == ("vcard", made["id"], None)
    assert sent.json()["state"] == "preparing"


async def test_what_was_made_of_a_file_is_shown(hosting, media, database):
    """And why nothing could be made of it for another target."""
    made = (await upload(hosting)).json()
    async with database.read() as tx:
        original = await get_original(tx, DEFAULT_TENANT, made["id"])
    await media.library.prepared(original, Target(MediaKind.IMAGE, 100))

    (shown,) = (await hosting.get(f"/v1/media/{made['id']}")).json()["renditions"]

    assert shown["target"] == "image-100-ffffff-moving"
    assert shown["fitting"]["sent"]["size_bytes"] == 100
    assert shown["fitting"]["steps"] == ["cut off"]
    assert (shown["reason"], shown["detail"]) == (None, None)


@pytest.mark.parametrize("media_id", ["med_none", "x" * 100, "%00"])
async def test_media_that_is_not_there_is_not_found(hosting, media_id):
    """As for everything else."""
    assert (await hosting.get(f"/v1/media/{media_id}")).status_code == 404


async def test_a_phone_fetches_its_picture(hosting, media, database, clock):
    """Without a key; and each fetch is evidence, shown with its attempt."""
    message, name = await hosted(database, media, clock)

    async with client_of_nobody(hosting) as phone:
        head = await phone.head(f"/media/{name}")
        got = await phone.get(f"/media/{name}", headers={"User-Agent": "carrier/1"})

    assert (got.status_code, got.content) == (200, JPEG)
    assert got.headers["content-type"] == head.headers["content-type"] == "image/jpeg"
    assert got.headers["content-length"] == head.headers["content-length"] == str(len(JPEG))
    assert got.headers["x-content-type-options"] == "nosniff"
    timeline = (await hosting.get(f"/v1/messages/{message.id}/events")).json()
    fetches = timeline["attempts"][0]["fetches"]
    assert [(each["method"], each["attachment"]) for each in fetches] == [("HEAD", 0), ("GET", 0)]
    assert fetches[1]["user_agent"] == "carrier/1"


def client_of_nobody(client):
    """Return a client of the same gateway without a key."""
    return client_of(client._transport.app, key=None)


@pytest.mark.parametrize("name", ["none.jpg", "x" * 500, "%00.jpg"])
async def test_a_name_that_is_not_served_is_not_found(hosting, name):
    """Whoever guesses learns nothing."""
    assert (await hosting.get(f"/media/{name}")).status_code == 404


async def test_a_name_whose_time_is_over_is_not_found(hosting, media, database, clock):
    """Even where nobody has swept it yet."""
    _, name = await hosted(database, media, clock, expires_at=NOW)

    assert (await hosting.get(f"/media/{name}")).status_code == 404


async def test_media_of_a_message_is_shown_with_what_was_made_of_it(hosting, database):
    """Type, size, dimensions, steps, warnings, time: as the pipeline told them."""
    original, sent = Form("image/png", 9000, 40, 30, 1), Form("image/jpeg", 800, 20, 15, 1)
    fitting = Fitting(original, sent, ("resized",), ("It is small.",), 12)
    prepared = Prepared("med_1", "fil_1", fitting)
    message = make_message(media=(Media(url="https://x.example/a.png", prepared=prepared),))
    async with database.transaction() as tx:
        await insert_messages(tx, [message])

    (part,) = (await hosting.get(f"/v1/messages/{message.id}")).json()["media"]

    assert part["media_id"] == "med_1"
    assert part["fitting"] == {
        "original": shown_form("image/png", 9000, 40, 30),
        "sent": shown_form("image/jpeg", 800, 20, 15),
        "steps": ["resized"],
        "warnings": ["It is small."],
        "took_ms": 12,
    }


def shown_form(media_type, size_bytes, width, height):
    return {
        "media_type": media_type,
        "size_bytes": size_bytes,
        "width": width,
        "height": height,
        "frames": 1,
        "duration_s": None,
    }
