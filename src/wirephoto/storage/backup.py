"""A copy of the database as it was at one instant, made while the gateway goes on.

These functions block for as long as the copy takes: they are for a process of their own.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import URL, make_url

from wirephoto.errors import BackupFailed, BackupRefused
from wirephoto.storage.database import BUSY_MS

STEP_PAGES = 4096
"""Pages that are copied between two looks at the progress: 16 MB."""
MODE = 0o600
"""The copy holds numbers and captions: it is for whoever made it."""
_SIDE_FILES = ("-wal", "-shm", "-journal")
_LIBPQ = {"host": "host", "port": "port", "ssl": "sslmode", "passfile": "passfile"}
"""Parameters of an address, and what PostgreSQL's own programs call them."""

Tell = Callable[[str], None]
"""Hears what is being done now, in a few words."""


def back_up(url: str, file: Path, *, force: bool, tell: Tell) -> None:
    """Write a copy of the database at `url` to `file`; it is there whole, or not at all.

    Raises:
        BackupRefused: `file` exists and `force` is not given, or no backup can be there.
        BackupFailed: there is no database, no room, or no program that makes the copy.
    """
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    source = Path(parsed.database or "")
    _refuse(file, force=force, source=source if is_sqlite else None)
    if is_sqlite and not source.is_file():
        raise BackupFailed(f"there is no database at {source}")
    with _written_aside(file, force=force) as target:
        if is_sqlite:
            _copy(source, target, tell)
        else:
            _dump(parsed, target, tell)


def _refuse(file: Path, *, force: bool, source: Path | None) -> None:
    if not file.parent.is_dir():
        raise BackupRefused(f"there is no folder {file.parent}")
    if not file.exists():
        return
    if not file.is_file():
        raise BackupRefused(f"{file} is not a file")
    own = [Path(f"{source}{suffix}") for suffix in ("", ".lock", *_SIDE_FILES)] if source else []
    if any(each.exists() and file.samefile(each) for each in own):
        raise BackupRefused(f"{file} belongs to the database itself")
    if not force:
        raise BackupRefused(f"{file} exists; --force replaces it")


@contextlib.contextmanager
def _written_aside(file: Path, *, force: bool) -> Iterator[Path]:
    """Give a file beside `file` that takes its name once it is written and on the disk.

    Raises:
        BackupFailed: the folder cannot be written, or the disk is full.
        BackupRefused: somebody made a file of that name meanwhile.
    """
    try:
        # The file is its owner's alone from the beginning.
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise _unwritable(file, error) from error
    os.close(descriptor)
    target = Path(name)
    try:
        yield target
        target.chmod(MODE)
        _flush(target)
        if file.exists() and not force:
            raise BackupRefused(f"{file} exists; --force replaces it")
        target.replace(file)
        _flush(file.parent)
    except OSError as error:
        raise _unwritable(file, error) from error
    finally:
        for suffix in ("", *_SIDE_FILES):
            Path(f"{target}{suffix}").unlink(missing_ok=True)


def _unwritable(file: Path, error: OSError) -> BackupFailed:
    return BackupFailed(f"{file} cannot be written: {error.strerror or error}")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, tell: Tell) -> None:
    """Copy a SQLite file page by page, as it is now, and check every page of the copy."""
    # Not `ro`: that would leave the files beside it behind, which the last to close clears away.
    address = f"{source.resolve().as_uri()}?mode=rw"

    def progress(_status: int, left: int, pages: int) -> None:
        tell(f"copied {100 * (pages - left) // max(1, pages)} %")

    try:
        with (
            contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_MS / 1000)) as own,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            own.isolation_level = None
            # One read over all steps: else each write of the gateway would start the copy anew.
            own.execute("BEGIN")
            own.execute("SELECT count(*) FROM sqlite_master").fetchone()
            # Until it has its name nobody needs the copy, and then it is flushed as a whole.
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
            own.backup(copy, pages=STEP_PAGES, progress=progress)
            # One file is all there is to keep; the gateway turns to WAL again by itself.
            copy.execute("PRAGMA journal_mode=DELETE")
            tell("checking the copy")
            faults = [fault for (fault,) in copy.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        raise BackupFailed(f"the copy cannot be made: {error}") from error
    if faults != ["ok"]:
        raise BackupFailed(f"the database is damaged ({faults[0]}): see `wirephoto db check`")


def _dump(url: URL, target: Path, tell: Tell) -> None:
    """Let PostgreSQL's own program write its archive, from one snapshot."""
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed(
            "pg_dump is not on the PATH; where PostgreSQL's programs are, run: "
            f"pg_dump --format=custom --file=FILE '{_shown(url)}'"
        )
    tell("pg_dump copies the database")
    # What is in the environment, unlike an argument, is not in everybody's list of processes.
    ran = subprocess.run(  # noqa: S603 - the arguments are ours
        [program, "--format=custom", "--no-password", f"--file={target}"],
        env=os.environ | _environment(url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise BackupFailed(f"pg_dump failed: {' '.join(ran.stderr.split())}")


def _libpq(url: URL) -> dict[str, str]:
    return {_LIBPQ[name]: str(value) for name, value in url.query.items() if name in _LIBPQ}


def _shown(url: URL) -> str:
    """Return the address without its password, as PostgreSQL's programs read it."""
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, _libpq(url)
    ).render_as_string(hide_password=False)


def _environment(url: URL) -> dict[str, str]:
    """Return the variables that lead PostgreSQL's programs to the database."""
    given = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    } | {f"PG{name.upper()}": value for name, value in _libpq(url).items()}
    return {name: str(value) for name, value in given.items() if value is not None}
