"""Look up whether a phone answers to a number, before a message to it is queued.

A look-up costs money and may be away, and a message is worth more than either: whatever goes wrong
here lets the message go on, as if nobody had asked.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.message import Message
from wirephoto.domain.number_facts import (
    NumberFacts,
    NumberKind,
    Unreachable,
    good_until,
    judge,
)
from wirephoto.errors import LookUpUnavailable
from wirephoto.storage.daily_caps import learn_networks, networks_of
from wirephoto.storage.database import Database
from wirephoto.storage.number_look_ups import (
    NumberClaim,
    claim_number,
    find_number_facts,
    spend_look_up,
    store_number_facts,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

SIDE_BY_SIDE = 8
"""Look-ups that one process makes at a time."""
PATIENCE_S = 15.0
"""How long a message is held up at most, in seconds."""
CLAIM = timedelta(seconds=10)
"""How long who looks a number up has it alone: longer than a look-up takes."""
POLL_S = 0.5
POLLS_MAX = 20
"""How often to see what somebody else has found out: as long as they have the number alone."""
REST_S = 15.0
"""How long messages go on unasked after a look-up that failed, each of which may take seconds."""
REST_S_MAX = 3600.0
NOT_ALLOWED_REST_S = 900.0
"""After an answer that only a human can change: wrong credentials, or a product not paid for."""
REFUSED = "refused"
"""The provider answers no question about this number: that says nothing of the others."""
_NOT_ALLOWED = frozenset({"unauthorized", "forbidden"})


class NumberLookUp(Protocol):
    """Who knows what numbers are: the provider, or a test's."""

    async def look_up(self, number: str) -> NumberFacts:
        """Return what is known of a number.

        Raises:
            LookUpUnavailable: it cannot be asked for now.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScreeningRules:
    """Which kinds of numbers are refused, how long answers stand, and how many are paid for."""

    account_id: str
    refuses: Collection[NumberKind]
    life: timedelta
    day_max: int


class Screening:
    """Tells which messages cannot arrive, by what look-ups told of their numbers.

    Each number is looked up once in the life of an answer, by one process.
    """

    def __init__(
        self, *, database: Database, look_up: NumberLookUp, clock: Clock, rules: ScreeningRules
    ) -> None:
        self._database = database
        self._look_up = look_up
        self._clock = clock
        self._rules = rules
        self._turns = asyncio.Semaphore(SIDE_BY_SIDE)
        self._resumes_at = clock.monotonic()

    async def __call__(self, message: Message) -> Unreachable | None:
        """Return why a message cannot arrive, if a look-up says so.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                facts = await self._facts(message)
        except TimeoutError:
            return None
        return judge(facts, self._rules.refuses) if facts else None

    async def _facts(self, message: Message) -> NumberFacts | None:
        """Return what is known of a message's recipient; ask where nobody has, and nobody does."""
        for _ in range(POLLS_MAX):
            if known := await self._known(message):
                return known
            async with self._turns:
                if self._is_resting():
                    return None
                if claim := await self._claimed(message):
                    return await self._asked(message, claim)
            if self._is_resting():  # since now: the day's look-ups are spent
                return None
            await self._clock.sleep(POLL_S)
        return None

    async def _known(self, message: Message) -> NumberFacts | None:
        """Return what was told before; another brand's contact learns the network from it."""
        async with self._database.read() as tx:
            found = await find_number_facts(
                tx, message.tenant_id, message.recipient, now=self._clock.now()
            )
            if found is None or found.network_code is None:
                return found
            # What a receipt told since is newer.
            if (await networks_of(tx, [message.id])).get(message.id) is not None:
                return found
        async with self._database.transaction() as tx:
            await learn_networks(tx, [(message, found.network_code)])
        return found

    async def _claimed(self, message: Message) -> NumberClaim | None:
        """Return the look-up that is this process' to make, if it is, and may be paid for."""
        now, rules = self._clock.now(), self._rules
        claim = NumberClaim(message.tenant_id, message.recipient, now, now + CLAIM)
        async with self._database.transaction() as tx:
            if not await claim_number(tx, claim):
                return None
            day = now.date().isoformat()
            if await spend_look_up(tx, rules.account_id, day=day, most=rules.day_max):
                return claim
        rest_s = (_next_midnight(now) - now).total_seconds()
        self._rest(rest_s)
        _log.warning(LogEvent.LOOK_UPS_SPENT, day=day, rest_s=rest_s)
        return None

    async def _asked(self, message: Message, claim: NumberClaim) -> NumberFacts | None:
        """Ask, and store what is told; None where nothing is."""
        try:
            facts = await self._look_up.look_up(message.recipient)
        except LookUpUnavailable as error:
            rest_s = _rest_s(error)
            self._rest(rest_s)
            _log.warning(LogEvent.LOOK_UP_UNAVAILABLE, reason=error.reason, rest_s=rest_s)
            if error.reason != REFUSED:
                return None
            facts = NumberFacts(NumberKind.UNKNOWN)
        except Exception as error:  # noqa: BLE001 - no mistake of ours may hold a message up
            self._rest(REST_S)
            _log.error(LogEvent.LOOP_FAILED, loop="screening", error=str(error), exc_info=error)
            return None
        now = self._clock.now()
        async with self._database.transaction() as tx:
            until = good_until(facts, now, self._rules.life)
            await store_number_facts(tx, claim, facts, good_until=until)
            if facts.network_code:
                await learn_networks(tx, [(message, facts.network_code)])
        return facts

    def _is_resting(self) -> bool:
        return self._clock.monotonic() < self._resumes_at

    def _rest(self, seconds: float) -> None:
        self._resumes_at = max(self._resumes_at, self._clock.monotonic() + seconds)


def _rest_s(error: LookUpUnavailable) -> float:
    if error.reason == REFUSED:
        return 0.0
    if error.reason in _NOT_ALLOWED:
        return NOT_ALLOWED_REST_S
    return min(error.retry_after_s or REST_S, REST_S_MAX)


def _next_midnight(now: datetime) -> datetime:
    day = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
