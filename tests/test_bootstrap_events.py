"""A whole gateway tells a customer's system of what happens."""

import asyncio

from aiohttp import web
from standardwebhooks import Webhook

from tests.egress_site import open_site
from tests.factories import send_request
from tests.gateway import FakeProvider, running, settings_of


async def test_a_message_is_told_to_an_endpoint_from_its_beginning(database_url):
    """What a product team builds on: signed, in order, without asking."""
    provider = FakeProvider()
    provider.open.set()
    settings = settings_of(database_url, egress_allow="127.0.0.0/8")
    taken: asyncio.Queue = asyncio.Queue()

    async def answer(request):
        await taken.put((await request.text(), dict(request.headers)))
        return web.Response()

    async with open_site() as site, running(settings, provider=provider) as (_, client):
        site.answer = answer
        made = (await client.post("/v1/endpoints", json={"url": site.url("/hook")})).json()
        message = (await client.post("/v1/messages", json=send_request())).json()
        verified = []
        async with asyncio.timeout(20):
            while not verified or verified[-1]["type"] != "message.submitted":
                body, headers = await taken.get()
                verified.append(Webhook(made["secret"]).verify(body, headers))
        timeline = (await client.get(f"/v1/messages/{message['id']}/events")).json()["events"]

    assert {event.pop("message_id") for event in verified} == {message["id"]}
    assert verified == timeline
