"""A folder for files under way: nothing in it outlives its process."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

PREFIX = "wirephoto-media-"
MADE_MAX = 5
"""How often a folder is made anew that another process swept away before it was locked."""


class Scratch:
    """Gives paths for files of a fetch, an upload or a fitting.

    The folder is made on first use, in the system's folder for temporary files, and is locked:
    whoever makes one sweeps away those whose process was killed. What clears that system folder of
    old files goes by the same lock (systemd-tmpfiles).
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._folder: Path | None = None
        self._lock: int | None = None

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
        if self._folder and self._lock is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._folder = self._lock = None

    def _made(self) -> Path:
        if self._folder is None or not self._folder.is_dir():
            self.close()
            self._sweep()
            self._folder, self._lock = self._make()
        return self._folder

    def _make(self) -> tuple[Path, int]:
        for _ in range(MADE_MAX):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
            # Another process may sweep it away as long as it is not locked.
            with contextlib.suppress(FileNotFoundError):
                lock = _locked(folder)
                if folder.is_dir():
                    return folder, lock
                os.close(lock)
        raise OSError(f"no folder stays in {self._parent}")

    def _sweep(self) -> None:
        for folder in self._parent.glob(f"{PREFIX}*"):
            # Another user's folder, or that of a living process, is not ours to delete.
            with contextlib.suppress(OSError):
                lock = _locked(folder, fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path, flags: int = 0) -> int:
    """Return a descriptor that holds the lock on a folder until it is closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
