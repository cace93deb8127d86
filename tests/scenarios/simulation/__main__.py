"""Long runs: many seeds, or each planted bug until a seed finds it.

python -m tests.scenarios.simulation --seeds 1000 [--first 1] [--jobs 2]
python -m tests.scenarios.simulation --planted
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from tests.scenarios.simulation.planted import BUGS, first_seed_that_finds
from tests.scenarios.simulation.run import Failure, failure_of

PLANTED_SEEDS_MAX = 200


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.simulation")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--planted", action="store_true", help="look for the planted bugs instead")
    chosen = parser.parse_args()
    if chosen.planted:
        return _look_for_planted_bugs(chosen.jobs)
    return _run_seeds(range(chosen.first, chosen.first + chosen.seeds), chosen.jobs)


def _run_seeds(seeds: range, jobs: int) -> int:
    failed: list[int] = []
    with _pool(jobs) as pool:
        for done, failure in enumerate(_results(pool, seeds), start=1):
            if failure:
                failed.append(failure.seed)
                print(failure.text, flush=True)
            if done % 100 == 0:
                print(f"{done} of {len(seeds)} seeds, {len(failed)} failed", flush=True)
    print(f"{len(seeds)} seeds from {seeds.start} on, failed: {failed or 'none'}")
    return 1 if failed else 0


def _results(pool: ProcessPoolExecutor | None, seeds: range) -> Iterator[Failure | None]:
    return map(failure_of, seeds) if pool is None else pool.map(failure_of, seeds)


def _look_for_planted_bugs(jobs: int) -> int:
    missed = 0
    with _pool(jobs) as pool:
        places = range(len(BUGS))
        found = map(_search, places) if pool is None else pool.map(_search, places)
        for bug, said in zip(BUGS, found, strict=True):
            missed += said is None
            print(f"{bug.name:31} {said or f'not found by {PLANTED_SEEDS_MAX} seeds'}", flush=True)
    print(f"{len(BUGS)} planted bugs, not found: {missed or 'none'}")
    return 1 if missed else 0


def _search(place: int) -> str | None:
    """Return how a planted bug was found."""
    failed = first_seed_that_finds(BUGS[place], range(1, PLANTED_SEEDS_MAX + 1))
    return f"seed {failed.seed}: {failed.faults[0]}" if failed else None


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    if jobs == 1:
        yield None
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield pool


if __name__ == "__main__":
    sys.exit(main())
