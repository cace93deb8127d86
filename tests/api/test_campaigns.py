"""Campaigns over HTTP: told, steered."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.api.application import client_of
from tests.factories import NOW, SENDER
from tests.storage.writing import add_campaign
from wirephoto.domain.api_key import Scope
from wirephoto.storage.audit import list_audit
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_CAMPAIGN, DEFAULT_TENANT, campaigns

PATH = f"/v1/campaigns/{DEFAULT_CAMPAIGN}"


async def test_a_campaign_is_told_whole(client, database, mover):
    """Rate, share, stop, queue, senders and brand: what decides when a message leaves."""
    await mover.stored()
    await client.patch(PATH, json={"rate": 2})
    async with database.transaction() as tx:
        slowed = update(campaigns).values(slow_share=0.5, slowed_at=NOW - timedelta(seconds=10))
        await tx.execute(slowed)

    told = (await client.get(PATH)).json()

    assert told == {
        "id": DEFAULT_CAMPAIGN,
        "name": told["name"],
        "provider_id": None,
        "att_class": None,
        "rate": 2.0,
        "share": 0.6,
        "paused": False,
        "stop": None,
        "queued": 1,
        "senders": [SENDER],
        "brand": {
            "id": DEFAULT_BRAND,
            "name": told["brand"]["name"],
            "provider_id": None,
            "daily_cap": None,
            "sent_today": 0,
        },
    }


async def test_campaigns_are_listed_by_id(client, database):
    """A page ends with where the next one begins."""
    await add_campaign(database, "cmp_other")

    first = (await client.get("/v1/campaigns?limit=1")).json()
    rest = (await client.get(f"/v1/campaigns?cursor={first['next_cursor']}")).json()

    assert [each["id"] for each in first["campaigns"]] == [DEFAULT_CAMPAIGN]
    assert ([each["id"] for each in rest["campaigns"]], rest["next_cursor"]) == (
        ["cmp_other"],
        None,
    )


@pytest.mark.parametrize(
    ("said", "rate"), [(3, 3), (0.25, 0.25), ("50/min", 50 / 60), ("standard-most", 15)]
)
async def test_a_rate_is_set_as_its_owner_knows_it(client, said, rate):
    """By second, by minute, by the name of a tier or a class."""
    changed = await client.patch(PATH, json={"rate": said})

    assert (changed.status_code, changed.json()["rate"]) == (200, pytest.approx(rate))
    assert (await client.get(PATH)).json()["rate"] == pytest.approx(rate)


async def test_a_campaign_is_paused_and_goes_on(client, database):
    """Both in the trail, each once, with who did it."""
    paused = (await client.patch(PATH, json={"paused": True, "reason": "Wrong picture."})).json()

    assert paused["paused"]
    assert paused["stop"] == {
        "reason": "paused",
        "detail": "Wrong picture.",
        "since": paused["stop"]["since"],
        "ended_by": "human",
    }

    resumed = (await client.patch(PATH, json={"paused": False, "rate": 5})).json()

    assert (resumed["paused"], resumed["stop"], resumed["rate"]) == (False, None, 5)
    async with database.read() as tx:
        entries = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert len(entries) == 2
    assert {(entry.actor, entry.act, entry.object) for entry in entries} == {
        ("settings", "campaign.change", DEFAULT_CAMPAIGN)
    }


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "body", "empty"),
        ({"rate": 0}, "rate", "out_of_range"),
        ({"rate": 241}, "rate", "out_of_range"),
        ({"rate": "fast"}, "rate", "invalid"),
        ({"rate": [1]}, "rate", "invalid_type"),
        ({"reason": "why"}, "reason", "only_paused"),
        ({"paused": False, "reason": "why"}, "reason", "only_paused"),
        ({"paused": True, "stop": {}}, "stop", "unknown_field"),
    ],
    ids=str,
)
async def test_a_change_that_breaks_a_rule_is_refused(client, body, field, code):
    """Field and rule are named, and nothing changes."""
    before = (await client.get(PATH)).json()

    refused = await client.patch(PATH, json=body)

    [error] = refused.json()["errors"]
    assert (refused.status_code, error["field"], error["code"]) == (422, field, code)
    assert (await client.get(PATH)).json() == before


@pytest.mark.parametrize("campaign_id", ["cmp_none", "%00", "%F0%9F%98%BC"])
async def test_what_is_no_campaign_is_not_there(client, campaign_id):
    """To look at and to change."""
    path = f"/v1/campaigns/{campaign_id}"

    assert (await client.get(path)).status_code == 404
    assert (await client.patch(path, json={"rate": 1})).status_code == 404


async def test_another_tenants_campaign_is_not_there(app, client, store_key, other_tenant):
    """Not even with a key that may do everything."""
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)
    before = (await client.get(PATH)).json()
    async with client_of(app, key=key) as stranger:
        assert (await stranger.get("/v1/campaigns")).json()["campaigns"] == []
        assert (await stranger.get(PATH)).status_code == 404
        assert (await stranger.patch(PATH, json={"rate": 9, "paused": True})).status_code == 404
    assert (await client.get(PATH)).json() == before


async def test_changing_needs_its_own_scope(app, store_key):
    """Whoever may send or look may not change what the carriers agreed to."""
    async with client_of(app, key=await store_key(Scope.SEND, Scope.READ)) as reader:
        assert (await reader.get(PATH)).status_code == 200
        assert (await reader.patch(PATH, json={"rate": 1})).status_code == 403
