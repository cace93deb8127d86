"""Ids, cursors and filters in URLs: what is none is refused by name, what is one finds it."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from litestar import Litestar

from tests.api.application import KEY, Answer, add_sender, exchange, make_app, problem_of
from tests.factories import send_request
from tests.virtual_clock import VirtualClock
from wirephoto.api.examples import MESSAGE_ID
from wirephoto.storage.database import Database

SIGNED_IN = (b"authorization", f"Bearer {KEY}".encode())
MESSAGES = b"/v1/messages"


@pytest.fixture
async def app(database: Database, clock: VirtualClock) -> Litestar:
    """Give the application over each database."""
    await add_sender(database, clock)
    return make_app(database, clock)


async def _ask(app: Litestar, method: str, target: bytes, body: bytes = b"") -> Answer:
    return await exchange(app, method, target, headers=[SIGNED_IN], body=body)


def _with(**changes: Any) -> bytes:
    return json.dumps(send_request(**changes)).encode()


QUERIES = {
    "limit=0": "limit",
    "limit=201": "limit",
    "limit=": "limit",
    "limit=ten": "limit",
    "limit=1e400": "limit",
    "limit=" + "9" * 400: "limit",
    "limit=5&limit=x": "limit",
    "state=sent": "state",
    "state=": "state",
    "state=null": "state",
    "since=null": "since",
    "until=Null": "until",
    "since=yesterday": "since",
    "since=20260304": "since",
    "since=-1": "since",
    "since=2026-03-04T15:00:00": "since",
    "since=0001-01-01T00:00:00%2B23:59": "since",
    "until=9999-12-31T23:59:59-23:59": "until",
    "until=10000-01-01T00:00:00Z": "until",
    "to=123": "to",
    "to=%00": "to",
    "from=me": "from",
    "cursor=": "cursor",
    "cursor=1": "cursor",
    "cursor=%00": "cursor",
    "cursor=msg_%FF": "cursor",
    "reference=a%00": "reference",
    "metadata.=a": "metadata",
    "metadata.a%00=b": "metadata",
    "metadata.a=%00": "metadata",
    "&".join([f"metadata.k{number}=v" for number in range(21)]): "metadata",
}


async def test_the_parameter_at_fault_is_named(app: Litestar) -> None:
    """A filter that is ignored shows somebody the wrong messages."""
    for query, field in QUERIES.items():
        answer = await _ask(app, "GET", MESSAGES + b"?" + query.encode())

        assert problem_of(answer) == (422, "invalid", [field]), query


OTHER_LISTS = {
    "/v1/inbound?from=%00": "from",
    "/v1/inbound?cursor=%00": "cursor",
    "/v1/inbound?limit=0": "limit",
    "/v1/events?cursor=": "cursor",
    "/v1/events?cursor=1": "cursor",
    "/v1/events?cursor=1-1-1": "cursor",
    "/v1/events?cursor=1-8000000000000000": "cursor",
    "/v1/events?limit=0": "limit",
    "/v1/events?since=1": "since",
    f"/v1/messages/{MESSAGE_ID}/events?cursor=-1": "cursor",
    f"/v1/messages/{MESSAGE_ID}/events?cursor={2**63}": "cursor",
    f"/v1/messages/{MESSAGE_ID}/events?limit=1000": "limit",
}


async def test_other_lists_name_it_too(app: Litestar) -> None:
    """The rules of one list are those of all."""
    for target, field in OTHER_LISTS.items():
        answer = await _ask(app, "GET", target.encode())

        assert problem_of(answer) == (422, "invalid", [field]), target


async def test_times_at_the_ends_of_time_find_everything(app: Litestar) -> None:
    """Clients use them for "always"."""
    await _ask(app, "POST", MESSAGES, _with())

    for query in (b"since=0001-01-01T00:00:00Z", b"until=9999-12-31T23:59:59.999999Z"):
        answer = await _ask(app, "GET", MESSAGES + b"?" + query)
        assert len(answer.json()["messages"]) == 1


ODD_LABELS = (
    "a.b[0]",
    'a"b',
    "a'b",
    "a\\b",
    "$.a",
    "ключ",
    "a%b_",
    "0",
    "a b",
    "a?b:c",
    "*",
    "#-1",
)


async def test_odd_labels_are_found_again(app: Litestar) -> None:
    """A label is text, never a path or a pattern of the database."""
    value = "v'\"%"
    for key in ODD_LABELS:
        assert (await _ask(app, "POST", MESSAGES, _with(metadata={key: value}))).status == 202

    for key in ODD_LABELS:
        query = f"metadata.{quote(key, safe='')}={quote(value, safe='')}"
        found = (await _ask(app, "GET", MESSAGES + b"?" + query.encode())).json()["messages"]
        assert [message["metadata"] for message in found] == [{key: value}]


async def test_an_id_that_is_none_is_not_found(app: Litestar) -> None:
    """It says no more than for an id that belongs to somebody else."""
    for name in ("x", "%00", "%FF", "a" * 4000, "msg_%00", "null", "-1", MESSAGE_ID):
        path = f"/v1/messages/{name}"
        for method, target in (
            ("GET", path),
            ("GET", path + "/events"),
            ("POST", path + "/cancel"),
        ):
            answer = await _ask(app, method, target.encode())
            assert problem_of(answer) == (404, "not_found", []), target


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/v1/messages?stat=failed", "stat"),
        (b"/v1/inbound?to=%2B12125550123", "to"),
        (f"/v1/messages/{MESSAGE_ID}/events?page=2".encode(), "page"),
    ],
)
async def test_a_misspelt_parameter_is_refused_by_name(app, target, name):
    """A filter that is ignored lists everything, which looks like an answer."""
    refused = await _ask(app, "GET", target)

    assert problem_of(refused) == (422, "invalid", [name])
