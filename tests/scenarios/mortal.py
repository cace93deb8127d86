"""A process that sends, and dies between two of its statements."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from tests.engine.stage import FakeProvider, Stage, make_dispatcher
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.messages import Transition, begin_sending
from wirephoto.storage.tallies import CappedMove, begin_within_caps


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


class _MortalCommits:
    """A group commit that is heard no more once `left` writes are done.

    Which half of the last one: nothing is stored, or all of it and nobody hears.
    """

    def __init__(self, commits: GroupCommit, journal: Journal, *, left: int, stores: bool) -> None:
        self._commits = commits
        self._journal = journal
        self._left = left
        self._stores = stores

    async def run(self, write: Any, item: Any) -> Any:
        if write in (begin_sending, begin_within_caps):
            leaving = item.move if isinstance(item, CappedMove) else cast(Transition, item)
            assert leaving.begun, "what leaves begins an attempt"
            self._journal.asks(leaving.begun.client_ref)
        self._left -= 1
        lives = self._left > 0
        result = None
        if lives or (self._left == 0 and self._stores):
            result = await self._commits.run(write, item)
        if not lives:
            await asyncio.Event().wait()
        return result

    @property
    def is_dead(self) -> bool:
        return self._left <= 0


class _MortalProvider:
    """The way to the provider from a process that may be gone before the answer is."""

    def __init__(self, provider: FakeProvider, dies: Callable[[], bool]) -> None:
        self._provider = provider
        self._dies = dies
        self.is_dead = False

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        outcome = await self._provider.submit(submission, timeout_s=timeout_s)
        if self._dies():
            self.is_dead = True
            await asyncio.Event().wait()
        return outcome


class MortalProcess:
    """A dispatcher whose database, or whose provider, it hears no more at some moment.

    What it had claimed stays claimed, and what it had begun stays begun: for others to find.
    """

    def __init__(
        self,
        stage: Stage,
        provider: FakeProvider,
        journal: Journal,
        *,
        rules: DepartureRules,
        writes: int,
        stores: bool,
        dies: Callable[[], bool],
    ) -> None:
        self._commits = _MortalCommits(stage.commits, journal, left=writes, stores=stores)
        self._provider = _MortalProvider(provider, dies)
        self._dispatcher = make_dispatcher(
            stage, cast(FakeProvider, self._provider), commits=self._commits, departures=rules
        )

    @property
    def is_dead(self) -> bool:
        """Tell whether it hears nothing any more."""
        return self._commits.is_dead or self._provider.is_dead

    async def turn(self) -> None:
        """Claim, if it lives."""
        if not self.is_dead:
            await self._dispatcher.turn()

    async def bury(self) -> None:
        """Let nothing of it run on."""
        await self._dispatcher.stop(0)
