"""The numbers of the account: filters, pages, and the older manner of refusing."""

import aiohttp
import pytest

from tests.simulator.test_reports import basic

ALL = ["12025550100", "12025550101", "12025550102", "18005550100"]


async def ask(world, *, headers=None, **query):
    async with world.session.get(
        f"{world.url}/account/numbers",
        params=query,
        headers=basic(world.credentials) if headers is None else headers,
    ) as answer:
        json = answer.content_type == "application/json"
        return answer.status, await answer.json() if json else answer.content_type


async def test_a_number_has_the_fields_of_the_document(world):
    """Names and types are those of the Numbers API (1.0.20)."""
    status, answer = await ask(world, pattern="12025550100")

    assert (status, answer["count"]) == (200, 1)
    assert answer["numbers"] == [
        {
            "country": "US",
            "msisdn": "12025550100",
            "type": "mobile-lvn",
            "features": ["SMS", "VOICE", "MMS"],
            "app_id": world.credentials.application_id,
        }
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ALL),
        ({"pattern": "1202", "search_pattern": "0"}, ALL[:3]),
        ({"pattern": "555010", "search_pattern": "1"}, ALL),
        ({"pattern": "0100", "search_pattern": "2"}, [ALL[0], ALL[3]]),
        ({"has_application": "True"}, ALL),
        ({"country": "US", "size": "2"}, ALL[:2]),
        ({"size": "3", "index": "2"}, ALL[3:]),
        ({"index": "2"}, []),
    ],
    ids=str,
)
async def test_filters_and_pages_choose(world, query, found):
    """As whoever owns thousands asks."""
    _, answer = await ask(world, **query)

    assert [number["msisdn"] for number in answer["numbers"]] == found


@pytest.mark.parametrize(
    "query",
    [{"pattern": "999"}, {"has_application": "false"}, {"application_id": "x"}, {"country": "GB"}],
    ids=str,
)
async def test_without_a_hit_the_keys_are_missing(world, query):
    """A client that counts on them breaks on the first empty account (contract 5.4)."""
    assert await ask(world, **query) == (200, {})


@pytest.mark.parametrize(
    "query",
    [
        {"size": "101"},
        {"size": "0"},
        {"index": "0"},
        {"index": "x"},
        {"search_pattern": "3"},
        {"has_application": "maybe"},
    ],
    ids=str,
)
async def test_a_parameter_that_cannot_be_is_refused(world, query):
    """By name, in the manner of this host."""
    status, refusal = await ask(world, **query)

    assert (status, refusal["error-code"]) == (420, "420")
    assert next(iter(query)) in refusal["error-code-label"]


async def test_only_key_and_secret_open_it(world):
    """And the refusal is no problem document (contract 5.4)."""
    answers = [
        await ask(world, headers=headers)
        for headers in (world.headers(), basic(world.credentials, "wrong"), {})
    ]

    refusal = {"error-code": "401", "error-code-label": "authentication failed"}
    assert answers == [(401, refusal)] * 3


@pytest.mark.parametrize(
    ("switches", "status"),
    [
        ({"numbers_fault": "throttled"}, 429),
        ({"numbers_fault": "forbidden"}, 403),
        ({"numbers_fault": "error"}, 500),
        ({"numbers_fault": "unavailable"}, 503),
        ({"outage": "unavailable"}, 503),
        ({"account_fault": "account-suspended"}, 403),
    ],
)
async def test_it_fails_when_it_is_told_to(world, switches, status):
    """Alone, or with the whole account."""
    world.simulator.flip(**switches)

    assert (await ask(world))[0] == status
    if "numbers_fault" in switches:
        assert (await world.post())[0] == 202


async def test_it_breaks_off(world):
    """Half an answer must not pass for an account without numbers."""
    world.simulator.flip(numbers_fault="truncated")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await ask(world)

    world.simulator.flip(numbers_fault="drop")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(world)
