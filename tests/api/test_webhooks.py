"""The provider's webhooks: what is genuine is stored once, what is not is answered 503."""

import asyncio
import hashlib
import json
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import select

from tests.api.application import URL, add_sender, client_of, make_app
from tests.api.conftest import Mover
from tests.factories import NOW, RECIPIENT, SENDER
from tests.replying import make_replies
from tests.virtual_clock import VirtualClock
from wirephoto.api.patience import TimedBodies
from wirephoto.domain.message import MessageState
from wirephoto.engine.inbound import Inbound
from wirephoto.engine.receipts import ReceiptRules, Receipts
from wirephoto.engine.senders import SenderDirectory
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.schema import webhooks

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
both_kinds = pytest.mark.parametrize("kind", ["status", "inbound"])
SECRET = "a-signature-secret-that-is-long-enough"
RETIRED = "the-signature-secret-before-the-last-one"
API_KEY = "abcd1234"
APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
RECEIPT = {
    "message_uuid": UUID,
    "to": RECIPIENT[1:],
    "from": SENDER[1:],
    "timestamp": "2026-03-04T15:00:00Z",
    "status": "delivered",
    "channel": "mms",
}
REPLY = {
    "message_uuid": UUID,
    "to": SENDER[1:],
    "from": RECIPIENT[1:],
    "timestamp": "2026-03-04T15:00:00Z",
    "channel": "sms",
    "message_type": "text",
    "text": "Thank you 🐈",
}


def make_inbound(database, clock, ids) -> Inbound:
    """Return the duty that applies what the routes stored."""
    receipts = Receipts(ReceiptRules(), clock=clock, ids=ids, random=Random(1))
    directory = SenderDirectory(database, clock)
    replies = make_replies(database, GroupCommit(database), directory, ids)
    return Inbound(database, clock=clock, ids=ids, receipts=receipts, replies=replies)


def signed(body: bytes, *, secret: str = SECRET, **claims: Any) -> dict[str, str]:
    """Return the headers with which the provider posts `body` (contract 2.4)."""
    said = {
        "iss": "Vonage",
        "iat": int(NOW.timestamp()),
        "jti": str(uuid4()),
        "api_key": API_KEY,
        "application_id": APPLICATION,
        "payload_hash": hashlib.sha256(body).hexdigest(),
    } | claims
    token = jwt.encode(said, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


@pytest.fixture
async def app(database, clock):
    """Give the application of an account whose secret is being rotated."""
    await add_sender(database, clock)
    return make_app(
        database,
        clock,
        secrets=(SECRET, RETIRED),
        api_key=API_KEY,
        application_id=APPLICATION,
    )


@pytest.fixture
async def client(app):
    """Give a client without a key: the provider has none."""
    async with client_of(app, key=None) as client:
        yield client


async def _stored(database):
    async with database.read() as tx:
        rows = await tx.execute(select(webhooks).order_by(webhooks.c.seq))
        return [(row.kind, row.body) for row in rows]


@both_kinds
@pytest.mark.parametrize("secret", [SECRET, RETIRED])
async def test_a_signed_webhook_is_stored_and_answered_200(client, database, kind, secret):
    """The provider repeats until it hears 200, and then never again: so it is stored before."""
    body = json.dumps(RECEIPT).encode()

    answer = await client.post(
        f"/webhooks/{kind}", content=body, headers=signed(body, secret=secret)
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert await _stored(database) == [(kind, body.decode())]


BODY = json.dumps(RECEIPT).encode()
FORGED = {
    "unsigned": {},
    "no bearer": {"Authorization": "Basic YTpi"},
    "not a token": {"Authorization": "Bearer a.b.c"},
    "wrong secret": signed(BODY, secret="somebody-elses-signature-secret-x"),
    "another body": signed(BODY + b" "),
    "no hash": signed(BODY, payload_hash=""),
    "old": signed(BODY, iat=int(NOW.timestamp()) - 400_000),
    "from the future": signed(BODY, iat=int(NOW.timestamp()) + 400_000),
    "no time": signed(BODY, iat="now"),
    "another account": signed(BODY, api_key="zzzz9999"),
    "another application": signed(BODY, application_id="bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
    "another issuer": signed(BODY, iss="Mallory"),
    "no jti": signed(BODY, jti=""),
    "no signature": {
        "Authorization": "Bearer " + jwt.encode({"iss": "Vonage"}, "", algorithm="none")
    },
}


@on_sqlite
@both_kinds
@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
async def test_what_is_not_provably_genuine_is_answered_503(client, database, kind, headers):
    """A 4xx would make the provider give up, and a secret that was mistyped would cost receipts."""
    answer = await client.post(f"/webhooks/{kind}", content=BODY, headers=headers)

    assert answer.status_code == 503
    assert answer.json()["code"] == "webhook_unverified"
    assert int(answer.headers["retry-after"]) > 0
    assert await _stored(database) == []


@on_sqlite
async def test_a_webhook_that_comes_too_slowly_is_answered_503_too(app, database):
    """A 408 might lose it: nobody says that the provider repeats after one."""

    async def stalls():
        yield BODY[:5]
        await asyncio.Event().wait()

    async with asyncio.timeout(10), client_of(TimedBodies(app, piece_s=0.01), key=None) as slow:
        answer = await slow.post("/webhooks/status", content=stalls(), headers=signed(BODY))

    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_unverified")
    assert await _stored(database) == []


@on_sqlite
async def test_an_account_without_a_secret_loses_nothing(database, clock):
    """Until the secret is set the provider repeats for a day; that is enough to set it."""
    async with client_of(make_app(database, clock), key=None) as client:
        answer = await client.post("/webhooks/status", content=BODY, headers=signed(BODY))

    assert answer.status_code == 503
    assert await _stored(database) == []


async def test_a_repeated_webhook_is_stored_once(client, database):
    """The provider repeats what it heard no answer to, byte for byte with the same `jti`."""
    headers = signed(BODY, jti="one")
    for _ in range(3):
        assert (
            await client.post("/webhooks/status", content=BODY, headers=headers)
        ).status_code == 200
    await client.post("/webhooks/inbound", content=BODY, headers=headers)

    assert [kind for kind, _ in await _stored(database)] == ["status", "inbound"]


async def test_a_webhook_may_be_named_anything(client, database):
    """The provider chooses the `jti`; what PostgreSQL cannot hold must not cost a receipt."""
    for jti in ("a\x00b", "🐈", "x" * 200):
        headers = signed(BODY, jti=jti)
        answer = await client.post("/webhooks/status", content=BODY, headers=headers)
        assert answer.status_code == 200, jti

    assert len(await _stored(database)) == 3


@on_sqlite
async def test_white_space_does_not_make_a_body_a_forgery(client, database):
    """The hash is of the compact JSON, and some proxies like to print it prettily."""
    pretty = json.dumps(RECEIPT, indent=2).encode()
    compact = json.dumps(RECEIPT, separators=(",", ":")).encode()

    answer = await client.post("/webhooks/status", content=pretty, headers=signed(compact))

    assert answer.status_code == 200
    assert len(await _stored(database)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"text": "\\u0000"}',
        b"a\x00b",
        b"\xff\xfe",
        b'{"text": "\\ud83d"}',
        '{"text": "🐈"}'.encode(),
    ],
    ids=str,
)
async def test_whatever_is_signed_is_kept(client, database, clock, ids, body):
    """What the provider invents tomorrow can be read from the database, not from a lost request."""
    for kind in ("status", "inbound"):
        answer = await client.post(f"/webhooks/{kind}", content=body, headers=signed(body))
        assert answer.status_code == 200

    stored = [text for _, text in await _stored(database)]
    assert stored == [body.decode("utf-8", "replace").replace("\x00", "\ufffd")] * 2
    await make_inbound(database, clock, ids).turn()  # whatever it is, it stops nothing behind it


@on_sqlite
@both_kinds
async def test_a_webhook_may_have_256_kilobytes(client, kind):
    """An unsigned flood must not fill the memory."""
    largest = b" " * 256_000
    fits = await client.post(f"/webhooks/{kind}", content=largest, headers=signed(largest))
    refused = await client.post(f"/webhooks/{kind}", content=largest + b" ")

    assert fits.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@on_sqlite
@pytest.mark.parametrize(
    ("client_host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 503),
        ("127.0.0.1", {"Authorization": "Bearer a.b.c"}, 503),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 503),
    ],
)
async def test_unsigned_webhooks_are_for_mocks_on_this_machine(
    database, clock, client_host, headers, status
):
    """Whoever tests with a mock has no secret; whoever is outside must still prove who they are."""
    app = make_app(database, clock, unsigned_loopback=True)
    transport = httpx.ASGITransport(app=app, client=(client_host, 1))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        first = await client.post("/webhooks/status", content=BODY, headers=headers)
        again = await client.post("/webhooks/status", content=BODY, headers=headers)

    assert (first.status_code, again.status_code) == (status, status)
    assert len(await _stored(database)) == (1 if status == 200 else 0)


async def test_a_receipt_reaches_its_message(app, client, database, mover: Mover, clock, ids):
    """From the provider's POST to the customer's timeline, with nothing in between but a turn."""
    message = await mover.submit(await mover.stored(), UUID)
    await client.post("/webhooks/status", content=BODY, headers=signed(BODY))

    await make_inbound(database, clock, ids).turn()

    assert (await mover.newest()).state is MessageState.DELIVERED
    async with client_of(app) as customer:
        found = (await customer.get(f"/v1/messages/{message.id}")).json()
    assert (found["state"], found["final_at"]) == ("delivered", "2026-03-04T15:00:00Z")


async def test_what_phones_say_is_listed(app, client, database, clock: VirtualClock, ids):
    """A reply is as much a part of a conversation as what was sent."""
    for number, (sender, text) in enumerate(
        [(RECIPIENT, "one"), ("+16175550123", "two"), (RECIPIENT, "three 🐈")]
    ):
        message_uuid = f"{UUID[:-1]}{number}"
        reply = REPLY | {"from": sender[1:], "text": text, "message_uuid": message_uuid}
        body = json.dumps(reply).encode()
        iat = int(clock.now().timestamp())
        answer = await client.post("/webhooks/inbound", content=body, headers=signed(body, iat=iat))
        assert answer.status_code == 200
        await clock.advance(1)
    await make_inbound(database, clock, ids).turn()

    async with client_of(app) as customer:
        everything = (await customer.get("/v1/inbound")).json()
        theirs = (await customer.get("/v1/inbound", params={"from": RECIPIENT})).json()
        first = (await customer.get("/v1/inbound?limit=2")).json()
        rest = (await customer.get(f"/v1/inbound?limit=2&cursor={first['next_cursor']}")).json()

    texts = [message["text"] for message in everything["messages"]]
    assert texts == ["three 🐈", "two", "one"]
    assert everything["next_cursor"] is None
    assert [message["text"] for message in theirs["messages"]] == ["three 🐈", "one"]
    assert [message["text"] for message in first["messages"] + rest["messages"]] == texts
    newest = everything["messages"][0]
    assert (newest["from"], newest["to"], newest["channel"]) == (RECIPIENT, SENDER, "sms")
