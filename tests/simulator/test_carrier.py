import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from wirephoto.simulator.app import Simulator
from wirephoto.simulator.carrier import plan_reports
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS, PLAIN, Ending, behaviour_of
from wirephoto.simulator.switches import Switches

SUBMITTED_S, FINAL_S = 0.2, 1.0


async def test_a_message_is_submitted_then_delivered(world):
    """The ordinary course of things, with every field that the documents name (contract 2.2)."""
    accepted_at = world.clock.now()
    _, sent = await world.post(client_ref="ref-1")

    await world.clock.pass_by(SUBMITTED_S)
    submitted = (await world.outside.next()).body
    await world.clock.pass_by(FINAL_S)
    delivered = (await world.outside.next()).body

    common = {
        "message_uuid": sent["message_uuid"],
        "to": "12125550123",
        "from": "12015550100",
        "channel": "mms",
        "client_ref": "ref-1",
    }
    at = accepted_at + timedelta(seconds=SUBMITTED_S)
    assert submitted == {
        **common,
        "status": "submitted",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.200Z"),
        "usage": {"currency": "EUR", "price": "0.0150"},
    }
    assert delivered.pop("timestamp") > submitted["timestamp"]
    assert delivered == {
        **common,
        "status": "delivered",
        "destination": {"network_code": "310260"},
    }
    assert world.simulator.ledger.state_of(sent["message_uuid"]) == "delivered"


async def test_a_text_is_reported_with_its_parts(world):
    """As text: the provider writes the number so (contract 2.2)."""
    await world.post(channel="sms", message_type="text", text="x" * 161, image=None)

    await world.clock.pass_by(SUBMITTED_S)
    report = (await world.outside.next()).body

    assert (report["channel"], report["sms"]) == ("sms", {"count_total": "2"})


async def test_a_text_reaches_a_phone_that_takes_no_pictures(world):
    """What a fallback is for."""
    text = {"channel": "sms", "message_type": "text", "text": "x", "image": None}
    await world.post(to="12125550155", **text)

    statuses = []
    for passing_s in (SUBMITTED_S, FINAL_S):
        await world.clock.pass_by(passing_s)
        statuses.append((await world.outside.next()).body["status"])

    assert statuses == ["submitted", "delivered"]


async def test_a_webhook_is_signed_with_the_signature_secret(world):
    """Every claim that a receiver checks (contract 2.4)."""
    await world.post()
    await world.clock.pass_by(SUBMITTED_S)
    webhook = await world.outside.next()

    claims = webhook.claims(world.credentials.signature_secret)

    assert claims.pop("jti")
    assert claims == {
        "iat": int(world.clock.now().timestamp()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(webhook.raw).hexdigest(),
        "api_key": world.credentials.api_key,
        "application_id": world.credentials.application_id,
    }


@pytest.mark.parametrize(
    "behaviour",
    [behaviour for behaviour in MAGIC_RECIPIENTS if behaviour.code is not None],
    ids=lambda behaviour: behaviour.digits,
)
async def test_a_magic_recipient_ends_with_its_code(world, behaviour):
    """Every outcome can be had by number alone."""
    world.simulator.flip(final_delay_s=0)
    await world.post(to=f"121255501{behaviour.digits}")
    await world.clock.pass_by(SUBMITTED_S)
    heard = {}
    for _ in range(2 if behaviour.submitted_first else 1):
        body = (await world.outside.next()).body
        heard[body["status"]] = body

    error = heard[behaviour.ending.value]["error"]

    assert ("submitted" in heard) is behaviour.submitted_first
    assert error["title"] == str(behaviour.code)
    assert error["type"].endswith(f"api-errors/messages#{behaviour.code}")
    assert error["detail"]
    assert error["instance"]


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("string", lambda error: error["title"] == "1240"),
        ("number", lambda error: error["title"] == 1240),
        ("nested", lambda error: error["error"]["title"] == "1240"),
    ],
)
async def test_the_shape_of_an_error_is_switched(world, title, read):
    """All three shapes are in official test data; a receiver must read each."""
    world.simulator.flip(error_title=title)
    await world.post(to="12125550153")
    await world.clock.pass_by(SUBMITTED_S)

    receipt = await world.outside.next()

    assert read(receipt.body["error"])


@pytest.mark.parametrize(
    ("digits", "switches", "told"),
    [
        ("23", {}, ["submitted", "delivered"]),
        ("21", {}, ["submitted"]),
        ("22", {}, []),
        ("25", {}, ["delivered", "submitted"]),
        ("26", {}, ["delivered"]),
        ("20", {}, ["undeliverable"]),
        ("53", {}, ["rejected"]),
        ("54", {}, ["submitted", "rejected"]),
        ("23", {"receipts_final": False}, ["submitted"]),
        ("23", {"receipts_disordered": True}, ["delivered", "submitted"]),
        ("54", {"receipts_disordered": True}, ["rejected", "submitted"]),
        ("21", {"receipts_disordered": True}, ["submitted"]),
    ],
)
def test_receipts_are_told_in_their_order(digits, switches, told):
    """The order is not guaranteed by contract, so every order must be had on demand."""
    reports = plan_reports(behaviour_of(f"121255501{digits}"), Switches(**switches))

    assert [report.status for report in reports] == told
    assert [report.told_s for report in reports] == sorted(report.told_s for report in reports)


def test_a_late_report_keeps_the_time_at_which_it_happened():
    """A receiver orders conflicting receipts by their timestamp."""
    reports = plan_reports(PLAIN, Switches(receipts_disordered=True))

    assert [report.happened_s for report in reports] == [1.2, 0.2]
    assert reports[0].status == Ending.DELIVERED


async def test_every_receipt_comes_twice_where_that_is_asked_for(world):
    """The copies say the same and are signed apart."""
    await world.post(to="12125550124")
    await world.clock.pass_by(SUBMITTED_S)

    first, second = await world.outside.next(), await world.outside.next()

    secret = world.credentials.signature_secret
    assert first.raw == second.raw
    assert first.claims(secret)["jti"] != second.claims(secret)["jti"]


async def test_a_receipt_can_come_before_the_answer(world):
    """The uuid in it is unknown to the client then: only the client_ref helps."""
    _, sent = await world.post(to="12125550126", client_ref="early")

    receipt = world.outside.webhooks.get_nowait()

    assert receipt.body["status"] == "submitted"
    assert receipt.body["message_uuid"] == sent["message_uuid"]


async def test_a_message_can_name_its_own_webhook(world):
    """`webhook_url` overrides the application's (contract 1.3)."""
    await world.post(webhook_url=f"{world.outside.url}/webhooks/own")
    await world.clock.pass_by(SUBMITTED_S)

    assert (await world.outside.next()).path == "/webhooks/own"


async def test_without_a_webhook_a_message_stays_submitted(world):
    """Nobody is told, and the simulator says what it would have said."""
    settings = replace(world.simulator.settings, status_url=None)
    silent = Simulator(settings, world.clock)
    world.url = await silent.start()

    _, sent = await world.post()
    await silent.drain()
    await silent.stop()

    assert silent.ledger.state_of(sent["message_uuid"]) == "submitted"


async def test_media_that_cannot_be_had_is_rejected(world):
    """The fetch comes after the 202, so a receipt is the only way to learn of it."""
    world.simulator.flip(fetch_media=True)
    status, _ = await world.post(image={"url": f"{world.outside.url}/media/none.jpg"})
    await world.clock.pass_by(SUBMITTED_S)

    receipt = (await world.outside.next()).body

    assert (status, receipt["status"]) == (202, "rejected")
    assert receipt["error"]["title"] == "1380"


async def test_good_media_is_fetched_before_the_message_goes_on(world):
    """One GET per message; our media host logs it as evidence."""
    world.simulator.flip(fetch_media=True)
    await world.post(image={"url": f"{world.outside.url}/media/good.jpg"})
    await world.clock.pass_by(SUBMITTED_S)

    receipt = (await world.outside.next()).body

    assert receipt["status"] == "submitted"
    assert world.outside.fetched == ["good.jpg"]
