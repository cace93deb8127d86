"""A media worker: a process of its own that decodes what strangers sent, inside limits.

A file that takes too much time or memory, or makes its decoder crash, costs this process and
never the gateway, which starts another one (`workers.py`). Between jobs nothing is kept.
"""

import ctypes
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from wirephoto.domain.media import Fitting, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.job import (
    Answer,
    Exhausted,
    Failed,
    Fitted,
    Job,
    Outcome,
    Ready,
    Refused,
    Taken,
    read_job,
    to_line,
)

Transform = Callable[[Path, Target, Path, MediaLimits], Fitting]
"""What a worker does with a file: source, target, where the output goes, limits."""

OPEN_FILES_MAX = 64
"""How many files, pipes and libraries' own ones included, a worker may have open."""


def serve(transform: Transform) -> None:
    """Do the jobs that come on stdin, one after the other, until it ends.

    It ends after a job that ran out of memory, too: a heap that was full stays in pieces.
    """
    jobs, answers = _take_over_streams()
    _give_up_privileges()
    _say(answers, Ready())
    for line in jobs:
        job = read_job(line)
        _say(answers, Taken())
        _limit(job.limits)
        outcome = _do(transform, job)
        _say(answers, outcome)
        if isinstance(outcome, Exhausted):
            return


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout, and leave harmless ones in their place.

    What a decoder prints goes to stderr and cannot be taken for an answer, and a tool that it
    starts cannot read the next job.
    """
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return jobs, answers


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(to_line(answer))
    answers.flush()


def _do(transform: Transform, job: Job) -> Outcome:
    source, output = Path(os.fsdecode(job.source)), Path(os.fsdecode(job.output))
    try:
        return Fitted(transform(source, job.target, output, job.limits))
    except MediaRefused as refused:
        return Refused(refused.reason, str(refused), refused.retryable)
    except MemoryError:
        # The answer waits for the end of this block: until then the exception holds on to its
        # frames, and with them to the memory that it takes to answer.
        pass
    except Exception as error:  # noqa: BLE001 - the boundary: the gateway decides what follows
        traceback.print_exc()
        return Failed(f"{type(error).__name__}: {error}"[:_ERROR_CHARS_MAX])
    return Exhausted()


def _limit(limits: MediaLimits) -> None:
    """Set what the kernel enforces for the job at hand.

    Processor time is counted from the start of the process and in whole seconds, so the limit
    moves on with each job and a job has up to a second more.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + limits.cpu_s))
    _set_limit(resource.RLIMIT_AS, limits.worker_bytes_max)
    # Nothing that is made of a file is larger than the largest file that is taken.
    _set_limit(resource.RLIMIT_FSIZE, limits.source_bytes_max)


def _set_limit(kind: int, wanted: int) -> None:
    """Set a soft limit, or the hard one where the surroundings allow less."""
    _, hard = resource.getrlimit(kind)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))


def _give_up_privileges() -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set_limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
    # Who starts a process may have it ignore signals, and this one would go on for ever.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
        # A failure is no reason to stop: stdin ends with the gateway as well.
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_ERROR_CHARS_MAX = 500


if __name__ == "__main__":
    # Here alone, so that whoever serves another transform does without the decoders.
    from PIL import Image

    from wirephoto.media.transform import transform

    Image.init()
    serve(transform)
