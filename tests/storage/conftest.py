"""What is only true of one of the two databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wirephoto.storage.database import Database, open_database
from wirephoto.storage.migrations import upgrade


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    """Give a PostgreSQL database with the current schema."""
    database = open_database(postgres_url)
    await upgrade(database)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a SQLite database with the current schema."""
    database = open_database(f"sqlite:///{tmp_path}/only.db")
    await upgrade(database)
    yield database
    await database.close()
