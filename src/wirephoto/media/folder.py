"""Bytes kept in a folder of this machine, or of a server that it has mounted."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import ParamSpec, TypeVar

from wirephoto.media.place import PIECE_BYTES

P = ParamSpec("P")
T = TypeVar("T")

SWEEP_MAX = 1000
"""How many files one sweep looks at."""
THREADS = 8

_INCOMING = ".incoming"


class FolderPlace:
    """A folder with one folder for each tenant, which nobody but its owner may look into.

    What is being written has its own folder inside, so that what a crash left can be found without
    looking through everything; it is the same file system, so moving from there is atomic.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        self._safe: set[Path] = set()
        # Threads of its own: a file server that hangs would else take those that look up names.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="media-folder")

    async def write(self, key: str, source: Path | bytes) -> None:
        """Keep bytes: written beside, flushed to the disk, then moved to their name at once.

        Bytes that are there already are replaced by the same: that also mends a damaged disk.
        """
        await self._run(self._write, key, source)

    async def read(self, key: str, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop` in pieces."""
        # Unbuffered, and read by position: a read that outlives its deadline runs on in its thread,
        # and must not move another file that got the same descriptor.
        with closing(await self._run((self._root / key).open, "rb", 0)) as file:
            end = os.fstat(file.fileno()).st_size if stop is None else stop
            while start < end:
                count = min(end - start, PIECE_BYTES)
                piece = await self._run(os.pread, file.fileno(), count, start)
                if not piece:
                    return
                start += len(piece)
                yield piece

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget bytes, and flush that too: else a loss of power would bring them back for ever."""
        await self._run(self._delete, keys)

    async def sweep(self, before: datetime) -> int:
        """Delete files that nobody has finished writing; return how many."""
        return await self._run(self._sweep, before.timestamp())

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        bound = partial(call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, bound)

    def _write(self, key: str, source: Path | bytes) -> None:
        target = self._root / key
        for folder in (self._root, self._incoming, target.parent):
            self._make(folder)
        partial = self._incoming / token_hex(16)
        try:
            with (
                BytesIO(source) if isinstance(source, bytes) else source.open("rb") as content,
                open(partial, "xb", opener=_private) as file,
            ):
                shutil.copyfileobj(content, file, PIECE_BYTES)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _flush(target.parent)

    def _make(self, folder: Path) -> None:
        """Make a folder, and flush that it exists: once in the life of a process.

        Where it exists already, the process that made it may have died before it flushed.
        """
        if folder in self._safe and folder.is_dir():
            return
        folder.mkdir(mode=0o700, parents=folder is self._root, exist_ok=True)
        _flush(folder.parent)
        self._safe.add(folder)

    def _delete(self, keys: Sequence[str]) -> None:
        touched = set()
        for key in keys:
            try:
                (self._root / key).unlink()
            except FileNotFoundError:
                continue
            touched.add((self._root / key).parent)
        for folder in touched:
            _flush(folder)

    def _sweep(self, before: float) -> int:
        swept = 0
        if not self._incoming.is_dir():
            return swept
        with os.scandir(self._incoming) as entries:
            for entry in islice(entries, SWEEP_MAX):
                try:
                    if entry.stat().st_mtime < before:
                        Path(entry.path).unlink()
                        swept += 1
                except FileNotFoundError:
                    continue  # its writer finished it just now
        return swept


def _private(path: str, flags: int) -> int:
    """Open a file that nobody but its owner may read."""
    return os.open(path, flags, 0o600)


def _flush(folder: Path) -> None:
    """Flush which names a folder holds: a file whose name is lost is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
