"""Commands in processes of their own, as a user runs them."""

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import wirephoto
from wirephoto.config import VARIABLES

PROGRAM = [sys.executable, "-c", "from wirephoto.cli import main; main()"]
SOURCE = Path(wirephoto.__file__).parents[1]
PATIENCE_S = 60
"""How long a process may take to say something: only a test that fails takes so long."""
PORTS_TRIED_MAX = 100


def environment_without_settings(**more: str) -> dict[str, str]:
    """Return the environment without any setting of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    kept.pop("WIREPHOTO_URL", None)
    return kept | {"COLUMNS": "100"} | more


class Process:
    """A command that goes on: what it prints comes line by line."""

    def __init__(self, *arguments: object, folder: Path, **environment: str) -> None:
        self._stderr = folder / "stderr.txt"
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                [*PROGRAM, *[str(each) for each in arguments]],
                cwd=folder,
                env=environment_without_settings(**environment) | {"PYTHONPATH": str(SOURCE)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._lines: Queue[str | None] = Queue()
        self.out = ""
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    @property
    def err(self) -> str:
        """What it wrote to stderr so far."""
        return self._stderr.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Return the exit code, or None while it runs; a signal counts as its negative number."""
        return self._process.poll()

    def until(self, pattern: str) -> str:
        """Return what `pattern` captures, as soon as a line matches it."""
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            self.out += line
            if match := re.search(pattern, line):
                return match[1] if match.groups() else match[0]
        raise AssertionError(f"ended without {pattern!r}:\n{self.out}\n{self.err}")

    def end(self, number: int | None = None) -> int:
        """Return the exit code, after the signal `number` if there is one."""
        if number is not None:
            self._process.send_signal(number)
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            self.out += line
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def started(*arguments: object, folder: Path, **environment: str) -> Iterator[Process]:
    """Give a command that runs in a process of its own, ended when the block ends."""
    process = Process(*arguments, folder=folder, **environment)
    try:
        yield process
    finally:
        process.close()


def free_port() -> int:
    """Return a port of this machine that nobody listens on, for a process that comes and goes.

    It lies below the range from which systems give ports to connections (32,768 and above on Linux,
    49,152 in RFC 6335): nobody gets it by chance while the process is away.
    """
    for port in random.sample(range(20_000, 32_000), PORTS_TRIED_MAX):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port")
