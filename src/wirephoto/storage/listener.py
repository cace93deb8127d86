"""One connection of PostgreSQL on which a process hears the others, and asks for the time."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import asyncpg

ANSWER_S_MAX = 10.0
"""How long the server may take to let us in, and to answer; then the connection is given up."""


class Listener:
    """Hears the notifications of one channel; `lost` is called when it no longer does.

    `options` are the driver's, as those of the pool: TLS is asked for in the same way.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        channel: str,
        *,
        hear: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._options = options
        self._channel = channel
        self._hear = hear
        self._lost = lost
        self._connection: asyncpg.Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether notifications are heard, as far as is known."""
        return self._connection is not None and not self._connection.is_closed()

    async def connect(self) -> None:
        """Hear the channel from now on; what was notified before is not told."""
        connection = await asyncpg.connect(
            **{**self._options, "timeout": ANSWER_S_MAX, "command_timeout": ANSWER_S_MAX}
        )
        try:
            await connection.add_listener(self._channel, self._on_notification)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._on_termination)
        self._connection = connection

    async def time(self) -> datetime:
        """Return the server's time. A connection that does not answer is given up."""
        assert self._connection is not None, "connected before"
        try:
            told: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        except BaseException:
            self._connection.terminate()
            raise
        return told

    async def close(self) -> None:
        """Hear nothing any more; the end that was asked for is no loss."""
        if self._connection is not None:
            self._connection.remove_termination_listener(self._on_termination)
            # A server that is gone cannot be taken leave of; the socket is closed all the same.
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=ANSWER_S_MAX)

    def _on_notification(self, _connection: Any, _pid: int, _channel: str, topic: str) -> None:
        self._hear(topic)

    def _on_termination(self, _connection: Any) -> None:
        self._lost()
