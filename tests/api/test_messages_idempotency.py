"""A request that is repeated under its key happens once, and is answered as the first time."""

import asyncio

import pytest

from tests.api.application import client_of, make_app
from tests.factories import send_request
from wirephoto.domain.api_key import Scope
from wirephoto.domain.idempotency import HEADER

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
REPLAYED = "Idempotent-Replayed"
SIMPLE = {"recipient": "+12125550123", "imageUrl": "https://pictures.example.com/cat.jpg"}


async def _count(client):
    return len((await client.get("/v1/messages?limit=200")).json()["messages"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", send_request()),
        ("/v1/messages/batch", {"messages": [send_request(), {"to": "nobody"}]}),
        ("/send-mms", SIMPLE),
    ],
    ids=["one", "batch", "simple"],
)
async def test_a_repeated_request_gets_the_first_answer(client, clock, path, body):
    """The customer's connection broke; the retry must not send the picture again."""
    first = await client.post(path, json=body, headers={HEADER: "order-7"})
    await clock.advance(3600)

    again = await client.post(path, json=body, headers={HEADER: '"order-7"'})

    assert first.status_code in (200, 202)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers[REPLAYED] == "true"
    assert REPLAYED not in first.headers
    assert await _count(client) == 1


@on_sqlite
async def test_the_first_answer_is_given_however_the_message_has_moved(client, mover):
    """It is an answer to the request, not a look-up: byte for byte what was lost on the way."""
    headers = {HEADER: "order-7"}
    first = await client.post("/v1/messages", json=send_request(), headers=headers)
    await client.post(f"/v1/messages/{first.json()['id']}/cancel")

    again = await client.post("/v1/messages", json=send_request(), headers=headers)

    assert again.content == first.content


@on_sqlite
async def test_the_order_of_members_does_not_make_another_request(client):
    """Languages order objects as they like, sometimes anew for each retry."""
    one = '{"to": "+12125550123", "text": "Hello", "metadata": {"a": "1", "b": "2"}}'
    two = '{"metadata":{"b":"2","a":"1"},"text":"Hello","to":"+12125550123"}'
    first = await client.post("/v1/messages", content=one, headers={HEADER: "k"})

    again = await client.post("/v1/messages", content=two, headers={HEADER: "k"})

    assert again.json() == first.json()


@on_sqlite
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/batch", "/send-mms"])
@pytest.mark.parametrize("key", ["", '""', "two words", "ключ".encode(), '"open', "x" * 256])
async def test_a_malformed_key_is_refused(client, path, key):
    """A key that some proxy would mangle protects nobody."""
    answer = await client.post(path, json=SIMPLE, headers=[(HEADER, key)])

    assert answer.status_code == 400
    if path == "/send-mms":
        assert answer.json()["success"] is False
        assert HEADER in answer.json()["error"]
    else:
        assert answer.json()["code"] == "malformed_header"
        assert answer.json()["errors"][0]["field"] == HEADER


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/v1/messages", send_request(), send_request(text="Another cat")),
        ("/v1/messages/batch", {"messages": [send_request()]}, {"messages": [send_request()] * 2}),
        ("/send-mms", SIMPLE, SIMPLE | {"caption": "Another cat"}),
    ],
    ids=["one", "batch", "simple"],
)
async def test_a_key_with_another_body_is_refused(client, path, body, other):
    """A key that is reused by mistake would silently swallow a message."""
    await client.post(path, json=body, headers={HEADER: "order-7"})

    answer = await client.post(path, json=other, headers={HEADER: "order-7"})

    assert answer.status_code == 422
    if path == "/send-mms":
        assert answer.json()["success"] is False
    else:
        assert answer.json()["code"] == "key_reused"
    assert await _count(client) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/v1/messages", send_request(to="1"), send_request()),
        ("/v1/messages/batch", {"messages": []}, {"messages": [send_request()]}),
        ("/send-mms", SIMPLE | {"recipient": "1"}, SIMPLE),
    ],
    ids=["one", "batch", "simple"],
)
async def test_refused_input_uses_up_no_key(client, path, wrong, right):
    """Whoever corrects a typing error keeps the key of the order."""
    refused = await client.post(path, json=wrong, headers={HEADER: "order-7"})

    corrected = await client.post(path, json=right, headers={HEADER: "order-7"})

    assert refused.status_code in (400, 422)
    assert corrected.status_code in (200, 202)
    assert REPLAYED not in corrected.headers


async def test_a_key_belongs_to_its_route(client):
    """The same order id may well be used for two kinds of request."""
    headers = {HEADER: "order-7"}
    for path, body in [
        ("/v1/messages", send_request()),
        ("/v1/messages/batch", {"messages": [send_request()]}),
        ("/send-mms", SIMPLE),
    ]:
        answer = await client.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 202)
        assert REPLAYED not in answer.headers

    assert await _count(client) == 3


async def test_a_key_belongs_to_its_tenant_and_survives_rotation(
    app, client, store_key, other_tenant
):
    """A new API key in the middle of a retry changes nothing; another customer's order does not."""
    headers = {HEADER: "order-7"}
    first = await client.post("/v1/messages", json=send_request(), headers=headers)
    async with client_of(app, key=await store_key(Scope.SEND)) as rotated:
        again = await rotated.post("/v1/messages", json=send_request(), headers=headers)
    async with client_of(app, key=await store_key(Scope.SEND, tenant_id=other_tenant)) as stranger:
        theirs = await stranger.post("/v1/messages", json=send_request(), headers=headers)

    assert again.json() == first.json()
    assert theirs.status_code == 422  # it has no sender, and hears nothing of the first message
    assert theirs.json()["code"] == "invalid"


async def test_concurrent_requests_with_one_key_store_one_message(app, client, database, clock):
    """A client that loses patience and retries at once, over two gateways behind one balancer."""
    elsewhere = make_app(database, clock)
    async with client_of(elsewhere) as other:
        answers = await asyncio.gather(
            *[
                each.post("/v1/messages", json=send_request(), headers={HEADER: "order-7"})
                for each in [client, other] * 5
            ]
        )

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert [REPLAYED in answer.headers for answer in answers].count(False) == 1
    assert await _count(client) == 1


async def test_the_keys_of_a_batch_are_those_of_single_messages(client):
    """Whether an order goes out alone or in a batch must not matter for "once"."""
    alone = await client.post("/v1/messages", json=send_request(), headers={HEADER: "a"})
    items = [
        send_request(idempotency_key="a"),
        send_request(idempotency_key='"b"'),
        send_request(idempotency_key="b"),
        send_request(text="another", idempotency_key="b"),
        send_request(),
    ]

    batch = (await client.post("/v1/messages/batch", json={"messages": items})).json()["results"]
    after = await client.post("/v1/messages", json=send_request(), headers={HEADER: "b"})

    assert [result["status"] for result in batch] == [202, 202, 202, 422, 202]
    assert [result.get("replayed", False) for result in batch] == [True, False, True, False, False]
    assert batch[0]["message"] == alone.json()
    assert batch[2]["message"] == batch[1]["message"] == after.json()
    assert batch[3]["problem"]["code"] == "key_reused"
    assert await _count(client) == 3


@on_sqlite
async def test_a_malformed_key_of_an_item_refuses_that_item(client):
    """One bad key among a thousand is one refusal."""
    items = [send_request(idempotency_key="two words"), send_request()]

    results = (await client.post("/v1/messages/batch", json={"messages": items})).json()["results"]

    assert [result["status"] for result in results] == [422, 202]
    assert results[0]["problem"]["errors"][0]["field"] == "idempotency_key"


async def test_a_batch_is_repeated_with_keys_of_both_kinds(client):
    """The outer key answers for the whole, with what was said of each message then."""
    body = {"messages": [send_request(idempotency_key="a"), {"to": 7}, send_request()]}
    headers = {HEADER: "batch-1"}
    first = await client.post("/v1/messages/batch", json=body, headers=headers)

    again = await client.post("/v1/messages/batch", json=body, headers=headers)
    under_another_key = await client.post(
        "/v1/messages/batch", json=body, headers={HEADER: "batch-2"}
    )

    assert first.status_code == 200, first.text
    assert again.content == first.content
    results = under_another_key.json()["results"]
    assert [result.get("replayed", False) for result in results] == [True, False, False]
    assert await _count(client) == 3
