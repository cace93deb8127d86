"""Look-ups of names that others gave: a silent name server holds up nobody but its own names."""

import asyncio
import socket
import threading

import pytest

from tests.egress_site import BYTES_MAX, LOOPBACK, open_site, refused
from tests.virtual_clock import settle
from wirephoto.egress import Egress, EgressLimits
from wirephoto.pinning import THREADS, SystemResolver

BRIEF = EgressLimits(connect_s=0.05, concurrent=100)


class NameServers:
    """Plays the system's resolver: names of `dead` get no answer until `silence` ends."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silence = threading.Event()

    def getaddrinfo(self, host, port, *_, **__):
        self.asked.append(host)
        if "dead" in host:
            self.silence.wait()
            raise socket.gaierror("no server answered")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))]


@pytest.fixture
def names(monkeypatch):
    """Give the name servers that every look-up of the process asks."""
    made = NameServers()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.silence.set()


@pytest.fixture
async def site():
    async with open_site() as made:
        yield made


@pytest.fixture
async def make_egress(clock, names):
    made: list[Egress] = []

    def make(limits: EgressLimits = BRIEF) -> Egress:
        made.append(Egress(clock, allow=LOOPBACK, limits=limits))
        return made[-1]

    yield make
    names.silence.set()
    for egress in made:
        await egress.close()


async def refuse_all(egress, hosts):
    """Return why each of these hosts could not be fetched from."""
    failures = await asyncio.gather(*(refused(egress, f"http://{host}/") for host in hosts))
    return {failure.reason for failure in failures}


async def test_a_dead_name_holds_one_thread_however_often_it_is_asked_for(names, make_egress, site):
    """One customer's endpoint whose name server is down must not stop the others' events."""
    egress = make_egress()

    assert await refuse_all(egress, ["dead.example"] * 40) == {"unreachable"}

    assert names.asked == ["dead.example"]
    fetched = await egress.fetch(site.url(host="lives.example"), body_bytes_max=BYTES_MAX)
    assert fetched.body == b"picture"


async def test_dead_names_leave_the_rest_of_the_process_its_look_ups(names, make_egress, site):
    """The provider, and each other client of such addresses, have threads of their own."""
    dead = [f"dead{number}.example" for number in range(40)]
    await refuse_all(make_egress(), dead)

    async with asyncio.timeout(5):
        await asyncio.get_running_loop().getaddrinfo("provider.example", 443)
        other = await make_egress().fetch(site.url(host="b.example"), body_bytes_max=BYTES_MAX)

    assert other.body == b"picture"


async def test_a_look_up_that_nobody_waits_for_any_more_is_not_begun(names, make_egress, site):
    """Else names that are long given up would stand before those that are wanted now."""
    egress = make_egress()
    await refuse_all(egress, [f"dead{number}.example" for number in range(THREADS + 20)])

    names.silence.set()
    fetched = await egress.fetch(site.url(host="lives.example"), body_bytes_max=BYTES_MAX)

    assert fetched.body == b"picture"
    assert len(names.asked) == THREADS + 1


async def test_a_name_is_asked_for_anew_once_it_was_answered(names):
    """Nothing is kept: what a name stands for may change, and so may a server's health."""
    resolver = SystemResolver()
    names.silence.set()

    for _ in range(2):
        assert await resolver("lives.example", 80) == ["127.0.0.1"]
        with pytest.raises(OSError, match="no server"):
            await resolver("dead.example", 443)

    assert names.asked == ["lives.example", "dead.example"] * 2
    resolver.close()


async def test_whoever_leaves_takes_no_answer_from_the_others(names):
    """A delivery that ran out of time shares its look-up with one that has just begun."""
    resolver = SystemResolver()
    left, stays = [asyncio.create_task(resolver("dead.example", 80)) for _ in range(2)]
    await settle()
    left.cancel()
    await settle()
    names.silence.set()

    with pytest.raises(OSError, match="no server"):
        await stays
    assert (left.cancelled(), names.asked) == (True, ["dead.example"])
    resolver.close()


async def test_closing_breaks_off_what_is_under_way_and_begins_nothing(names):
    """A stop must not wait for a stranger's name server."""
    resolver = SystemResolver()
    under_way = asyncio.create_task(resolver("dead.example", 80))
    await settle()
    resolver.close()

    with pytest.raises(OSError, match="broken off"):
        await under_way
    with pytest.raises(RuntimeError):
        await resolver("lives.example", 80)
    assert names.asked == ["dead.example"]
