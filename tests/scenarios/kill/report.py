"""What is printed of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.scenarios.kill.judgement import SHOWN_MAX, Judgement
from tests.scenarios.kill.plan import Plan


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill: who, how many attempts it left in `sending`, and how many it may leave."""

    process: str
    in_doubt: int
    in_flight_max: int


@dataclass(frozen=True, slots=True)
class Report:
    """One run in figures; it is good when nothing is broken."""

    database: str
    plan: Plan
    processes: Sequence[str]
    accepted: int
    repeated: int
    killed: Sequence[Killed]
    ended: Sequence[str]
    judgement: Judgement
    load_s: float
    settle_s: float

    @property
    def broken(self) -> list[str]:
        """Return every broken promise in a line of its own, of each kind the first few."""
        return list(self._broken())

    def _broken(self) -> Iterator[str]:
        for kind, found in self.judgement.broken.items():
            yield from (f"{kind}: {what}" for what in found[:SHOWN_MAX])
            if len(found) > SHOWN_MAX:
                yield f"{kind}: {len(found) - SHOWN_MAX} more"
        for kill in self.killed:
            if kill.in_doubt > kill.in_flight_max:
                yield (
                    f"in doubt: {kill.process} left {kill.in_doubt} attempts,"
                    f" at most {kill.in_flight_max} may be in flight"
                )
        if self.accepted != self.plan.messages:
            yield f"accepted: {self.accepted} of {self.plan.messages} messages"
        yield from (f"ended: {what}" for what in self.ended)

    def __str__(self) -> str:
        judgement, plan = self.judgement, self.plan
        in_doubt = [kill.in_doubt for kill in self.killed]
        limit = max((kill.in_flight_max for kill in self.killed), default=0)
        rows = {
            "database": f"{self.database}, processes: {', '.join(self.processes)}",
            "messages": f"{plan.messages:,}, {plan.drop:.0%} of the answers dropped",
            "accepted with 202": f"{self.accepted:,}, after {self.repeated:,} repeated requests",
            "kills": f"{len(self.killed)} ({self._kills_by_process()})",
            "accepted by provider": f"{judgement.accepted_by_provider:,}",
            "attempts": f"{judgement.attempts:,}",
            "in doubt after a kill": f"at most {max(in_doubt, default=0)} (limit {limit}):"
            f" {' '.join(map(str, in_doubt))}",
            "settled by a receipt": f"{judgement.settled_by_receipt:,} attempts without an answer",
            "left unconfirmed": f"{judgement.unconfirmed:,}, never accepted by the provider",
            "duplicates": judgement.count("duplicates"),
            "lost": judgement.count("lost"),
            "duration": f"{self.load_s:.0f} s, and {self.settle_s:.0f} s until all was settled",
            "seed": plan.seed,
        }
        return "\n".join([*(f"{name:22} {value}" for name, value in rows.items()), *self.broken])

    def _kills_by_process(self) -> str:
        names = [kill.process for kill in self.killed]
        return ", ".join(f"{name} {names.count(name)}" for name in self.processes)
