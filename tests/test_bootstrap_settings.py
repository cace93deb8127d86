"""What the settings say is what a process does: roles, senders, rates, and whom it talks to."""

import pytest
from sqlalchemy import select

from tests.factories import NOW, PICTURE, RECIPIENT, SENDER, make_message, send_request
from tests.gateway import FakeProvider, running, settings_of
from tests.library import kept_media
from tests.virtual_clock import VirtualClock
from wirephoto.bootstrap import Gateway
from wirephoto.clock import SystemClock
from wirephoto.config import Role
from wirephoto.errors import SettingsInvalid
from wirephoto.storage.database import open_database
from wirephoto.storage.media import Need, insert_needs
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.schema import accounts, campaigns

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SIMPLE = {"recipient": RECIPIENT, "imageUrl": PICTURE}


MAINTENANCE = {"rescuer", "expirer", "overdue", "media-sweeper", "pruner", "reckoner"}
DUTIES = [
    (
        frozenset(Role),
        {"preparation", "dispatch", "inbound", "collector", "deliveries", *MAINTENANCE},
    ),
    ({Role.API}, set()),
    ({Role.API, Role.MEDIA}, {"preparation"}),
    ({Role.DISPATCH}, {"dispatch"}),
    ({Role.EVENTS}, {"deliveries"}),
    ({Role.INBOUND, Role.MAINTENANCE}, {"inbound", "collector", *MAINTENANCE}),
]


@on_sqlite
@pytest.mark.parametrize(
    ("roles", "duties"), DUTIES, ids=["all", "api", "media", "dispatch", "events", "rest"]
)
async def test_a_process_does_what_its_roles_say(database_url, roles, duties):
    """Roles are how an operator puts work where the machines are."""
    settings = settings_of(database_url, roles=",".join(roles))
    async with running(settings, provider=FakeProvider()) as (gateway, client):
        assert {runner.duty.name for runner in gateway.runners} == duties | {"key-uses"}
        assert (await client.get("/readyz")).status_code == 200
        takes_messages = (await client.post("/v1/messages", json={})).status_code != 404

    assert takes_messages == (Role.API in roles)


@on_sqlite
async def test_without_a_sender_there_is_nothing_to_send_with(database_url):
    """Found at the start, by the name of the setting, not at the first message."""
    gateway = Gateway(settings_of(database_url, vonage_sender_number=None), clock=SystemClock())
    with pytest.raises(SettingsInvalid, match="VONAGE_SENDER_NUMBER: is missing"):
        await gateway.start()
    await gateway.stop()


@on_sqlite
async def test_a_sender_in_the_database_is_enough(database_url):
    """Once there are senders, the setting is only the first of them."""
    async with running(settings_of(database_url), provider=FakeProvider()):
        pass

    async with running(
        settings_of(database_url, vonage_sender_number=None), provider=FakeProvider()
    ) as (
        _,
        client,
    ):
        answer = await client.post("/v1/messages", json=send_request())

    assert answer.json()["from"] == SENDER


@on_sqlite
async def test_a_sender_that_reaches_no_phone_in_the_us_is_refused(database_url):
    """It would be taken for a missing one, or fail with each message."""
    gateway = Gateway(
        settings_of(database_url, vonage_sender_number="+447700900123"), clock=SystemClock()
    )
    with pytest.raises(SettingsInvalid, match="VONAGE_SENDER_NUMBER: must be a US"):
        await gateway.start()
    await gateway.stop()


@on_sqlite
async def test_rates_are_set_by_who_sends(database_url):
    """A process that only takes messages must not put its defaults over the registered rate."""
    async with running(
        settings_of(database_url, sender_rate=7.0, account_rate=9.0), provider=FakeProvider()
    ):
        pass
    async with running(settings_of(database_url, roles="api", sender_rate=None, account_rate=None)):
        pass

    database = open_database(database_url)
    async with database.read() as tx:
        rates = [
            (await tx.execute(select(table.c.rate))).scalar_one() for table in (campaigns, accounts)
        ]
    await database.close()
    assert rates == [7.0, 9.0]


@on_sqlite
@pytest.mark.parametrize(
    ("base_url", "is_real"),
    [
        ("https://api.nexmo.com", True),
        ("https://api-us.vonage.com", True),
        ("https://API.NEXMO.COM", True),
        ("https://messages-sandbox.nexmo.com", True),
        ("https://evilnexmo.com", False),
        ("https://api.nexmo.com.evil.example", False),
        ("http://127.0.0.1:8900", False),
        ("http://localhost:8900", False),
    ],
)
async def test_numbers_for_fiction_are_refused_towards_the_real_provider(
    database_url, base_url, is_real
):
    """The tutorial's own sample is one: it must work in the demo, and cost nothing for real."""
    settings = settings_of(database_url, vonage_base_url=base_url, roles="api")
    async with running(settings) as (_, client):
        answer = await client.post("/v1/messages", json=send_request(to="+12125550123"))

    if is_real:
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "fictional"
    else:
        assert answer.status_code == 202


@on_sqlite
async def test_what_the_settings_say_of_messages_is_done(database_url):
    """Each of these is promised in docs/settings.md."""
    settings = settings_of(
        database_url,
        media="check",
        default_category="conversational",
        expires_after_h=2.0,
        egress_allow="10.0.0.0/8",
        sync_wait_s=0.0,
        roles="api",
    )
    inside = "http://10.1.2.3/cat.jpg"
    async with running(settings, clock=VirtualClock()) as (_, client):
        accepted = await client.post("/v1/messages", json=send_request(media=[{"url": inside}]))
        outside = await client.post(
            "/v1/messages", json=send_request(media=[{"url": "http://192.168.0.1/cat.jpg"}])
        )
        simple = await client.post("/send-mms", json=SIMPLE)

    message = accepted.json()
    assert message["state"] == "preparing"
    assert message["category"] == "conversational"
    assert message["expires_at"] == "2026-03-04T17:00:00Z"
    assert outside.status_code == 422
    assert simple.status_code == 202


@on_sqlite
async def test_files_that_wait_need_an_address(database_url):
    """Without it the provider would be told an address that nobody answers."""
    async with running(settings_of(database_url), provider=FakeProvider()) as (gateway, _):
        prepared = await kept_media(gateway.database)
        message = make_message()
        async with gateway.database.transaction() as tx:
            await insert_messages(tx, [message])
            need = Need(message.id, 0, message.tenant_id, prepared.media_id, prepared.file_id, NOW)
            await insert_needs(tx, [need])

    gateway = Gateway(settings_of(database_url), clock=SystemClock())
    with pytest.raises(SettingsInvalid, match="PUBLIC_URL: is missing; messages wait"):
        await gateway.start()
    await gateway.stop()


async def test_processes_with_different_stores_are_told_apart(database_url, tmp_path):
    """One would give out names of files that the other does not have."""
    hosting = {"media": "convert", "public_url": "https://gateway.example"}
    first = settings_of(database_url, media_store=str(tmp_path / "a"), **hosting)
    other = settings_of(database_url, media_store=str(tmp_path / "b"), **hosting)
    async with running(first, provider=FakeProvider()):
        pass
    async with running(first, provider=FakeProvider()):
        pass

    gateway = Gateway(other, clock=SystemClock(), provider=FakeProvider())
    if not gateway.database.is_postgres:
        await gateway.start()  # one process has one store
    else:
        with pytest.raises(SettingsInvalid, match="WIREPHOTO_MEDIA_STORE: is not the store"):
            await gateway.start()
    await gateway.stop()


@on_sqlite
async def test_a_store_that_cannot_be_written_is_found_at_the_start(database_url, tmp_path):
    """Not with the first picture."""
    (tmp_path / "file").touch()
    settings = settings_of(
        database_url,
        media="convert",
        public_url="https://gateway.example",
        media_store=str(tmp_path / "file" / "below"),
    )
    gateway = Gateway(settings, clock=SystemClock(), provider=FakeProvider())
    with pytest.raises(SettingsInvalid, match="WIREPHOTO_MEDIA_STORE: the media store cannot be"):
        await gateway.start()
    await gateway.stop()
