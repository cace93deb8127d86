"""The 10DLC calls: brands, campaigns, numbers, and how they fail."""

import aiohttp
import pytest

from tests.simulator.test_reports import basic

BRAND = "/B1CA7A1"
CAMPAIGNS = f"{BRAND}/campaigns"


async def ask(world, path="", *, headers=None, **query):
    async with world.session.get(
        f"{world.url}/v1/10dlc/brands{path}",
        params=query,
        headers=basic(world.credentials) if headers is None else headers,
    ) as answer:
        json = answer.content_type.endswith("json")
        return answer.status, await answer.json(content_type=None) if json else answer.content_type


async def test_lists_have_the_envelope_of_the_document(world):
    """Items under `_embedded`, pages counted from 1 (10DLC API 1.0.1)."""
    status, answer = await ask(world)

    assert status == 200
    (brand,) = answer.pop("_embedded")["brands"]
    assert (brand["brand_id"], brand["display_name"]) == ("B1CA7A1", "Cats and Co")
    assert set(answer) == {"page_size", "page", "total_pages", "total_items", "_links"}
    assert (answer["page"], answer["total_pages"], answer["total_items"]) == (1, 1, 1)


async def test_a_campaign_tells_what_carriers_allow(world):
    """Each carrier under its own names; figures that are not set are left out."""
    _, listed = await ask(world, CAMPAIGNS)
    _, campaign = await ask(world, f"{CAMPAIGNS}/CA7F001")
    _, brand = await ask(world, BRAND)

    active, inactive = listed["_embedded"]["campaigns"]
    att, tmobile = campaign["mno_metadata"]
    assert campaign == active
    assert (att["att_msg_class"], att["att_tpm"]) == ("A", 4500)
    assert tmobile["tmo_brand_tier"] == "TOP"
    assert not {"att_mms_tpm", "tmo_tpd"} & (att.keys() | tmobile.keys())
    assert (active["traffic_enabled"], inactive["traffic_enabled"]) == (True, False)
    assert brand["brand_id"] == campaign["brand_id"]


async def test_a_campaign_has_its_numbers(world):
    """As digits, without a plus."""
    _, answer = await ask(world, f"{CAMPAIGNS}/CA7F001/numbers")

    numbers = [each["number"] for each in answer["_embedded"]["numbers"]]
    assert numbers == ["12025550100", "12025550101"]


async def test_pages_are_no_longer_than_the_provider_likes(world):
    """Whoever takes the first page for everything loses campaigns."""
    world.simulator.flip(tendlc_page_items=1)
    pages = [(await ask(world, CAMPAIGNS, page=page, page_size=50))[1] for page in (1, 2, 3)]

    found = [[each["campaign_id"] for each in page["_embedded"]["campaigns"]] for page in pages]
    assert found == [["CA7F001"], ["CA7F002"], []]
    assert [page["total_pages"] for page in pages] == [2, 2, 2]


@pytest.mark.parametrize("path", ["/NONE", "/NONE/campaigns", f"{CAMPAIGNS}/NONE/numbers"])
async def test_what_is_not_there_is_not_found(world, path):
    """Another account's brand looks the same."""
    assert (await ask(world, path))[0] == 404


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"page_size": "0"}], ids=str)
async def test_a_page_that_cannot_be_is_refused(world, query):
    """By name."""
    status, problem = await ask(world, **query)

    assert status == 400
    assert problem["invalid_parameters"][0]["name"] == next(iter(query))


async def test_only_key_and_secret_open_it(world):
    """A token is refused (contract 5.5)."""
    statuses = [
        (await ask(world, headers=headers))[0]
        for headers in (world.headers(), basic(world.credentials, "wrong"), {})
    ]

    assert statuses == [401, 401, 401]


@pytest.mark.parametrize(
    ("switches", "status"),
    [
        ({"tendlc_fault": "throttled"}, 429),
        ({"tendlc_fault": "error"}, 500),
        ({"outage": "unavailable"}, 503),
        ({"account_fault": "forbidden"}, 403),
    ],
)
async def test_it_fails_when_it_is_told_to(world, switches, status):
    """Alone, or with the whole account."""
    world.simulator.flip(**switches)

    assert (await ask(world))[0] == status


async def test_it_breaks_off(world):
    """Half an answer must not pass for an account without campaigns."""
    world.simulator.flip(tendlc_fault="truncated")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await ask(world)

    world.simulator.flip(tendlc_fault="drop")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(world)
