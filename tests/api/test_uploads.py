"""Uploads come in as they are, or in a form; what is no file is refused and leaves nothing."""

import asyncio

import pytest
from litestar import Litestar, post

from tests.api.application import client_of, make_app
from tests.api.media_gateway import PICTURE_BYTES, TYPE
from wirephoto.api.media import UPLOAD_BYTES_MAX
from wirephoto.api.patience import TimedBodies
from wirephoto.api.problems import handle
from wirephoto.api.queries import AnyRequest
from wirephoto.api.uploads import FIELDS_MAX, receive_upload
from wirephoto.domain.api_key import Scope
from wirephoto.storage.schema_media import media

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def part(name, content, *, filename=None, media_type=None):
    head = f'Content-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename else ""
    head += f"\r\nContent-Type: {media_type}" if media_type else ""
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--b--\r\n"
FILE = part("file", PICTURE_BYTES, filename="cat.jpg", media_type="image/jpeg")


async def pieces(body, size=7):
    for start in range(0, len(body), size):
        yield body[start : start + size]


def fault_of(answer):
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    return fault["field"], fault["code"]


@pytest.mark.parametrize("way", ["raw", "raw in pieces", "form", "form in pieces"])
async def test_a_file_is_kept_as_it_came(media_client, hosting, way):
    """To the last byte, whichever way it came; what it is shows in its bytes, not in a header."""
    body = FILE + END if way.startswith("form") else PICTURE_BYTES
    headers = FORM if way.startswith("form") else {"Content-Type": "image/png"}

    answer = await media_client.post(
        "/v1/media", content=pieces(body) if "pieces" in way else body, headers=headers
    )

    assert answer.status_code == 201
    [path] = [path for path in (hosting.folder / "media").glob("*/*") if path.is_file()]
    assert path.read_bytes() == PICTURE_BYTES
    assert answer.json() == {
        "id": answer.json()["id"],
        "kind": "image",
        "media_type": "image/jpeg",
        "size_bytes": len(PICTURE_BYTES),
        "url": None,
        "available": True,
        "created_at": "2026-03-04T15:00:00Z",
        "used_at": "2026-03-04T15:00:00Z",
        "renditions": [],
    }
    assert (await media_client.get(f"/v1/media/{answer.json()['id']}")).json() == answer.json()


@on_sqlite
async def test_the_first_file_of_a_form_counts(media_client):
    """Browsers send the other fields of a form along; a second file is passed over."""
    body = (
        part("caption", b"A cat")
        + part("file", b"BEGIN:VCARD\r\n", filename="a.vcf", media_type="text/vcard")
        + FILE
        + END
    )

    answer = await media_client.post("/v1/media", content=body, headers=FORM)

    assert (answer.status_code, answer.json()["size_bytes"]) == (201, 13)


@pytest.mark.parametrize("claimed", ["a\x00b/c", "im\u00e4ge/x", "x" * 300, "none"])
async def test_a_type_that_is_none_is_not_kept(media_client, claimed):
    """What stands in a form's part is a stranger's text."""
    body = part("file", b"\x00\x01 unknown", filename="a", media_type=claimed) + END

    answer = await media_client.post("/v1/media", content=body, headers=FORM)

    assert answer.status_code == 201
    assert answer.json()["media_type"] == "application/octet-stream"


BROKEN = {
    "empty": (b"", TYPE, "required"),
    "without a type": (b"", {}, "required"),
    "empty form": (END, FORM, "required"),
    "no file": (part("caption", b"A cat") + END, FORM, "required"),
    "empty file": (part("file", b"", filename="a") + END, FORM, "required"),
    "cut off": (FILE, FORM, "malformed"),
    "cut off in the file": (FILE[:100], FORM, "malformed"),
    "not a form": (PICTURE_BYTES, FORM, "malformed"),
    "no boundary": (FILE + END, {"Content-Type": "multipart/form-data"}, "malformed"),
    "other boundary": (
        FILE + END,
        {"Content-Type": "multipart/form-data; boundary=c"},
        "malformed",
    ),
    "too many fields": (part("a", b"1") * (FIELDS_MAX + 1) + FILE + END, FORM, "malformed"),
    "endless head": (b"--b\r\nX: " + b"x" * 10_000, FORM, "malformed"),
}


@on_sqlite
@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_no_file_is_refused(media_client, hosting, case):
    """With the field and a remedy, and nothing is kept."""
    body, headers, code = BROKEN[case]

    answer = await media_client.post("/v1/media", content=body, headers=headers)

    assert fault_of(answer) == ("file", code)
    async with hosting.database.read() as tx:
        assert (await tx.execute(media.select())).all() == []


@on_sqlite
@pytest.mark.parametrize("way", ["announced", "not announced", "just above", "form"])
async def test_a_file_above_the_limit_is_refused(media_client, hosting, way):
    """Whether its length was announced or not; the disk holds a bounded part of it at most."""
    too_many = UPLOAD_BYTES_MAX + (1 if way in ("just above", "form") else 100_000)
    body = b"x" * too_many
    headers = TYPE
    if way == "form":
        body, headers = part("file", body, filename="a") + END, FORM

    answer = await media_client.post(
        "/v1/media",
        content=pieces(body, 1_000_000) if way == "not announced" else body,
        headers=headers,
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@on_sqlite
async def test_a_file_of_exactly_the_limit_is_taken(media_client):
    """The limit is the largest size that may come."""
    answer = await media_client.post("/v1/media", content=b"x" * UPLOAD_BYTES_MAX, headers=TYPE)

    assert (answer.status_code, answer.json()["size_bytes"]) == (201, UPLOAD_BYTES_MAX)


@pytest.mark.parametrize("headers", [TYPE, FORM], ids=["raw", "form"])
async def test_a_body_that_stops_coming_is_given_up(tmp_path, headers):
    """Who sends a byte and then nothing must not hold a file open for ever."""

    @post("/upload")
    async def taken(request: AnyRequest) -> None:
        await receive_upload(request, tmp_path / "file")

    async def stalls():
        yield FILE[:50]
        await asyncio.Event().wait()

    app = Litestar([taken], exception_handlers={Exception: handle}, openapi_config=None)
    async with asyncio.timeout(10), client_of(TimedBodies(app, piece_s=0.01)) as http:
        answer = await http.post("/upload", content=stalls(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


@on_sqlite
async def test_a_gateway_that_hosts_nothing_takes_nothing(database, clock):
    """The caller learns what its operator has to do."""
    async with client_of(make_app(database, clock)) as http:
        answer = await http.post("/v1/media", content=PICTURE_BYTES, headers=TYPE)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_hosted")
    assert "PUBLIC_URL" in answer.json()["detail"]


@on_sqlite
async def test_uploads_need_the_right_to_send(hosting, store_key):
    """Storage costs, and a key for reading must not fill it."""
    for key, status in ((None, 401), (await store_key(Scope.READ), 403)):
        async with client_of(hosting.app, key=key) as http:
            answer = await http.post("/v1/media", content=PICTURE_BYTES, headers=TYPE)
        assert answer.status_code == status


@on_sqlite
async def test_a_store_that_is_away_is_told(media_client, hosting):
    """503 says that it is worth another try."""
    (hosting.folder / "media").write_text("a file where the folder should be")

    answer = await media_client.post("/v1/media", content=PICTURE_BYTES, headers=TYPE)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
