"""A media worker whose files say what it shall do: `python -m tests.media.wayward_worker`.

A real worker in everything but the decoding: the first word of a file names one of the functions
below. With a word behind the command it is a worker only in appearance, which breaks the protocol.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wirephoto.domain.media import Fitting, Form, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.job import Ready, Taken, to_line
from wirephoto.media.worker import serve

HERE = sys.modules[__name__]
COMMAND = (sys.executable, "-P", "-m", "tests.media.wayward_worker")


def transform(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitting:
    """Do what the file says."""
    name, _, rest = source.read_text(encoding="utf-8").partition(" ")
    act: Callable[..., object] = getattr(HERE, name)
    act(source=source, output=output, rest=rest)
    original = Form("image/png", source.stat().st_size, width=40, height=30, frames=1)
    written = output.exists()
    return Fitting(
        original=original,
        sent=Form("image/jpeg", output.stat().st_size) if written else original,
        steps=("shrink",) if written else (),
        warnings=(),
        took_ms=7,
    )


def pass_on(**_: object) -> None:
    """Leave the file as it is."""


def write(*, output: Path, rest: str, **_: object) -> None:
    """Write the rest to the output."""
    output.write_text(rest, encoding="utf-8")


def tell_pid(*, output: Path, **_: object) -> None:
    """Write the number of this process."""
    output.write_text(str(os.getpid()))


def tell_surroundings(*, output: Path, **_: object) -> None:
    """Write what this process sees of the gateway, and how it is limited."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    told = {
        "environment": dict(os.environ),
        "open_files": sorted(os.listdir("/proc/self/fd")),
        "status": dict(line.split(":\t", 1) for line in status if ":\t" in line),
        "limits": {
            name: resource.getrlimit(getattr(resource, name))
            for name in dir(resource)
            if name.startswith("RLIMIT_")
        },
    }
    output.write_text(json.dumps(told), encoding="utf-8")


def refuse(**_: object) -> None:
    """Refuse the file."""
    raise MediaRefused("not_an_image", "The file is text: send a picture.")


def fail(**_: object) -> None:
    """Fail as only a defect does."""
    raise RuntimeError("a defect")


def spin(*, output: Path, **_: object) -> None:
    """Use up processor time for ever, with half an output."""
    output.write_text("half")
    while True:
        pass


def burn(*, rest: str, output: Path, **_: object) -> None:
    """Use up so many seconds of processor time."""
    until = time.process_time() + float(rest)
    while time.process_time() < until:
        pass
    output.write_text("done")


def sleep(*, output: Path, source: Path, **_: object) -> None:
    """Use up time on the clock for ever, with half an output; tell whoever waits to hear."""
    output.write_text("half")
    if source.with_suffix(".pids").exists():
        source.with_suffix(".pids").write_text(str(os.getpid()))
    signal.pause()


def start_tool(*, source: Path, **_: object) -> None:
    """Start a tool that goes on for ever, and wait for it."""
    tool = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    source.with_suffix(".pids").write_text(f"{os.getpid()} {tool.pid}")
    tool.wait()


def swell(*, source: Path, **_: object) -> None:
    """Take memory until there is none, and note how much there was."""
    taken = []
    try:
        while True:
            taken.append(bytearray(4_000_000))
    finally:
        size = len(taken) * 4_000_000
        taken.clear()
        status = Path("/proc/self/status").read_text()
        peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmPeak"))
        source.with_suffix(".peak").write_text(f"{size} {int(peak) * 1024}")


def die(*, rest: str, output: Path, **_: object) -> None:
    """End by a signal, with half an output."""
    output.write_text("half")
    os.kill(os.getpid(), getattr(signal, rest))
    signal.pause()


def crash(**_: object) -> None:
    """Read what is not there, as a decoder does that a file has led astray."""
    ctypes.string_at(0)


def leave(*, rest: str, **_: object) -> None:
    """End as if all were well, or with a code."""
    os._exit(int(rest))


def chatter(**_: object) -> None:
    """Print what is no answer, on both streams."""
    sys.stdout.write("a picture! " * 10)
    sys.stdout.flush()
    os.write(1, b'{"type":"fitted"}\n')
    sys.stderr.write("Ann called from +12125550123\n")
    sys.stderr.flush()


def flood(**_: object) -> None:
    """Write more to stderr than anybody wants to keep."""
    for _ in range(2_000):
        os.write(2, b"x" * 1_000)
    os.write(2, b"the end\n")


def babble() -> None:
    """Say what is no answer where the answer goes."""
    os.write(1, b'{"type":"fitted","fitting":{}}\n')
    signal.pause()


def shout() -> None:
    """Say without end where the answer goes."""
    while True:
        os.write(1, b"x" * 65_536)


def hush() -> None:
    """Close the stream on which the answer is awaited, and stay."""
    os.close(1)
    signal.pause()


def interrupt() -> None:
    """Speak out of turn."""
    os.write(1, to_line(Ready()))
    signal.pause()


def misbehave(act: Callable[[], None]) -> None:
    """Take a job as a worker does that has lost control over what it says."""
    os.write(1, to_line(Ready()))
    sys.stdin.readline()
    os.write(1, to_line(Taken()))
    act()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        misbehave(getattr(HERE, sys.argv[1]))
    else:
        serve(transform)
