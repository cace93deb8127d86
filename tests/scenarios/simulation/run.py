"""One seed's run: a gateway, its provider and its customers in bad weather, then in calm."""

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from tests.gateway import settings_of
from tests.scenarios.simulation.customers import Customer
from tests.scenarios.simulation.evidence import Evidence
from tests.scenarios.simulation.journal import Journal
from tests.scenarios.simulation.loop import LoopClock, SimulatedLoop, Stuck
from tests.scenarios.simulation.network import Courier, Link, ProviderLine, ReportsLine
from tests.scenarios.simulation.operators import Operator
from tests.scenarios.simulation.process import Host
from tests.scenarios.simulation.properties import PROPERTIES, gather
from tests.scenarios.simulation.records import Records, Row, new_file
from tests.scenarios.simulation.sqlite import Disk
from tests.scenarios.simulation.weather import Plan, Weather, draw_outage, draw_plan
from wirephoto.config import Settings
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.outward import Outward
from wirephoto.simulator.settings import Credentials, SimulatorSettings, make_credentials
from wirephoto.simulator.switches import Switches

SETTLE_S_MAX = 36 * 3600.0
"""How long everything may take to come to rest once nothing fails any more."""
POLL_S_MIN, POLL_S_MAX = 4.0, 300.0
"""How often to look whether it has; the longer the same is left, the more rarely."""
QUIET_S = 30.0
"""How long it stays at rest before it is judged."""
LEAP_S_MIN, LEAP_S_MAX = 0.5, 3600.0
HELD = timedelta(hours=1)
"""Nobody waits for what leaves so much later: it is held until midnight."""
CALM = {
    "fault_rates": {},
    "outage": None,
    "account_fault": None,
    "reports_fault": None,
    "rate_per_s": None,
}


class SimulationFailed(AssertionError):
    """A seed broke a property; the text says which, and how to see it again."""

    def __init__(self, seed: int, faults: list[str], journal: Journal) -> None:
        self.seed = seed
        self.faults = faults
        listed = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(
            f"seed {seed}:\n{listed}\n"
            f"replay: python -m tests.scenarios.simulation --first {seed} --seeds 1\n"
            f"{journal.tail()}"
        )


def simulate(seed: int) -> Journal:
    """Run one seed; return its journal.

    Raises:
        SimulationFailed: a property does not hold.
    """
    # A collection in the middle would run finalizers at a moment that no seed decides.
    gc.disable()
    try:
        journal = _run_world(seed)
        with _in_silence():
            gc.collect(0)
    finally:
        gc.enable()
    if journal.faults:
        raise SimulationFailed(seed, journal.faults, journal)
    return journal


def _run_world(seed: int) -> Journal:
    with TemporaryDirectory() as folder:
        world = World(seed, Path(folder) / "wirephoto.db")
        try:
            with world.journal.listening():
                world.run()
        finally:
            with _in_silence(), Journal(lambda: 0.0).listening():
                world.close()
        return world.journal


@contextmanager
def _in_silence() -> Iterator[None]:
    """Let libraries complain unheard of what is torn out of dead processes' hands."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable()
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


class World:
    """Everything there is in one run."""

    def __init__(self, seed: int, path: Path) -> None:
        random = Random(seed)
        self.plan = plan = draw_plan(random)
        self._random = random
        self.loop = loop = SimulatedLoop(Random(random.random()), disorder=plan.disorder)
        loop.starts_at = plan.starts_at
        self.clock = clock = LoopClock(loop)
        self.journal = journal = Journal(loop.time)
        journal.note("seed", f"{seed}: {plan}")
        new_file(path)
        self.records = Records(path)
        self._weather = Weather(
            Random(random.random()), plan.faults, network_s=plan.network_s, disk_s=plan.disk_s
        )
        self._disk = Disk(loop, self._weather)
        evidence = Evidence(clock, journal, self.records)
        self._disk.committed = evidence.committed
        self._link = Link(loop, clock, self._weather, journal, evidence)
        self._outward = Outward(lambda: Courier(self._link))  # type: ignore[arg-type,return-value]
        self.simulator = Simulator(_simulator_settings(seed, plan), clock, self._outward)
        self.host = self._link.host = Host(
            loop=loop,
            disk=self._disk,
            journal=journal,
            random=Random(random.random()),
            settings=_settings(path, plan),
            provider=ProviderLine(self._link, self.simulator),
            records=ReportsLine(self._link, self.simulator),
        )
        self.host.crashes_left, self.host.steps_to_crash = plan.crashes, plan.steps_to_crash
        self._leap_s, self._version = 0.0, 0
        loop.leap = self._leap

    def run(self) -> None:
        """Run to the end, and judge what is left."""
        try:
            self.loop.run_until_complete(self._live())
        except Stuck as stuck:
            self.journal.blame(str(stuck))
        else:
            self._judge()
        self.journal.faults += self.loop.faults
        self.journal.note("end", f"{self.loop.steps} steps, digest {self.loop.digest:08x}")

    def close(self) -> None:
        """End what is left and close everything."""
        with ExitStack() as closing:
            closing.callback(self.loop.close)
            closing.callback(self.records.close)
            closing.callback(self._disk.close_all)
            self.loop.bury()

    async def _live(self) -> None:
        spawn = self.loop.outside
        async with self._outward:
            hosting = spawn(self.host.run(), "host")
            customers = [
                Customer(f"customer-{number}", self._link, self.plan, self._new_random())
                for number in range(1, self.plan.customers + 1)
            ]
            living = [
                spawn(person.live(), person.name) for person in (*customers, *self._operators())
            ]
            for _ in range(self.plan.outages):
                spawn(self._outage(), "outage")
            for _ in range(self.plan.stops):
                spawn(self._stop(), "stop")
            await self.clock.sleep(self.plan.lasts_s)
            self._calm_down()
            for life in living:
                await life
            await self._settle()
            await customers[0].canary()
            await self._settle()
            self.host.close()
            await hosting

    def _operators(self) -> Iterator[Operator]:
        for number in range(1, self.plan.operators + 1):
            random, ledger = self._new_random(), self.simulator.ledger
            yield Operator(f"operator-{number}", self._link, ledger, self.plan, random)

    def _new_random(self) -> Random:
        return Random(self._random.random())

    async def _outage(self) -> None:
        """Let the disk, the provider or the way to it fail for a while."""
        random = self._new_random()
        await self.clock.sleep(random.random() * self.plan.lasts_s)
        lasts_s = random.uniform(0.5, self.plan.outage_s)
        kind = random.random()
        if kind < 0.3:
            self.journal.note("weather", f"the disk fails for {lasts_s:.1f} s")
            self._weather.disk_is_broken = True
        elif kind < 0.6:
            self.journal.note("weather", f"no way to the provider for {lasts_s:.1f} s")
            self._weather.provider_is_cut_off = True
        else:
            switches = draw_outage(random)
            self.journal.note("weather", f"{switches} for {lasts_s:.1f} s")
            self.simulator.flip(**switches)
        await self.clock.sleep(lasts_s)
        self._weather.disk_is_broken = self._weather.provider_is_cut_off = False
        self.simulator.flip(outage=None, account_fault=None)

    async def _stop(self) -> None:
        """Stop the gateway politely; its host starts it again."""
        await self.clock.sleep(self._new_random().random() * self.plan.lasts_s)
        if self.host.process:
            self.host.process.stop()

    def _calm_down(self) -> None:
        self.journal.note("weather", "calm")
        self._weather.calm_down()
        self.host.calm_down()
        self.simulator.flip(**CALM)

    async def _settle(self) -> None:
        """Return when nothing is left to be done, and has not been for a while."""
        chores = self.simulator._chores
        until = self.clock.monotonic() + SETTLE_S_MAX
        quiet_since: float | None = None
        poll_s, before = POLL_S_MIN, list[str]()
        while self.clock.monotonic() < until:
            await self.clock.sleep(1.0)
            left = self._unsettled()
            if chores._tasks or left:
                what = [*(row.what for row in left), *(task.get_name() for task in chores._tasks)]
                poll_s = min(POLL_S_MAX, poll_s * 2) if what == before else POLL_S_MIN
                quiet_since, before = None, what
                due_s = 0.0 if chores._tasks else self._until_due_s(left)
                await self.clock.sleep(max(poll_s, due_s))
                continue
            quiet_since = quiet_since or self.clock.monotonic()
            if self.clock.monotonic() >= quiet_since + QUIET_S:
                return
            await self.clock.sleep(QUIET_S)
        self.journal.blame(f"no rest: {before[:5]}")

    def _unsettled(self) -> list[Row]:
        """Return what the gateway has to do yet, but for what it keeps for another day."""
        settings = self.plan.settings
        left = self.records.unsettled(
            checks=settings["reports"] or settings["delivery"] == "at_least_once",
            window=timedelta(hours=settings["receipt_window_h"]),
        )
        return [row for row in left if not self._is_for_later(row)]

    def _is_for_later(self, row: Row) -> bool:
        """Tell whether something is held until midnight, or a receipt may take days."""
        is_check = row.what.startswith("check")
        return not is_check and row.due_at is not None and row.due_at > self.clock.now() + HELD

    def _until_due_s(self, left: list[Row]) -> float:
        """Return how long nothing of what is left is due."""
        due = [row.due_at for row in left]
        return 0.0 if None in due else (min(due) - self.clock.now()).total_seconds()

    def _leap(self, when: float) -> float:
        """Skip rests in which idle duties look for work; more each time, while nothing changes."""
        version = self.records.version()
        if version != self._version:
            self._version, self._leap_s = version, LEAP_S_MIN
        event_at = self.loop.next_event()
        if event_at <= when:
            return when
        self._leap_s = min(LEAP_S_MAX, self._leap_s * 2)
        return min(event_at, self.loop.time() + self._leap_s)

    def _judge(self) -> None:
        found = gather(
            self._link.evidence,
            self.simulator.ledger,
            self.records,
            settings=self.plan.settings,
            calm_at=self.plan.starts_at + timedelta(seconds=self.plan.lasts_s),
            now=self.clock.now(),
        )
        for holds in PROPERTIES:
            for fault in holds(found):
                self.journal.blame(f"{holds.__name__}: {fault}")
        canary = self._link.evidence.orders[-1]
        states = [row.state for row in found.of(canary)]
        if states != ["delivered"]:
            self.journal.blame(f"the canary is {states}")
        for line in self.records.stopped_lines():
            self.journal.blame(f"still stopped: {line}")


@cache
def _credentials() -> Credentials:
    return make_credentials()


@cache
def _basic_settings() -> Settings:
    credentials = _credentials()
    return settings_of(
        "sqlite:///unused.db",
        vonage_api_key=credentials.api_key,
        vonage_api_secret=credentials.api_secret,
        vonage_signature_secret=credentials.signature_secret,
        sync_wait_s=3.0,
        expires_after_h=2.0,
    )


def _settings(path: Path, plan: Plan) -> Settings:
    address = SecretStr(f"sqlite:///{path}")
    return _basic_settings().model_copy(update={"database_url": address, **plan.settings})


OTHER_NETWORK = "310410"
"""A carrier that has no daily cap."""


def _simulator_settings(seed: int, plan: Plan) -> SimulatorSettings:
    return replace(
        _credentials().settings(),
        account_status_url="http://gateway/webhooks/status",
        seed=seed,
        network_code=OTHER_NETWORK,
        switches=replace(Switches(), **plan.switches),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that failed, and why."""

    seed: int
    text: str


def failure_of(seed: int) -> Failure | None:
    """Run one seed; return how it failed, if it did."""
    try:
        simulate(seed)
    except SimulationFailed as failed:
        return Failure(seed, str(failed))
    return None
