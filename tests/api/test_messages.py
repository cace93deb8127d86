"""Sending, looking up, listing and canceling: what a product's back end builds on."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from tests.api.application import client_of
from tests.factories import NOW, PICTURE, RECIPIENT, SENDER, send_request
from wirephoto.domain.api_key import Scope
from wirephoto.domain.message import Category, MessageState, Priority
from wirephoto.storage.messages import get_message
from wirephoto.storage.schema import DEFAULT_TENANT

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
MEDIA_FIELDS = ("url", "upload", "kind", "media_id", "fitting")


async def test_a_message_is_stored_before_it_is_accepted(client, database):
    """A 202 is a promise that survives a power cut."""
    answer = await client.post("/v1/messages", json=send_request(reference="order-7"))

    assert answer.status_code == 202
    accepted = answer.json()
    async with database.read() as tx:
        stored = await get_message(tx, DEFAULT_TENANT, accepted["id"])
    assert stored is not None
    assert stored.state is MessageState.QUEUED
    assert accepted == {
        "id": stored.id,
        "state": "queued",
        "to": RECIPIENT,
        "from": SENDER,
        "text": "A cat",
        "media": [dict.fromkeys(MEDIA_FIELDS) | {"url": PICTURE, "kind": "image"}],
        "channel": "mms",
        "category": "transactional",
        "priority": "normal",
        "ordered": False,
        "allowed_by": {"consent": "implied"},
        "reference": "order-7",
        "metadata": {},
        **dict.fromkeys(("fallback", "hold_reason", "reason", "detail", "message_uuid")),
        **dict.fromkeys(("attempts", "resends"), 0),
        "duplicate_possible": False,
        "receipt_overdue": False,
        "warnings": [],
        "expected_at": accepted["expected_at"],
        "due_at": "2026-03-04T15:00:00Z",
        "expires_at": "2026-03-05T15:00:00Z",
        "created_at": "2026-03-04T15:00:00Z",
        "updated_at": "2026-03-04T15:00:00Z",
        **dict.fromkeys(("submitted_at", "final_at")),
    }


async def test_a_message_looks_the_same_when_it_is_looked_up(client):
    """What the 202 said is what is stored, on both databases, to the last character."""
    body = send_request(
        to="(212) 555-0123",
        text="مرحبا 👩‍👩‍👧 \u202e",
        metadata={"order": "7", "quote'\"": "\\"},
        send_at="2026-03-04T12:00:00.123456-05:00",
        priority="urgent",
        ordered=True,
        category="conversational",
        **{"from": "+1 202-555-0100"},
    )
    accepted = (await client.post("/v1/messages", json=body)).json()

    found = await client.get(f"/v1/messages/{accepted['id']}")

    assert found.status_code == 200
    assert found.json() == accepted
    assert accepted["to"] == RECIPIENT
    assert accepted["text"] == body["text"]
    assert accepted["metadata"] == body["metadata"]
    assert accepted["hold_reason"] == "scheduled"
    assert accepted["due_at"] == "2026-03-04T17:00:00.123456Z"


REFUSED = [
    ({"to": None}, "to", "required"),
    ({"to": "not a number"}, "to", "not_a_number"),
    ({"to": "+18005550123"}, "to", "toll_free"),
    ({"to": SENDER}, "to", "own_number"),
    ({"to": 12125550123}, "to", "invalid_type"),
    ({"from": "+13105550100"}, "from", "unknown_sender"),
    ({"media": [{"url": "ftp://example.com/a.jpg"}]}, "media[0].url", "bad_url"),
    ({"media": [{"url": PICTURE}, {"link": PICTURE}]}, "media[1].link", "unknown_field"),
    ({"media": None, "text": None}, "media", "required"),
    ({"text": "x" * 3001}, "text", "too_long"),
    ({"text": "a\x00b"}, "text", "null_character"),
    ({"recipient": RECIPIENT}, "recipient", "unknown_field"),
    ({"send_at": "2026-03-04T15:00:00"}, "send_at", "invalid_type"),
    ({"send_at": "2026-05-04T15:00:00Z"}, "send_at", "too_far"),
    ({"expires_at": "2026-03-04T14:00:00Z"}, "expires_at", "too_soon"),
    ({"metadata": {"": "x"}}, "metadata", "length"),
    ({"reference": ""}, "reference", "length"),
    ({"priority": "high"}, "priority", "invalid_type"),
    ({"ordered": "yes"}, "ordered", "invalid_type"),
    ({"category": "spam"}, "category", "invalid_type"),
]


@on_sqlite
@pytest.mark.parametrize(("changes", "field", "code"), REFUSED, ids=lambda value: str(value)[:40])
async def test_a_refusal_names_the_field_and_the_rule(client, changes, field, code):
    """Whoever made the mistake sees it at once, and nothing is half stored."""
    answer = await client.post("/v1/messages", json=send_request(**changes))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid"
    assert [(fault["field"], fault["code"]) for fault in problem["errors"]] == [(field, code)]
    assert problem["errors"][0]["message"].endswith(".")
    assert (await client.get("/v1/messages")).json()["messages"] == []


@on_sqlite
async def test_every_fault_of_a_request_is_told_at_once(client):
    """Nobody wants to find four mistakes with four requests."""
    body = send_request(to="1", text="x" * 3001, reference="", **{"from": "999"})

    problem = (await client.post("/v1/messages", json=body)).json()

    assert [fault["field"] for fault in problem["errors"]] == ["to", "from", "text", "reference"]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"to": "\xff"}', 400, "malformed_json"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b" " * 1_000_001, 413, "too_large"),
    ],
    ids=["empty", "cut off", "not UTF-8", "a list", "null", "over 1 MB"],
)
async def test_what_is_no_message_at_all_is_refused(client, body, status, code):
    """Clients have bugs; ours is to say which."""
    answer = await client.post("/v1/messages", content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@on_sqlite
async def test_the_content_type_does_not_matter(client):
    """The README's curl says none, and then curl says that a form comes."""
    body = '{"to": "+12125550123", "text": "Hello"}'
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await client.post("/v1/messages", content=body, headers=headers)

    assert answer.status_code == 202


async def test_the_timeline_tells_what_became_of_a_message(client, mover):
    """Support opens it first, so it must have every move in order, and every try."""
    accepted = (await client.post("/v1/messages", json=send_request())).json()
    message = await mover.submit(await mover.newest(), UUID)
    await mover.move(message, MessageState.DELIVERED)

    answer = await client.get(f"/v1/messages/{accepted['id']}/events")

    timeline = answer.json()
    types = [event["type"] for event in timeline["events"]]
    assert types == [
        f"message.{state}" for state in ("queued", "claimed", "sending", "submitted", "delivered")
    ]
    assert timeline["events"][3]["data"]["provider_message_id"] == UUID
    [attempt] = timeline["attempts"]
    assert (attempt["number"], attempt["state"]) == (1, "submitted")
    assert (attempt["http_status"], attempt["message_uuid"]) == (202, UUID)
    found = (await client.get(f"/v1/messages/{accepted['id']}")).json()
    assert (found["state"], found["message_uuid"], found["attempts"]) == ("delivered", UUID, 1)


async def test_a_timeline_is_paged(client, mover):
    """A message that the provider throttled for a day has hundreds of events."""
    accepted = (await client.post("/v1/messages", json=send_request())).json()
    await mover.submit(await mover.newest(), UUID)
    path, seen, cursor = f"/v1/messages/{accepted['id']}/events", [], "0"

    while cursor:
        page = (await client.get(path, params={"cursor": cursor, "limit": 3})).json()
        assert len(page["events"]) <= 3
        seen += [event["type"].removeprefix("message.") for event in page["events"]]
        cursor = page["next_cursor"]

    assert seen == ["queued", "claimed", "sending", "submitted"]


async def _store_some(mover, clock):
    """Store five messages, a second apart, that each differ in one thing."""
    stored = {}
    for name, changes in {
        "plain": {},
        "submitted": {"state": MessageState.SUBMITTED},
        "to_boston": {"recipient": "+16175550123"},
        "from_code": {"sender": "54321", "reference": "order-7"},
        "labelled": {"metadata": {"shop": "a\"b'c", "empty": ""}, "priority": Priority.BULK},
    }.items():
        now = clock.now()
        message = await mover.stored(
            id=mover.ids.new("msg", now), created_at=now, category=Category.MARKETING, **changes
        )
        stored[message.id] = name
        await clock.advance(1)
    return stored


LISTS = [
    ({}, ["labelled", "from_code", "to_boston", "submitted", "plain"]),
    ({"state": "submitted"}, ["submitted"]),
    ({"to": "+16175550123"}, ["to_boston"]),
    ({"to": "(617) 555-0123"}, ["to_boston"]),
    ({"from": "54321"}, ["from_code"]),
    ({"from": SENDER, "state": "queued", "to": RECIPIENT}, ["labelled", "plain"]),
    ({"reference": "order-7"}, ["from_code"]),
    ({"reference": "order"}, []),
    ({"metadata.shop": "a\"b'c"}, ["labelled"]),
    ({"metadata.shop": "a"}, []),
    ({"metadata.empty": ""}, ["labelled"]),
    ({"since": "2026-03-04T15:00:03Z"}, ["labelled", "from_code"]),
    ({"until": "2026-03-04T10:00:02-05:00"}, ["submitted", "plain"]),
    ({"since": "2026-03-04T15:00:01Z", "until": "2026-03-04T15:00:02Z"}, ["submitted"]),
]


async def test_lists_are_narrowed_by_every_filter(client, mover, clock):
    """An operator's question is one request, and means the same on both databases."""
    stored = await _store_some(mover, clock)

    for query, names in LISTS:
        answer = await client.get("/v1/messages", params=query)
        assert answer.status_code == 200, answer.text
        found = [stored[message["id"]] for message in answer.json()["messages"]]
        assert found == names, query


async def test_a_plus_in_a_query_may_be_left_as_it_is(client, mover, clock):
    """Everybody forgets that a `+` in a query means a space."""
    await _store_some(mover, clock)

    answer = await client.get("/v1/messages?to=+16175550123")

    assert [message["to"] for message in answer.json()["messages"]] == ["+16175550123"]


@on_sqlite
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "sent"}, "state"),
        ({"to": "hello"}, "to"),
        ({"from": "hello"}, "from"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-03-04T15:00:00"}, "since"),
        ({"until": "20260304"}, "until"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
    ],
    ids=str,
)
async def test_a_filter_that_means_nothing_is_refused_by_name(client, query, field):
    """An empty list for a misspelt filter would be read as "there are none"."""
    answer = await client.get("/v1/messages", params=query)

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_pages_hold_every_message_once(client, mover, clock):
    """Whoever exports a month must not miss one, also while new ones come in."""
    stored, seen, cursor = await _store_some(mover, clock), [], None

    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/messages", params=params)).json()
        seen += [stored[message["id"]] for message in page["messages"]]
        cursor = page["next_cursor"]
        await client.post("/v1/messages", json=send_request(text="a newer one"))
        if cursor is None:
            break

    assert seen == ["labelled", "from_code", "to_boston", "submitted", "plain"]


@pytest.mark.parametrize(
    "states",
    [(), (MessageState.CLAIMED,)],
    ids=["queued", "claimed, but nothing has left"],
)
async def test_a_message_that_has_not_left_is_canceled(client, mover, states):
    """Orders are called off, and until the first byte leaves a call-off must win."""
    accepted = (await client.post("/v1/messages", json=send_request())).json()
    await mover.move(await mover.newest(), *states)

    canceled = await client.post(f"/v1/messages/{accepted['id']}/cancel")
    again = await client.post(f"/v1/messages/{accepted['id']}/cancel")

    assert canceled.status_code == 200
    assert canceled.json()["state"] == "canceled"
    assert canceled.json()["final_at"] is not None
    assert again.json() == canceled.json()
    timeline = (await client.get(f"/v1/messages/{accepted['id']}/events")).json()
    assert [event["type"] for event in timeline["events"]].count("message.canceled") == 1


@on_sqlite
@pytest.mark.parametrize(
    "states",
    [
        (MessageState.CLAIMED, MessageState.SENDING),
        (MessageState.CLAIMED, MessageState.SENDING, MessageState.UNCONFIRMED),
        (MessageState.CLAIMED, MessageState.SENDING, MessageState.FAILED),
        (MessageState.EXPIRED,),
    ],
    ids=lambda states: states[-1].value,
)
async def test_it_is_too_late_to_cancel_what_may_have_left(client, mover, states):
    """The customer hears "too late", never that a message on its way was stopped."""
    accepted = (await client.post("/v1/messages", json=send_request())).json()
    await mover.move(await mover.newest(), *states)

    answer = await client.post(f"/v1/messages/{accepted['id']}/cancel")

    assert answer.status_code == 409
    assert answer.json()["code"] == "not_cancelable"
    assert states[-1].value in answer.json()["detail"]


@on_sqlite
@pytest.mark.parametrize("message_id", ["msg_none", "nonsense", "%00", "a" * 500, "☎"])
async def test_what_does_not_exist_is_not_found(client, message_id):
    """A wrong id is the caller's mistake, never ours."""
    for method, path in _routes_of(message_id):
        answer = await client.request(method, path)
        assert answer.status_code == 404, path
        assert answer.json()["code"] == "not_found"


async def test_another_tenants_messages_do_not_exist(app, mover, store_key, other_tenant):
    """A platform's customers share a database and must never see each other."""
    message = await mover.stored()
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)
    async with client_of(app, key=key) as stranger:
        for method, path in _routes_of(message.id):
            assert (await stranger.request(method, path)).status_code == 404, path
        listed = await stranger.get("/v1/messages")
        sent = await stranger.post("/v1/messages", json=send_request(**{"from": SENDER}))

    assert listed.json() == {"messages": [], "next_cursor": None}
    assert sent.json()["errors"][0]["code"] == "unknown_sender"
    assert (await mover.newest()).state is MessageState.QUEUED


def _routes_of(message_id: str):
    return [
        ("GET", f"/v1/messages/{message_id}"),
        ("GET", f"/v1/messages/{message_id}/events"),
        ("POST", f"/v1/messages/{message_id}/cancel"),
    ]


@on_sqlite
async def test_a_filter_is_kept_when_a_query_is_built_by_hand(client, mover):
    """Metadata filters hold any text that the labels may hold."""
    await mover.stored(metadata={"ключ.1": "знач & ение"}, created_at=NOW - timedelta(days=1))

    query = urlencode({"metadata.ключ.1": "знач & ение"})
    answer = await client.get(f"/v1/messages?{query}")

    assert len(answer.json()["messages"]) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/messages", 404, "not_found"),
        ("DELETE", "/v1/messages", 405, "method_not_allowed"),
        ("PUT", "/v1/messages/msg_none", 405, "method_not_allowed"),
    ],
)
async def test_routes_that_do_not_exist_answer_with_problems(client, method, path, status, code):
    """Clients parse one kind of error, whoever answers."""
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"]
