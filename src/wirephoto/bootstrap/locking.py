"""The lock of a SQLite file: one gateway serves it."""

import fcntl
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr
from sqlalchemy import make_url

from wirephoto.errors import SettingsInvalid
from wirephoto.storage.availability import unavailable_is_typed


def lock_file(database_url: SecretStr) -> TextIO | None:
    """Hold the lock of a SQLite file: one gateway serves it.

    Raises:
        SettingsInvalid: another gateway serves it.
        StorageUnavailable: its folder cannot be written.
    """
    url = make_url(database_url.get_secret_value())
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(f"{Path(url.database or '').resolve()}.lock")
    with unavailable_is_typed():
        lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise SettingsInvalid(
            ["DATABASE_URL: another process serves this SQLite file; use PostgreSQL for several"]
        ) from error
    return lock
