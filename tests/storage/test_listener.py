"""The connection on which a process hears the others, and asks for the time."""

import pytest

from tests.engine.stage import eventually
from tests.storage.writing import end_sessions
from wirephoto.clock import SystemClock
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import LISTENER_LOST, open_database


async def test_the_listener_rings_when_it_is_lost_and_not_when_it_is_closed(postgres, postgres_url):
    """A stop must not look like a fault."""
    other = open_database(postgres_url)
    lost = other.bell(LISTENER_LOST)
    await other.listen()
    await other.close()
    assert not lost.is_set()

    await other.listen()
    assert await end_sessions(postgres, "LISTEN") == 1
    await eventually(lost.is_set)

    assert not other.is_listening
    with pytest.raises(StorageUnavailable):
        await other.time()
    await other.close()


async def test_the_time_is_the_servers(postgres):
    """What processes compare must come from one place; here it is on the same machine."""
    await postgres.listen()
    before = SystemClock().now()

    told = await postgres.time()

    assert before <= told <= SystemClock().now()


@pytest.mark.parametrize("option", ["ssl=disable", "ssl=prefer"])
async def test_the_options_of_the_address_hold_for_the_listener_too(postgres_url, option):
    """TLS is asked for in the address; a process that cannot listen then does not start."""
    database = open_database(postgres_url + ("&" if "?" in postgres_url else "?") + option)

    await database.listen()

    assert database.is_listening
    async with database.read() as tx:
        assert (await tx.connection.exec_driver_sql("SELECT 1")).scalar_one() == 1
    await database.close()
