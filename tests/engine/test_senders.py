"""Which numbers may send: kept for a few seconds, then read anew."""

from sqlalchemy import delete

from tests.factories import SENDER
from wirephoto.engine.senders import AGE_S_MAX, SenderDirectory
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    senders,
)
from wirephoto.storage.senders import Sender


async def test_senders_are_found_by_their_number(stage):
    """With the campaign and the account that they send under."""
    directory = SenderDirectory(stage.database, stage.clock)

    assert await directory.get() == {
        SENDER: Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    }


async def test_a_change_is_noticed_within_seconds(stage):
    """Every request asks, so not every question may go to the database."""
    directory = SenderDirectory(stage.database, stage.clock)
    await directory.get()
    async with stage.database.transaction() as tx:
        await tx.execute(delete(senders))

    await stage.advance(AGE_S_MAX)
    assert list(await directory.get()) == [SENDER]
    await stage.advance(0.1)

    assert await directory.get() == {}
