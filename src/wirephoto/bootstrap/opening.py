"""Open the database as a process, or a command beside it, uses it."""

from pydantic import SecretStr

from wirephoto.storage.database import Database, open_database
from wirephoto.storage.installation import load_hash_key
from wirephoto.storage.migrations import upgrade


async def hash_key(database: Database) -> str:
    """Return the installation's own key, for hashes of numbers and for stored secrets."""
    async with database.read() as tx:
        return await load_hash_key(tx)


async def open_current(database_url: SecretStr) -> Database:
    """Return the database with its schema up to date, for a command beside the gateway."""
    database = open_database(database_url.get_secret_value())
    await upgrade(database)
    return database
