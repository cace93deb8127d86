"""What a run does: how many messages, which faults, who is killed when."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

BATCH = 20
"""Messages of a batch request."""
SINGLES_SHARE = 0.95
"""The share of requests that ask for one message: half of the messages come alone, and so often
that a kill usually finds a request under way."""
KILLS_FROM, KILLS_TO = 0.05, 0.9
"""Between which parts of the messages processes are killed: never without load."""
PAUSE_S_MAX = 0.1
_AREAS = ("212", "305", "415")
_PLAIN_NUMBERS = 20
"""+1 area 555-0100 to 0119 are fiction, and no magic recipients of the simulator."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL: `victim` is killed `pause_s` after the provider's answer number `answers`."""

    answers: int
    pause_s: float
    victim: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `drop` is the share of the provider's answers that are dropped.

    `rate_per_s` is what the provider allows. The seed chooses orders, faults and kills; what real
    processes make of them is never twice the same. With `pictures`, messages that are asked for
    alone carry one, which is fetched first.
    """

    messages: int
    kills: int
    drop: float = 0.05
    seed: int = 1
    rate_per_s: float = 300.0
    pictures: bool = True

    @property
    def backlog(self) -> int:
        """How many messages wait at a time: some at every kill, and never nearly all."""
        return max(2 * BATCH, self.messages // 20)

    def orders(self) -> Iterator[range]:
        """Yield the numbers of the messages that one request asks for, in order."""
        random, first = Random(f"{self.seed}:orders"), 0
        while first < self.messages:
            count = 1 if random.random() < SINGLES_SHARE else BATCH
            yield range(first, min(first + count, self.messages))
            first += count

    def schedule(self, processes: int) -> list[Kill]:
        """Return the kills of a run with so many processes, in order."""
        random = Random(f"{self.seed}:kills")
        moments = range(int(self.messages * KILLS_FROM), int(self.messages * KILLS_TO))
        return [
            Kill(answers, random.uniform(0, PAUSE_S_MAX), random.randrange(processes))
            for answers in sorted(random.sample(moments, self.kills))
        ]

    def faults(self) -> dict[str, Any]:
        """Return the switches of the simulator: answers dropped in three ways, nothing slow."""
        ways = ("dropped_accepted", "dropped_refused", "dropped_unread")
        return {
            "fault_rates": {way: self.drop / len(ways) for way in ways},
            "rate_per_s": None,
            "fetch_media": False,
            "submitted_delay_s": 0.05,
            "final_delay_s": 0.2,
        }


def recipient(number: int) -> str:
    """Return whom message `number` is for: somebody of fiction whose phone works."""
    area = _AREAS[number % len(_AREAS)]
    return f"+1{area}55501{number // len(_AREAS) % _PLAIN_NUMBERS:02}"
