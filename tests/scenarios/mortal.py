"""A process that dies at any of its commits: nothing of the last is stored, or nobody hears of it.

There is one means for whatever it does: the database that it is given. What commits, and under
which name, a task says by its own name; what a dispatcher's tasks commit later is `send`.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from enum import StrEnum
from random import Random
from typing import Any, cast

from tests.engine.stage import FakeProvider, Stage, make_dispatcher
from tests.engine.test_replies import Phone
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome
from wirephoto.engine.maintenance import Expirer, Rescuer
from wirephoto.engine.reckoning import Reckoner
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import Transition, begin_sending
from wirephoto.storage.tallies import CappedMove, begin_within_caps

LIVES = {
    "claim": 60,
    "send": 60,
    "answer": 30,
    "webhook": 2,
    "inbound": 6,
    "reckoner": 1,
    "expirer": 6,
    "rescuer": 6,
}
"""What processes do, and how many commits of it there are at most from one death to the next."""
DUTIES = ("inbound", "reckoner", "expirer", "rescuer")


class Half(StrEnum):
    """Which half of a commit a process does not live to see."""

    BEFORE = "before"
    AFTER = "after"


class Doom:
    """Whose hour has come: after some commits of each kind one is its process' last.

    A death before a commit is followed by one after it, so that none is left out.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._left = {kind: random.randint(1, most) for kind, most in LIVES.items()}
        self._half = {kind: random.choice(list(Half)) for kind in LIVES}
        self.deaths: Counter[tuple[str, Half]] = Counter()

    def strikes(self, kind: str) -> Half | None:
        """Return which half of a commit is not lived to see, if it is the last of a process."""
        self._left[kind] -= 1
        if self._left[kind] > 0:
            return None
        self._left[kind] = self._random.randint(1, LIVES[kind])
        half = self._half[kind]
        self._half[kind] = Half.AFTER if half is Half.BEFORE else Half.BEFORE
        self.deaths[kind, half] += 1
        return half


class Journal:
    """The order of what counts: when a message asked to leave, and when an opt-out was stored."""

    def __init__(self) -> None:
        self.place = 0
        self._asked_at: dict[str, int] = {}

    def note(self) -> int:
        """Return the next place in the order."""
        self.place += 1
        return self.place

    def asks(self, client_ref: str) -> None:
        """Note that an attempt asks the database whether it may leave."""
        self._asked_at[client_ref] = self.note()

    def asked_at(self, client_ref: str) -> int:
        """Return the place at which an attempt asked."""
        return self._asked_at[client_ref]


class _KilledError(Exception):
    """Ends a transaction as the death of its process does."""


class _MortalDatabase(Database):
    """The database as one process sees it; once that is dead, whatever asks waits for ever."""

    def __init__(self, database: Database, doom: Doom) -> None:
        super().__init__(database.writer, database._reader)
        # Statements are the same for all, and take long to build.
        self._built, self._insert_sql = database._built, database._insert_sql
        self._doom = doom
        self.death: tuple[str, Half] | None = None
        self.died = asyncio.Event()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Give a transaction in which, or after which, the process may die."""
        await self.lives()
        with contextlib.suppress(_KilledError):
            async with super().transaction() as tx:
                yield tx
                self._meet_doom()
        await self.lives()

    @contextlib.asynccontextmanager
    async def read(self, *, patiently: bool = False) -> AsyncIterator[Transaction]:
        """Give a view for reading, to who lives."""
        await self.lives()
        async with super().read(patiently=patiently) as tx:
            yield tx

    def _meet_doom(self) -> None:
        """Die, if this commit is the last; what was under way when a process died is undone."""
        half = None if self.death else self._doom.strikes(_kind())
        if half:
            self.dies(_kind(), half)
        if self.death and half is not Half.AFTER:
            raise _KilledError

    def dies(self, kind: str, half: Half) -> None:
        """Let nothing of the process happen any more."""
        self.death = (kind, half)
        self.died.set()

    async def lives(self) -> None:
        """Return if the process lives, else never."""
        if self.death:
            await asyncio.Event().wait()


def _kind() -> str:
    task = asyncio.current_task()
    name = task.get_name() if task else ""
    return name if name in LIVES else "send"


class _NotedCommits:
    """A group commit that notes in the journal what asks to leave."""

    def __init__(self, commits: GroupCommit, journal: Journal) -> None:
        self._commits = commits
        self._journal = journal

    async def run(self, write: Any, item: Any) -> Any:
        if write in (begin_sending, begin_within_caps):
            leaving = item.move if isinstance(item, CappedMove) else cast(Transition, item)
            assert leaving.begun, "what leaves begins an attempt"
            self._journal.asks(leaving.begun.client_ref)
        return await self._commits.run(write, item)


class _MortalProvider:
    """The way to the provider from a process that may be gone before the answer is."""

    def __init__(self, provider: FakeProvider, database: _MortalDatabase, doom: Doom) -> None:
        self._provider = provider
        self._database = database
        self._doom = doom

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        await self._database.lives()
        outcome = await self._provider.submit(submission, timeout_s=timeout_s)
        if half := self._doom.strikes("answer"):
            self._database.dies("answer", half)
        await self._database.lives()
        return outcome


class MortalProcess:
    """A gateway's process: it sends, hears phones and does its duties, until it dies.

    What it had claimed stays claimed, and what it had begun stays begun: for others to find.
    """

    def __init__(
        self,
        stage: Stage,
        provider: FakeProvider,
        journal: Journal,
        *,
        rules: DepartureRules,
        doom: Doom,
    ) -> None:
        self._database = database = _MortalDatabase(stage.database, doom)
        self._commits = GroupCommit(database)
        self._stage = own = Stage(database, self._commits, stage.clock, stage.ids)
        self._phone = Phone(own)
        self._dispatcher = make_dispatcher(
            own,
            cast(FakeProvider, _MortalProvider(provider, database, doom)),
            commits=_NotedCommits(self._commits, journal),
            departures=rules,
        )
        self._deeds: Mapping[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "claim": self._dispatcher.turn,
            "inbound": self._phone.inbound.turn,
            "reckoner": Reckoner(database, own.clock, rules.hours).turn,
            "expirer": Expirer(database, own.clock, own.ids).turn,
            "rescuer": Rescuer(database, own.clock, own.ids).turn,
        }

    @property
    def is_dead(self) -> bool:
        """Tell whether it hears nothing any more."""
        return self._database.death is not None

    @property
    def has_stored_unheard(self) -> bool:
        """Tell whether it died right after a webhook was stored, before it could say so."""
        return self._database.death == ("webhook", Half.AFTER)

    async def do(self, kind: str) -> bool:
        """Do one turn of a deed; tell whether it lived to see its end."""
        return await self._live_through(kind, self._deeds[kind]())

    async def hear(self, text: str, *, number: str, name: str) -> bool:
        """Hear what a phone says; tell whether the provider is answered. `name` is the call's."""
        said = self._phone.says(text, number=number, uuid=name, jti=name, applied=False)
        return await self._live_through("webhook", said)

    async def _live_through(self, kind: str, deed: Coroutine[Any, Any, Any]) -> bool:
        if self.is_dead:
            deed.close()
            return False
        doing = asyncio.create_task(deed, name=kind)
        dying = asyncio.create_task(self._database.died.wait())
        await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            # What else is under way ends where it asks the database next.
            await self._stage.quiet()
        dying.cancel()
        if doing.done():
            doing.result()
            return True
        await _cancel(doing)
        return False

    async def bury(self) -> None:
        """Let nothing of it run on."""
        await self._stage.quiet()
        await self._dispatcher.stop(0)
        if self.is_dead:
            await _cancel(*self._commits._groups)
        await self._commits.drain()


async def _cancel(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    waiting: list[Awaitable[Any]] = list(tasks)
    await asyncio.gather(*waiting, return_exceptions=True)
