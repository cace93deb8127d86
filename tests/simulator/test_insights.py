"""The simulated look-up of numbers: what it tells, whom it tells it to, and how it fails."""

import json

import aiohttp
import pytest

from tests.simulator.test_reports import basic

BOTH = {"original_carrier": {}, "current_carrier": {}}


async def ask(world, number="12125550123", insights=BOTH, *, headers=None, raw=None):
    body = json.dumps({"phone_number": number, "insights": insights}) if raw is None else raw
    async with world.session.post(
        f"{world.url}/identity-insights/v1/requests",
        data=body,
        headers=world.headers() if headers is None else headers,
    ) as answer:
        is_json = answer.content_type.endswith("json")
        return answer.status, await answer.json(content_type=None) if is_json else None


async def test_a_phone_is_told_with_its_network(world):
    """Each insight has a status of its own, as in the document."""
    status, answer = await ask(world, "+12125550123")

    assert status == 200
    assert answer["request_id"]
    carrier = {
        "status": {"code": "OK", "message": "Success"},
        "name": "Simulated Network",
        "network_type": "MOBILE",
        "country_code": "US",
        "network_code": "310260",
    }
    assert answer["insights"] == {"original_carrier": carrier, "current_carrier": carrier}


async def test_a_landline_is_in_no_look_up_of_phones(world):
    """Who reads only that one takes it for unknown."""
    _, answer = await ask(world, "12125550180")

    original, current = (answer["insights"][name] for name in BOTH)
    assert (original["network_type"], original["status"]["code"]) == ("LANDLINE", "OK")
    assert current["status"]["code"] == "NOT_FOUND"
    assert "network_type" not in current


async def test_only_what_was_asked_for_is_told(world):
    """Each insight has its price."""
    _, answer = await ask(world, insights={"current_carrier": {}})

    assert list(answer["insights"]) == ["current_carrier"]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"raw": "{"}, "body"),
        ({"raw": "[]"}, "body"),
        ({"number": None}, "phone_number"),
        ({"number": "call me"}, "phone_number"),
        ({"insights": {}}, "insights"),
        ({"insights": {"sim_swap": {}}}, "insights"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_a_question_that_cannot_be_is_refused(world, asked, name):
    """By the name of its field."""
    status, problem = await ask(world, **asked)

    assert status == 400
    assert problem["invalid_parameters"][0]["name"] == name


async def test_only_the_application_may_ask(world):
    """With its token; key and secret are for other products."""
    statuses = [(await ask(world, headers=each))[0] for each in (basic(world.credentials), {})]

    assert statuses == [401, 401]


@pytest.mark.parametrize(
    ("switches", "status"),
    [
        ({"insights_fault": "throttled"}, 429),
        ({"insights_fault": "forbidden"}, 403),
        ({"outage": "unavailable"}, 503),
    ],
)
async def test_it_fails_when_it_is_told_to(world, switches, status):
    """Alone, or with everything."""
    world.simulator.flip(**switches)

    assert (await ask(world))[0] == status


async def test_it_breaks_off(world):
    """Half an answer tells nothing of a number."""
    world.simulator.flip(insights_fault="truncated")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await ask(world)

    world.simulator.flip(insights_fault="drop")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(world)
