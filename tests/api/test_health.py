"""Health: what a monitor, a balancer and an operator are told."""

from dataclasses import replace

import pytest

from tests.api.application import add_sender, client_of, make_app
from tests.api.conftest import with_services
from wirephoto.api.app import create_app
from wirephoto.api.services import WebhookSettings, services_of
from wirephoto.domain.line import Stop
from wirephoto.storage.database import open_database
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    accounts,
    campaigns,
)
from wirephoto.storage.senders import stop_line

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = "a-signature-secret-that-is-long-enough"


@pytest.fixture
async def app(database, clock):
    """Give the application of an account that has everything."""
    await add_sender(database, clock)
    return make_app(database, clock, secrets=(SECRET,))


@pytest.fixture
async def client(app):
    """Give a client without a key: monitors have none."""
    async with client_of(app, key=None) as client:
        yield client


@on_sqlite
@pytest.mark.parametrize(("path", "said"), [("/", "Wirephoto is running."), ("/healthz", "ok")])
async def test_a_simple_monitor_gets_a_simple_answer(client, path, said):
    """The oldest monitors can only compare text."""
    answer = await client.get(path)

    assert (answer.status_code, answer.text) == (200, said)
    assert answer.headers["content-type"].startswith("text/plain")


@on_sqlite
@pytest.mark.parametrize("path", ["/", "/healthz"])
async def test_a_monitor_may_ask_without_wanting_a_body(client, path):
    """Uptime monitors send HEAD; a 405 would ring somebody's telephone."""
    answer = await client.head(path)

    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_gateway_that_lacks_nothing_is_ok(client):
    """Silence is what an operator wants to see."""
    answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "findings": []})


async def test_what_does_not_send_is_shown_with_its_reason(client, database, clock):
    """A process that could send is not to be restarted because the account's money ran out."""
    account = Stop(
        "low_balance", "The account has no money.", clock.now(), clock.now(), clock.now(), 1
    )
    campaign = Stop(
        "sender_refused", "The sender is not registered.", clock.now(), clock.now(), None, 0
    )
    async with database.transaction() as tx:
        await stop_line(tx, accounts, DEFAULT_ACCOUNT, account)
        await stop_line(tx, campaigns, DEFAULT_CAMPAIGN, campaign)

    answer = await client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "findings": [
            {
                "what": f"account {DEFAULT_ACCOUNT}",
                "reason": "low_balance",
                "detail": "The account has no money.",
            },
            {
                "what": f"campaign {DEFAULT_CAMPAIGN}",
                "reason": "sender_refused",
                "detail": "The sender is not registered.",
            },
        ],
    }


@on_sqlite
async def test_webhooks_that_cannot_be_verified_are_told_of(app, client):
    """Otherwise every message stays `submitted`, and nobody knows why."""
    with_services(app, webhooks=WebhookSettings(DEFAULT_ACCOUNT, DEFAULT_TENANT))

    answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    [finding] = answer.json()["findings"]
    assert (finding["what"], finding["reason"]) == ("webhooks", "unconfigured")
    assert "VONAGE_SIGNATURE_SECRET" in finding["detail"]


@on_sqlite
async def test_a_duty_that_fails_again_and_again_is_a_503(app, client):
    """This process does not do its work: a balancer goes elsewhere, a supervisor restarts it."""
    with_services(app, failing_duties=lambda: ["dispatch"])

    answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert [finding["what"] for finding in answer.json()["findings"]] == ["dispatch"]


async def test_without_the_database_it_is_alive_and_not_ready(clock):
    """Restarting a process because its database restarts makes it worse."""
    gone = open_database("postgresql://somebody:s3cret@127.0.0.1:1/none")
    async with client_of(make_app(gone, clock, secrets=(SECRET,)), key=None) as client:
        ready = await client.get("/readyz")
        alive = await client.get("/healthz")
    await gone.close()

    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert [finding["what"] for finding in ready.json()["findings"]] == ["database"]
    assert "s3cret" not in ready.text
    assert alive.status_code == 200


@on_sqlite
async def test_a_process_without_the_role_api_only_tells_how_it_is(app):
    """What has no role `api` is watched by monitors, and takes no messages by accident."""
    services = replace(services_of(app), roles=frozenset({"dispatch"}))
    sending = create_app(services)
    async with client_of(sending) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.post("/v1/messages", json={})).status_code == 404
        assert (await client.post("/webhooks/status")).status_code == 404
