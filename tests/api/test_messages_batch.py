"""Many messages in one request, each accepted or refused on its own."""

import json

import pytest

from tests.factories import send_request

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PATH = "/v1/messages/batch"


async def test_results_stand_in_the_order_of_the_messages(client):
    """The caller matches them by their place, and a refused one must not shift the others."""
    items = [
        send_request(text="one"),
        {"to": "+12125550123", "txt": "two"},
        send_request(to="+18005550123"),
        "not even an object",
        send_request(text="five"),
    ]

    answer = await client.post(PATH, json={"messages": items})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [202, 422, 422, 422, 202]
    assert [result["message"]["text"] for result in (results[0], results[4])] == ["one", "five"]
    faults = [result["problem"]["errors"][0] for result in results[1:4]]
    assert [fault["field"] for fault in faults] == ["txt", "to", "body"]
    listed = (await client.get("/v1/messages")).json()["messages"]
    assert {message["id"] for message in listed} == {
        results[0]["message"]["id"],
        results[4]["message"]["id"],
    }


async def test_a_thousand_messages_fit_into_one_batch(client):
    """The bound is where DESIGN puts it, and one more is refused whole."""
    item = send_request()
    full = await client.post(PATH, json={"messages": [item] * 1000})
    over = await client.post(PATH, json={"messages": [item] * 1001})

    assert full.status_code == 200
    results = full.json()["results"]
    assert [result["status"] for result in results] == [202] * 1000
    assert len({result["message"]["id"] for result in results}) == 1000
    assert over.status_code == 422
    assert over.json()["errors"][0]["field"] == "messages"


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"messages": []}, 422, "messages"),
        ({"messages": {}}, 422, "messages"),
        ({}, 422, "messages"),
        ([send_request()], 422, "body"),
        ({"messages": [send_request()], "dry_run": True}, 422, "dry_run"),
    ],
    ids=str,
)
async def test_what_is_no_batch_is_refused_whole(client, body, status, field):
    """Nothing of it is stored, so that it can be corrected and sent again."""
    answer = await client.post(PATH, json=body)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    assert (await client.get("/v1/messages")).json()["messages"] == []


@on_sqlite
async def test_a_batch_may_have_eight_megabytes(client):
    """Large enough for a thousand long captions, small enough for the memory."""
    items = [send_request(text="x" * 3000, metadata={"x": "y" * 500}) for _ in range(1000)]
    fits = json.dumps({"messages": items}).encode()
    assert 3_000_000 < len(fits) < 8_000_000

    accepted = await client.post(PATH, content=fits)
    refused = await client.post(PATH, content=fits.ljust(8_000_001))

    assert accepted.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@on_sqlite
async def test_every_kind_of_broken_item_is_one_refusal(client):
    """Whatever a customer's export holds, the good messages of the batch go out."""
    broken = [None, 7, [], {}, {"to": None}, {"to": "+12125550123"}, {"media": [{}]}]

    answer = await client.post(PATH, json={"messages": [*broken, send_request()]})

    assert [result["status"] for result in answer.json()["results"]] == [422] * 7 + [202]
