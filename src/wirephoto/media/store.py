"""Where the bytes of pictures are kept: a folder, or a bucket of S3, Google Cloud or Azure.

Keys are `<tenant>/<file>.<SHA-256>`, and what a key holds never changes: keeping the same again
does nothing. Nothing is shown of bytes that are not whole, and once `put` returns they survive a
loss of power.

The folder is written by our own lines: obstore's own (0.12) never flushes to disk (strace shows no
fsync in it), and its files are as open to others as the umask leaves them.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from wirephoto.errors import MediaMissing, StoreUnavailable
from wirephoto.media.bucket import BucketPlace, open_bucket
from wirephoto.media.folder import FolderPlace
from wirephoto.media.place import Place

READ_S = 10.0
"""How long one piece may take: who fetches a picture does not wait longer than that either."""
WRITE_S = 60.0
"""How long keeping, deleting and sweeping may take."""
DELETE_KEYS_MAX = 250
"""How many keys one `delete` takes: one request in S3 (1000) and in Azure (256)."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}/(?:[a-z0-9_]{1,40}\.)?[0-9a-f]{64}")
_MARKS = "marks"
_SCHEMES = ("s3://", "gs://", "az://")


class MediaStore:
    """Keeps bytes under their key in one place, within deadlines and with our own errors."""

    def __init__(self, place: Place, *, read_s: float = READ_S, write_s: float = WRITE_S) -> None:
        self._place = place
        self._read_s = read_s
        self._write_s = write_s

    async def put(self, key: str, source: Path | bytes) -> None:
        """Keep the bytes of a file, or bytes at hand; never none. Doing it again is fine.

        Raises:
            StoreUnavailable: nothing is known to be kept.
        """
        async with _within(self._write_s, "written"):
            await self._place.write(_checked(key), source)

    async def copy_to(self, key: str, target: Path) -> None:
        """Write the bytes to a file of this machine, once they have proven to be the right ones.

        Raises:
            MediaMissing: they are not there, or are damaged; no file is left.
            StoreUnavailable: nobody knows; no file is left.
        """
        whole = False
        try:
            whole = key.endswith(await self._copy(key, target))
        except OSError as error:
            raise StoreUnavailable("copied", _reason(error)) from error
        finally:
            if not whole:
                await asyncio.to_thread(target.unlink, missing_ok=True)
        if not whole:
            raise MediaMissing(key)

    async def read(
        self, key: str, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop` in pieces of at most `PIECE_BYTES`.

        Nothing is read ahead of who takes the pieces, and nothing is held open in a bucket.

        Raises:
            MediaMissing: they are not there, or end before `stop`.
            StoreUnavailable: nobody knows, or the place failed on the way.
        """
        at = start
        async with aclosing(self._place.read(_checked(key), start, stop)) as pieces:
            while True:
                async with _within(self._read_s, "read", key=key):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                at += len(piece)
                yield piece
        if stop is not None and at < stop:
            raise MediaMissing(key)

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the bytes of up to `DELETE_KEYS_MAX` keys; those that are not there are fine.

        Raises:
            StoreUnavailable: some may still be there.
        """
        assert len(keys) <= DELETE_KEYS_MAX, "one call deletes a bounded number"
        if keys:
            async with _within(self._write_s, "cleared"):
                await self._place.delete([_checked(key) for key in keys])

    async def sweep(self, before: datetime) -> int:
        """Delete what a crash left half written before an instant; return how many files that were.

        Bounded: a number that is not 0 may mean that there is more.

        Raises:
            StoreUnavailable: some may still be there.
        """
        async with _within(self._write_s, "swept"):
            return await self._place.sweep(before)

    async def check(self) -> None:
        """Prove that the store can be used: write a small file, read it back and delete it.

        Raises:
            StoreUnavailable: it cannot; the text says what failed.
        """
        name = token_hex(16)
        await self.write_mark(name)
        if not await self.read_mark(name):
            raise StoreUnavailable("read", "what was just written is not there")
        await self.delete([_mark(name)])

    async def write_mark(self, name: str) -> None:
        """Leave a mark that other processes can find, if it is the same store that they use."""
        await self.put(_mark(name), name.encode())

    async def read_mark(self, name: str) -> bool:
        """Tell whether some process left this mark here."""
        try:
            async with aclosing(self.read(_mark(name))) as pieces:
                return b"".join([piece async for piece in pieces]) == name.encode()
        except MediaMissing:
            return False

    async def _copy(self, key: str, target: Path) -> str:
        """Write the bytes to a file, and return their SHA-256."""
        digest = hashlib.sha256()
        with await asyncio.to_thread(target.open, "wb") as file:
            async with aclosing(self.read(key)) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                    digest.update(piece)
        return digest.hexdigest()


def open_store(location: str) -> MediaStore:
    """Return the store in a folder, or at `s3://`, `gs://` or `az://`. Nothing is touched yet.

    Credentials come from the usual environment variables of each cloud.

    Raises:
        StoreUnavailable: the address or those variables are no good.
    """
    if not location.startswith(_SCHEMES):
        return MediaStore(FolderPlace(Path(location)))
    try:
        return MediaStore(BucketPlace(open_bucket(location)))
    except (BaseError, ValueError) as error:
        reason = "check the address of the bucket, and the cloud's environment variables"
        raise StoreUnavailable("opened", reason) from error


def _mark(name: str) -> str:
    """Return the key of a mark; ids of tenants have another shape."""
    return f"{_MARKS}/{hashlib.sha256(name.encode()).hexdigest()}"


def _checked(key: str) -> str:
    """Return a key that cannot lead out of the store."""
    if not _KEY.fullmatch(key):
        raise ValueError("not a key of the media store")
    return key


@asynccontextmanager
async def _within(seconds: float, doing: str, *, key: str | None = None) -> AsyncIterator[None]:
    """Bound what runs inside, and give its failures our names; `key` is what may be missing."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except FileNotFoundError as error:
        if key is not None:
            raise MediaMissing(key) from error
        raise StoreUnavailable(doing, "there is no such folder or bucket") from error
    except (OSError, BaseError) as error:
        raise StoreUnavailable(doing, _reason(error)) from error


def _reason(error: OSError | BaseError) -> str:
    """Return why, in words of our own: a library's may hold addresses."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, UnauthenticatedError):
        return "it does not accept the credentials"
    if isinstance(error, PermissionDeniedError):
        return "these credentials may not do that"
    if isinstance(error, OSError):
        return error.strerror or "the disk failed"
    return "it does not answer, or refuses the request"
