"""Fixtures of the client's tests."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.vonage.raw_provider import StoppedClock, pem
from wirephoto.ids import Ids
from wirephoto.vonage.client import VonageClient


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
async def connect(key, clock):
    """Return a function that makes a client, closed when the test ends."""
    clients = []

    def make(base_url, **options):
        client = VonageClient(
            base_url=base_url,
            application_id="app-1",
            private_key=pem(key),
            clock=clock,
            ids=Ids(),
            **options,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()
