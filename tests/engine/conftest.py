"""What the tests of the engine share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.egress_site import open_site
from tests.engine.library_stage import Shelf
from tests.engine.receiver import Receiver, open_receiver
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


@pytest.fixture
async def shelf(stage: Stage, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Give a site with pictures, and libraries that fetch them; no file under way is left."""
    async with open_site() as site:
        made = Shelf(stage, site, tmp_path)
        yield made
        assert made.left_over() == []
        await made.close()


@pytest.fixture
async def receiver(stage: Stage) -> AsyncIterator[Receiver]:
    """Give a customer's system, and what serves it."""
    async with open_receiver(stage) as made:
        yield made
