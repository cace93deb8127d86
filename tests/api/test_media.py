"""What was made of a file can be looked up, and what is hosted is given out and noted."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.api.application import client_of, exchange
from tests.api.conftest import with_services
from tests.api.media_gateway import (
    PICTURE_BYTES,
    upload,
)
from tests.engine.stage import FailingCommits
from tests.factories import NOW, make_attempt
from wirephoto.api.media import NAME_CHARS_MAX, USER_AGENT_CHARS_MAX
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.media import Fitting, Form, Media, MediaKind, Prepared, Target
from wirephoto.domain.message import MessageState
from wirephoto.errors import MediaRefused
from wirephoto.storage.hosting import HostedName, insert_names, record_fetches
from wirephoto.storage.media import get_original
from wirephoto.storage.messages import insert_attempts
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import media_names

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAME = "0123456789abcdefghjkmnpqrs.jpg"
NARROW = Target(MediaKind.IMAGE, 50)


async def original_of(hosting, media_id):
    async with hosting.database.read() as tx:
        return await get_original(tx, DEFAULT_TENANT, media_id)


async def hosted(media_client, hosting, **changes):
    """Host an upload as the first attachment of the second attempt; return its message."""
    original = await original_of(hosting, await upload(media_client))
    message = await hosting.stored_message(state=MessageState.SUBMITTED, attempts=2)
    fields = {
        "name": NAME,
        "tenant_id": DEFAULT_TENANT,
        "message_id": message.id,
        "attempt": 2,
        "position": 0,
        "file_id": original.file_id,
        "media_type": "image/jpeg",
        "expires_at": NOW + timedelta(hours=48),
    }
    async with hosting.database.transaction() as tx:
        await insert_attempts(tx, [make_attempt(message, number=number) for number in (1, 2)])
        await insert_names(tx, [HostedName(**fields | changes)])
    return message


async def fetches_of(media_client, message):
    timeline = (await media_client.get(f"/v1/messages/{message.id}/events")).json()
    return {attempt["number"]: attempt["fetches"] for attempt in timeline["attempts"]}


async def test_what_was_made_of_an_upload_is_shown(media_client, hosting):
    """Each target with its report: what it was, what it became, how, and what it cost."""
    media_id = await upload(media_client)
    original = await original_of(hosting, media_id)
    await hosting.media.library.prepared(original, NARROW)
    hosting.fitter.refusals = [MediaRefused("too_many_pixels", "Send a smaller one.")]
    with pytest.raises(MediaRefused):
        await hosting.media.library.prepared(original, Target(MediaKind.IMAGE, 40))

    found = (await media_client.get(f"/v1/media/{media_id}")).json()

    assert (found["id"], found["available"]) == (media_id, True)
    by_target = {made["target"]: made for made in found["renditions"]}
    made = by_target[NARROW.key]
    assert (made["fitting"]["original"]["size_bytes"], made["fitting"]["sent"]["size_bytes"]) == (
        len(PICTURE_BYTES),
        50,
    )
    assert (made["fitting"]["steps"], made["fitting"]["warnings"]) == (
        ["cut off"],
        ["It was cut off."],
    )
    refused = by_target[Target(MediaKind.IMAGE, 40).key]
    assert (refused["fitting"], refused["reason"]) == (None, "too_many_pixels")
    assert refused["detail"] == "Send a smaller one."


async def test_what_a_message_was_made_of_is_shown(media_client, hosting):
    """Type, size, dimensions, steps, warnings, time: as the pipeline told them."""
    original, sent = Form("image/png", 9000, 40, 30, 1), Form("image/jpeg", 800, 20, 15, 1)
    fitting = Fitting(original, sent, ("resized",), ("It is small.",), 12)
    prepared = Prepared("med_1", "fil_1", fitting)
    message = await hosting.stored_message(
        media=(Media(url="https://x.example/a.png", prepared=prepared),)
    )

    [attached] = (await media_client.get(f"/v1/messages/{message.id}")).json()["media"]

    assert attached["media_id"] == "med_1"
    assert attached["fitting"] == {
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


@on_sqlite
@pytest.mark.parametrize("media_id", ["med_unknown", "x", "med_%00", "a" * 500])
async def test_media_that_is_not_there(media_client, media_id):
    """A 404, whatever stands in the path."""
    answer = await media_client.get(f"/v1/media/{media_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_media_of_another_tenant_is_not_there(
    media_client,
    hosting,
    store_key,
    other_tenant,
):
    """Not even that it exists is told."""
    media_id = await upload(media_client)
    key = await store_key(Scope.READ, Scope.SEND, tenant_id=other_tenant)

    async with client_of(hosting.app, key=key) as theirs:
        answer = await theirs.get(f"/v1/media/{media_id}")

    assert answer.status_code == 404


async def test_a_hosted_file_is_given_out_and_noted(media_client, hosting):
    """The fetch is evidence that its attempt was accepted, and stands under that attempt."""
    message = await hosted(media_client, hosting)
    await hosting.clock.advance(7)

    async with client_of(hosting.app, key=None) as phone:
        answer = await phone.get(f"/media/{NAME}", headers={"User-Agent": "carrier/1"})

    assert (answer.status_code, answer.content) == (200, PICTURE_BYTES)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(PICTURE_BYTES))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert await fetches_of(media_client, message) == {
        1: [],
        2: [
            {
                "attachment": 0,
                "method": "GET",
                "user_agent": "carrier/1",
                "at": "2026-03-04T15:00:07Z",
            }
        ],
    }


async def test_head_tells_of_a_file_without_sending_it(media_client, hosting):
    """Providers ask first; that is noted as well."""
    message = await hosted(media_client, hosting)

    async with client_of(hosting.app, key=None) as phone:
        answer = await phone.head(f"/media/{NAME}")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(PICTURE_BYTES))
    [noted] = (await fetches_of(media_client, message))[2]
    assert noted["method"] == "HEAD"


@on_sqlite
async def test_a_user_agent_is_kept_as_far_as_it_can_be(media_client, hosting):
    """It is a stranger's text: bounded, and none at all where there is none."""
    message = await hosted(media_client, hosting)
    target = f"/media/{NAME}".encode()
    for agent in ([], [(b"user-agent", b"x" * 999)], [(b"user-agent", b"caf\xe9\x00")]):
        answer = await exchange(hosting.app, "GET", target, headers=agent)
        assert answer.status == 200

    agents = [fetch["user_agent"] for fetch in (await fetches_of(media_client, message))[2]]
    assert agents == [None, "x" * USER_AGENT_CHARS_MAX, "caf\xe9"]


@pytest.mark.parametrize(
    "target",
    [
        b"/media/unknown.jpg",
        b"/media/" + NAME.removesuffix(".jpg").encode(),
        b"/media/" + NAME.upper().encode(),
        b"/media/%00",
        b"/media/" + NAME.encode() + b"%00",
        b"/media/" + b"x" * (NAME_CHARS_MAX + 1),
        b"/media/" + b"x" * 5000,
        b"/media/..%2f..%2fetc%2fpasswd",
        b"/media/%ff",
    ],
    ids=lambda target: target[:30],
)
async def test_a_name_that_is_not_served_is_a_404(media_client, hosting, target):
    """Whatever it is, and no text of it reaches the store."""
    await hosted(media_client, hosting)

    answer = await exchange(hosting.app, "GET", target)

    assert (answer.status, answer.json()["code"]) == (404, "not_found")


async def test_a_name_whose_time_is_over_is_a_404(media_client, hosting):
    """To the second, whether it was swept by then or not."""
    message = await hosted(media_client, hosting, expires_at=NOW + timedelta(seconds=5))
    async with client_of(hosting.app, key=None) as phone:
        await hosting.clock.advance(4)
        assert (await phone.get(f"/media/{NAME}")).status_code == 200
        await hosting.clock.advance(1)

        assert (await phone.get(f"/media/{NAME}")).status_code == 404

    assert len((await fetches_of(media_client, message))[2]) == 1


@on_sqlite
async def test_a_phone_gets_its_picture_where_the_fetch_cannot_be_noted(
    media_client,
    hosting,
):
    """The note is for us; the picture is what the message was sent for."""
    message = await hosted(media_client, hosting)
    commits = FailingCommits(services_of(hosting.app).commits)
    commits.failing.add(record_fetches)
    with_services(hosting.app, commits=commits)

    async with client_of(hosting.app, key=None) as phone:
        answer = await phone.get(f"/media/{NAME}")

    assert (answer.status_code, answer.content) == (200, PICTURE_BYTES)
    assert commits.failed == 1
    assert (await fetches_of(media_client, message))[2] == []


@on_sqlite
async def test_other_methods_are_refused(media_client, hosting):
    """Nobody changes what phones see."""
    await hosted(media_client, hosting)
    for method in ("PUT", "POST", "DELETE"):
        assert (await media_client.request(method, f"/media/{NAME}")).status_code == 405

    async with hosting.database.read() as tx:
        assert (await tx.execute(select(media_names.c.fetches))).scalar_one() == 0
