"""Run commands as a user does: some in this process, those that go on in one of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import structlog

import wirephoto
from wirephoto.cli import main
from wirephoto.config import VARIABLES
from wirephoto.simulator.settings import make_credentials

PROGRAM = [sys.executable, "-c", "from wirephoto.cli import main; main()"]
SOURCE = Path(wirephoto.__file__).parents[1]
PATIENCE_S = 60
"""How long a process may take to say something: only a test that fails takes so long."""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def _environment(**more: str) -> dict[str, str]:
    """Return the environment without any setting of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    kept.pop("WIREPHOTO_URL", None)
    return kept | {"COLUMNS": "100"} | more


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Run]:
    """Give a function that runs a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    environment = _environment()
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)

    def run(*arguments: object, **environment: str) -> Ran:
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(name, value)
            context.setattr(sys, "argv", ["wirephoto", *[str(each) for each in arguments]])
            capsys.readouterr()
            code = _exit_code()
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    yield run
    structlog.reset_defaults()


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


class Process:
    """A command that goes on: what it prints comes line by line."""

    def __init__(self, *arguments: object, folder: Path, **environment: str) -> None:
        self._stderr = folder / "stderr.txt"
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                [*PROGRAM, *[str(each) for each in arguments]],
                cwd=folder,
                env=_environment(**environment) | {"PYTHONPATH": str(SOURCE)},
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


@contextmanager
def started(*arguments: object, folder: Path, **environment: str) -> Iterator[Process]:
    """Give a command that runs in a process of its own, ended when the block ends."""
    process = Process(*arguments, folder=folder, **environment)
    try:
        yield process
    finally:
        process.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Give a function that starts a command which goes on, in the folder of the test."""
    processes: list[Process] = []

    def start(*arguments: object, **environment: str) -> Process:
        folder = tmp_path / f"process-{len(processes)}"
        folder.mkdir()
        processes.append(Process(*arguments, folder=folder, **environment))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


@dataclass(frozen=True)
class Served:
    """A gateway over a simulator, both as a user starts them."""

    url: str
    key: str
    env_file: Path
    simulator: str
    process: Process


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a gateway that runs, with the settings that `simulate` wrote."""
    folder = tmp_path_factory.mktemp("two words")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    key = "wp-first-key-of-the-settings"
    simulate = ["simulate", "--port", 0, "--webhooks", f"{url}/", "--out", folder / "my settings"]
    with started(*simulate, folder=folder) as simulator:
        simulator_url = simulator.until(r"The simulator listens on (\S+)")
        env_file = Path(simulator.until(r"--env-file '?([^']+?)'?\s*$"))
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        serve = ["serve", "--port", port, "--env-file", env_file]
        with started(*serve, folder=elsewhere, WIREPHOTO_API_KEY=key) as gateway:
            gateway.until(re.escape(url))
            yield Served(url, key, env_file, simulator_url, gateway)
            assert gateway.end(signal.SIGTERM) == 0
        assert simulator.end(signal.SIGTERM) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def account() -> dict[str, Any]:
    """Give the settings of an account that nobody has."""
    credentials = make_credentials()
    return {
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY": credentials.private_key.replace("\n", "\\n"),
        "VONAGE_SENDER_NUMBER": "12025550100",
        "VONAGE_BASE_URL": "http://127.0.0.1:9",
    }
