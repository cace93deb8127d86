"""The database of a run, counted from outside: who left how many attempts in doubt."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, make_url, select, text

from tests.postgres import administer
from tests.scenarios.kill.polling import until
from wirephoto.domain.message import WAITING, AttemptState, MessageState
from wirephoto.storage.database import open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import attempts, messages

UNDER_WAY = WAITING | {MessageState.SENDING}
"""States that a message leaves by itself."""
GONE_PATIENCE_S = 15.0


class Census:
    """Counts rows of one database.

    On PostgreSQL each process connects as a role of its own, and a column that the gateway does
    not know of keeps which role began an attempt: a killed process is told from those that live.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._database = open_database(url)
        self._counted: set[str] = set()
        self._roles: dict[str, str] = {}

    async def prepare(self, processes: Sequence[str]) -> dict[str, str]:
        """Make the schema; return the address that each process shall use."""
        await upgrade(self._database)
        if not self._database.is_postgres:
            return dict.fromkeys(processes, self._url)
        url = make_url(self._url)
        secret = f"PASSWORD '{url.password}'" if url.password else ""
        for process in processes:
            role = f"{url.database}_{process}"
            owner = f'"{url.username}"'
            await administer(self._url, f'CREATE ROLE "{role}" LOGIN {secret} IN ROLE {owner}')
            self._roles[process] = role
        await administer(
            self._url, "ALTER TABLE attempts ADD COLUMN begun_by text DEFAULT session_user"
        )
        return {
            process: url.set(username=role).render_as_string(hide_password=False)
            for process, role in self._roles.items()
        }

    async def left_in_doubt(self, process: str) -> int:
        """Return how many attempts a process that was just killed left in `sending`."""
        query = select(attempts.c.id).where(attempts.c.state == AttemptState.SENDING)
        if self._database.is_postgres:
            role = self._roles[process]
            # A commit that was under way may still come through before its connection is gone.
            await until(
                lambda: self._is_gone(role), f"{process} is gone", patience_s=GONE_PATIENCE_S
            )
            query = query.where(text("begun_by = :role").bindparams(role=role))
        async with self._database.read() as tx:
            found = set((await tx.execute(query)).scalars())
        fresh = found - self._counted
        self._counted |= fresh
        return len(fresh)

    async def _is_gone(self, role: str) -> bool:
        connected = text("SELECT count(*) FROM pg_stat_activity WHERE usename = :role")
        async with self._database.read() as tx:
            count: int = (await tx.execute(connected.bindparams(role=role))).scalar_one()
        return count == 0

    async def states(self) -> Counter[str]:
        """Return how many messages are in each state."""
        query = select(messages.c.state, func.count()).group_by(messages.c.state)
        async with self._database.read() as tx:
            return Counter({row[0]: row[1] for row in await tx.execute(query)})

    async def waiting(self) -> int:
        """Return how many messages have yet to leave."""
        query = select(func.count()).where(messages.c.state.in_([state.value for state in WAITING]))
        async with self._database.read() as tx:
            return int((await tx.execute(query)).scalar_one())

    async def close(self) -> None:
        """Let go of the database; on PostgreSQL, its roles go as well."""
        await self._database.close()
        for role in self._roles.values():
            await administer(self._url, f'DROP ROLE "{role}"')
