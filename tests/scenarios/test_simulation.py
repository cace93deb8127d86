"""A seeded simulation of everything: faults at every step, and what must hold all the same."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.simulation.planted import BUGS, first_seed_that_finds
from tests.scenarios.simulation.run import simulate

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 6
SEEDS = 12
LONG = 400
"""Lines of a journal that has something to tell."""


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_no_picture_is_lost_and_none_is_sent_twice(first: int) -> None:
    """In any weather: whatever crashes, breaks, comes late or twice. `make soak` has more."""
    for seed in range(first, first + CHUNK):
        simulate(seed)


def test_a_seed_repeats_its_run_byte_for_byte() -> None:
    """Otherwise a failure that it found could not be looked at, nor its repair be shown."""
    seed, lines = next(_long_runs_with_a_crash())
    script = (
        "from tests.scenarios.simulation.run import simulate;"
        f"print(*simulate({seed}).lines, sep='\\n')"
    )
    journals = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": _path()},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert journals[0] == journals[1]
    assert journals[0].decode().splitlines() == lines


def _long_runs_with_a_crash() -> Iterator[tuple[int, list[str]]]:
    for seed in range(1, SEEDS + 1):
        lines = simulate(seed).lines
        if len(lines) > LONG and any("is killed" in line for line in lines):
            yield seed, lines


def _path() -> str:
    return os.pathsep.join([str(ROOT / "src"), str(ROOT)])


@pytest.mark.parametrize(
    "name", ["attempt_stored_with_the_answer", "unknown_is_a_refusal", "key_stored_afterwards"]
)
def test_a_planted_bug_is_found(name: str) -> None:
    """And the failure says how to see it again. `--planted` looks for all of them."""
    [bug] = [bug for bug in BUGS if bug.name == name]

    failed = first_seed_that_finds(bug, range(1, 20))

    assert failed is not None
    assert f"--first {failed.seed} --seeds 1" in str(failed)
