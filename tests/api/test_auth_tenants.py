"""No route leads across tenants: every one that there is, asked with another tenant's ids."""

import re

import pytest

from tests.api.application import client_of
from tests.factories import RECIPIENT
from tests.storage.theirs import store_theirs
from tests.storage.writing import OTHER_TENANT
from wirephoto.api.openapi import openapi_document
from wirephoto.domain.api_key import Scope

OPERATORS = {"/metrics": "of the whole process, for keys of the default tenant alone"}
OF_PHONES = ("/v1/conversations/{recipient}", "/v1/recipients/{number}/history")
"""A phone may hear from several tenants: each is told its own part, or nothing."""
BODIES = {
    "/v1/messages/{message_id}/resolve": {"outcome": "sent"},
    "/v1/pools/{name}": {"senders": ["+12025550188"]},
    "/v1/senders/{number}": {"paused": True},
    "/v1/campaigns/{campaign_id}": {"rate": "1"},
    "/v1/endpoints/{endpoint_id}/replay": {"since": "2026-03-04T15:00:00Z"},
    "/v1/opt-outs/{opt_out_id}/lift": {"reason": "they agreed"},
}


@pytest.fixture
async def theirs(database):
    """Give what stands in the paths: ids and names that another tenant's rows have."""
    message_id, _ = await store_theirs(database)
    return {
        "message_id": message_id,
        "media_id": "med_1",
        "key_id": "key_1",
        "endpoint_id": "end_1",
        "number": "+12025550188",
        "campaign_id": "cmp_theirs",
        "opt_out_id": "opt_1",
        "inbound_id": "inb_1",
        "attachment": "0",
        "name": "shop",
        "recipient": RECIPIENT,
    }


def operations(app):
    """Yield method, path and body of each route that needs a key."""
    for path, found in openapi_document(app)["paths"].items():
        for method, described in found.items():
            if described["security"] and path not in OPERATORS:
                yield method.upper(), path, "requestBody" in described


async def test_no_route_with_an_id_in_it_finds_another_tenants_row(app, client, theirs):
    """Not 403 either: that there is such an id is theirs as well."""
    for method, path, has_body in operations(app):
        if "{" not in path or path in OF_PHONES:
            continue
        address = re.sub(r"\{(\w+)\}", lambda match: theirs[match[1]], path)
        body = {"json": BODIES.get(path, {})} if has_body else {}
        answer = await client.request(method, address, **body)

        # Whoever puts a pool names it, and no name of theirs is in the way; their sender is.
        expected = 422 if (method, path) == ("PUT", "/v1/pools/{name}") else 404
        assert answer.status_code == expected, (method, path, answer.text)


async def test_no_route_without_an_id_shows_what_another_tenant_has(app, client, theirs):
    """Lists, feeds, exports and conversations: what one is not asked for by name leaks unseen."""
    shown = []
    for method, path, _ in operations(app):
        if method != "GET" or ("{" in path and path not in OF_PHONES):
            continue
        answer = await client.get(re.sub(r"\{\w+\}", RECIPIENT, path))
        assert answer.status_code in (200, 422), (path, answer.text)
        planted = [theirs["message_id"], "cmp_theirs", "+12025550188", "opt_1", "inb_1", "key_1"]
        shown += [(path, value) for value in planted if f'"{value}"' in answer.text]

    assert shown == []


async def test_a_key_of_the_other_tenant_finds_them(app, store_key, theirs):
    """Else the walk above would prove nothing."""
    key = await store_key(Scope.ADMIN, tenant_id=OTHER_TENANT)
    async with client_of(app, key=key) as client:
        for path in ("campaigns/cmp_theirs", "senders/%2B12025550188"):
            assert (await client.get(f"/v1/{path}")).status_code == 200
        listed = [(await client.get(f"/v1/{name}")).text for name in ("messages", "opt-outs")]

    assert theirs["message_id"] in listed[0]
    assert "opt_1" in listed[1]


async def test_the_operators_numbers_are_for_the_default_tenant_alone(app, store_key, theirs):
    """The metrics name every campaign."""
    key = await store_key(Scope.ADMIN, tenant_id=OTHER_TENANT)
    async with client_of(app, key=key) as client:
        answers = [await client.get(path) for path in OPERATORS]

    assert [answer.status_code for answer in answers] == [403]
