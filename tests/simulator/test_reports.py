"""The look-up of records: what can be asked, what is answered, and how it fails."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest


def basic(credentials, secret=None):
    text = f"{credentials.api_key}:{secret or credentials.api_secret}"
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def stamp(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def ask(world, *, headers=None, bare=False, **query):
    """Ask about the last hour, varied by `query`; None leaves a parameter out."""
    since = {} if bare else {"date_start": stamp(world.clock.now() - timedelta(hours=1))}
    asked = {
        "product": "MESSAGES",
        "account_id": world.credentials.api_key,
        "direction": "outbound",
        **since,
        **{name.rstrip("_"): value for name, value in query.items()},
    }
    async with world.session.get(
        f"{world.url}/v2/reports/records",
        params={name: value for name, value in asked.items() if value is not None},
        headers=basic(world.credentials) if headers is None else headers,
    ) as answer:
        world.last = answer
        json = answer.content_type.endswith("json")
        return answer.status, await answer.json(content_type=None) if json else answer.content_type


async def sent(world, **changes):
    """Have a message accepted, long enough ago to show up; return its id."""
    _, body = await world.post(**changes)
    world.clock.advance(31)
    return body["message_uuid"]


async def test_a_record_tells_what_became_of_a_message(world):
    """Names and types are those of `MessagesOutboundRecord` (Reports API 3.1.4)."""
    world.simulator.flip(submitted_delay_s=2, final_delay_s=3)
    _, body = await world.post(client_ref="ref-1")
    await world.clock.pass_by(2)
    await world.clock.pass_by(3)
    await world.simulator.drain()
    world.clock.advance(31)

    status, answer = await ask(world)

    assert status == 200
    assert answer["request_status"] == "SUCCESS"
    assert (answer["product"], answer["items_count"]) == ("MESSAGES", 1)
    assert answer["account_id"] == world.credentials.api_key
    assert set(answer["_links"]) == {"self"}
    assert not {"cursor", "iv", "ids_not_found"} & answer.keys()
    [record] = answer["records"]
    assert record == {
        "account_id": world.credentials.api_key,
        "message_id": body["message_uuid"],
        "id": body["message_uuid"],
        "client_ref": "ref-1",
        "direction": "outbound",
        "from": "12015550100",
        "to": "12125550123",
        "provider": "mms",
        "network": "310260",
        "date_received": "2026-03-02T15:00:00+00:00",
        "date_finalized": "2026-03-02T15:00:05+00:00",
        "latency": "5000",
        "status": "delivered",
        "currency": "EUR",
        "estimated_price": "0.0150",
        "total_price": "0.0150",
    }


@pytest.mark.parametrize(
    ("digits", "status", "code"),
    [
        ("23", "delivered", None),
        ("20", "undeliverable", "1331"),
        ("21", "submitted", None),
        ("22", "submitted", None),
        ("53", "rejected", "1240"),
    ],
)
async def test_the_status_follows_what_happened(world, digits, status, code):
    """Also where no webhook ever came: that is when somebody asks."""
    world.simulator.flip(submitted_delay_s=0, final_delay_s=0)
    await sent(world, to=f"121255501{digits}")
    await world.simulator.drain()

    _, answer = await ask(world)

    [record] = answer["records"]
    assert (record["status"], record.get("error_code")) == (status, code)


async def test_a_fresh_message_does_not_show_up_at_once(world):
    """Whoever concludes from an early answer that nothing was taken sends a second picture."""
    world.simulator.flip(reports_delay_s=120)
    _, body = await world.post()
    world.clock.advance(119)

    _, early = await ask(world)
    _, early_by_id = await ask(world, bare=True, id=body["message_uuid"])
    world.clock.advance(1)
    _, later = await ask(world)

    assert early["records"] == early_by_id["records"] == []
    assert early_by_id["ids_not_found"] == body["message_uuid"]
    assert later["items_count"] == 1


async def test_ids_are_looked_up_together(world):
    """Up to twenty; those that are not found are listed with commas between them."""
    first, second = await sent(world), await sent(world)

    status, answer = await ask(world, bare=True, id=f"{second},none,{first},nothing")

    assert status == 200
    assert [record["message_id"] for record in answer["records"]] == [second, first]
    assert answer["ids_not_found"] == "none,nothing"
    assert "date_start" not in answer


async def test_filters_narrow_a_question(world):
    """There is none for `client_ref`: whoever looks for one narrows from, to and time."""
    await sent(world, client_ref="a")
    await sent(world, client_ref="b", to="12125550199")
    await sent(world, client_ref="c", channel="sms", message_type="text", text="hi", image=None)

    async def refs(**query):
        _, answer = await ask(world, **query)
        return [record["client_ref"] for record in answer["records"]]

    assert await refs() == ["a", "b", "c"]
    assert await refs(to="12125550123") == ["a", "c"]
    assert await refs(to="12125550123", from_="12015550100", provider="mms") == ["a"]
    assert await refs(provider="whatsapp") == []
    assert await refs(status="rejected") == []


async def test_a_time_is_compared_with_the_whole_seconds_of_a_record(world):
    """The document compares `date_start` with the field that it shows, which has no fractions."""
    world.clock.advance(0.499)
    received = world.clock.now()
    await sent(world)
    second = received.replace(microsecond=0)

    async def found(since, until):
        _, answer = await ask(world, date_start=stamp(since), date_end=stamp(until))
        return answer["items_count"]

    hour = timedelta(hours=1)
    assert received.microsecond == 500_000
    assert await found(second, second + hour) == 1
    assert await found(received, received + hour) == 0
    assert await found(second - hour, second) == 0
    assert await found(second - hour, received) == 1


async def test_pages_are_turned_by_cursor_and_iv(world):
    """Both come with a page that has another behind it, and with no other."""
    world.simulator.flip(reports_page_items=2)
    for number in range(5):
        await sent(world, client_ref=str(number))
    place, refs, pages = {}, [], 0
    while pages == 0 or place:
        _, answer = await ask(world, **place)
        refs += [record["client_ref"] for record in answer["records"]]
        place = {name: answer[name] for name in ("cursor", "iv") if name in answer}
        assert ("next" in answer["_links"]) is bool(place)
        pages += 1

    assert (refs, pages) == (list("01234"), 3)


async def test_the_link_to_the_next_page_lacks_the_times(world):
    """As in the document's example; others report that it is refused as it stands."""
    world.simulator.flip(reports_page_items=1)
    await sent(world)
    await sent(world)
    _, answer = await ask(world)

    query = parse_qs(urlsplit(answer["_links"]["next"]["href"]).query)

    assert query["cursor"] == [answer["cursor"]]
    assert "date_start" not in query


async def test_the_message_is_shown_to_whoever_asks_for_it(world):
    """It is what somebody wrote, so not by default."""
    await sent(world, channel="sms", message_type="text", text="hi", image=None)

    _, without = await ask(world)
    _, with_message = await ask(world, include_message="true")

    assert "message_body" not in without["records"][0]
    assert with_message["records"][0]["message_body"] == "hi"


WRONG = [
    ("product", {"product": None}),
    ("product", {"product": "SMS"}),
    ("account_id", {"account_id": None}),
    ("direction", {"direction": None}),
    ("direction", {"direction": "inbound"}),
    ("date_start", {"date_start": None}),
    ("date_start", {"date_start": "yesterday"}),
    ("date_start", {"date_start": "2026-03-02"}),
    ("date_start", {"date_start": "2026-02-30T00:00:00Z"}),
    ("date_start", {"date_start": "0001-01-01T00:00:00+14:00"}),
    ("date_start", {"date_start": "2026-03-02T15:00:00"}),
    ("date_start", {"date_start": "2026-03-02T15:00:01Z"}),
    ("date_end", {"date_start": "2026-03-01T14:59:59Z"}),
    ("date_end", {"date_end": "2026-03-02T14:00:00Z"}),
    ("provider", {"provider": "pigeon"}),
    ("include_message", {"include_message": "maybe"}),
    ("client_ref", {"client_ref": "ref-1"}),
    ("country", {"country": "US"}),
    ("cursor", {"iv": "x"}),
    ("iv", {"cursor": "x"}),
    ("id", {"bare": True, "id": ","}),
    ("id", {"bare": True, "id": ",".join("x" * 21)}),
    ("date_start", {"id": "x"}),
    ("to", {"bare": True, "id": "x", "to": "12125550123"}),
]


@pytest.mark.parametrize(("name", "query"), WRONG)
async def test_a_question_out_of_bounds_is_refused(world, name, query):
    """The refusal names the parameter, in a body of the type that this call has."""
    status, problem = await ask(world, **query)

    assert status == 422
    assert [each["name"] for each in problem["invalid_parameters"]] == [name]
    assert world.last.content_type == "application/problem+json"
    assert problem["type"].endswith("#invalid-request-parameters")


async def test_a_parameter_that_comes_twice_is_refused(world):
    """Nobody could tell which of them counts."""
    params = [
        ("product", "MESSAGES"),
        ("account_id", world.credentials.api_key),
        ("direction", "outbound"),
        ("id", "a"),
        ("id", "b"),
    ]
    url = f"{world.url}/v2/reports/records"

    async with world.session.get(url, params=params, headers=basic(world.credentials)) as answer:
        assert answer.status == 422


async def test_only_key_and_secret_open_it(world):
    """A client that sends its token here learns it from its tests, not from production."""
    token, _ = await ask(world, headers=world.headers())
    wrong, _ = await ask(world, headers=basic(world.credentials, "wrong"))
    nobody, _ = await ask(world, headers={})
    stranger, _ = await ask(world, account_id="12aa3456")

    assert (token, wrong, nobody, stranger) == (401, 401, 401, 403)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("throttled", 429), ("forbidden", 403), ("error", 500), ("unavailable", 503)],
)
async def test_it_fails_alone(world, fault, status):
    """A product that is not paid for, or is down, while messages are accepted as ever."""
    world.simulator.flip(reports_fault=fault)

    answered, _ = await ask(world)
    accepted, _ = await world.post()

    assert (answered, accepted) == (status, 202)
    assert ("Retry-After" in world.last.headers) is False
    assert world.simulator.ledger.answers[status] == 1


async def test_it_breaks_off(world):
    """Half an answer must not pass for one without records."""
    world.simulator.flip(reports_fault="truncated")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await ask(world)

    world.simulator.flip(reports_fault="drop")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(world)


@pytest.mark.parametrize(
    ("switches", "status"),
    [({"outage": "unavailable"}, 503), ({"account_fault": "account-suspended"}, 403)],
)
async def test_what_stops_the_account_stops_it_too(world, switches, status):
    """It is the same provider and the same account."""
    world.simulator.flip(**switches)

    answered, _ = await ask(world)

    assert answered == status


async def test_the_accounts_limit_counts_its_requests(world):
    """Thirty requests a second are for all calls together (contract 4.1)."""
    world.simulator.flip(rate_per_s=2)

    statuses = [(await ask(world))[0], (await world.post())[0], (await ask(world))[0]]
    waits = world.last.headers["Retry-After"]

    assert (statuses, waits) == ([200, 202, 429], "1")


async def test_it_has_a_limit_of_its_own(world):
    """Ten a second, by its own list of errors."""
    statuses = [(await ask(world))[0] for _ in range(11)]
    world.simulator.flip(rate_per_s=None)
    unlimited, _ = await ask(world)

    assert statuses == [200] * 10 + [429]
    assert unlimited == 200
