import asyncio
import ssl
from dataclasses import replace

import aiohttp
import pytest

from wirephoto.clock import SystemClock
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.inbound import InboundOrder


async def test_it_stops_while_much_is_still_to_be_told(world):
    """A demo that ends must end at once, whatever waits."""
    for _ in range(5):
        await world.post()
    asked = asyncio.create_task(world.post(to="12125550138"))
    await world.clock.pass_by(0)

    async with asyncio.timeout(5):
        await world.simulator.stop()
        await world.simulator.stop()

    with pytest.raises(aiohttp.ClientError):
        await asked
    with pytest.raises(aiohttp.ClientError):
        await world.post()


async def test_it_remembers_over_a_restart(world):
    """A provider that is gone for a while does not forget what it accepted."""
    await world.post()
    await world.simulator.stop()

    world.url = await world.simulator.start()
    await world.post()

    assert len({message.message_uuid for message in world.simulator.accepted}) == 2


async def test_tls_is_trusted_by_its_certificate(credentials):
    """Official SDKs speak HTTPS only, and check (contract 1.1)."""
    simulator = Simulator(credentials.settings(), SystemClock())
    url = await simulator.start(tls=True)
    context = ssl.create_default_context(cadata=simulator.certificate)
    address = f"{url.replace('127.0.0.1', 'localhost')}/simulator/accepted"

    async with aiohttp.ClientSession() as session:
        async with session.get(address, ssl=context) as answer:
            status = answer.status
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(address)
    await simulator.stop()

    assert url.startswith("https://127.0.0.1:")
    assert status == 200


async def test_two_runs_without_a_seed_never_share_an_id(credentials, clock):
    """A gateway with yesterday's database must not meet yesterday's ids again."""
    order = InboundOrder(sender="12125550123", to="12015550100", text="hi")
    ids = set()
    for _ in range(2):
        settings = replace(credentials.settings(), inbound_url="http://127.0.0.1:9/")
        simulator = Simulator(settings, clock)
        await simulator.start()
        ids.add(await simulator.receive(order))
        await simulator.stop()

    assert len(ids) == 2
