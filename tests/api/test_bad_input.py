"""Bad input is refused with the field and the rule, on both databases, and nothing is stored."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from tests.api.application import KEY, Answer, add_sender, exchange, make_app, open_app, problem_of
from tests.factories import send_request
from tests.virtual_clock import VirtualClock
from wirephoto.api import messages, webhooks
from wirephoto.api.examples import MESSAGE_ID
from wirephoto.storage.database import Database

SIGNED_IN = (b"authorization", f"Bearer {KEY}".encode())
FORM = (b"content-type", b"application/x-www-form-urlencoded")
SEND, BATCH, SIMPLE = b"/v1/messages", b"/v1/messages/batch", b"/send-mms"


@pytest.fixture
async def stored(database: Database, clock: VirtualClock) -> Litestar:
    """Give the application over each database, for what reaches it."""
    await add_sender(database, clock)
    return make_app(database, clock)


@pytest.fixture
async def app(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Litestar]:
    """Give the application over SQLite, for what is refused before."""
    async with open_app(tmp_path, clock) as app:
        yield app


async def _ask(
    app: Litestar,
    method: str,
    target: bytes,
    body: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Answer:
    return await exchange(app, method, target, headers=[SIGNED_IN, *headers], body=body)


def _with(**changes: Any) -> bytes:
    return json.dumps(send_request(**changes)).encode()


NO_JSON = {
    "nothing": b"",
    "cut off": b'{"to":',
    "two documents": b'{"to":"+12125550123","text":"a"} {}',
    "invalid UTF-8": b'{"to":"+12125550123","text":"\xff"}',
    "half a surrogate pair": b'{"to":"+12125550123","text":"\\ud800"}',
    "byte order mark": b'\xef\xbb\xbf{"to":"+12125550123","text":"a"}',
    "NaN": b'{"to":"+12125550123","text":NaN}',
}
BROKEN: dict[str, tuple[bytes, str]] = {
    "null": (b"null", "body"),
    "a list": (b"[]", "body"),
    "deep nesting": (b"[" * 50_000, "body"),
    "no recipient": (_with(to=None), "to"),
    "a number as a number": (_with(to=12125550123), "to"),
    "a huge integer": (b'{"to":' + b"9" * 4000 + b"}", "to"),
    "a null character in the number": (_with(to="+1212555\x000123"), "to"),
    "an unknown field": (_with(subject="hello"), "subject"),
    "an unknown field inside": (_with(media=[{"x": 1}]), "media[0].x"),
    "a wrong type inside": (_with(media=[{"url": 5}]), "media[0].url"),
    "a null character in the text": (_with(text="a\x00b"), "text"),
    "a text that is too long": (_with(text="a" * 3001), "text"),
    "a time without zone": (_with(send_at="2026-03-04T15:00:00"), "send_at"),
    "the beginning of time": (_with(send_at="0001-01-01T00:00:00+23:59"), "send_at"),
    "the end of time": (_with(expires_at="9999-12-31T23:59:59-23:59"), "expires_at"),
    "a number in the metadata": (_with(metadata={"a": 1}), "metadata[...]"),
    "a null character in the metadata": (_with(metadata={"a\x00": "b"}), "metadata"),
    "a long reference": (_with(reference="a" * 201), "reference"),
    "an unknown priority": (_with(priority="now"), "priority"),
    "a sender of somebody else": (_with(**{"from": "+12025550199"}), "from"),
}  # fmt: skip


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
async def test_what_is_no_json_is_said_to_be_none(app: Litestar, body: bytes) -> None:
    """On every route that reads JSON, inside a batch too."""
    inside = b'{"messages":[' + (body or b",") + b"]}"
    for target, sent in ((SEND, body), (BATCH, inside)):
        assert problem_of(await _ask(app, "POST", target, sent)) == (400, "malformed_json", [])
    simple = await _ask(app, "POST", SIMPLE, body)
    assert (simple.status, simple.json()["success"]) == (400, False)


@pytest.mark.parametrize(("body", "field"), BROKEN.values(), ids=BROKEN)
async def test_the_field_at_fault_is_named(app: Litestar, body: bytes, field: str) -> None:
    """Whoever gets a 422 without a field guesses."""
    assert problem_of(await _ask(app, "POST", SEND, body)) == (422, "invalid", [field])
    listed = (await _ask(app, "GET", SEND)).json()
    assert listed["messages"] == []


async def test_a_batch_names_the_field_of_each_message(stored: Litestar) -> None:
    """One bad message among a thousand must be found, and must not stop the others."""
    bad = {**send_request(to=None)}
    bad_key = {**send_request(), "idempotency_key": "with space"}
    items = [5, bad, bad_key, {**send_request(nope=1)}, send_request()]
    body = json.dumps({"messages": items}).encode()

    # A key for the whole batch must hold even where a message could not be read.
    answers = [await _ask(stored, "POST", BATCH, body, [(b"idempotency-key", b"k")]) for _ in "ab"]

    results = answers[0].json()["results"]
    assert [result["status"] for result in results] == [422, 422, 422, 422, 202]
    fields = [result["problem"]["errors"][0]["field"] for result in results[:4]]
    assert fields == ["body", "to", "idempotency_key", "nope"]
    assert answers[1].body == answers[0].body
    assert answers[1].header("idempotent-replayed") == "true"


@pytest.mark.parametrize(
    "body",
    [b'{"messages":[]}', b'{"messages":[' + b"0," * 1000 + b"0]}", b'{"messages":{}}'],
    ids=["none", "1,001", "no list"],
)
async def test_a_batch_has_a_size(app: Litestar, body: bytes) -> None:
    """A batch without a bound would hold up everybody else."""
    assert problem_of(await _ask(app, "POST", BATCH, body)) == (422, "invalid", ["messages"])


async def test_deep_nesting_is_refused_inside_a_batch(app: Litestar) -> None:
    """Its messages are read one by one, each to its end."""
    body = b'{"messages":[' + b"[" * 50_000 + b"]" * 50_000 + b"]}"

    assert problem_of(await _ask(app, "POST", BATCH, body)) == (400, "malformed_json", [])


async def test_the_last_of_two_fields_with_one_name_counts(app: Litestar) -> None:
    """Parsers differ here; what we answer shows what we took."""
    body = b'{"to":"+12125550123","text":"first","text":"last"}'

    answer = await _ask(app, "POST", SEND, body)

    assert (answer.status, answer.json()["text"]) == (202, "last")


@pytest.mark.parametrize(
    ("target", "limit"),
    [
        (SEND, messages.BODY_BYTES_MAX),
        (BATCH, messages.BATCH_BYTES_MAX),
        (SIMPLE, messages.BODY_BYTES_MAX),
        (b"/webhooks/status", webhooks.BODY_BYTES_MAX),
        (b"/webhooks/inbound", webhooks.BODY_BYTES_MAX),
    ],
)
async def test_a_body_over_its_limit_is_refused(app: Litestar, target: bytes, limit: int) -> None:
    """Whether its length was announced or not: memory is not for the caller to take."""
    announced = await _ask(app, "POST", target, headers=[(b"content-length", b"%d" % (limit + 1))])
    sent = await _ask(app, "POST", target, b" " * (limit + 1))
    fitting = await _ask(app, "POST", target, b" " * limit)

    assert (announced.status, sent.status) == (413, 413)
    assert fitting.status in (400, 503)
    if target == SIMPLE:
        assert sent.json() == {"success": False, "error": "The body is too large."}
    else:
        assert problem_of(sent) == (413, "too_large", [])


@pytest.mark.parametrize("key", [b"", b"   ", b"two words", b'"open', b"\xff", b"a" * 256, b'""'])
async def test_a_malformed_idempotency_key_is_refused(app: Litestar, key: bytes) -> None:
    """A key that is quietly cut or ignored does not protect from sending twice."""
    headers = [(b"idempotency-key", key)]

    for target in (SEND, BATCH):
        answer = await _ask(app, "POST", target, _with(), headers)
        assert problem_of(answer) == (400, "malformed_header", ["Idempotency-Key"])
    simple = await _ask(app, "POST", SIMPLE, b"{}", headers)
    assert (simple.status, simple.json()["success"]) == (400, False)


@pytest.mark.parametrize(
    "target", ["/nope", "/v1", "/v1/messages/a/b", "/schema", "/v1/messages/a%2Fb"]
)
async def test_a_path_that_is_none_is_not_found(app: Litestar, target: str) -> None:
    """The framework's own pages are in another format, and tell which framework it is."""
    assert problem_of(await _ask(app, "GET", target.encode())) == (404, "not_found", [])


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("PUT", SEND, "GET, OPTIONS, POST"),
        ("DELETE", f"/v1/messages/{MESSAGE_ID}".encode(), "GET, OPTIONS"),
        ("GET", b"/webhooks/status", "OPTIONS, POST"),
        ("MADEUP", b"/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_hears_the_right_ones(
    app: Litestar, method: str, target: bytes, allowed: str
) -> None:
    """RFC 9110, section 15.5.6: a 405 has `Allow`."""
    wrong, options = [await _ask(app, name, target) for name in (method, "OPTIONS")]

    assert problem_of(wrong) == (405, "method_not_allowed", [])
    assert {name.strip() for name in wrong.header("allow").split(",")} == set(allowed.split(", "))
    assert (options.status, options.header("allow")) == (204, allowed)


async def test_an_unusable_host_is_refused(app: Litestar) -> None:
    """Addresses that we make up from it would lead somewhere else."""
    answer = await _ask(app, "GET", b"/", headers=[(b"host", b"a/../b")])

    assert problem_of(answer) == (400, "malformed_header", [])


@pytest.mark.parametrize(
    "credentials",
    [
        [],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Bearer \xff")],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"authorization", KEY.encode())],
        [(b"x-api-key", b"wp_live_wrong")],
    ],
)
async def test_nothing_is_read_before_the_key_is_right(
    app: Litestar, credentials: list[tuple[bytes, bytes]]
) -> None:
    """Strangers hear 401 whatever they send, and how to sign in."""
    for method, target in (("POST", SEND), ("GET", SEND + b"?limit=0"), ("GET", SEND + b"/x")):
        answer = await exchange(app, method, target, headers=credentials, body=b"{")
        assert problem_of(answer) == (401, "unauthorized", [])
        assert answer.header("www-authenticate") == "Bearer"
    simple = await exchange(app, "POST", SIMPLE, headers=credentials, body=b"{")
    assert (simple.status, simple.json()["success"]) == (401, False)
    assert simple.header("www-authenticate") == "Bearer"


SIMPLE_BODIES: dict[str, tuple[bytes, list[tuple[bytes, bytes]], str]] = {
    "empty form": (b"", [FORM], "recipient: "),
    "form with an unknown field": (b"recipient=%2B12125550123&imageUrl=x&to=1", [FORM], "to: "),
    "form that is no UTF-8": (b"\xff", [FORM], "not a valid form"),
    "form with many fields": (b"&".join([b"a=1"] * 17), [FORM], "not a valid form"),
    "no picture": (b'{"recipient":"+12125550123"}', [], "imageUrl: "),
    "null as the picture": (b'{"recipient":"+12125550123","imageUrl":null}', [], "imageUrl: "),
    "bad number": (b'{"recipient":"12","imageUrl":"https://a.example.com"}', [], "recipient: "),
    "bad address": (b'{"recipient":"+12125550123","imageUrl":"cat.jpg"}', [], "imageUrl: "),
    "own network": (b'{"recipient":"+12125550123","imageUrl":"http://10.0.0.1"}', [], "imageUrl: "),
    "null character": (
        b"recipient=%2B12125550123&imageUrl=https://a.example.com/x.jpg&caption=%00",
        [FORM],
        "caption: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "said"), SIMPLE_BODIES.values(), ids=SIMPLE_BODIES)
async def test_the_simple_door_refuses_in_its_own_words(
    app: Litestar, body: bytes, headers: list[tuple[bytes, bytes]], said: str
) -> None:
    """Programs written after the tutorial look at `success` and show `error`."""
    answer = await _ask(app, "POST", SIMPLE, body, headers)

    assert answer.status == 400
    assert answer.header("content-type") == "application/json"
    assert answer.json().keys() == {"success", "error"}
    assert answer.json()["success"] is False
    assert said in answer.json()["error"]


async def test_a_key_that_came_with_another_body_is_refused(stored: Litestar) -> None:
    """The caller mixed up two requests: neither answer would be right."""
    headers = [(b"idempotency-key", b"k")]
    simple = b'{"recipient":"+12125550123","imageUrl":"https://a.example.com/x.jpg"}'
    for target, body in ((SEND, _with()), (SIMPLE, simple)):
        first = await _ask(stored, "POST", target, body, headers)
        assert first.status == 202

    reused = await _ask(stored, "POST", SEND, _with(text="other"), headers)
    reused_simple = await _ask(stored, "POST", SIMPLE, simple.replace(b"x.jpg", b"y.jpg"), headers)

    assert problem_of(reused) == (422, "key_reused", [])
    assert (reused_simple.status, reused_simple.json()["success"]) == (422, False)


async def test_a_webhook_that_cannot_be_verified_is_asked_for_again(app: Litestar) -> None:
    """A 4xx would lose a genuine one for good (contract 2.4)."""
    answer = await exchange(app, "POST", b"/webhooks/status", body=b"{}")

    assert problem_of(answer) == (503, "webhook_unverified", [])
    assert answer.header("retry-after") == "60"


async def test_a_wrong_method_at_the_simple_door_is_told_in_its_own_shape(app):
    """Whoever calls it reads `error`, whatever went wrong."""
    answer = await _ask(app, "GET", SIMPLE)

    assert (answer.status, answer.json()["success"]) == (405, False)
    assert set(answer.header("allow").split(", ")) == {"OPTIONS", "POST"}
