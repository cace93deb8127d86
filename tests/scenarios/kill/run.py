"""One run of the kill test: load, kills, the wait until all is settled, and the judgement."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from tests.processes import started
from tests.scenarios.kill.census import UNDER_WAY, Census
from tests.scenarios.kill.customer import Customer
from tests.scenarios.kill.fleet import KEY, Fleet, members
from tests.scenarios.kill.judgement import DELIVERED, judge
from tests.scenarios.kill.oracle import Oracle
from tests.scenarios.kill.plan import Plan
from tests.scenarios.kill.polling import until
from tests.scenarios.kill.report import Killed, Report
from tests.scenarios.kill.timelines import read_messages
from wirephoto.clock import SystemClock

STALL_S = 120.0
"""The longest time without a kill under load: the provider gets nothing any more."""
SETTLE_S = 100.0
"""Webhooks that found nobody are repeated after 5, 10, 20 and 40 s."""
MEDIA_LEASE_S = 120.0
"""How long media stays with a killed process that was looking at it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a run is made of, connected."""

    fleet: Fleet
    census: Census
    oracle: Oracle
    session: aiohttp.ClientSession


class Run:
    """A fleet under load, the provider that counts, and who kills."""

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self._plan = plan
        self._fleet = stage.fleet
        self._census = stage.census
        self._oracle = stage.oracle
        self._clock = SystemClock()
        self.customer = Customer(
            stage.session,
            stage.fleet.members[0].url,
            plan=plan,
            picture=stage.oracle.picture,
            waiting=stage.census.waiting,
        )
        self.killed: list[Killed] = []

    async def load_and_kill(self) -> None:
        """Return when every message is accepted and every kill is done."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.customer.post_all())
            group.create_task(self._kill_all())

    async def settle(self) -> None:
        """Return when every message has come to rest, or when patience ends: judging tells."""
        patience_s = SETTLE_S + (MEDIA_LEASE_S if self._plan.pictures else 0)
        with contextlib.suppress(TimeoutError):
            await until(self._is_settled, "all is settled", patience_s=patience_s, rest_s=0.5)

    async def _kill_all(self) -> None:
        for kill in self._plan.schedule(len(self._fleet.members)):
            await until(
                partial(self._has_answered, kill.answers),
                f"the provider has answered {kill.answers} times",
                patience_s=STALL_S,
                rest_s=0.05,
            )
            await self._clock.sleep(kill.pause_s)
            victim = self._fleet.members[kill.victim]
            await self._fleet.kill(victim)
            left = await self._census.left_in_doubt(victim.name)
            self.killed.append(Killed(victim.name, left, victim.in_flight_max))
            self._fleet.start(victim)

    async def _has_answered(self, times: int) -> bool:
        return await self._oracle.answers() >= times

    async def _is_settled(self) -> bool:
        states = await self._census.states()
        if any(states[state] for state in UNDER_WAY):
            return False
        return states[DELIVERED] == await self._oracle.accepted_total()


async def run(plan: Plan, database_url: str, folder: Path) -> Report:
    """Carry out a plan over an empty database; every process is gone afterwards.

    Raises:
        TimeoutError: the gateway stopped answering, or sending.
    """
    clock = SystemClock()
    began = clock.monotonic()
    async with _staged(plan, database_url, folder) as stage:
        await stage.fleet.start_all()
        await stage.oracle.misbehave(plan.faults())
        running = Run(plan, stage)
        await running.load_and_kill()
        loaded = clock.monotonic()
        await running.settle()
        settled = clock.monotonic()
        stage.fleet.roll_call()
        told = await read_messages(stage.session, stage.fleet.members[0].url)
        promised = running.customer.accepted
        return Report(
            database="SQLite" if database_url.startswith("sqlite") else "PostgreSQL",
            plan=plan,
            processes=[member.name for member in stage.fleet.members],
            accepted=len(promised),
            repeated=running.customer.repeated,
            killed=running.killed,
            ended=stage.fleet.ended,
            judgement=judge(promised, told, await stage.oracle.accepted()),
            load_s=loaded - began,
            settle_s=settled - loaded,
        )


@asynccontextmanager
async def _staged(plan: Plan, database_url: str, folder: Path) -> AsyncIterator[Stage]:
    """Give a provider that runs and a fleet that does not yet; all are ended in reverse order."""
    everybody = members(database_url)
    provider_folder = folder / "provider"
    provider_folder.mkdir()
    async with AsyncExitStack() as stack:
        census = Census(database_url)
        stack.push_async_callback(census.close)
        database_urls = await census.prepare([member.name for member in everybody])
        simulate = ("simulate", "--port", 0, "--webhooks", everybody[0].url, "--seed", plan.seed)
        provider = stack.enter_context(
            started(*simulate, "--out", provider_folder, folder=provider_folder)
        )
        url = await asyncio.to_thread(provider.until, r"The simulator listens on (\S+)")
        await asyncio.to_thread(provider.until, "A gateway uses it with")
        fleet = Fleet(
            everybody,
            env_file=provider_folder / "gateway.env",
            folder=folder,
            database_urls=database_urls,
            settings=_settings(plan),
        )
        stack.callback(fleet.close)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"})
        )
        yield Stage(fleet, census, Oracle(session, url), session)


def _settings(plan: Plan) -> dict[str, str]:
    """Return settings under which a rescue takes seconds, at the rate of the plan."""
    return {
        "WIREPHOTO_SENDER_RATE": str(plan.rate_per_s),
        "WIREPHOTO_ACCOUNT_RATE": str(plan.rate_per_s),
        "WIREPHOTO_LEASE_S": "2",
        "WIREPHOTO_SUBMIT_TIMEOUT_S": "2",
        "WIREPHOTO_MEDIA": "check",
        "WIREPHOTO_LOG_LEVEL": "error",
        "WIREPHOTO_LOG_FORMAT": "json",
    }
