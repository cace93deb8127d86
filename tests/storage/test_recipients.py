"""What is known of those who are written to."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import NOW, RECIPIENT, SENDER
from wirephoto.storage.recipients import get_answered_at, store_answered_at, store_heard
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
)
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.senders import Sender

US = Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
TIMES = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)]


async def heard(database, *times):
    for at in times:
        async with database.transaction() as tx:
            await store_heard(tx, US, RECIPIENT, at)
    async with database.read() as tx:
        return (await tx.execute(select(contacts))).one()


@pytest.mark.parametrize("order", [*itertools.permutations(TIMES)])
async def test_the_first_and_the_last_word_are_known(database, order):
    """Whatever order they are applied in: an open conversation depends on the last."""
    contact = await heard(database, *order)

    assert (contact.first_in_at, contact.last_in_at) == (TIMES[0], TIMES[-1])
    assert (contact.brand_id, contact.tenant_id) == (DEFAULT_BRAND, DEFAULT_TENANT)
    assert (contact.first_out_at, contact.last_out_at) == (None, None)


async def test_what_else_is_known_stays(database):
    """Who was answered today must not be answered again for having written."""
    async with database.transaction() as tx:
        await store_answered_at(tx, US, RECIPIENT, {"help": NOW})

    contact = await heard(database, TIMES[1])

    assert (contact.first_in_at, contact.last_in_at) == (TIMES[1], TIMES[1])
    async with database.read() as tx:
        assert await get_answered_at(tx, DEFAULT_BRAND, RECIPIENT) == {"help": NOW}
