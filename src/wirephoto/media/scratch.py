"""A folder for files under way: nothing in it outlives its process."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from uuid import uuid4

PREFIX = "wirephoto-media-"
_LOCK = "lock"


class Scratch:
    """Gives paths for files of a fetch, an upload or a fitting.

    The folder is made on first use, in the system's folder for temporary files, and holds a lock:
    whoever makes one sweeps away those whose process was killed.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._folder: Path | None = None
        self._lock: TextIO | None = None

    @contextlib.contextmanager
    def path(self) -> Iterator[Path]:
        """Give a path that nobody else has; what is there when the block ends is deleted."""
        path = self._made() / uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete the folder with all that is in it."""
        if self._folder and self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._lock.close()
            self._folder = self._lock = None

    def _made(self) -> Path:
        if self._folder is None:
            self._sweep()
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
            self._lock = (self._folder / _LOCK).open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._folder

    def _sweep(self) -> None:
        for folder in self._parent.glob(f"{PREFIX}*"):
            # Another user's folder, or one that is made at this moment, is not ours to judge.
            with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
