"""The account is at fault: nothing is lost, the gateway says why, and goes on when it is right."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from tests.engine.stage import logged
from tests.scenarios.test_magic_recipients import stopped
from tests.scenarios.world import Place, running_world
from wirephoto.simulator.settings import make_credentials
from wirephoto.simulator.switches import AccountFault


async def test_wrong_credentials_lose_nothing(credentials, database_url):
    """The line stops and says so; after a restart with the right ones the picture goes, once."""
    wrong = replace(credentials, private_key=make_credentials().private_key)
    place = Place(credentials, database_url)
    async with AsyncExitStack() as stack:
        await place.open(stack)
        ledger = place.simulator.ledger
        with logged() as lines:
            async with place.gateway(wrong) as world:
                message_id = await world.send()
                message = await world.queued_again(message_id)
                status, body = await stopped(world)
                waiting = await world.send()
                assert await world.state(waiting) in ("preparing", "queued")
        assert ledger.accepted_total == 0

        async with place.gateway(credentials) as world:
            for each in (message_id, waiting):
                await world.until(each, "delivered")
                assert await world.state(each) == "delivered"
            assert await world.ready() == (200, {"status": "ok", "findings": []})

    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (2, {})
    assert (message.reason, message.tries) == ("unauthorized", 0)
    assert (status, body["status"]) == (200, "degraded")
    [finding] = body["findings"]
    assert (finding["what"], finding["reason"]) == ("account acc_default", "unauthorized")
    assert "VONAGE_APPLICATION_ID" in finding["detail"]
    [said] = [line for line in lines if line["event"] == "line_stopped"]
    assert (said["log_level"], said["reason"]) == ("error", "unauthorized")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (AccountFault.LOW_BALANCE, "low_balance"),
        (AccountFault.FORBIDDEN, "forbidden"),
        (AccountFault.ACCOUNT_SUSPENDED, "forbidden"),
        (AccountFault.UNPROVISIONED, "unprovisioned"),
        (AccountFault.NOT_FOUND, "not_found"),
    ],
)
async def test_each_fault_of_the_account_stops_the_line(credentials, tmp_path, fault, reason):
    """With one request, however many messages wait."""
    database_url = f"sqlite:///{tmp_path}/wirephoto.db"
    async with running_world(
        credentials, database_url, switches={"account_fault": fault}, sender_rate=5
    ) as world:
        ids = await world.send_many(5)
        _, body = await stopped(world)
        states = {await world.state(message_id) for message_id in ids}

        assert [finding["reason"] for finding in body["findings"]] == [reason]
        assert states <= {"queued", "claimed"}
        assert world.simulator.ledger.posts_read <= 2
        assert world.simulator.ledger.accepted_total == 0
