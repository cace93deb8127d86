"""A folder of pictures: durable, private, and clean after a crash."""

import asyncio
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import NOW
from wirephoto.errors import StoreUnavailable
from wirephoto.media.folder import SWEEP_MAX, FolderPlace
from wirephoto.media.store import MediaStore, open_store

DIGEST = "0" * 64
KEY = f"tnt_default/{DIGEST}"
OLD = NOW - timedelta(hours=2)


@pytest.fixture
def root(tmp_path):
    """Give the folder of the store, which is not there yet."""
    return tmp_path / "data" / "media"


@pytest.fixture
def store(root):
    """Give the store."""
    return open_store(str(root))


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def leftover(root: Path, name: str, at=OLD) -> Path:
    path = root / ".incoming" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half of a pic")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


async def test_nobody_else_may_look_at_the_pictures(root, store):
    """They are people's photos; whatever the umask is."""
    before = os.umask(0)
    try:
        await store.put(KEY, b"picture")
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    assert modes == {"media": 0o700, ".incoming": 0o700, "tnt_default": 0o700, DIGEST: 0o600}


async def test_what_is_kept_survives_a_loss_of_power(root, store, monkeypatch):
    """The 201 that the customer got is a promise: file, then its name, then its folder's name."""
    flushed = []
    flush = os.fsync

    def watched(descriptor: int) -> None:
        [path] = [path for path in root.parent.rglob("*") if _same(path, descriptor)] or [
            root.parent
        ]
        flushed.append((path.relative_to(root.parent).parts[:2], (root / KEY).exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", watched)

    await store.put(KEY, b"picture")

    assert flushed == [
        ((), False),  # that the store's folder exists
        (("media",), False),  # that the folder of what is coming in exists
        (("media",), False),  # that the tenant's folder exists
        (("media", ".incoming"), False),  # the bytes, before they have their name
        (("media", "tnt_default"), True),  # their name
    ]


def _same(path: Path, descriptor: int) -> bool:
    return os.path.samestat(path.stat(), os.fstat(descriptor))


async def test_a_deletion_survives_a_loss_of_power_too(root, store, monkeypatch):
    """A picture that comes back belongs to nobody, so nobody would ever delete it."""
    await store.put(KEY, b"picture")
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append((root / KEY).exists()))

    await store.delete([KEY, f"tnt_default/{'1' * 64}"])

    assert flushed == [False]


async def test_a_full_disk_keeps_nothing_and_says_so(root, store, monkeypatch):
    """Half a picture under the name of a whole one would go out to a phone."""
    await store.put(KEY, b"picture")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StoreUnavailable, match="cannot be written: No space left"):
        await store.put(f"tnt_default/{'1' * 64}", b"another")

    assert files(root) == [f"tnt_default/{DIGEST}"]


async def test_a_place_that_is_no_folder_is_named_at_the_start(root, store):
    """A typing error in a path should not wait for the first picture."""
    root.parent.mkdir()
    root.write_bytes(b"a file")

    with pytest.raises(StoreUnavailable, match="cannot be written: File exists"):
        await store.check()


async def test_a_folder_that_was_emptied_by_hand_is_made_again(root, store):
    """A restart must not be the way out of a tidy operator's `rm -r`."""
    await store.put(KEY, b"picture")
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    await store.put(KEY, b"picture")

    assert files(root) == [f"tnt_default/{DIGEST}"]


async def test_who_reads_goes_on_while_the_name_disappears(store):
    """A fetch that began before a deletion gets the whole file."""
    body = bytes(600_000)
    await store.put(KEY, body)
    pieces = store.read(KEY)
    first = await anext(pieces)

    await store.put(KEY, body)
    await store.delete([KEY])

    assert first + b"".join([piece async for piece in pieces]) == body


async def test_a_disk_that_hangs_leaves_the_rest_of_the_process_alone(root, tmp_path):
    """Names of hosts are looked up in the threads that everybody shares: sending must go on."""
    os.mkfifo(tmp_path / "hangs")
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    store = MediaStore(FolderPlace(root), write_s=0.2)
    try:
        with pytest.raises(StoreUnavailable, match="in time"):
            await store.put(KEY, tmp_path / "hangs")

        assert await asyncio.wait_for(asyncio.to_thread(str.upper, "alive"), 10) == "ALIVE"
    finally:
        # Opened by a writer that says nothing, the source ends and the thread with it.
        os.close(os.open(tmp_path / "hangs", os.O_RDWR))


async def test_leftovers_of_a_crash_are_swept(root, store):
    """Each crash would leave up to 25 MB for ever; what is being written now stays."""
    await store.put(KEY, b"picture")
    leftover(root, "old")
    leftover(root, "young", NOW)

    swept = await store.sweep(NOW - timedelta(hours=1))

    assert swept == 1
    assert files(root) == [".incoming/young", f"tnt_default/{DIGEST}"]


async def test_a_sweep_is_bounded(root, store):
    """It runs beside everything else, on a disk that may be slow."""
    for number in range(SWEEP_MAX + 1):
        leftover(root, str(number))

    assert await store.sweep(NOW) == SWEEP_MAX
    assert await store.sweep(NOW) == 1
