"""The provider's own Python SDK, unchanged, against the simulator: does it mistake it for real?"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from vonage import Auth, HttpClientOptions, Vonage
from vonage_http_client.errors import AuthenticationError, HttpRequestError, RateLimitedError
from vonage_messages.models import (
    MmsAudio,
    MmsContent,
    MmsContentItemFile,
    MmsContentItemImage,
    MmsFile,
    MmsImage,
    MmsResource,
    MmsText,
    MmsVcard,
    MmsVideo,
    Sms,
)

from wirephoto.clock import SystemClock
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.switches import Switches

NUMBERS = {"to": "12125550123", "from_": "12015550100"}
URL = "https://media.example/a"


@dataclass
class Sdk:
    simulator: Simulator
    client: Vonage

    async def send(self, message):
        """The SDK blocks, so it runs beside the loop in which the simulator lives."""
        async with asyncio.timeout(10):
            return await asyncio.to_thread(self.client.messages.send, message)


@pytest.fixture
async def sdk(credentials, tmp_path: Path, monkeypatch) -> AsyncIterator[Sdk]:
    settings = replace(credentials.settings(), switches=Switches(fetch_media=False))
    simulator = Simulator(settings, SystemClock())
    url = await simulator.start(tls=True)
    bundle = tmp_path / "simulator.pem"
    bundle.write_text(simulator.certificate or "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = Vonage(
        Auth(application_id=credentials.application_id, private_key=credentials.private_key),
        HttpClientOptions(api_host=url.removeprefix("https://"), timeout=5),
    )
    yield Sdk(simulator, client)
    client.http_client._session.close()
    await simulator.stop()


@pytest.mark.parametrize(
    "message",
    [
        MmsText(text="hello", **NUMBERS),
        MmsImage(image=MmsResource(url=f"{URL}.jpg", caption="a cat 🐈"), ttl=600, **NUMBERS),
        MmsVcard(vcard=MmsResource(url=f"{URL}.vcf"), client_ref="ref", **NUMBERS),
        MmsAudio(audio=MmsResource(url=f"{URL}.mp3"), webhook_version="v1", **NUMBERS),
        MmsVideo(video=MmsResource(url=f"{URL}.mp4"), trusted_recipient=True, **NUMBERS),
        MmsFile(file=MmsResource(url=f"{URL}.pdf"), **NUMBERS),
        MmsContent(
            content=[MmsContentItemImage(url=f"{URL}.jpg"), MmsContentItemFile(url=f"{URL}.pdf")],
            **NUMBERS,
        ),
        Sms(text="hello", **NUMBERS),
    ],
    ids=lambda message: f"{message.channel.value}-{message.message_type.value}",
)
async def test_the_official_sdk_sends_every_type(sdk, message):
    """If the provider's own client is content, the stand-in follows its documents."""
    answer = await sdk.send(message)

    assert uuid.UUID(answer.message_uuid).version == 4
    [accepted] = sdk.simulator.accepted
    assert accepted.message_uuid == answer.message_uuid
    assert accepted.body == message.model_dump(by_alias=True, exclude_none=True, mode="json")


@pytest.mark.parametrize(
    ("to", "error", "status"),
    [
        ("12125550131", RateLimitedError, 429),
        ("12125550140", AuthenticationError, 401),
        ("12125550142", HttpRequestError, 422),
    ],
)
async def test_the_official_sdk_understands_refusals(sdk, to, error, status):
    """Its own exceptions come out of our problem bodies."""
    with pytest.raises(error) as raised:
        await sdk.send(MmsText(text="hello", to=to, from_="12015550100"))

    assert raised.value.response.status_code == status
    assert raised.value.response.json()["title"]


async def test_the_official_sdk_repeats_what_was_accepted(sdk):
    """Ten pictures for one call (contract 7.1): the fault that the ledger is there to show."""
    with pytest.raises(Exception, match="RemoteDisconnected"):
        await sdk.send(MmsText(text="x", to="12125550136", from_="12015550100", client_ref="r"))

    assert sdk.simulator.ledger.repeated_client_refs() == {"r": 10}


async def test_it_lists_the_numbers_of_the_account(sdk, credentials):
    """The SDK's own model of a number must fit; it asks the other host with key and secret."""
    client = Vonage(
        Auth(api_key=credentials.api_key, api_secret=credentials.api_secret),
        HttpClientOptions(rest_host=sdk.client.http_client.api_host, timeout=5),
    )

    async with asyncio.timeout(10):
        numbers, count, _ = await asyncio.to_thread(client.numbers.list_owned_numbers)
    client.http_client._session.close()

    assert count == 4
    assert (numbers[0].msisdn, numbers[0].features) == ("12025550100", ["SMS", "VOICE", "MMS"])
    assert numbers[0].app_id == credentials.application_id
