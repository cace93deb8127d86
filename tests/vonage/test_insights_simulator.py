"""Look-ups of numbers against the simulator, which was written from the documents alone."""

import pytest

from wirephoto.clock import SystemClock
from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.errors import LookUpUnavailable
from wirephoto.ids import Ids
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import make_credentials
from wirephoto.vonage.insights import InsightsClient
from wirephoto.vonage.tokens import Tokens


@pytest.fixture(scope="module")
def credentials():
    return make_credentials()


@pytest.fixture
async def connected(credentials):
    """Give a simulator, and a client that it knows."""
    simulator = Simulator(credentials.settings())
    tokens = Tokens(
        application_id=credentials.application_id,
        private_key=credentials.private_key,
        clock=SystemClock(),
        ids=Ids(),
        reuse=False,
    )
    client = InsightsClient(url=await simulator.start(), tokens=tokens)
    yield simulator, client
    await client.close()
    await simulator.stop()


@pytest.mark.parametrize(
    ("digits", "facts"),
    [
        ("23", NumberFacts(NumberKind.MOBILE, "310260")),
        ("80", NumberFacts(NumberKind.LANDLINE)),
        ("81", NumberFacts(NumberKind.MOBILE, "310260")),
        ("82", NumberFacts(NumberKind.INVALID)),
        ("83", NumberFacts(NumberKind.UNASSIGNED)),
        ("84", NumberFacts(NumberKind.VIRTUAL)),
        ("85", NumberFacts(NumberKind.UNKNOWN)),
    ],
)
async def test_magic_numbers_are_what_the_table_says(connected, digits, facts):
    """Each kind can be had on purpose."""
    _, client = connected

    assert await client.look_up(f"+121255501{digits}") == facts


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"insights_fault": "throttled"}, "rate_limited"),
        ({"insights_fault": "forbidden"}, "forbidden"),
        ({"insights_fault": "error"}, "unreachable"),
        ({"insights_fault": "drop"}, "unreachable"),
        ({"insights_fault": "truncated"}, "unreadable"),
        ({"outage": "unavailable"}, "unreachable"),
        ({"account_fault": "unauthorized"}, "unauthorized"),
    ],
)
async def test_a_fault_is_told_and_nothing_follows_from_it(connected, switches, reason):
    """Alone, or with the whole account."""
    simulator, client = connected
    simulator.flip(**switches)

    with pytest.raises(LookUpUnavailable) as caught:
        await client.look_up("+12125550180")
    assert caught.value.reason == reason
