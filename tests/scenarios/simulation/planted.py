"""Bugs planted into the gateway, one at a time: a simulation that finds none of them is no proof.

Each is a mistake that somebody could make (`mistakes`). `docs/simulation.md` lists them.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.scenarios.simulation import mistakes
from tests.scenarios.simulation.run import SimulationFailed, simulate


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake, and how to make it for a while."""

    plant: Callable[[], AbstractContextManager[object]]

    @property
    def name(self) -> str:
        """What to call it."""
        return self.plant.__name__

    @property
    def sentence(self) -> str:
        """What is wrong."""
        return self.plant.__doc__ or ""


def first_seed_that_finds(bug: Bug, seeds: Iterable[int]) -> SimulationFailed | None:
    """Return the failure of the first of `seeds` that finds a bug, if one does."""
    with bug.plant():
        for seed in seeds:
            try:
                simulate(seed)
            except SimulationFailed as failed:
                return failed
    return None


BUGS = tuple(
    Bug(plant)
    for plant in (
        mistakes.attempt_stored_with_the_answer,
        mistakes.version_unchecked,
        mistakes.every_move_allowed,
        mistakes.receipts_without_rank,
        mistakes.answers_without_rank,
        mistakes.slots_given_back,
        mistakes.account_pace_forgotten,
        mistakes.late_ones_leave,
        mistakes.leases_never_end,
        mistakes.unknown_is_a_refusal,
        mistakes.server_error_is_a_refusal,
        mistakes.sending_is_queued_again,
        mistakes.cancel_ignores_claims,
        mistakes.key_stored_afterwards,
        mistakes.accepted_before_stored,
        mistakes.webhook_answered_before_stored,
        mistakes.age_ignored,
        mistakes.line_stays_stopped,
        mistakes.resolve_overrules,
        mistakes.any_attempt_resolved,
        mistakes.repeated_against_the_policy,
        mistakes.repeated_at_once,
        mistakes.told_and_sent_anew,
        mistakes.sent_anew_for_ever,
        mistakes.records_of_anybody,
        mistakes.outage_uses_up_tries,
    )
)
