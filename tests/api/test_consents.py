"""Consents over HTTP: recorded, looked up, revoked, in and out as CSV; and what needs them."""

import csv
import io
from datetime import timedelta

import pytest

from tests.api.application import client_of, make_app
from tests.factories import RECIPIENT, SENDER, send_request
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.marketing import MarketingRules
from wirephoto.engine.consent_list import COLUMNS
from wirephoto.storage.audit import list_audit
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT
from wirephoto.storage.senders import set_default_brand

OTHER = "+12125550199"
FORM = {
    "recipient": RECIPIENT,
    "consent_class": "marketing",
    "method": "web_form",
    "given_at": "2026-03-01T10:00:00-05:00",
    "disclosure": "You will get pictures of cats.",
    "page_url": "https://shop.example.com/cats",
}


@pytest.fixture(autouse=True)
async def named_brand(database, app):
    """Give the brand a name: advertising must say whose it is."""
    async with database.transaction() as tx:
        await set_default_brand(tx, "Cat Post")


async def record(client, **changes):
    body = {name: value for name, value in (FORM | changes).items() if value is not None}
    return await client.post("/v1/consents", json={"consents": [body]})


async def advertise(client, **changes):
    return await client.post("/v1/messages", json=send_request(category="marketing", **changes))


async def verdicts(client):
    answer = await client.get("/v1/consents/standing", params={"recipient": RECIPIENT})
    [one] = answer.json()["standing"]
    return {each["category"]: (each["allowed"], each["reason"]) for each in one["verdicts"]}


async def test_a_consent_is_recorded_and_allows_advertising(client, database):
    """With what proves it, and which record it was."""
    answer = await record(client)

    assert answer.status_code == 200
    [made] = answer.json()["consents"]
    assert (made["recipient"], made["brand_id"]) == (RECIPIENT, DEFAULT_BRAND)
    assert (made["given_at"], made["offset_minutes"]) == ("2026-03-01T10:00:00-05:00", -300)
    listed = (await client.get("/v1/consents", params={"recipient": RECIPIENT})).json()
    assert [one["id"] for one in listed["consents"]] == [made["id"]]
    sent = await advertise(client)
    assert sent.status_code == 202
    assert sent.json()["allowed_by"] == {"consent": "recorded", "consent_id": made["id"]}
    async with database.read() as tx:
        [entry] = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    assert (entry.act, entry.object) == ("consent.record", made["id"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (None, "consent_missing"),
        ({"consent_class": "informational"}, "consent_missing"),
        ({"recipient": OTHER}, "consent_missing"),
        ({"expires_at": "2026-03-02T10:00:00Z"}, "consent_expired"),
    ],
)
async def test_advertising_without_a_consent_is_refused(client, changes, code):
    """500 to 1,500 dollars a text: what is not on record was not said."""
    if changes is not None:
        assert (await record(client, **changes)).status_code == 200

    answer = await advertise(client)

    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("to", code)]


@pytest.mark.parametrize(
    ("without", "warnings"),
    [(WithoutConsent.WARN, ["No consent of the recipient is on record."]), ("allow", [])],
)
async def test_an_operator_may_let_advertising_pass(database, clock, app, without, warnings):
    """Who keeps the records elsewhere says so, and can be told each time."""
    policy = ConsentPolicy(WithoutConsent(without))
    other = make_app(database, clock, marketing=MarketingRules(consent=policy))

    async with client_of(other) as client:
        answer = await advertise(client)

    assert (answer.status_code, answer.json()["warnings"]) == (202, warnings)


async def test_other_messages_need_no_record(client):
    """Whoever orders something consents to hear of it."""
    for category, reason in (("transactional", "implied"), ("emergency", "not_needed")):
        answer = await client.post("/v1/messages", json=send_request(category=category))
        assert (answer.status_code, answer.json()["allowed_by"]) == (202, {"consent": reason})


async def test_a_revocation_ends_consents_and_blocks_what_waits(client):
    """Of advertising alone, or of everything."""
    await record(client)
    advert = (await advertise(client)).json()["id"]
    order = (await client.post("/v1/messages", json=send_request())).json()["id"]

    answer = await client.post(
        "/v1/consents/revoke", json={"recipient": RECIPIENT, "consent_class": "marketing"}
    )

    assert (answer.status_code, answer.json()) == (200, {"blocked": 1})
    message = (await client.get(f"/v1/messages/{advert}")).json()
    assert (message["state"], message["reason"]) == ("blocked", "consent_revoked")
    assert (await client.get(f"/v1/messages/{order}")).json()["state"] == "queued"
    assert await verdicts(client) == {
        "marketing": (False, "revoked"),
        "transactional": (True, "implied"),
        "conversational": (True, "not_needed"),
        "emergency": (True, "not_needed"),
    }
    assert (await advertise(client)).json()["errors"][0]["code"] == "consent_revoked"
    await client.post("/v1/consents/revoke", json={"recipient": RECIPIENT})
    assert (await client.get(f"/v1/messages/{order}")).json()["state"] == "blocked"


async def test_a_consent_that_is_given_again_counts(client, clock):
    """Nothing is deleted; the last word counts."""
    await client.post("/v1/consents/revoke", json={"recipient": RECIPIENT})
    assert (await advertise(client)).status_code == 422

    await record(client, given_at="2026-03-04T15:00:01Z")

    assert (await advertise(client)).status_code == 202


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"recipient": "12"}, "consents[0].recipient", "too_short"),
        ({"method": "verbal"}, "consents[0].method", "invalid"),
        ({"method": "telepathy"}, "consents[0].method", "invalid_type"),
        ({"given_at": "2026-03-05T10:00:00Z"}, "consents[0].given_at", "invalid"),
        ({"given_at": "2026-03-01T10:00:00"}, "consents[0].given_at", "invalid_type"),
        ({"disclosure": ""}, "consents[0].disclosure", "invalid"),
        ({"disclosure": "x" * 2001}, "consents[0].disclosure", "too_long"),
        ({"page_url": None}, "consents[0].page_url", "invalid"),
        ({"sender": "+12025550177"}, "consents[0].sender", "unknown_sender"),
        ({"brand_id": "brd_none"}, "consents[0].brand_id", "unknown_brand"),
        ({"zone": "Mars/Olympus"}, "consents[0].zone", "invalid"),
        ({"state": "ZZ"}, "consents[0].state", "invalid"),
    ],
)
async def test_what_proves_nothing_is_refused(client, changes, field, code):
    """A record that a court would laugh at is worse than none."""
    answer = await record(client, **changes)

    assert answer.status_code == 422
    assert (field, code) in [(e["field"], e["code"]) for e in answer.json()["errors"]]
    assert (await client.get("/v1/consents")).json()["consents"] == []


async def test_one_bad_consent_keeps_all_out(client):
    """Nothing is half done."""
    body = {"consents": [FORM, FORM | {"recipient": "nobody"}]}

    answer = await client.post("/v1/consents", json=body)

    assert answer.json()["errors"][0]["field"] == "consents[1].recipient"
    assert (await client.get("/v1/consents")).json()["consents"] == []


async def test_the_first_advert_tells_how_to_opt_out_and_one_a_month(client, clock):
    """With the brand's name; never twice in a month, never in a message that is no advert."""
    await record(client)

    first = (await advertise(client, text="Cats!")).json()["text"]
    second = (await advertise(client, text="More cats!")).json()["text"]
    order = (await client.post("/v1/messages", json=send_request(text="Sent."))).json()["text"]
    await clock.advance(timedelta(days=30).total_seconds())
    third = (await advertise(client, text="Cats again!")).json()["text"]

    assert first.startswith("Cat Post: Cats!")
    assert "STOP" in first
    assert (second, order) == ("More cats!", "Sent.")
    assert "STOP" in third


async def test_within_one_batch_the_wording_comes_once(client):
    """The second message of a batch knows what the first one says."""
    await record(client)
    messages = [send_request(category="marketing", text=text) for text in ("One", "Two")]

    answer = await client.post("/v1/messages/batch", json={"messages": messages})

    texts = [result["message"]["text"] for result in answer.json()["results"]]
    assert ["STOP" in text for text in texts] == [True, False]


async def test_wording_that_has_no_room_is_refused(client):
    """It must not be cut, and neither must the caption."""
    await record(client)

    answer = await advertise(client, text="x" * 2995)

    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("text", "too_long")]


async def test_a_brand_without_a_name_cannot_advertise(client, database):
    """Each advert says whose it is."""
    async with database.transaction() as tx:
        await set_default_brand(tx, "default")
    await record(client)

    answer = await advertise(client)

    assert answer.json()["errors"][0]["code"] == "brand_missing"
    assert "WIREPHOTO_BRAND" in answer.json()["errors"][0]["message"]


async def test_an_export_is_what_an_import_takes(client):
    """Records are kept for years, and outlive every system."""
    await record(client, zone="America/New_York", state="NY", sender=SENDER)

    exported = await client.get("/v1/consents/export")

    [row] = list(csv.DictReader(io.StringIO(exported.text)))
    assert set(row) == set(COLUMNS)
    assert (row["recipient"], row["zone"], row["brand_id"]) == (
        RECIPIENT,
        "America/New_York",
        DEFAULT_BRAND,
    )
    taken = await client.post("/v1/consents/import", content=exported.text)
    assert (taken.status_code, taken.json()) == (200, {"rows": 1})


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("nobody,marketing,paper,2026-03-01T10:00:00Z", "line 2: recipient"),
        ("+12125550123,love,paper,2026-03-01T10:00:00Z", "line 2: consent_class"),
        ("+12125550123,marketing,paper,yesterday", "line 2: given_at"),
        ("+12125550123,marketing,paper,2026-03-01T10:00:00", "line 2: given_at"),
        ("+12125550123,marketing,verbal,2026-03-01T10:00:00Z", "line 2: method"),
    ],
)
async def test_a_file_with_a_fault_stores_nothing(client, row, field):
    """Its author mends the line that is named."""
    content = f"recipient,consent_class,method,given_at\n{row}\n"

    answer = await client.post("/v1/consents/import", content=content)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await client.get("/v1/consents")).json()["consents"] == []


async def test_another_tenant_sees_nothing(app, client, store_key, other_tenant):
    """Whom a competitor may write to is a list of its customers."""
    await record(client)
    key = await store_key(Scope.READ, Scope.MANAGE, tenant_id=other_tenant)

    async with client_of(app, key=key) as theirs:
        assert (await theirs.get("/v1/consents")).json()["consents"] == []
        params = {"recipient": RECIPIENT}
        assert (await theirs.get("/v1/consents/standing", params=params)).json() == {"standing": []}


@pytest.mark.parametrize("path", ["", "/revoke", "/import"])
async def test_a_key_that_may_not_manage_records_nothing(app, store_key, path):
    """An application that sends must not be able to write its own permission."""
    key = await store_key(Scope.SEND, Scope.READ)

    async with client_of(app, key=key) as client:
        assert (await client.post(f"/v1/consents{path}")).status_code == 403


async def test_the_recipient_of_a_look_up_is_needed(client):
    """By its name, and the rule."""
    answer = await client.get("/v1/consents/standing")

    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("recipient", "required")]
