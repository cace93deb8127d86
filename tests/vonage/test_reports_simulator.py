"""The look-up of an attempt against the simulator, which was written from the documents alone."""

import base64
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from wirephoto.clock import SystemClock
from wirephoto.domain.look_up import LookUp
from wirephoto.domain.outcome import ReceiptState
from wirephoto.errors import ReportsUnavailable
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import make_credentials
from wirephoto.simulator.switches import Switches
from wirephoto.vonage.reports import ReportsClient

SENDER = "+12015550100"


@pytest.fixture(scope="module")
def credentials():
    return make_credentials()


@pytest.fixture
async def simulator(credentials):
    """A simulator whose records show everything at once, and that tells nobody by webhook."""
    switches = Switches(
        rate_per_s=None, reports_delay_s=0, submitted_delay_s=0.01, final_delay_s=0.01
    )
    settings = replace(credentials.settings(), switches=switches)
    simulator = Simulator(settings)
    simulator.url = await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def client(simulator, credentials):
    client = ReportsClient(
        base_url=simulator.url, api_key=credentials.api_key, api_secret=credentials.api_secret
    )
    yield client
    await client.close()


@pytest.fixture
def post(simulator, credentials):
    """Return a function that posts a message, whatever becomes of the answer."""
    login = f"{credentials.api_key}:{credentials.api_secret}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}

    async def send(client_ref, recipient="+12125550123"):
        body = {
            "channel": "mms",
            "message_type": "image",
            "image": {"url": f"{simulator.url}/simulator/sample.jpg"},
            "to": recipient[1:],
            "from": SENDER[1:],
            "client_ref": client_ref,
        }
        url = f"{simulator.url}/v1/messages"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, json=body, headers=headers),
            ):
                pass
        except aiohttp.ClientError:
            pass
        return look_up_of(client_ref, recipient)

    return send


def look_up_of(client_ref, recipient="+12125550123", provider_message_id=None):
    """The look-up of a message that was posted in the last minute."""
    now = SystemClock().now()
    return LookUp(
        client_ref=client_ref,
        provider_message_id=provider_message_id,
        sender=SENDER,
        recipient=recipient,
        since=now - timedelta(minutes=1),
        until=now,
    )


async def test_a_message_whose_answer_was_lost_is_found(client, post, simulator):
    """The connection closed after it was accepted: this is what the look-up is for."""
    look_up = await post("ref-1", "+12125550136")
    await simulator.drain()

    receipt = await client.find(look_up)

    [accepted] = simulator.accepted
    assert receipt.provider_message_id == accepted.message_uuid
    assert (receipt.client_ref, receipt.state) == ("ref-1", ReceiptState.DELIVERED)
    assert (receipt.price, receipt.network_code) == ("0.0150", "310260")


async def test_a_message_that_never_was_accepted_is_not_found(client, post):
    """The connection closed before it was."""
    await post("ref-2")
    look_up = await post("ref-1", "+12125550137")

    assert await client.find(look_up) is None


@pytest.mark.parametrize(
    ("recipient", "state", "reason"),
    [
        ("+12125550123", ReceiptState.DELIVERED, None),
        ("+12125550153", ReceiptState.REJECTED, "opted_out"),
        ("+12125550120", ReceiptState.UNDELIVERABLE, "carrier_silent"),
    ],
)
async def test_a_message_is_found_as_its_webhook_would_have_told(
    client, post, simulator, recipient, state, reason
):
    """By its id as by its reference."""
    look_up = await post("ref-1", recipient)
    await simulator.drain()
    message_uuid = simulator.accepted[0].message_uuid

    by_reference = await client.find(look_up)
    by_id = await client.find(replace(look_up, provider_message_id=message_uuid))

    assert by_reference == by_id
    assert by_id.state is state
    assert (by_id.failure and by_id.failure.reason) == reason


async def test_an_id_that_is_unknown_is_not_found(client):
    """It comes back in `ids_not_found`."""
    look_up = look_up_of("ref-1", provider_message_id="00000000-0000-4000-8000-000000000000")

    assert await client.find(look_up) is None


async def test_a_message_on_the_last_page_is_found(client, post, simulator):
    """The cursor has signs that a careless query would garble."""
    simulator.flip(reports_page_items=2)
    for number in range(5):
        look_up = await post(f"ref-{number}")

    receipt = await client.find(look_up)

    assert receipt.client_ref == "ref-4"


async def test_a_fresh_message_is_not_found_yet(client, post, simulator):
    """So that nobody concludes from one early answer."""
    simulator.flip(reports_delay_s=3600)

    assert await client.find(await post("ref-1")) is None


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"reports_fault": "throttled"}, "rate_limited"),
        ({"reports_fault": "forbidden"}, "forbidden"),
        ({"reports_fault": "error"}, "unreachable"),
        ({"reports_fault": "unavailable"}, "unreachable"),
        ({"reports_fault": "drop"}, "unreachable"),
        ({"reports_fault": "truncated"}, "unreadable"),
        ({"account_fault": "unauthorized"}, "unauthorized"),
        ({"outage": "drop"}, "unreachable"),
    ],
)
async def test_each_fault_has_its_reason(client, simulator, switches, reason):
    """Faults as the provider spells them."""
    simulator.flip(**switches)

    with pytest.raises(ReportsUnavailable) as caught:
        await client.find(look_up_of("ref-1"))

    assert caught.value.reason == reason
    assert (caught.value.retry_after_s is not None) is (reason == "rate_limited")


async def test_a_wrong_secret_is_not_permitted(simulator, credentials):
    """Until somebody corrects it."""
    client = ReportsClient(base_url=simulator.url, api_key=credentials.api_key, api_secret="wrong")

    with pytest.raises(ReportsUnavailable, match="unauthorized"):
        await client.find(look_up_of("ref-1"))
    await client.close()


async def test_a_question_that_is_too_wide_is_refused(client):
    """The provider answers for a day at most."""
    look_up = look_up_of("ref-1")

    with pytest.raises(ReportsUnavailable, match="refused"):
        await client.find(replace(look_up, since=look_up.since - timedelta(days=1)))
