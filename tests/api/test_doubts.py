"""Settling a message in doubt: by somebody who may, once, and with the reason kept."""

import pytest

from tests.api.application import client_of
from tests.factories import make_attempt, make_message
from wirephoto.domain.api_key import Scope
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.storage.audit import list_audit
from wirephoto.storage.messages import insert_attempts, insert_messages
from wirephoto.storage.schema import DEFAULT_TENANT

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


async def doubted(database, **changes):
    message = make_message(state=MessageState.UNCONFIRMED, attempts=1, **changes)
    async with database.transaction() as tx:
        await insert_messages(tx, [message])
        await insert_attempts(tx, [make_attempt(message, state=AttemptState.UNCONFIRMED)])
    return message


def path(message):
    return f"/v1/messages/{message.id}/resolve"


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        ({"outcome": "sent"}, "submitted", "resolved_sent"),
        ({"outcome": "sent", "message_uuid": UUID}, "submitted", "resolved_sent"),
        ({"outcome": "not_sent"}, "queued", "resolved_not_sent"),
        ({"outcome": "abandon"}, "failed", "resolved_abandon"),
    ],
)
async def test_a_doubt_is_settled(client, database, body, state, reason):
    """The answer is the message as it stands; the audit trail knows which key did it."""
    message = await doubted(database)

    answer = await client.post(path(message), json=body)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["reason"]) == (state, reason)
    assert told["message_uuid"] == body.get("message_uuid")
    async with database.read() as tx:
        [entry] = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=10)
    assert (entry.actor, entry.act, entry.object) == ("settings", "message.resolve", message.id)


@on_sqlite
async def test_what_is_no_longer_in_doubt_is_not_settled(client, database):
    """A receipt may have come first; the state is named."""
    message = await doubted(database)
    await client.post(path(message), json={"outcome": "not_sent"})

    again = await client.post(path(message), json={"outcome": "abandon"})

    assert (again.status_code, again.json()["code"]) == (409, "not_resolvable")
    assert "queued" in again.json()["detail"]


@on_sqlite
async def test_a_word_on_another_attempt_is_not_taken(client, database):
    """A request that comes late, or twice, must not speak of what was sent since."""
    message = await doubted(database)

    late = await client.post(path(message), json={"outcome": "not_sent", "attempt": 2})
    right = await client.post(path(message), json={"outcome": "not_sent", "attempt": 1})

    assert (late.status_code, late.json()["code"]) == (409, "not_resolvable")
    assert "Attempt 1" in late.json()["detail"]
    assert right.status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "outcome"),
        ({"outcome": "maybe"}, "outcome"),
        ({"outcome": "abandon", "attempt": 0}, "attempt"),
        ({"outcome": "sent", "message_uuid": "not an id"}, "message_uuid"),
        ({"outcome": "not_sent", "message_uuid": UUID}, "message_uuid"),
        ({"outcome": "sent", "uuid": UUID}, "uuid"),
    ],
)
async def test_a_refusal_names_the_field(client, database, body, field):
    """And the message stays in doubt."""
    message = await doubted(database)

    answer = await client.post(path(message), json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    stands = (await client.get(f"/v1/messages/{message.id}")).json()
    assert stands["state"] == "unconfirmed"


@on_sqlite
async def test_it_takes_a_key_that_may_manage(app, database, store_key):
    """Whoever may only send could have the same picture sent twice."""
    message = await doubted(database)
    key = await store_key(Scope.SEND, Scope.READ)

    async with client_of(app, key=key) as client:
        answer = await client.post(path(message), json={"outcome": "not_sent"})

    assert answer.status_code == 403


@on_sqlite
@pytest.mark.parametrize("message_id", ["msg_00000000000000000000000000", "nonsense"])
async def test_what_nobody_sent_is_not_found(client, message_id):
    """As everywhere."""
    answer = await client.post(f"/v1/messages/{message_id}/resolve", json={"outcome": "sent"})

    assert answer.status_code == 404


@on_sqlite
async def test_another_tenants_doubt_is_not_found(app, database, store_key, other_tenant):
    """Not even with the right id in hand."""
    message = await doubted(database)
    key = await store_key(Scope.ADMIN, tenant_id=other_tenant)

    async with client_of(app, key=key) as client:
        answer = await client.post(path(message), json={"outcome": "not_sent"})

    assert answer.status_code == 404


@on_sqlite
async def test_the_timeline_shows_what_was_asked_and_answered(client, database):
    """Masked: an operator sees the shape of it, never a number or a caption."""
    message = make_message(state=MessageState.SUBMITTED, attempts=1)
    attempt = make_attempt(message, request='{"to":"1212***0123"}', answer="202 {}")
    async with database.transaction() as tx:
        await insert_messages(tx, [message])
        await insert_attempts(tx, [attempt])

    timeline = (await client.get(f"/v1/messages/{message.id}/events")).json()

    [told] = timeline["attempts"]
    assert (told["request"], told["answer"]) == ('{"to":"1212***0123"}', "202 {}")
