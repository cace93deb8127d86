"""What every place for bytes must do: a folder, and three clouds over HTTP."""

import asyncio
import hashlib
from contextlib import aclosing
from datetime import timedelta

import pytest

from tests.cloud_server import ADDRESSES, open_cloud
from tests.factories import NOW
from wirephoto.errors import MediaMissing, StoreUnavailable
from wirephoto.media.place import PIECE_BYTES
from wirephoto.media.store import DELETE_KEYS_MAX, MediaStore, open_store

TENANT = "tnt_default"
LARGE = bytes(range(251)) * 6000  # more than one request fetches, and no multiple of a piece
SMALL = b"a picture"


def key_of(body: bytes) -> str:
    return f"{TENANT}/fil_1.{hashlib.sha256(body).hexdigest()}"


@pytest.fixture(params=["folder", *ADDRESSES])
async def location(request, tmp_path, monkeypatch):
    """Give the address of each kind of place."""
    if request.param == "folder":
        yield str(tmp_path / "data" / "media")
        return
    async with open_cloud(request.param, monkeypatch):
        yield ADDRESSES[request.param]


@pytest.fixture
def store(location):
    """Give a store in each kind of place."""
    return open_store(location)


async def read(store: MediaStore, body: bytes, *span: int) -> list[bytes]:
    async with aclosing(store.read(key_of(body), *span)) as pieces:
        return [piece async for piece in pieces]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_what_is_kept_comes_back_as_it_was(store, tmp_path, body):
    """From a file or from memory, however large."""
    source = tmp_path / "source"
    source.write_bytes(body)

    await store.put(key_of(body), source)
    await store.put(key_of(body), body)

    pieces = await read(store, body)
    assert b"".join(pieces) == body
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (5, 5), (7, 300_000), (0, len(LARGE)), (655_359, 655_362), (1_500_000, len(LARGE))],
)
async def test_any_part_can_be_had(store, start, stop):
    """Fetchers resume where they were cut off; the seams between requests must not show."""
    await store.put(key_of(LARGE), LARGE)

    assert b"".join(await read(store, LARGE, start, stop)) == LARGE[start:stop]


async def test_bytes_that_end_too_early_are_missing(store):
    """A length was promised to somebody: what a damaged disk lacks must not pass for the whole."""
    await store.put(key_of(SMALL), SMALL)
    pieces = store.read(key_of(SMALL), 2, len(SMALL) + 1)

    assert await anext(pieces) == SMALL[2:]
    with pytest.raises(MediaMissing):
        await anext(pieces)


async def test_workers_get_a_file_of_their_own(store, tmp_path):
    """They run without the event loop, and may be killed."""
    await store.put(key_of(LARGE), LARGE)

    await store.copy_to(key_of(LARGE), tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == LARGE


async def test_bytes_that_are_not_there_are_missing(store, tmp_path):
    """That is known for certain, so waiting would not help; and no empty file looks like one."""
    await store.put(key_of(SMALL), SMALL)

    with pytest.raises(MediaMissing):
        await store.copy_to(key_of(LARGE), tmp_path / "copy")
    with pytest.raises(MediaMissing):
        await read(store, LARGE, 3, 10)

    assert not (tmp_path / "copy").exists()


async def test_bytes_that_are_not_the_right_ones_are_missing_too(store, tmp_path):
    """Else a damaged disk would be blamed on the customer's picture."""
    await store.put(key_of(SMALL), LARGE)

    with pytest.raises(MediaMissing):
        await store.copy_to(key_of(SMALL), tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


async def test_a_copy_that_finds_no_room_leaves_nothing(store, tmp_path):
    """The disk of the workers is full as easily as any other."""
    await store.put(key_of(SMALL), SMALL)

    with pytest.raises(StoreUnavailable, match="No such file"):
        await store.copy_to(key_of(SMALL), tmp_path / "nowhere" / "copy")


async def test_deleting_forgets_what_is_there_and_minds_nothing_else(store):
    """A deletion that broke off is done again, from the beginning."""
    await store.put(key_of(SMALL), SMALL)
    await store.put(key_of(LARGE), LARGE)

    await store.delete([key_of(b"never kept"), key_of(SMALL)])
    await store.delete([key_of(SMALL)])
    await store.delete([])

    with pytest.raises(MediaMissing):
        await read(store, SMALL)
    assert b"".join(await read(store, LARGE)) == LARGE


async def test_a_full_load_of_keys_is_deleted_at_once(store):
    """A page of expired pictures is one call."""
    bodies = [str(number).encode() for number in range(DELETE_KEYS_MAX)]
    for body in bodies[::25]:
        await store.put(key_of(body), body)

    await store.delete([key_of(body) for body in bodies])

    with pytest.raises(MediaMissing):
        await read(store, bodies[0])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        f"../{'0' * 64}",
        f"a/../{'0' * 64}",
        f"/{'0' * 64}",
        f"a/{'0' * 63}/",
        f"a/{'A' * 64}",
        f"a/{'0' * 64}\n",
        f"a/b/{'0' * 64}",
        f".incoming/{'0' * 64}",
    ],
)
async def test_no_key_leads_out_of_the_store(store, tmp_path, key):
    """Keys are made here, but a path made of the wrong one would reach anything."""
    for call in (
        store.put(key, b"x"),
        store.copy_to(key, tmp_path / "copy"),
        anext(store.read(key)),
        store.delete([key]),
    ):
        with pytest.raises(ValueError, match="not a key"):
            await call


async def test_a_store_that_works_proves_it_and_keeps_nothing(store, tmp_path):
    """A wrong bucket should stop the start, not the first picture."""
    await store.check()

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_mark_is_found_by_whoever_uses_the_same_store(store, location):
    """Two machines with a folder of the same name do not share it: each must see the other's."""
    other = open_store(location)

    await store.write_mark("started-by-a")

    assert await other.read_mark("started-by-a")
    assert not await other.read_mark("started-by-b")


async def test_nothing_is_half_written_to_begin_with(store):
    """The sweep of a new store finds nothing to do, wherever it is."""
    assert await store.sweep(NOW) == 0


async def test_many_keep_and_read_the_same_at_once(store):
    """A thousand messages with one picture prepare it together."""
    await asyncio.gather(*[store.put(key_of(LARGE), LARGE) for _ in range(20)])

    read_back = await asyncio.gather(*[read(store, LARGE) for _ in range(20)])

    assert {b"".join(pieces) for pieces in read_back} == {LARGE}


class Stuck:
    """A place that never answers."""

    async def write(self, key, source):
        await asyncio.Event().wait()

    async def read(self, key, start, stop):
        await asyncio.Event().wait()
        yield b""

    async def delete(self, keys):
        await asyncio.Event().wait()

    async def sweep(self, before):
        await asyncio.Event().wait()


async def test_every_call_has_an_end():
    """A file server that hangs must not take every request with it."""
    store = MediaStore(Stuck(), read_s=0.01, write_s=0.01)

    for call in (
        store.put(key_of(SMALL), SMALL),
        anext(store.read(key_of(SMALL))),
        store.delete([key_of(SMALL)]),
        store.sweep(NOW + timedelta(days=1)),
        store.check(),
    ):
        with pytest.raises(StoreUnavailable, match="in time"):
            await call


@pytest.mark.parametrize("location", ["az://container/prefix", "gs://b", "s3://"])
def test_an_address_that_cannot_be_opened_is_refused(location, monkeypatch):
    """With a sentence of ours: the library's names what it was given."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "GOOGLE_SERVICE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "canary-nowhere.json")

    with pytest.raises(StoreUnavailable) as refused:
        open_store(location)

    assert "environment variables" in str(refused.value)
    assert "canary" not in str(refused.value)
