"""`wirephoto serve`: starts fast, says where it listens, refuses clearly, stops in time."""

import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

START_CPU_S_MAX = 4.0
"""Twice the target (DESIGN, section 6), which the benchmark measures: here only a mistake fails.

Counted as the process' own work, whoever else keeps the machine busy.
"""


def _cpu_s(pid: int) -> float | None:
    """Return the processor time that a process has used, where the system tells it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_free_port_is_taken_and_told(start, account):
    """`--port 0` is for tests and for machines where everything is taken."""
    process = start("serve", "--port", "0", **account)
    url = process.until(r"Wirephoto listens on (\S+)")

    alive = _get(f"{url}/healthz")
    cpu_s = _cpu_s(process.pid)
    hint = process.until("There is no API key yet.*")
    unauthorized = _get(f"{url}/v1/messages")
    code = process.end(signal.SIGTERM)

    assert alive == (200, "ok")
    assert cpu_s is None or cpu_s < START_CPU_S_MAX
    assert "wirephoto keys create" in hint
    assert unauthorized[0] == 401
    assert "wirephoto keys create" in unauthorized[1]
    assert code == 0
    assert '"event":"gateway_stopped"' in process.err
    assert "Traceback" not in process.err


def test_every_fault_of_the_settings_is_one_line_without_its_value(run):
    """Whoever deploys mends them all at once; the value may be a secret in the wrong place."""
    said = run(
        "serve",
        VONAGE_APPLICATION_ID="s3cret-one",
        VONAGE_PRIVATE_KEY="s3cret-two",
        PORT="s3cret-three",
        WIREPHOTO_SENDER_RAT="1",
    )

    assert (said.code, said.out) == (2, "")
    faults = said.err.splitlines()
    assert sorted(fault.split(":")[0] for fault in faults) == [
        "PORT",
        "VONAGE_APPLICATION_ID",
        "VONAGE_PRIVATE_KEY",
        "WIREPHOTO_SENDER_RAT",
    ]
    assert "WIREPHOTO_SENDER_RATE" in said.err
    assert "s3cret" not in said.err


def test_faults_of_the_env_file_are_told_by_line(run, tmp_path):
    """A `.env` that was pasted badly is mended by its line numbers."""
    (tmp_path / ".env").write_text("PORT=3000\nthis is no setting\nHOST=http://x\n")

    said = run("serve")

    assert said.code == 2
    assert ".env line 2: is not NAME=value" in said.err
    assert "HOST: " in said.err


def test_without_a_sender_it_says_which_setting_is_missing(run, account):
    """The most likely thing to forget, found at the start and not at the first message."""
    said = run("serve", "--port", 0, **(account | {"VONAGE_SENDER_NUMBER": ""}))

    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("VONAGE_SENDER_NUMBER: is missing")


def test_a_port_in_use_is_told(run, account):
    """The most common failure of all."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = run("serve", "--port", port, **account)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"127.0.0.1:{port}: Address already in use")


def test_a_sqlite_file_is_served_once(run, served):
    """Two processes on one file would each think that all claims are their own."""
    said = run("serve", "--port", 0, "--env-file", served.env_file)

    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("DATABASE_URL: another process serves this")
    assert _get(f"{served.url}/healthz") == (200, "ok")


def test_a_folder_that_cannot_be_written_is_told(run, account, tmp_path):
    """It is the database's fault, not the port's."""
    (tmp_path / "file").touch()

    said = run("serve", "--port", 0, **account, DATABASE_URL="sqlite:///file/wirephoto.db")

    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("DATABASE_URL: cannot be used now")


@pytest.mark.parametrize("roles", ["api,nothing", ""])
def test_roles_are_checked(run, account, roles):
    """A process with a misspelt role would do nothing, quietly."""
    said = run("serve", "--port", 0, "--roles", roles, **account)

    assert said.code == 2
    assert "WIREPHOTO_ROLES" in said.err
