"""A sync: what it plans from what is registered, and what it stores of that."""

from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import update

from tests.factories import NOW, SENDER
from wirephoto.domain.registration import OwnedNumber, RegisteredBrand, RegisteredCampaign
from wirephoto.engine.sender_sync import apply_plan, plan_sync
from wirephoto.storage.audit import list_audit
from wirephoto.storage.registrations import load_registrations
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    campaigns,
)

APP = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
OTHER, TOLL_FREE = "+12025550101", "+18005550100"
CAMPAIGN = RegisteredCampaign(
    id="C1",
    brand_id="B1",
    name="Pictures",
    status="ACTIVE",
    numbers=frozenset({SENDER}),
    att_class="A",
    tmobile_tier="LOW",
)


def owned(*numbers):
    return [OwnedNumber(number, sends_mms=True, application_id=APP) for number in numbers]


@dataclass
class Account:
    """What the account has: by default, the sender of the settings on one campaign."""

    owned: list = field(default_factory=lambda: owned(SENDER))
    campaigns: list = field(default_factory=lambda: [CAMPAIGN])
    brands: list = field(default_factory=lambda: [RegisteredBrand("B1", "Cats")])

    async def numbers(self):
        return self.owned

    async def registration(self):
        return self.brands, self.campaigns


@pytest.fixture
def sync(stage, ids):
    """Return functions that plan, and that plan and apply."""

    async def plan(account):
        return await plan_sync(
            stage.database,
            account,
            tenant_id=DEFAULT_TENANT,
            account_id=DEFAULT_ACCOUNT,
            application_id=APP,
            ids=ids,
            now=NOW,
        )

    async def apply(plan):
        return await apply_plan(stage.database, plan, actor="cli", clock=stage.clock, ids=ids)

    async def both(account):
        made = await plan(account)
        assert await apply(made)
        return made

    both.plan, both.apply = plan, apply
    return both


async def stored(stage):
    async with stage.database.read() as tx:
        return await load_registrations(tx, DEFAULT_TENANT, DEFAULT_ACCOUNT)


async def test_the_first_sync_takes_over_the_campaign_of_the_settings(stage, sync):
    """What is queued for it, and the opt-outs of its brand, must be paced and kept as before."""
    await sync(Account())

    rows = await stored(stage)
    (brand,), (campaign,), (sender,) = rows.brands, rows.campaigns, rows.senders
    assert (brand.id, brand.name, brand.provider_id) == (DEFAULT_BRAND, "Cats", "B1")
    assert brand.daily_cap == 2_000
    assert (campaign.id, campaign.provider_id) == (DEFAULT_CAMPAIGN, "C1")
    assert (campaign.name, campaign.rate, campaign.att_class) == ("Pictures", 40.0, "A")
    assert (sender.number, sender.campaign_id) == (SENDER, DEFAULT_CAMPAIGN)


async def test_a_plan_changes_nothing(stage, sync):
    """Whoever looks first must be able to say no."""
    before = await stored(stage)
    plan = await sync.plan(Account())

    assert await stored(stage) == before
    assert {(change.kind, change.field) for change in plan.changes} >= {
        ("campaign", "rate"),
        ("brand", "daily_cap"),
    }


async def test_a_second_sync_finds_nothing_to_change(stage, sync):
    """It can run every night."""
    account = Account(owned=owned(SENDER, TOLL_FREE))
    await sync(account)

    assert (await sync.plan(account)).changes == ()


async def test_new_numbers_join_the_campaigns_that_they_are_registered_for(stage, sync):
    """Each registered campaign is one of ours, and a toll-free number is one by itself."""
    second = replace(CAMPAIGN, id="C2", brand_id="B2", numbers=frozenset({OTHER}), att_class="C")
    account = Account(
        owned(SENDER, OTHER, TOLL_FREE),
        [CAMPAIGN, second],
        [RegisteredBrand("B1", "Cats"), RegisteredBrand("B2", "Dogs")],
    )
    await sync(account)

    rows = await stored(stage)
    by_id = {campaign.id: campaign for campaign in rows.campaigns}
    found = {sender.number: by_id[sender.campaign_id] for sender in rows.senders}
    assert {number: campaign.provider_id for number, campaign in found.items()} == {
        SENDER: "C1",
        OTHER: "C2",
        TOLL_FREE: TOLL_FREE,
    }
    assert [campaign.rate for campaign in found.values()] == [40.0, 20.0, 1.0]
    assert {brand.provider_id for brand in rows.brands} == {"B1", "B2"}
    assert found[TOLL_FREE].brand_id == DEFAULT_BRAND


async def test_numbers_of_one_campaign_share_it(stage, sync):
    """Carriers meter the campaign: two rows would send at twice the rate (contract 4.2)."""
    shared = replace(CAMPAIGN, numbers=frozenset({SENDER, OTHER}))
    await sync(Account(owned(SENDER, OTHER), [shared]))

    rows = await stored(stage)
    assert len(rows.campaigns) == 1
    assert {sender.campaign_id for sender in rows.senders} == {DEFAULT_CAMPAIGN}


async def test_a_rate_set_by_hand_is_shown_before_it_changes(stage, sync):
    """It may have a reason, so nobody loses it without seeing it."""
    await sync(Account())
    async with stage.database.transaction() as tx:
        await tx.execute(update(campaigns).values(rate=2.5))
    plan = await sync.plan(Account())

    (change,) = plan.changes
    assert (change.kind, change.id, change.field) == ("campaign", DEFAULT_CAMPAIGN, "rate")
    assert (change.before, change.after) == ("2.5", "40")
    (line,) = plan.lines()
    assert (line.rate_now, line.cap_now) == (2.5, 2_000)


async def test_a_cap_that_the_registration_does_not_tell_stays(stage, sync):
    """What a human found out is better than nothing."""
    await sync(Account())
    silent = replace(CAMPAIGN, tmobile_tier=None)

    plan = await sync.plan(Account(campaigns=[silent]))

    assert plan.changes == ()


@pytest.mark.parametrize(
    "account",
    [
        Account(owned=[OwnedNumber(OTHER, sends_mms=False, application_id=APP)]),
        Account(owned=[OwnedNumber(OTHER, sends_mms=True)]),
        Account(owned=owned(OTHER), campaigns=[]),
    ],
    ids=["no MMS", "not linked", "no campaign"],
)
async def test_a_number_that_cannot_send_changes_nothing(stage, sync, account):
    """It is listed with the reason, and never becomes a sender."""
    plan = await sync.plan(account)

    assert plan.changes == ()
    assert plan.proposals[0].obstacles


async def test_a_sender_that_vanished_is_reported_and_kept(stage, sync):
    """Messages may wait for it, and an answer may have been incomplete."""
    plan = await sync(Account(owned=[], campaigns=[]))

    assert plan.vanished == (SENDER,)
    assert [sender.number for sender in (await stored(stage)).senders] == [SENDER]


async def test_a_sender_that_moved_is_moved(stage, sync):
    """What is queued goes out under the campaign that it was accepted for."""
    await sync(Account())
    moved = replace(CAMPAIGN, id="C2", name="Other pictures")

    plan = await sync(Account(campaigns=[moved]))

    (sender,) = (await stored(stage)).senders
    assert sender.campaign_id != DEFAULT_CAMPAIGN
    assert ("sender", "campaign_id") in {(each.kind, each.field) for each in plan.changes}


async def test_a_plan_from_other_rows_is_not_applied(stage, sync):
    """Somebody agreed to what they saw, and that is no longer so."""
    plan = await sync.plan(Account())
    async with stage.database.transaction() as tx:
        await tx.execute(update(campaigns).values(rate=2.5))

    assert not await sync.apply(plan)

    assert (await stored(stage)).campaigns[0].rate == 2.5


async def test_who_changed_what_is_in_the_audit_trail(stage, sync):
    """In the transaction of the changes, with what was there before."""
    await sync(Account())

    async with stage.database.read() as tx:
        entries = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert {(entry.actor, entry.act, entry.object) for entry in entries} == {
        ("cli", "brand.sync", DEFAULT_BRAND),
        ("cli", "campaign.sync", DEFAULT_CAMPAIGN),
    }
    (campaign,) = (entry for entry in entries if entry.act == "campaign.sync")
    assert campaign.detail["provider_id"] == "C1"
    assert campaign.detail["rate"].endswith(" → 40")


async def test_thousands_of_numbers_are_one_transaction(stage, sync):
    """A platform has them, and both databases bound the parameters of a statement."""
    many = [f"+1202556{number:04}" for number in range(5_000)]
    await sync(Account(owned(*many), [replace(CAMPAIGN, numbers=frozenset(many))]))

    assert len((await stored(stage)).senders) == 5_001
