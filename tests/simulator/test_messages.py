import asyncio
import uuid
from dataclasses import replace

import aiohttp
import pytest

from wirephoto.simulator.app import Simulator


async def test_a_good_message_gets_a_uuid_and_a_request_id(world):
    """What every client reads from the 202 (contract 1.7)."""
    status, body = await world.post(client_ref="ref-1")

    assert status == 202
    assert uuid.UUID(body["message_uuid"]).version == 4
    assert uuid.UUID(world.last.headers["X-Request-Id"]).version == 4
    assert world.last.content_type == "application/json"
    [accepted] = world.simulator.accepted
    assert (accepted.message_uuid, accepted.client_ref) == (body["message_uuid"], "ref-1")
    assert accepted.at == world.clock.now()


async def test_the_text_is_kept_as_it_came(world, make_message):
    """Emoji and right-to-left captions must arrive unchanged."""
    caption = "שלום 👩‍👩‍👧 \u202e\n"

    await world.post(image={"url": "https://media.example/a.png", "caption": caption})

    assert world.simulator.accepted[0].body["image"]["caption"] == caption


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff{}", b"[" * 100_000])
async def test_a_body_that_is_not_json_is_refused(world, body):
    """The documented 422, never a crash."""
    status, problem = await world.post(body)

    assert status == 422
    assert problem["type"].endswith("#invalid-json")
    assert world.last.content_type == "application/json"


async def test_a_refusal_names_the_parameter(world):
    """The shape of a problem body with parameters (contract 1.8)."""
    status, problem = await world.post(image={})

    assert status == 422
    assert problem["type"] == "https://developer.vonage.com/api-errors/messages#1150"
    assert problem["title"] == "Invalid params"
    assert problem["invalid_parameters"] == [{"name": "image.url", "reason": "is required."}]
    assert not world.simulator.accepted


@pytest.mark.parametrize(
    ("switches", "problem_type"),
    [
        ({}, "https://developer.vonage.com/api-errors/messages#1120"),
        (
            {"problem_host": "developer.nexmo.com"},
            "https://developer.nexmo.com/api-errors/messages#1120",
        ),
        ({"error_numbers": "14xx"}, "https://developer.vonage.com/api-errors/messages#1420"),
    ],
)
async def test_problems_are_spelt_as_is_switched(world, switches, problem_type):
    """Both spellings and both numbers are in the documents; a client must stand both."""
    world.simulator.flip(**switches)

    status, problem = await world.post(from_="12015550101")

    assert (status, problem["title"], problem["type"]) == (422, "Invalid sender", problem_type)


async def test_a_known_message_cannot_be_changed(world):
    """A sent MMS cannot be revoked (contract 1.9)."""
    _, sent = await world.post()
    address = f"{world.url}/v1/messages"
    revoke = {"status": "revoked"}

    async with (
        world.session.patch(
            f"{address}/{sent['message_uuid']}", json=revoke, headers=world.headers()
        ) as known,
        world.session.patch(f"{address}/x", json=revoke, headers=world.headers()) as unknown,
        world.session.patch(f"{address}/x", json=revoke) as nobody,
    ):
        problem = await known.json()

    assert (known.status, problem["title"]) == (422, "Operation not supported")
    assert (unknown.status, nobody.status) == (404, 401)


@pytest.mark.parametrize("with_header", [True, False])
async def test_the_limit_answers_429_with_and_without_retry_after(world, with_header):
    """`Retry-After` is optional by contract; both kinds of client must be shown."""
    world.simulator.flip(rate_per_s=2, retry_after=with_header)

    statuses = [(await world.post())[0] for _ in range(3)]
    headers = world.last.headers
    world.clock.advance(1)
    later, _ = await world.post()

    assert (statuses, later) == ([202, 202, 429], 202)
    assert headers.get("Retry-After") == ("1" if with_header else None)
    assert ("X-RateLimit-Limit" in headers) is with_header


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("unauthorized", 401),
        ("unprovisioned", 401),
        ("low-balance", 402),
        ("forbidden", 403),
        ("account-suspended", 403),
        ("application-suspended", 403),
        ("invalid-ip", 403),
        ("not-found", 404),
    ],
)
async def test_a_fault_of_the_account_hits_every_request(world, fault, status):
    """The line must stop, and go on when the account is in order again."""
    world.simulator.flip(account_fault=fault)
    refused, problem = await world.post()
    world.simulator.flip(account_fault=None)

    accepted, _ = await world.post()

    assert (refused, accepted) == (status, 202)
    assert problem["type"].partition("#")[2] in {fault, "unathorized"}


async def test_an_outage_answers_html_or_nothing(world):
    """An edge proxy knows nothing of problem bodies."""
    world.simulator.flip(outage="unavailable")
    status, page = await world.post()
    world.simulator.flip(outage="drop")

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await world.post()

    assert (status, page[:6]) == (503, b"<html>")
    assert world.simulator.ledger.posts_read == 0


@pytest.mark.parametrize(
    ("digits", "answers", "accepted"),
    [
        ("30", [429, 202, 429], 1),
        ("31", [429, 429], 0),
        ("32", [500], 1),
        ("33", [500], 0),
        ("34", [502], 0),
        ("35", ["closed"], 0),
        ("36", ["closed"], 1),
        ("37", ["closed"], 0),
        ("39", [202], 1),
        ("40", [401, 202], 1),
        ("41", [402], 0),
        ("42", [422], 0),
    ],
)
async def test_a_magic_recipient_spoils_the_answer(world, digits, answers, accepted):
    """Whether the message went out all the same is what a client cannot see."""
    got = []
    for _ in answers:
        try:
            got.append((await world.post(to=f"120155501{digits}"))[0])
        except aiohttp.ServerDisconnectedError:
            got.append("closed")

    assert got == answers
    assert len(world.simulator.accepted) == accepted
    assert world.simulator.ledger.posts_read == (0 if digits == "35" else len(answers))


async def test_truncated_json_is_a_202_that_cannot_be_read(world):
    """Accepted, and the id is lost (contract 6.2)."""
    status, raw = await world.post(to="12015550139")

    assert status == 202
    assert raw == b'{"message_uuid":"' + world.simulator.accepted[0].message_uuid[:8].encode()


async def test_a_late_answer_belongs_to_a_message_that_went_out_at_once(world):
    """A client that gives up early must not send it again; whoever waits learns the id."""
    world.simulator.flip(receipts_final=False)
    asked = asyncio.create_task(world.post(to="12015550138"))
    await world.clock.pass_by(0)
    [accepted] = world.simulator.accepted
    early = asked.done()

    world.clock.advance(20)
    status, body = await asked

    assert not early
    assert (status, body["message_uuid"]) == (202, accepted.message_uuid)


async def test_chance_spoils_answers_as_often_as_is_switched(world):
    """Storms of 429 and dropped answers are what scenarios run under."""
    world.simulator.flip(rate_per_s=None, fault_rates={"throttled": 0.3, "dropped_accepted": 0.3})

    got = await _answers(world, world.url, count=60)

    assert 5 < got.count(429) < 35
    assert 5 < got.count(0) < 35
    assert len(world.simulator.accepted) == 60 - got.count(429)


async def test_chance_is_repeated_by_the_seed(world):
    """A scenario that failed is replayed from the seed it printed."""
    changes = {"rate_per_s": None, "fault_rates": {"throttled": 0.5}}
    world.simulator.flip(**changes)
    twin = Simulator(replace(world.simulator.settings, status_url=None), world.clock)
    twin.flip(**changes)
    url = await twin.start()

    first, second = await _answers(world, world.url), await _answers(world, url)
    await twin.stop()

    assert first == second
    assert [m.message_uuid for m in twin.accepted] == [
        m.message_uuid for m in world.simulator.accepted
    ]


async def _answers(world, url, count=20):
    got = []
    for _ in range(count):
        try:
            async with world.session.post(
                f"{url}/v1/messages",
                json=_text(),
                headers=world.headers(),
            ) as answer:
                got.append(answer.status)
        except aiohttp.ServerDisconnectedError:
            got.append(0)
    return got


def _text():
    return {
        "channel": "mms",
        "message_type": "text",
        "text": "hello",
        "to": "12125550123",
        "from": "12015550100",
    }
