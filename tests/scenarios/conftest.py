"""Credentials for all scenarios, and a world with defaults."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.world import World, running_world
from wirephoto.simulator.settings import Credentials, make_credentials


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    """Give credentials; making the key takes a while."""
    return make_credentials()


@pytest.fixture
async def world(credentials: Credentials, database_url: str) -> AsyncIterator[World]:
    """Give a gateway and its provider."""
    async with running_world(credentials, database_url) as world:
        yield world
