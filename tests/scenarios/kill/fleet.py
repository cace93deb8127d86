"""The gateway as processes: started as an operator starts them, killed, and started again."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.processes import Process, free_port

KEY = "wp-a-key-for-the-kill-test-alone"
IN_FLIGHT_MAX = 32
"""Small enough for the bound on what is in doubt to mean something."""
ALL_ROLES = "api,media,dispatch,inbound,events,maintenance"


@dataclass(frozen=True, slots=True)
class Member:
    """One process: its name, what it does, and where it listens, at each of its lives."""

    name: str
    roles: str
    port: int

    @property
    def in_flight_max(self) -> int:
        """How many attempts it may leave in doubt."""
        return IN_FLIGHT_MAX if "dispatch" in self.roles else 0

    @property
    def url(self) -> str:
        """Return the address of its HTTP interface."""
        return f"http://127.0.0.1:{self.port}"


def members(database_url: str) -> tuple[Member, ...]:
    """Return who serves a database; customers and webhooks go to the first.

    SQLite has one process for everything, PostgreSQL one that is asked and three that send.
    """
    if database_url.startswith("sqlite"):
        return (Member("gateway", ALL_ROLES, free_port()),)
    front = Member("front", "api,media,inbound,events,maintenance", free_port())
    senders = [Member(f"sender{n}", "dispatch,maintenance", free_port()) for n in (1, 2, 3)]
    return (front, *senders)


class Fleet:
    """Runs members; what one says on stderr is kept in a file of each of its lives."""

    def __init__(
        self,
        everybody: Sequence[Member],
        *,
        env_file: Path,
        folder: Path,
        database_urls: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> None:
        self.members = everybody
        self._env_file = env_file
        self._folder = folder
        self._database_urls = database_urls
        self._settings = settings
        self._running: dict[str, Process] = {}
        self._lives = 0
        self.ended: list[str] = []
        """Who ended without being killed, and what it said."""

    async def start_all(self) -> None:
        """Return when everybody listens."""
        for member in self.members:
            self.start(member)
        for member in self.members:
            await asyncio.to_thread(self._running[member.name].until, "Wirephoto listens on")

    def start(self, member: Member) -> None:
        """Begin a life of a member; it listens a second or two later."""
        self._lives += 1
        folder = self._folder / f"{member.name}-{self._lives}"
        folder.mkdir()
        environment = {
            **self._settings,
            "WIREPHOTO_API_KEY": KEY,
            "WIREPHOTO_SECRET": "a-secret-that-all-processes-share-0123456789",
            "WIREPHOTO_IN_FLIGHT_MAX": str(IN_FLIGHT_MAX),
            "DATABASE_URL": self._database_urls[member.name],
        }
        self._running[member.name] = Process(
            *("serve", "--port", member.port, "--roles", member.roles),
            *("--env-file", self._env_file),
            folder=folder,
            **environment,
        )

    async def kill(self, member: Member) -> None:
        """End a member as a power cut does."""
        process = self._running[member.name]
        if process.code is None:
            await asyncio.to_thread(process.end, signal.SIGKILL)
        if process.code != -signal.SIGKILL:
            self._note_end(member.name, process)
        process.close()

    def roll_call(self) -> None:
        """Note who is no longer there, though nobody killed it."""
        for name, process in self._running.items():
            if process.code is not None:
                self._note_end(name, process)

    def close(self) -> None:
        """End everybody."""
        for process in self._running.values():
            process.close()

    def _note_end(self, name: str, process: Process) -> None:
        self.ended.append(f"{name} ended by itself with {process.code}: {process.err[-2000:]}")
