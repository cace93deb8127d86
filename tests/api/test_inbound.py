"""What phones said can be looked up, and the files that they sent can be had."""

from datetime import timedelta

import pytest

from tests.api.application import client_of
from tests.api.conftest import OTHER_TENANT
from tests.api.media_gateway import PICTURE_BYTES
from tests.factories import NOW, RECIPIENT, SENDER
from tests.inbound import LEASE, make_inbound_message, store_inbound
from wirephoto.api.inbound import NOT_FETCHED
from wirephoto.domain.api_key import Scope
from wirephoto.errors import MediaRefused
from wirephoto.storage.inbound_files import claim_inbound_files, record_inbound_file
from wirephoto.storage.media import get_file
from wirephoto.storage.schema import DEFAULT_TENANT

A, B, C = (f"https://api-us.nexmo.com/v3/media/{name}" for name in "abc")
MESSAGE = make_inbound_message(1, A, B, C)
PATH = f"/v1/inbound/{MESSAGE.id}"
GONE = MediaRefused("too_large", "The file is larger than 25,000,000 bytes.")


@pytest.fixture
async def received(hosting):
    """Give a message of which one attachment is stored, one is gone, and one waits."""
    await store_inbound(hosting.database, MESSAGE)
    path = hosting.folder / "attachment"
    path.write_bytes(PICTURE_BYTES)
    kept = await hosting.media.library.keep(DEFAULT_TENANT, path, None)
    async with hosting.database.transaction() as tx:
        claimed = await claim_inbound_files(tx, now=NOW, lease_until=NOW + LEASE, limit=9)
        of = {each.file.position: each.file for each in claimed}
        stored = of[0].stored(
            kept.file_id, media_type=kept.media_type, size_bytes=kept.size_bytes, now=NOW
        )
        assert await record_inbound_file(tx, stored)
        assert await record_inbound_file(tx, of[1].failed(GONE, jitter=0, now=NOW))
    return kept


async def test_a_message_tells_what_became_of_its_attachments(received, media_client):
    """Whoever answers a phone must see what it sent, and why something is missing."""
    answer = await media_client.get(PATH)

    said = answer.json()
    assert answer.status_code == 200
    assert (said["id"], said["from"], said["to"]) == (MESSAGE.id, RECIPIENT, SENDER)
    assert [media["url"] for media in said["media"]] == [A, B, C]
    assert [media["state"] for media in said["media"]] == ["stored", "gone", "waiting"]
    stored, gone, _ = said["media"]
    assert (stored["media_type"], stored["size_bytes"]) == ("image/jpeg", len(PICTURE_BYTES))
    assert (gone["reason"], gone["detail"]) == ("too_large", str(GONE))
    [listed] = (await media_client.get("/v1/inbound")).json()["messages"]
    assert listed == said


async def test_a_file_is_given_as_it_came(received, media_client):
    """Safe to be shown in a browser, and kept by nobody but who asked."""
    answer = await media_client.get(f"{PATH}/media/0")

    assert (answer.status_code, answer.content) == (200, PICTURE_BYTES)
    headers = answer.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(PICTURE_BYTES))
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_part_or_the_head_of_a_file_can_be_asked_for(received, media_client):
    """Players ask for parts of films."""
    part = await media_client.get(f"{PATH}/media/0", headers={"Range": "bytes=1-3"})
    head = await media_client.head(f"{PATH}/media/0")

    assert (part.status_code, part.content) == (206, PICTURE_BYTES[1:4])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(PICTURE_BYTES))


@pytest.mark.parametrize(
    ("place", "detail"),
    [
        ("1", f"The attachment could not be fetched. {GONE}"),
        ("2", NOT_FETCHED),
        ("3", "There is no such attachment."),
        ("-1", "There is no such attachment."),
        ("\u0661", "There is no such attachment."),
        ("9" * 5000, "There is no such attachment."),
        ("a", "There is no such attachment."),
    ],
)
async def test_what_is_not_there_says_why(received, media_client, place, detail):
    """One is worth waiting for, another one is not; no cache may keep either."""
    answer = await media_client.get(f"{PATH}/media/{place}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"] == detail
    assert answer.headers["Cache-Control"] == "no-store"


async def test_bytes_that_the_store_lost_are_not_there(received, hosting, media_client):
    """A row is no proof of bytes."""
    async with hosting.database.read() as tx:
        file = await get_file(tx, DEFAULT_TENANT, received.file_id)
    await hosting.media.store.delete([file.store_key])

    answer = await media_client.get(f"{PATH}/media/0")

    assert (answer.status_code, answer.json()["detail"]) == (404, "The file is no longer there.")


@pytest.mark.parametrize("id_", ["inb_" + "0" * 26, "inb_1", "x", "%00"])
async def test_an_unknown_message_is_not_there(received, media_client, id_):
    """Whether it cannot be an id, or is one of nobody's messages."""
    for path in (f"/v1/inbound/{id_}", f"/v1/inbound/{id_}/media/0"):
        assert (await media_client.get(path)).status_code == 404


async def test_another_tenant_sees_nothing_of_it(received, hosting, store_key, other_tenant):
    """What people send is theirs and the customer's that they sent it to."""
    key = await store_key(Scope.READ, tenant_id=OTHER_TENANT)
    async with client_of(hosting.app, key=key) as stranger:
        answers = [await stranger.get(path) for path in (PATH, f"{PATH}/media/0")]
        everything = (await stranger.get("/v1/inbound")).json()
        talk = (await stranger.get(f"/v1/conversations/{RECIPIENT}")).json()

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (everything["messages"], talk["entries"]) == ([], [])


@pytest.mark.parametrize("path", [PATH, f"{PATH}/media/0", f"/v1/conversations/{RECIPIENT}"])
async def test_a_key_that_may_read_is_needed(received, hosting, store_key, path):
    """The names of files are no secrets here, as those of hosted ones are."""
    key = await store_key(Scope.SEND)
    async with (
        client_of(hosting.app, key=None) as nobody,
        client_of(hosting.app, key=key) as sender,
    ):
        assert (await nobody.get(path)).status_code == 401
        assert (await sender.get(path)).status_code == 403


async def test_a_conversation_shows_both_directions(received, hosting, media_client):
    """What was said before is what an answer is made of."""
    sent = await hosting.stored_message(created_at=NOW - timedelta(hours=1))

    answer = await media_client.get(f"/v1/conversations/{RECIPIENT}")

    talk = answer.json()
    assert answer.status_code == 200
    assert (talk["recipient"], talk["next_cursor"]) == (RECIPIENT, None)
    said = {entry["direction"]: entry for entry in talk["entries"]}
    assert said["out"]["message"] == (await media_client.get(f"/v1/messages/{sent.id}")).json()
    assert said["in"]["inbound"] == (await media_client.get(PATH)).json()
    assert (said["out"]["inbound"], said["in"]["message"]) == (None, None)
