"""Why any message was allowed or was not, and all that its recipient ever said, in one answer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.api.conftest import client_of
from tests.factories import NOW, RECIPIENT, make_ids, make_message
from tests.inbound import make_inbound_message, store_inbound
from tests.replying import make_consent, make_opt_out, make_revocation
from wirephoto.domain.api_key import Scope
from wirephoto.domain.message import Category, MessageState
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.consents import insert_consents, insert_revocations
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.opt_outs import insert_opt_outs
from wirephoto.storage.schema import DEFAULT_TENANT

PATH = f"/v1/recipients/{RECIPIENT}/history"
PARTS = ("message", "inbound", "opt_out", "consent", "revocation", "audit")


@pytest.fixture
async def story(database):
    """Store a consent, a message that it allowed, a STOP, and what it blocked; return the ids."""
    ids = make_ids(4)
    times = [NOW + timedelta(minutes=number) for number in range(7)]
    names = ("con", "msg", "inb", "opt", "rev", "msg", "aud")
    con, sent, said, opt, rev, late, act = (
        ids.new(name, at) for name, at in zip(names, times, strict=True)
    )
    allowed = make_message(
        id=sent,
        category=Category.MARKETING,
        state=MessageState.DELIVERED,
        created_at=times[1],
        submitted_at=times[1],
        allowed_by={"consent": "recorded", "consent_id": con},
        window_closes_at=times[6],
        hours_digest="rules",
        recipient_state="TX",
    )
    blocked = replace(
        allowed, id=late, state=MessageState.BLOCKED, reason="opted_out", submitted_at=None
    )
    async with database.transaction() as tx:
        await insert_consents(tx, [make_consent(id=con)])
        await insert_messages(tx, [allowed, blocked])
        await insert_opt_outs(tx, [make_opt_out(id_=opt, at=times[3], reason="stop")])
        await insert_revocations(tx, [make_revocation(id=rev, at=times[4])])
        await insert_audit(tx, [AuditEntry(act, DEFAULT_TENANT, "cli", "x", sent, times[6])])
    heard = make_inbound_message(
        id=said, at=times[2], text="STOP", reply="opt_out", outcome="opted_out"
    )
    await store_inbound(database, heard)
    return [con, sent, said, opt, rev, late, act]


def names_of(history):
    """Return of each entry what it is, and its id."""
    return [
        (part, entry[part]["id"])
        for entry in history["entries"]
        for part in PARTS
        if entry[part] is not None
    ]


async def test_a_history_has_everything_in_one_order(client, story):
    """The newest first; each entry is one thing."""
    history = (await client.get(PATH)).json()

    kinds = ("consent", "message", "inbound", "opt_out", "revocation", "message", "audit")
    assert names_of(history) == list(zip(kinds, story, strict=True))[::-1]
    assert (history["recipient"], history["next_cursor"]) == (RECIPIENT, None)
    [contact] = history["contacts"]
    assert contact["first_out_at"] == contact["last_out_at"] == "2026-03-04T15:01:00Z"


async def test_a_message_tells_which_consent_which_window_and_which_list(client, story):
    """Whoever is sued for it has the answer, or knows that there is none."""
    history = (await client.get(PATH)).json()

    grounds = {e["message"]["id"]: e["grounds"] for e in history["entries"] if e["message"]}
    assert grounds[story[1]] == {
        "consent": "recorded",
        "consent_id": story[0],
        "window_closes_at": "2026-03-04T15:06:00Z",
        "hours_digest": "rules",
        "zone": None,
        "state": "TX",
        "opt_outs": "clear",
    }
    assert grounds[story[5]]["opt_outs"] == "standing"


async def test_pages_follow_each_other(client, story):
    """Years of messages must not come in one answer."""
    first = (await client.get(PATH, params={"limit": 4})).json()
    rest = (await client.get(PATH, params={"limit": 4, "cursor": first["next_cursor"]})).json()

    found = names_of(first) + names_of(rest)
    assert [id_ for _, id_ in found] == story[::-1]
    assert rest["next_cursor"] is None


async def test_another_tenant_sees_nothing(app, store_key, other_tenant, story):
    """Whom a competitor writes to, and who wants no more of it, is its own affair."""
    key = await store_key(Scope.READ, tenant_id=other_tenant)

    async with client_of(app, key=key) as stranger:
        history = (await stranger.get(PATH)).json()

    assert (history["entries"], history["contacts"]) == ([], [])


async def test_a_key_that_may_not_read_is_refused(app, store_key):
    """What somebody said is not for every application that sends."""
    key = await store_key(Scope.SEND)

    async with client_of(app, key=key) as client:
        assert (await client.get(PATH)).status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/recipients/hello/history", "number"),
        (f"{PATH}?cursor=x", "cursor"),
        (f"{PATH}?limit=0", "limit"),
        (f"{PATH}?sender=x", "sender"),
    ],
)
async def test_what_cannot_be_asked_names_its_field(client, path, field):
    """An empty page would look like somebody of whom nothing is known."""
    answer = await client.get(path)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
