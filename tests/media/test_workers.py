"""The pool of media workers: jobs in order, and a file's own fault told from ours."""

import asyncio
import json
import os
import resource
import signal
import sys

import pytest
import structlog

from tests.media.pool import LIMITS, Watch, fit, outputs, pool
from tests.media.wayward_worker import COMMAND
from wirephoto.domain.media import MediaLimits
from wirephoto.errors import MediaRefused, WorkerFailed
from wirephoto.media.child import SAID_BYTES_MAX
from wirephoto.telemetry import LogEvent


async def test_a_worker_stays_for_the_next_job(tmp_path):
    """Loading the decoders takes longer than most pictures."""
    async with pool() as workers:
        pids = {await fit(workers, tmp_path, "tell_pid") for _ in range(3)}

    assert len(pids) == 1


async def test_a_file_that_goes_out_as_it_is_leaves_no_output(tmp_path):
    """Whoever asked takes the source; an empty output could be taken for the picture."""
    async with pool() as workers:
        await fit(workers, tmp_path, "pass_on")

    assert outputs(tmp_path) == set()


@pytest.mark.parametrize(
    ("says", "limits", "reason", "remedy"),
    [
        ("refuse", LIMITS, "not_an_image", "send a picture"),
        ("spin", LIMITS, "too_slow", "1 s of processor time"),
        ("sleep", MediaLimits(wall_s=0.5), "too_slow", "longer than 0.5 s"),
        ("swell", LIMITS, "too_many_pixels", "300 MB"),
        ("crash", LIMITS, "corrupt", "decoder fail"),
        ("die SIGABRT", LIMITS, "corrupt", "decoder fail"),
        ("die SIGBUS", LIMITS, "corrupt", "decoder fail"),
        ("leave 0", LIMITS, "corrupt", "decoder fail"),
        ("leave 3", LIMITS, "corrupt", "decoder fail"),
    ],
)
async def test_a_bad_file_is_refused_and_costs_one_turn(tmp_path, says, limits, reason, remedy):
    """The gateway lives, the customer hears why, and the next picture goes out."""
    async with pool(limits) as workers:
        with pytest.raises(MediaRefused, match=remedy) as refused:
            await fit(workers, tmp_path, says)
        left = outputs(tmp_path)
        after = await fit(workers, tmp_path, "write next")

    assert (refused.value.reason, refused.value.retryable) == (reason, False)
    assert left == set()
    assert after == "next"


@pytest.mark.parametrize("act", ["babble", "shout", "hush", "interrupt"])
async def test_a_worker_that_a_file_has_led_astray_is_not_believed(tmp_path, act):
    """Whoever breaks a decoder may say anything in its name, and as much as it likes."""
    before = _peak_bytes()
    async with pool(command=(*COMMAND, act)) as workers:
        with pytest.raises(MediaRefused) as refused:
            await fit(workers, tmp_path, "write one")

    assert refused.value.reason == "corrupt"
    assert _peak_bytes() - before < 20_000_000


def _peak_bytes() -> int:
    """Return how much memory this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
async def test_a_worker_that_is_ended_from_outside_says_nothing_of_the_file(tmp_path, number):
    """A machine that runs out of memory, or stops, must not fail somebody's message for good."""
    async with pool() as workers:
        with pytest.raises(WorkerFailed, match=number):
            await fit(workers, tmp_path, f"die {number}")
        after = await fit(workers, tmp_path, "write next")

    assert after == "next"


async def test_a_defect_of_ours_is_not_the_files_fault(tmp_path):
    """A message that waits until it is mended is better than one that has failed."""
    async with pool() as workers:
        with pytest.raises(WorkerFailed, match="RuntimeError: a defect"):
            await fit(workers, tmp_path, "fail")


async def test_a_worker_that_ended_while_it_was_idle_is_replaced(tmp_path):
    """The next file has nothing to do with it."""
    async with pool() as workers:
        first = int(await fit(workers, tmp_path, "tell_pid"))
        watch = Watch(first)
        os.kill(first, signal.SIGKILL)
        assert watch.all_ended()
        second = int(await fit(workers, tmp_path, "tell_pid"))

    assert second != first


@pytest.mark.parametrize(
    "command", [("/does/not/exist",), (sys.executable, "-c", "raise SystemExit(3)")]
)
async def test_without_a_worker_the_file_may_be_tried_again(tmp_path, command):
    """A machine that has no process left to give says nothing of the file."""
    with structlog.testing.capture_logs() as log:
        async with pool(command=command) as workers:
            with pytest.raises(WorkerFailed, match="no media worker"):
                await fit(workers, tmp_path, "write one")

    assert [line["event"] for line in log] == [LogEvent.MEDIA_WORKER_ENDED] * 2


async def test_jobs_wait_in_order(tmp_path):
    """Whoever came first is served first."""
    done: list[int] = []
    async with pool() as workers:

        async def one(number: int) -> None:
            await fit(workers, tmp_path, "write it", f"out-{number}")
            done.append(number)

        await asyncio.gather(*(one(number) for number in range(30)))

    assert done == list(range(30))


async def test_many_jobs_share_few_workers(tmp_path):
    """A crowd of messages must not start a crowd of processes."""
    async with pool(count=2) as workers:
        jobs = [fit(workers, tmp_path, "tell_pid", f"out-{number}") for number in range(30)]
        pids = await asyncio.gather(*jobs)

    assert len(set(pids)) == 2


async def test_a_worker_is_given_up_after_so_many_jobs(tmp_path):
    """What its libraries lose of memory does not add up."""
    async with pool(jobs_max=2) as workers:
        pids = [await fit(workers, tmp_path, "tell_pid") for _ in range(5)]

    assert [pids.count(pid) for pid in pids] == [2, 2, 2, 2, 1]


async def test_a_worker_gets_no_credential_and_no_open_file(tmp_path, monkeypatch):
    """A decoder that is taken over by a picture would look there first."""
    monkeypatch.setenv("VONAGE_API_SECRET", "hush-1")
    monkeypatch.setenv("WIREPHOTO_SECRET", "hush-2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush-3@db")

    async with pool() as workers:
        told = json.loads(await fit(workers, tmp_path, "tell_surroundings"))

    assert "hush" not in json.dumps(told)
    # stdin, stdout, stderr, the jobs, the answers, and the folder that lists them.
    assert len(told["open_files"]) == 6


async def test_what_a_decoder_says_is_logged_within_bounds(tmp_path):
    """It helps to find out about a bad file; a picture must not fill the disk with it."""
    with structlog.testing.capture_logs() as log:
        async with pool() as workers:
            await fit(workers, tmp_path, "flood")
            with pytest.raises(MediaRefused):
                await fit(workers, tmp_path, "die SIGABRT")

    assert all(len(line["said"]) <= SAID_BYTES_MAX for line in log)
    assert any(line["said"].endswith("the end") for line in log)
    assert log[-1]["event"] == LogEvent.MEDIA_WORKER_ENDED
    assert log[-1]["cause"] == "it was ended by SIGABRT"
