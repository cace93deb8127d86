"""Opt-outs over HTTP: listed, added, lifted, in and out as CSV; and what they refuse."""

import csv
import io

import pytest

from tests.api.application import client_of
from tests.factories import NOW, RECIPIENT, SENDER, send_request
from tests.replying import make_opt_out
from wirephoto.domain.api_key import Scope
from wirephoto.engine.opt_out_list import COLUMNS
from wirephoto.storage.audit import list_audit
from wirephoto.storage.opt_outs import insert_opt_outs
from wirephoto.storage.schema import DEFAULT_TENANT

OTHER = "+12125550199"


async def opt_out(client, **changes):
    body = {"recipient": RECIPIENT, "reason": "asked by phone"} | changes
    return await client.post("/v1/opt-outs", json=body)


async def listed(client, **query):
    answer = await client.get("/v1/opt-outs", params=query)
    assert answer.status_code == 200, answer.text
    return [(one["recipient"], one["scope"], one["ended_at"]) for one in answer.json()["opt_outs"]]


async def acts(database):
    async with database.read() as tx:
        return [
            entry.act for entry in await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
        ]


async def test_somebody_is_opted_out(client, database):
    """They hear nothing more: what waits is blocked, what is new is refused."""
    waits = (await client.post("/v1/messages", json=send_request())).json()["id"]

    answer = await opt_out(client)

    assert answer.status_code == 200
    made = answer.json()
    assert (made["scope"], made["source"], made["reason"]) == (
        "tenant",
        "operator",
        "asked by phone",
    )
    assert (made["sender"], made["ended_at"], made["created_at"]) == (
        None,
        None,
        "2026-03-04T15:00:00Z",
    )
    assert (await client.get(f"/v1/messages/{waits}")).json()["state"] == "blocked"
    refused = await client.post("/v1/messages", json=send_request())
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "opted_out")
    assert refused.json()["errors"][0]["field"] == "to"
    assert await acts(database) == ["opt_out.add"]


async def test_one_that_stands_is_answered_again(client, database):
    """A script that runs twice does no harm, and leaves one trace."""
    first, again = await opt_out(client), await opt_out(client, reason="another word")

    assert again.json() == first.json()
    assert await acts(database) == ["opt_out.add"]


async def test_a_batch_leaves_out_who_has_opted_out(client):
    """The others get their pictures."""
    await opt_out(client)
    body = {"messages": [send_request(), send_request(to=OTHER)]}

    answer = await client.post("/v1/messages/batch", json=body)

    assert [result["status"] for result in answer.json()["results"]] == [422, 202]


async def test_the_simple_door_refuses_too(client):
    """In the shape of the tutorials."""
    await opt_out(client)
    body = {"recipient": RECIPIENT, "imageUrl": "https://pictures.example.com/cat.jpg"}

    answer = await client.post("/send-mms", json=body)

    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert "opted out" in answer.json()["error"]


async def test_an_opt_out_is_lifted_with_a_reason(client, database):
    """It ends, and stays in the list of those that were."""
    made = (await opt_out(client)).json()["id"]

    answer = await client.delete(f"/v1/opt-outs/{made}", params={"reason": "signed up again"})

    assert (answer.status_code, answer.json()["ended_at"]) == (200, "2026-03-04T15:00:00Z")
    assert await listed(client) == []
    assert await listed(client, ended=True) == [(RECIPIENT, "tenant", "2026-03-04T15:00:00Z")]
    assert (await client.post("/v1/messages", json=send_request())).status_code == 202
    assert await acts(database) == ["opt_out.lift", "opt_out.add"]
    again = await client.delete(f"/v1/opt-outs/{made}", params={"reason": "twice"})
    assert again.status_code == 404


async def test_the_list_is_paged_and_narrowed(client):
    """An operator looks for one person among all."""
    for number in (RECIPIENT, OTHER):
        await opt_out(client, recipient=number)

    page = (await client.get("/v1/opt-outs", params={"limit": 1})).json()
    rest = (await client.get("/v1/opt-outs", params={"cursor": page["next_cursor"]})).json()

    assert [one["recipient"] for one in page["opt_outs"] + rest["opt_outs"]] == [OTHER, RECIPIENT]
    assert rest["next_cursor"] is None
    assert await listed(client, recipient="(212) 555-0123") == [(RECIPIENT, "tenant", None)]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"recipient": "12"}, "recipient", "too_short"),
        ({"reason": " "}, "reason", "required"),
        ({"reason": "x" * 201}, "reason", "too_long"),
        ({"sender": "+12025550177"}, "sender", "unknown_sender"),
        ({"scope": "sender"}, "sender", "required"),
        ({"scope": "world"}, "scope", "invalid_type"),
    ],
)
async def test_a_wish_that_breaks_a_rule_is_refused(client, changes, field, code):
    """By its name; nobody is silenced by halves."""
    answer = await opt_out(client, **changes)

    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]
    assert await listed(client) == []


async def test_an_opt_out_may_be_from_one_sender_alone(client):
    """The shop's news, not the shop's receipts."""
    answer = await opt_out(client, scope="sender", sender=SENDER)

    assert (answer.json()["scope"], answer.json()["sender"]) == ("sender", SENDER)
    assert (await opt_out(client, sender=SENDER)).json()["scope"] == "brand"


async def test_a_file_is_imported_whole(client, database):
    """What people bring from where they were before."""
    rows = f"recipient,reason,note\n{RECIPIENT},litigant,x\n(212) 555-0199,,y\n{OTHER},,z\n"

    answer = await client.post("/v1/opt-outs/import", content="\ufeff" + rows)

    assert (answer.status_code, answer.json()) == (200, {"rows": 2, "new": 2})
    assert sorted(await listed(client)) == [(RECIPIENT, "tenant", None), (OTHER, "tenant", None)]
    again = await client.post("/v1/opt-outs/import", content=rows)
    assert again.json() == {"rows": 2, "new": 0}
    assert await acts(database) == ["opt_out.import"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"number\n+12125550123\n", "line 1"),
        (b"", "line 1"),
        (b'recipient,"reason\n', "line"),
        (b"recipient\n+12125550123\nnobody\n", "line 3: recipient"),
        (b"recipient,scope\n+12125550123,world\n", "line 2: scope"),
        (b"recipient,sender\n+12125550123,+12025550177\n", "line 2: sender"),
        (b"recipient\n\xff\n", "body"),
        (b'recipient\n"+12125550123\n', "line"),
    ],
)
async def test_a_file_with_a_fault_stores_nothing(client, content, field):
    """Its author mends the line that is named, and brings it again."""
    answer = await client.post("/v1/opt-outs/import", content=content)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert await listed(client) == []


async def test_an_export_is_what_an_import_takes(client):
    """A way out is what makes people come in."""
    await opt_out(client, reason='says "no", twice')
    await opt_out(client, recipient=OTHER, sender=SENDER)

    exported = await client.get("/v1/opt-outs/export")

    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["recipient"] for row in rows] == [OTHER, RECIPIENT]
    assert rows[1]["reason"] == 'says "no", twice'
    assert set(COLUMNS) <= set(rows[0])
    taken = await client.post("/v1/opt-outs/import", content=exported.text)
    assert taken.json() == {"rows": 2, "new": 2}


async def test_another_tenant_sees_and_changes_nothing(app, database, store_key, other_tenant):
    """Whom a competitor may not write to is a list of its customers."""
    async with database.transaction() as tx:
        await insert_opt_outs(tx, [make_opt_out(id_="opt_01kjxsk7r0eheprta8jab2vs3w", at=NOW)])
    key = await store_key(Scope.READ, Scope.MANAGE, tenant_id=other_tenant)

    async with client_of(app, key=key) as client:
        assert await listed(client, ended=True) == []
        path = "/v1/opt-outs/opt_01kjxsk7r0eheprta8jab2vs3w"
        assert (await client.delete(path, params={"reason": "x"})).status_code == 404
        assert (await client.get("/v1/opt-outs/export")).text.count("\n") == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/opt-outs"), ("POST", "/v1/opt-outs/import"), ("DELETE", "/v1/opt-outs/opt_x")],
)
async def test_a_key_that_may_not_manage_changes_nothing(app, store_key, method, path):
    """An application that sends must not be able to lift what stops it."""
    key = await store_key(Scope.SEND, Scope.READ)

    async with client_of(app, key=key) as client:
        assert (await client.request(method, path)).status_code == 403
