"""The database as an outsider reads it: what is committed, and every move that led there."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.scenarios.simulation.loop import SimulatedLoop
from tests.scenarios.simulation.sqlite import Disk
from tests.scenarios.simulation.weather import Faults, Weather
from wirephoto.storage.database import open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.types import from_micros

_WATCH = """
CREATE TABLE simulation_moves (
    seq INTEGER PRIMARY KEY, kind TEXT, id TEXT, message_id TEXT,
    before TEXT, after TEXT, version_before INTEGER, version_after INTEGER, ended_at INTEGER
);
CREATE TRIGGER simulation_message_new AFTER INSERT ON messages BEGIN
    INSERT INTO simulation_moves (kind, id, message_id, after, version_after)
    VALUES ('message', NEW.id, NEW.id, NEW.state, NEW.version);
END;
CREATE TRIGGER simulation_message_moved AFTER UPDATE ON messages BEGIN
    INSERT INTO simulation_moves
        (kind, id, message_id, before, after, version_before, version_after)
    VALUES ('message', NEW.id, NEW.id, OLD.state, NEW.state, OLD.version, NEW.version);
END;
CREATE TRIGGER simulation_attempt_new AFTER INSERT ON attempts BEGIN
    INSERT INTO simulation_moves (kind, id, message_id, after)
    VALUES ('attempt', NEW.id, NEW.message_id, NEW.state);
END;
CREATE TRIGGER simulation_attempt_moved AFTER UPDATE ON attempts BEGIN
    INSERT INTO simulation_moves (kind, id, message_id, before, after, ended_at)
    VALUES ('attempt', NEW.id, NEW.message_id, OLD.state, NEW.state, NEW.ended_at);
END;
"""
"""Triggers note each move in its own transaction: what is rolled back has not happened."""
_UNSETTLED = """
SELECT m.id || ' ' || state AS what,
    iif(state = 'queued', max(due_at, ifnull(a.probe_at, 0), ifnull(c.probe_at, 0)), NULL) AS due_at
FROM messages m JOIN accounts a ON a.id = m.account_id JOIN campaigns c ON c.id = m.campaign_id
WHERE state IN ('preparing', 'queued', 'claimed', 'sending')
UNION ALL SELECT id || ' ' || state, NULL FROM attempts WHERE state = 'sending'
UNION ALL SELECT 'webhook ' || seq, due_at FROM webhooks WHERE applied_at IS NULL
"""
_CHECKS = """
SELECT 'check of ' || id AS what, check_at AS due_at FROM attempts WHERE check_at IS NOT NULL
"""
_AWAITED = """
SELECT 'receipt of ' || id AS what, submitted_at + ? AS due_at FROM messages
WHERE state = 'submitted' AND receipt_overdue = 0
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A row of `messages` or `attempts` that was made (`before` is None) or changed."""

    seq: int
    kind: str
    id: str
    message_id: str
    before: str | None
    after: str
    version_before: int | None
    version_after: int | None
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as stored; columns are attributes, instants are aware."""

    columns: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            value = self.columns[name]
        except KeyError as error:
            raise AttributeError(name) from error
        return from_micros(value) if name.endswith("_at") and isinstance(value, int) else value


class Records:
    """Reads the file through a connection of its own, between any two steps of the run."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        self._connection.row_factory = sqlite3.Row
        self._seen = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def select(self, sql: str, *parameters: Any) -> list[Row]:
        """Return the rows of a query."""
        return [Row(dict(row)) for row in self._connection.execute(sql, parameters)]

    def version(self) -> int:
        """Return a number that changes with each commit that changed something."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def new_moves(self) -> list[Move]:
        """Return the moves since this was asked last."""
        rows = self.select("SELECT * FROM simulation_moves WHERE seq > ? ORDER BY seq", self._seen)
        moves = [Move(**row.columns) for row in rows]
        if moves:
            self._seen = moves[-1].seq
        return moves

    def moves(self) -> list[Move]:
        """Return every move of the run."""
        rows = self.select("SELECT * FROM simulation_moves ORDER BY seq")
        return [Move(**row.columns) for row in rows]

    def messages(self) -> list[Row]:
        """Return every message, the oldest first."""
        return self.select("SELECT * FROM messages ORDER BY id")

    def attempts(self) -> list[Row]:
        """Return every attempt, those of a message in their order."""
        return self.select("SELECT * FROM attempts ORDER BY message_id, number")

    def events(self) -> list[Row]:
        """Return the outbox."""
        return self.select("SELECT * FROM events ORDER BY seq")

    def attempt_of(self, client_ref: str) -> Row | None:
        """Return the attempt that has a name at the provider, with its message's expiry."""
        rows = self.select(
            "SELECT a.*, m.expires_at AS message_expires_at, m.recipient FROM attempts a"
            " JOIN messages m ON m.id = a.message_id WHERE client_ref = ?",
            client_ref,
        )
        return rows[0] if rows else None

    def has_message(self, message_id: str) -> bool:
        """Tell whether a message is stored."""
        return bool(self.select("SELECT 1 AS found FROM messages WHERE id = ?", message_id))

    def has_webhook(self, body: bytes) -> bool:
        """Tell whether a webhook's body is stored."""
        found = self.select("SELECT 1 AS found FROM webhooks WHERE body = ?", body.decode())
        return bool(found)

    def audits(self) -> list[Row]:
        """Return the audit trail, with the number of the attempt that each entry is about."""
        return self.select(
            "SELECT u.*, u.detail ->> 'outcome' AS outcome, a.number FROM audit u"
            " JOIN attempts a ON a.id = u.detail ->> 'attempt' ORDER BY u.id"
        )

    def doubted_at(self) -> dict[str, datetime]:
        """Return since when attempts were in doubt, also those that are settled by now."""
        rows = self.select(
            "SELECT id, ended_at FROM simulation_moves WHERE kind = 'attempt'"
            " AND after = 'unconfirmed' AND before <> after"
        )
        return {row.id: at(row, "ended_at") for row in rows}

    def fails_a_probe(self, message_id: str) -> bool:
        """Tell whether a message's last request was to try whether an outage is over."""
        found = self.select(
            "SELECT 1 AS found FROM messages m JOIN accounts c ON c.id = m.account_id"
            " JOIN attempts a ON a.message_id = m.id AND a.number = m.attempts"
            " WHERE m.id = ? AND c.stop_reason = 'provider_unreachable'"
            " AND a.started_at > c.stopped_at AND a.state = 'not_accepted'"
            " AND a.http_status IS NULL",
            message_id,
        )
        return bool(found)

    def unsettled(self, *, checks: bool, window: timedelta) -> list[Row]:
        """Return `what` is still to be done, and not before when (`due_at`; null: now).

        `checks` tells whether somebody looks into attempts whose `check_at` comes; receipts are
        overdue after `window`.
        """
        rows = self.select(_UNSETTLED)
        if checks:
            rows += self.select(_CHECKS)
        return rows + self.select(_AWAITED, window // timedelta(microseconds=1))

    def stopped_lines(self) -> list[str]:
        """Return the accounts and campaigns that do not send."""
        rows = self.select(
            "SELECT id, stop_reason FROM accounts WHERE stopped_at IS NOT NULL"
            " UNION ALL SELECT id, stop_reason FROM campaigns WHERE stopped_at IS NOT NULL"
        )
        return [f"{row.id}: {row.stop_reason}" for row in rows]


def at(row: Row, name: str) -> datetime:
    """Return an instant that must be there."""
    value = getattr(row, name)
    assert isinstance(value, datetime), f"{name} of {row.id}"
    return value


@cache
def _schema() -> bytes:
    """Return a new database file, migrated and watched."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schema.db"
        _migrate(f"sqlite:///{path}")
        connection = sqlite3.connect(path)
        connection.executescript(_WATCH)
        connection.close()
        return path.read_bytes()


def _migrate(url: str) -> None:
    loop = SimulatedLoop(Random(0), disorder=0.0)
    disk = Disk(loop, Weather(Random(0), Faults()))

    async def migrate() -> None:
        database = open_database(url, connect=disk.connect)
        await upgrade(database)
        await database.close()

    try:
        loop.run_until_complete(migrate())
    finally:
        loop.bury()
        disk.close_all()
        loop.close()


def new_file(path: Path) -> None:
    """Write an empty database, with its schema, to `path`."""
    make: Callable[[], bytes] = _schema
    path.write_bytes(make())
