"""Gateways and sinks in processes of their own, each on one core."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wirephoto.simulator.settings import Credentials, make_credentials

SENDER = "+12025550100"
API_KEY = "bench-key-that-is-long-enough-0123456789"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that listens on loopback."""

    popen: subprocess.Popen[str]
    port: int

    def resident_mb(self) -> float:
        """Return the memory that it occupies now, in megabytes."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Return the processor time that it used so far, in seconds."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def gateway(
    folder: Path, *, core: int, base_url: str = "http://127.0.0.1:1", **settings: str
) -> Iterator[Process]:
    """Run a gateway on one core until the block ends; `settings` are environment variables."""
    credentials = make_credentials()
    environment = _account(credentials, base_url) | {
        "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "WIREPHOTO_API_KEY": API_KEY,
        "WIREPHOTO_MEDIA": "passthrough",
        "WIREPHOTO_SENDER_RATE": "100000",
        "WIREPHOTO_ACCOUNT_RATE": "100000",
        "WIREPHOTO_SECRET": "s" * 40,
        "WIREPHOTO_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "benchmarks.serve"]
    with listening(command, core=core, environment=environment | settings) as process:
        yield process


@contextlib.contextmanager
def listening(
    command: list[str], *, core: int, environment: Mapping[str, str]
) -> Iterator[Process]:
    """Run a command that prints an address, on one core, until the block ends."""
    popen = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core % (os.cpu_count() or 1)}),
    )
    try:
        assert popen.stdout is not None
        line = popen.stdout.readline()
        if ":" not in line:
            raise RuntimeError(f"{command}: it did not start")
        yield Process(popen, int(line.rstrip().rsplit(":", 1)[1]))
    finally:
        popen.terminate()
        popen.wait(timeout=60)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder on the disk of the checkout, for a flush there is a real one."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        yield Path(folder)


def _account(credentials: Credentials, base_url: str) -> dict[str, str]:
    return {
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY": credentials.private_key.replace("\n", "\\n"),
        "VONAGE_SENDER_NUMBER": SENDER,
        "VONAGE_SIGNATURE_SECRET": credentials.signature_secret,
        "VONAGE_BASE_URL": base_url,
    }
