"""Run commands as a user does: some in this process, those that go on in one of their own."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.processes import Process, environment_without_settings, free_port, started
from wirephoto.cli import main
from wirephoto.simulator.settings import make_credentials


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Run]:
    """Give a function that runs a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    environment = environment_without_settings()
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
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    key = "wp-first-key-of-the-settings"
    simulate = ["simulate", "--port", 0, "--webhooks", f"{url}/", "--out", folder / "my settings"]
    with started(*simulate, folder=folder) as simulator:
        simulator_url = simulator.until(r"The simulator listens on (\S+)")
        env_file = Path(simulator.until(r"--env-file '?([^']+?)'?\s*$"))
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        serve = ["serve", "--port", port, "--env-file", env_file]
        known = {"WIREPHOTO_API_KEY": key, "PUBLIC_URL": url}
        with started(*serve, folder=elsewhere, **known) as gateway:
            gateway.until(re.escape(url))
            yield Served(url, key, env_file, simulator_url, gateway)
            assert gateway.end(signal.SIGTERM) == 0
        assert simulator.end(signal.SIGTERM) == 0


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
