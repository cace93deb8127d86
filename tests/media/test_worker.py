"""A media worker by itself: what it says, what it may take, and what it cannot see."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.wayward_worker import COMMAND
from tests.processes import SOURCE
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.media.job import (
    Answer,
    Exhausted,
    Failed,
    Fitted,
    Job,
    Ready,
    Refused,
    Taken,
    read_answer,
    to_line,
)

ROOT = Path(__file__).parents[2]
TARGET = Target(MediaKind.IMAGE, bytes_max=100_000)
LIMITS = MediaLimits(worker_bytes_max=300_000_000, cpu_s=5.0, wall_s=10.0)

Ask = Callable[..., list[Answer]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Give a function that starts a worker, gives it a file per job, and returns all it said."""

    def ask(*files: str, limits: MediaLimits = LIMITS, shell: str = "true") -> list[Answer]:
        jobs = [_job(tmp_path, number, file, limits) for number, file in enumerate(files)]
        ran = subprocess.run(
            ["sh", "-c", f'{shell} && exec "$@"', "sh", *COMMAND],
            input=b"".join(to_line(job) for job in jobs),
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (SOURCE, ROOT)))},
            timeout=60,
            check=False,
        )
        return [read_answer(line) for line in ran.stdout.splitlines()]

    return ask


def _job(folder: Path, number: int, file: str, limits: MediaLimits) -> Job:
    source = folder / f"{number}.source"
    source.write_text(file)
    return Job(os.fsencode(source), TARGET, os.fsencode(folder / f"{number}.output"), limits)


def test_each_job_is_taken_and_answered_in_order(ask, tmp_path):
    """The gateway matches answers to jobs by nothing else."""
    ready, *said = ask("write one", "refuse", "pass_on", "fail")

    assert ready == Ready()
    assert said[0::2] == [Taken()] * 4
    fitted, refused, untouched, failed = said[1::2]
    assert isinstance(fitted, Fitted)
    assert fitted.fitting.sent.size_bytes == len("one")
    assert refused == Refused("not_an_image", "The file is text: send a picture.")
    assert isinstance(untouched, Fitted)
    assert untouched.fitting.steps == ()
    assert failed == Failed("RuntimeError: a defect")


def test_without_jobs_it_ends(ask):
    """A worker whose gateway is gone has nobody to work for."""
    assert ask() == [Ready()]


def test_memory_that_runs_out_is_told_by_a_worker_that_then_ends(ask, tmp_path):
    """The heap that was full is in pieces: the next picture deserves a new one."""
    answers = ask("swell", "write one")

    assert answers == [Ready(), Taken(), Exhausted()]
    taken, peak = map(int, (tmp_path / "0.peak").read_text().split())
    assert taken > 100_000_000
    assert peak <= LIMITS.worker_bytes_max


def test_what_a_decoder_prints_is_not_taken_for_an_answer(ask):
    """Libraries print warnings, and some of them to stdout."""
    answers = ask("chatter", "write one")

    assert [type(answer) for answer in answers] == [Ready, Taken, Fitted, Taken, Fitted]


def test_processor_time_is_counted_for_each_job_alone(ask):
    """Else a worker that has done a thousand pictures would die of the next one."""
    limits = MediaLimits(cpu_s=1.0)

    answers = ask(*["burn 0.6"] * 3, limits=limits)

    assert [type(answer) for answer in answers[2::2]] == [Fitted] * 3


def test_a_worker_is_limited_by_the_kernel(ask, tmp_path):
    """What a decoder that was taken over may still do is little."""
    ask("tell_surroundings")

    told = json.loads((tmp_path / "0.output").read_text())
    assert told["limits"]["RLIMIT_AS"][0] == LIMITS.worker_bytes_max
    assert told["limits"]["RLIMIT_CORE"] == [0, 0]
    assert told["limits"]["RLIMIT_FSIZE"][0] == LIMITS.source_bytes_max
    assert told["limits"]["RLIMIT_NOFILE"][0] <= 64
    assert 5 <= told["limits"]["RLIMIT_CPU"][0] <= 7
    assert told["status"]["NoNewPrivs"] == "1"
    assert (tmp_path / "0.output").stat().st_mode & 0o777 == 0o600


def test_a_limit_that_is_lower_already_stays(ask, tmp_path):
    """In a container with less memory the worker must start all the same."""
    hard = 250_000_000

    ask("tell_surroundings", shell=f"ulimit -v {hard // 1024}")

    told = json.loads((tmp_path / "0.output").read_text())
    assert told["limits"]["RLIMIT_AS"] == [hard // 1024 * 1024] * 2
