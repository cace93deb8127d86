"""Schema migrations: applied at start, under a lock, one history for both databases."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from wirephoto.errors import SchemaMismatch
from wirephoto.storage.availability import unavailable_is_typed
from wirephoto.storage.database import Database

CODE_REVISION = 11
"""This code's revision: counts up with each release whose code needs a newer schema.

A migration that older code cannot live with raises `schema_version.code_revision_min`; a process
whose revision is below that refuses to run, so that old and new processes can share a database
during an upgrade, and only as long as both understand it.
"""
_LOCK = 0x77697265
"""PostgreSQL's advisory lock for migrations ("wire" in ASCII)."""


async def upgrade(database: Database) -> str:
    """Bring the schema up to this code's head; return the revision that the database then has.

    Processes that start together wait for each other. A schema from newer code is left as it is.

    Raises:
        SchemaMismatch: this code is too old for the database's schema.
        StorageUnavailable: the database cannot be reached.
    """
    with unavailable_is_typed():
        async with database.writer.begin() as connection:
            if database.is_postgres:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            return await connection.run_sync(_upgrade)


async def check(database: Database) -> None:
    """Raise unless the schema is there and this code may use it.

    Raises:
        SchemaMismatch: the schema is missing, or this code is too old for it.
    """
    async with database.read() as tx:
        await tx.connection.run_sync(_refuse_if_too_old)


def _upgrade(connection: Connection) -> str:
    config = Config()
    folder = str(resources.files(__name__))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    stored = _stored_revision(connection)
    if stored is None or stored in known:
        command.upgrade(config, "head")
    _refuse_if_too_old(connection)
    return _stored_revision(connection) or ""


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_if_too_old(connection: Connection) -> None:
    if not inspect(connection).has_table("schema_version"):
        raise SchemaMismatch("the database has no schema yet: run `wirephoto db upgrade`")
    needed = connection.execute(text("SELECT code_revision_min FROM schema_version")).scalar_one()
    if needed > CODE_REVISION:
        raise SchemaMismatch(
            f"the database's schema needs code revision {needed} or newer, this is "
            f"{CODE_REVISION}: upgrade wirephoto"
        )
