"""Brands, campaigns and senders, stored as the registration says."""

from dataclasses import replace

from sqlalchemy import select, update

from tests.factories import NOW, SENDER
from tests.storage.writing import OTHER_TENANT, add_tenant
from wirephoto.domain.line import Stop
from wirephoto.storage.registrations import (
    Registrations,
    StoredBrand,
    StoredCampaign,
    load_registrations,
    lock_registrations,
    save_brands,
    save_campaigns,
    save_senders,
)
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    campaigns,
    senders,
)
from wirephoto.storage.senders import Sender, advance_slots, lock_line, stop_line

BRAND = StoredBrand("brd_1", DEFAULT_TENANT, "Cats", "B1", 2_000)
CAMPAIGN = StoredCampaign(
    "cmp_1", DEFAULT_TENANT, DEFAULT_ACCOUNT, "brd_1", "Pictures", "C1", 40.0, "A"
)
OURS = Sender(SENDER, DEFAULT_TENANT, "cmp_1", DEFAULT_ACCOUNT, "10dlc")


async def save(database, brand=BRAND, campaign=CAMPAIGN, sender=OURS, now=NOW):
    async with database.transaction() as tx:
        await save_brands(tx, [brand], now)
        await save_campaigns(tx, [campaign], now)
        await save_senders(tx, [sender], now)


async def load(database, tenant_id=DEFAULT_TENANT, account_id=DEFAULT_ACCOUNT):
    async with database.read() as tx:
        return await load_registrations(tx, tenant_id, account_id)


async def test_what_is_saved_is_loaded(database):
    """In order of ids, with the default rows that every database has."""
    await save(database)

    stored = await load(database)
    assert [brand.id for brand in stored.brands] == ["brd_1", DEFAULT_BRAND]
    assert [campaign.id for campaign in stored.campaigns] == ["cmp_1", DEFAULT_CAMPAIGN]
    assert stored.brands[0] == BRAND
    assert stored.campaigns[0] == CAMPAIGN
    assert stored.senders == (OURS,)


async def test_what_is_there_is_changed(database):
    """A second sync brings new figures, and never a second row."""
    await save(database)
    changed = (
        replace(BRAND, name="Dogs", daily_cap=None),
        replace(CAMPAIGN, brand_id=DEFAULT_BRAND, rate=0.25, att_class=None),
        replace(OURS, campaign_id=DEFAULT_CAMPAIGN),
    )

    await save(database, *changed)

    stored = await load(database)
    assert (stored.brands[0], stored.campaigns[0], stored.senders[0]) == changed
    assert (len(stored.brands), len(stored.campaigns), len(stored.senders)) == (2, 2, 1)


async def test_a_new_rate_moves_no_slot_and_ends_no_stop(database):
    """A sync must not be a way to send faster, nor to send in spite of a fault."""
    await save(database)
    later = NOW.replace(hour=18)
    stop = Stop("sender", "It was refused.", NOW, NOW, probe_at=later, probes=1)
    async with database.transaction() as tx:
        await advance_slots(tx, campaigns, {"cmp_1": later})
        await stop_line(tx, campaigns, "cmp_1", stop)

    await save(database, campaign=replace(CAMPAIGN, rate=240.0))

    async with database.transaction() as tx:
        line = await lock_line(tx, campaigns, "cmp_1")
    assert (line.pace.rate, line.pace.next_slot_at, line.stop) == (240.0, later, stop)


async def test_a_paused_sender_stays_paused(database):
    """A human paused it, and the registration knows nothing of why."""
    await save(database)
    async with database.transaction() as tx:
        await tx.execute(update(senders).values(paused_at=NOW))

    await save(database, sender=replace(OURS, campaign_id=DEFAULT_CAMPAIGN))

    async with database.read() as tx:
        assert (await tx.execute(select(senders.c.paused_at))).scalar_one() == NOW


async def test_rows_of_another_tenant_are_not_taken_over(database):
    """A number, or an id, that another tenant has stays that tenant's."""
    await add_tenant(database)
    await save(database)

    await save(
        database,
        replace(BRAND, tenant_id=OTHER_TENANT, name="theirs"),
        replace(CAMPAIGN, tenant_id=OTHER_TENANT, rate=99.0),
        replace(OURS, tenant_id=OTHER_TENANT, campaign_id=DEFAULT_CAMPAIGN),
    )

    stored = await load(database)
    assert (stored.brands[0], stored.campaigns[0], stored.senders[0]) == (BRAND, CAMPAIGN, OURS)


async def test_an_account_has_its_own_campaigns(database):
    """Each account is read by itself; brands are the tenant's."""
    await save(database)

    stored = await load(database, account_id="acc_other")

    assert (stored.campaigns, stored.senders) == ((), ())


async def test_under_the_lock_the_same_is_seen(database):
    """What is compared with a plan is read as the plan was."""
    await save(database)
    async with database.transaction() as tx:
        locked = await lock_registrations(tx, DEFAULT_TENANT, DEFAULT_ACCOUNT)

    assert locked == await load(database)


async def test_nothing_to_save_is_no_statement(database):
    """Most syncs change nothing."""
    before = await load(database)
    async with database.transaction() as tx:
        await save_brands(tx, [], NOW)
        await save_campaigns(tx, [], NOW)
        await save_senders(tx, [], NOW)

    assert await load(database) == before
    assert Registrations() == Registrations((), (), ())
