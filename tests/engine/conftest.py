"""What the tests of the engine share."""

import pytest

from tests.engine.stage import Stage
from tests.virtual_clock import VirtualClock
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database


@pytest.fixture
async def stage(database: Database, commits: GroupCommit, clock: VirtualClock, ids: Ids) -> Stage:
    """Give a database with one sender, and helpers around it."""
    stage = Stage(database, commits, clock, ids)
    await stage.prepare()
    return stage
