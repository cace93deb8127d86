"""Bytes kept in a bucket of S3 or what speaks like it, of Google Cloud, or of Azure."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.store import ObjectStore, from_url

from wirephoto.media.place import PIECE_BYTES

if TYPE_CHECKING:
    from obstore.store import RetryConfig  # the library has its name for type checkers alone

REQUEST_BYTES = 655_360
"""What one request fetches: all that a message from most senders may hold (600,000 bytes)."""

# The library's own timeouts hold for each try: 5 s to connect, 30 s for the whole of it. They are
# not set here, because that would make it overlook variables such as `AWS_ALLOW_HTTP`.
_RETRY: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
}


def open_bucket(location: str) -> ObjectStore:
    """Return the bucket at an address; credentials come from the environment.

    Raises:
        BaseError: the address or the environment is no good.
    """
    return from_url(location, retry_config=_RETRY)


class BucketPlace:
    """A bucket, or a part of one. What it has confirmed is durable, and whole or not there."""

    def __init__(self, bucket: ObjectStore) -> None:
        self._bucket = bucket

    async def write(self, key: str, source: Path | bytes) -> None:
        """Keep bytes, in one request: one in parts that breaks off leaves parts that cost money."""
        await obstore.put_async(self._bucket, key, source, use_multipart=False)

    async def read(self, key: str, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop` in pieces.

        Each request fetches a part and is done: a connection that stays open for as long as a slow
        reader takes would run into the timeouts of both ends.
        """
        while stop is None or start < stop:
            end = start + REQUEST_BYTES if stop is None else min(start + REQUEST_BYTES, stop)
            answer = await obstore.get_async(self._bucket, key, options={"range": (start, end)})
            size = answer.meta["size"]
            part = memoryview(await answer.bytes_async())
            for at in range(0, len(part), PIECE_BYTES):
                yield bytes(part[at : at + PIECE_BYTES])
            if not len(part):
                return  # a server that promised bytes and sent none would be asked for ever
            start += len(part)
            stop = size if stop is None else min(stop, size)

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget bytes: all at once where that works, else one by one.

        Google Cloud and Azure fail, with part of the work done, where one of the keys is not there.
        """
        try:
            await obstore.delete_async(self._bucket, keys)
        except FileNotFoundError:
            for key in keys:
                await self._delete_one(key)

    async def sweep(self, before: datetime) -> int:  # noqa: ARG002 - nothing is ever half written
        """Return 0: a request that breaks off leaves nothing in a bucket."""
        return 0

    async def _delete_one(self, key: str) -> None:
        try:
            await obstore.delete_async(self._bucket, key)
        except FileNotFoundError:
            return
