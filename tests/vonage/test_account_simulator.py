"""What the account has, against the simulator, which was written from the documents alone."""

from dataclasses import replace

import pytest

from tests.vonage.test_account import RestingClock
from wirephoto.domain.registration import propose
from wirephoto.errors import AccountUnavailable
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.registration import SimulatedNumber
from wirephoto.simulator.settings import make_credentials
from wirephoto.vonage.account import AccountClient


@pytest.fixture(scope="module")
def credentials():
    return make_credentials()


@pytest.fixture
async def connect(credentials):
    """Return a function that starts a simulator and connects a client to it."""
    started = []

    async def make(**changes):
        simulator = Simulator(replace(credentials.settings(), **changes))
        simulator.flip(rate_per_s=None)
        url = await simulator.start()
        client = AccountClient(
            rest_url=url,
            base_url=url,
            api_key=credentials.api_key,
            api_secret=credentials.api_secret,
            clock=RestingClock(),
        )
        started.append((simulator, client))
        return simulator, client

    yield make
    for simulator, client in started:
        await client.close()
        await simulator.stop()


async def test_the_sample_account_is_proposed_as_it_is_meant(connect, credentials):
    """Two that may send, and two that say why they may not."""
    _, client = await connect()

    numbers = await client.numbers()
    brands, campaigns = await client.registration()
    proposals = propose(numbers, campaigns, brands, application_id=credentials.application_id)

    assert [(each.number, each.may_send) for each in proposals] == [
        ("+12025550100", True),
        ("+12025550101", False),
        ("+12025550102", False),
        ("+18005550100", True),
    ]
    sender = proposals[0].campaign
    assert (sender.provider_id, sender.rate, sender.brand.daily_cap) == ("CA7F001", 40, 200_000)


async def test_everything_is_read_however_short_the_pages_are(connect):
    """Campaigns and numbers beyond the first page send too."""
    numbers = tuple(SimulatedNumber(f"1202555{number:04}") for number in range(250))
    simulator, client = await connect(numbers=numbers)
    simulator.flip(tendlc_page_items=1)

    found = await client.numbers()
    _, campaigns = await client.registration()

    assert len({number.number for number in found}) == 250
    assert [len(campaign.numbers) for campaign in campaigns] == [2, 1]


async def test_an_account_without_anything_is_empty(connect):
    """The day it was opened."""
    _, client = await connect(numbers=(), brands=())

    assert await client.numbers() == []
    assert await client.registration() == ([], [])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("throttled", "rate_limited"),
        ("forbidden", "forbidden"),
        ("error", "unreachable"),
        ("unavailable", "unreachable"),
        ("drop", "unreachable"),
        ("truncated", "unreadable"),
    ],
)
async def test_a_fault_is_told_and_nothing_follows_from_it(connect, fault, reason):
    """Each of the two may fail while the other answers."""
    simulator, client = await connect()
    simulator.flip(numbers_fault=fault)

    with pytest.raises(AccountUnavailable, match=reason):
        await client.numbers()
    assert len((await client.registration())[0]) == 1
    simulator.flip(numbers_fault=None, tendlc_fault=fault)
    with pytest.raises(AccountUnavailable, match=reason):
        await client.registration()
