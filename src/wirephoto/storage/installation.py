"""What belongs to the installation, not to a tenant."""

from sqlalchemy import select

from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import schema_version
from wirephoto.storage.tenancy import across_tenants


@across_tenants("one key for the whole installation")
async def load_hash_key(tx: Transaction) -> str:
    """Return the key under which numbers are hashed where the settings give none."""
    key: str = (await tx.execute(select(schema_version.c.hash_key))).scalar_one()
    return key
