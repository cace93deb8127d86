"""Accounts, campaigns and senders: who may send now, and at which pace."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW, SENDER, make_message
from tests.storage.writing import add_campaign, store
from wirephoto.domain.line import Proof, Stop
from wirephoto.domain.message import MessageState, Priority
from wirephoto.domain.pacing import HORIZON
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    accounts,
    campaigns,
    senders,
)
from wirephoto.storage.senders import (
    Sender,
    add_sender,
    advance_slots,
    load_senders,
    lock_line,
    lock_ready_campaigns,
    probe_now,
    resume_line,
    set_default_rates,
    stop_line,
    stopped_lines,
)
from wirephoto.storage.turns import SET_ASIDE

SECOND = timedelta(seconds=1)
STOP = Stop("unauthorized", "The key is wrong.", NOW, NOW, probe_at=NOW + SECOND, probes=3)
TABLES = [(accounts, DEFAULT_ACCOUNT), (campaigns, DEFAULT_CAMPAIGN)]


async def ready(database, *, account_id=DEFAULT_ACCOUNT, now=NOW, limit=64):
    async with database.transaction() as tx:
        lines = await lock_ready_campaigns(
            tx, account_id, now=now, until=now + HORIZON, limit=limit
        )
    return [line.id for line in lines]


async def line_of(database, table, id_):
    async with database.transaction() as tx:
        return await lock_line(tx, table, id_)


async def stop(database, table, id_, stop=STOP):
    async with database.transaction() as tx:
        await stop_line(tx, table, id_, stop)


async def test_a_campaign_that_waits_for_paused_senders_alone_is_not_ready(database):
    """It costs the claim a look at one message of each paused sender, and no lock."""
    sender = Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    async with database.transaction() as tx:
        await add_sender(tx, sender, NOW)
        await tx.execute(update(senders).values(paused_at=NOW))
    await store(database, *[make_message(fair_key=f"{SET_ASIDE}{SENDER}") for _ in range(3)])
    assert await ready(database) == []

    await store(database, make_message(fair_key="zz"))
    assert await ready(database) == [DEFAULT_CAMPAIGN]


async def test_a_campaign_with_a_due_message_and_a_slot_is_ready(database):
    """Ready campaigns are all that a claim looks at."""
    assert await ready(database) == []

    await store(database, make_message())

    assert await ready(database) == [DEFAULT_CAMPAIGN]


@pytest.mark.parametrize("priority", Priority)
async def test_any_priority_makes_a_campaign_ready(database, priority):
    """Bulk is last, not never."""
    await store(database, make_message(priority=priority))

    assert await ready(database) == [DEFAULT_CAMPAIGN]


@pytest.mark.parametrize(
    "changes",
    [{"due_at": NOW + SECOND}, {"state": MessageState.CLAIMED}, {"state": MessageState.PREPARING}],
    ids=str,
)
async def test_a_campaign_without_a_due_message_is_not_ready(database, changes):
    """Its slots must not be used up by nothing."""
    await store(database, make_message(**changes))

    assert await ready(database) == []


async def test_a_campaign_without_a_slot_in_time_is_not_ready(database):
    """It is looked at when its time comes."""
    await store(database, make_message())
    async with database.transaction() as tx:
        await advance_slots(tx, campaigns, {DEFAULT_CAMPAIGN: NOW + HORIZON})

    assert await ready(database) == []
    assert await ready(database, now=NOW + timedelta(microseconds=1)) == [DEFAULT_CAMPAIGN]


async def test_a_campaign_of_another_account_is_not_ready(database):
    """Each account is claimed by itself."""
    await store(database, make_message())
    row = {"id": "acc_other", "tenant_id": DEFAULT_TENANT, "rate": 1.0, "next_slot_at": NOW}
    async with database.transaction() as tx:
        await tx.execute(insert(accounts).values(row))

    assert await ready(database, account_id="acc_other") == []


async def test_a_paused_campaign_is_ready_only_for_its_probe(database):
    """One message at growing intervals finds out whether the fault is gone (rule 6)."""
    await store(database, make_message())
    await stop(database, campaigns, DEFAULT_CAMPAIGN)

    assert await ready(database) == []
    assert await ready(database, now=NOW + SECOND) == [DEFAULT_CAMPAIGN]


async def test_of_too_many_campaigns_those_that_waited_longest_are_served(database):
    """The sixty-fifth customer must get a turn too; locks are still taken by id."""
    names = ["cmp_c", "cmp_a", "cmp_b"]
    for age, name in enumerate(names):
        await add_campaign(database, name, next_slot_at=NOW - (9 - age) * SECOND)
        await store(database, make_message(campaign_id=name))

    assert await ready(database, limit=2) == ["cmp_a", "cmp_c"]
    assert await ready(database) == ["cmp_a", "cmp_b", "cmp_c"]


@pytest.mark.parametrize(("table", "id_"), TABLES)
async def test_a_slot_is_moved_on_to_the_microsecond(database, table, id_):
    """The next process continues exactly where this one stopped."""
    at = NOW + timedelta(microseconds=333_334)
    async with database.transaction() as tx:
        await advance_slots(tx, table, {id_: at})

    assert (await line_of(database, table, id_)).pace.next_slot_at == at


@pytest.mark.parametrize(("table", "id_"), TABLES)
async def test_a_line_stops_and_goes_on(database, table, id_):
    """Everybody sees why nothing is sent, and since when."""
    before = await line_of(database, table, id_)
    assert before.stop is None

    await stop(database, table, id_)
    assert (await line_of(database, table, id_)).stop == STOP

    async with database.transaction() as tx:
        assert not await resume_line(tx, table, id_, Proof.RECEIPT)
        assert await resume_line(tx, table, id_, Proof.ANSWER)
        assert not await resume_line(tx, table, id_, Proof.ANSWER)
    assert await line_of(database, table, id_) == before


async def test_what_does_not_send_is_reported_with_its_reason(database):
    """The readiness report says why, in words."""
    async with database.read() as tx:
        assert await stopped_lines(tx) == []
    for table, id_ in TABLES:
        await stop(database, table, id_)

    async with database.read() as tx:
        found = await stopped_lines(tx)

    assert [(kind, line.id, line.stop) for kind, line in found] == [
        ("account", DEFAULT_ACCOUNT, STOP),
        ("campaign", DEFAULT_CAMPAIGN, STOP),
    ]


async def test_a_restart_lets_one_message_try_at_once(database):
    """Whoever corrected the credentials must not wait for the next probe."""
    await stop(database, accounts, DEFAULT_ACCOUNT)
    async with database.transaction() as tx:
        await probe_now(tx, NOW)

    account = await line_of(database, accounts, DEFAULT_ACCOUNT)
    campaign = await line_of(database, campaigns, DEFAULT_CAMPAIGN)

    assert (account.stop.probe_at, account.stop.probes) == (NOW, 0)
    assert account.stop.since == NOW
    assert campaign.stop is None


def own_sender(number=SENDER):
    return Sender(number, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")


async def configure(database, sender, *, account_rate=12.5, sender_rate=0.25):
    async with database.transaction() as tx:
        if sender:
            await add_sender(tx, sender, NOW)
        await set_default_rates(tx, account_rate=account_rate, sender_rate=sender_rate)


async def test_the_settings_reach_the_default_rows_any_number_of_times(database):
    """Every start brings the rows to what the settings say; none may add a second sender."""
    for _ in range(2):
        await configure(database, own_sender())

    async with database.read() as tx:
        assert await load_senders(tx) == [own_sender()]
    assert (await line_of(database, accounts, DEFAULT_ACCOUNT)).pace.rate == 12.5
    assert (await line_of(database, campaigns, DEFAULT_CAMPAIGN)).pace.rate == 0.25


async def test_another_number_in_the_settings_is_another_sender(database):
    """Messages that wait for the old one still have it."""
    await configure(database, own_sender("+12025550101"))
    await configure(database, own_sender(SENDER))

    async with database.read() as tx:
        assert [sender.number for sender in await load_senders(tx)] == [SENDER, "+12025550101"]


async def test_a_registered_campaign_keeps_the_rate_of_its_registration(database):
    """WIREPHOTO_SENDER_RATE is a guess until the registration is read; it must not come back."""
    registered = update(campaigns).where(campaigns.c.id == DEFAULT_CAMPAIGN)
    async with database.transaction() as tx:
        await tx.execute(registered.values(provider_id="CA7F001", rate=40.0))

    await configure(database, own_sender())

    assert (await line_of(database, campaigns, DEFAULT_CAMPAIGN)).pace.rate == 40.0
    assert (await line_of(database, accounts, DEFAULT_ACCOUNT)).pace.rate == 12.5


async def test_a_new_setting_does_not_move_a_slot(database):
    """A restart must not be a way to send faster."""
    async with database.transaction() as tx:
        await advance_slots(tx, campaigns, {DEFAULT_CAMPAIGN: NOW + SECOND})

    await configure(database, own_sender())

    campaign = await line_of(database, campaigns, DEFAULT_CAMPAIGN)
    assert campaign.pace.next_slot_at == NOW + SECOND


def test_the_default_rows_have_these_names():
    """They are in migrations, and so can never change."""
    assert (DEFAULT_TENANT, DEFAULT_BRAND, DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN) == (
        "tnt_default",
        "brd_default",
        "acc_default",
        "cmp_default",
    )
