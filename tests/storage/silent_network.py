"""A way to PostgreSQL that can fall silent: bytes are lost, and nobody closes the connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SilentNetwork:
    """Carries bytes between `url` and the server behind it, until it is told to be silent."""

    def __init__(self, server_url: str) -> None:
        self._server = urlsplit(server_url)
        self.silent = False
        self.url = ""

    @contextlib.asynccontextmanager
    async def carrying(self) -> AsyncIterator["SilentNetwork"]:
        """Carry for as long as the block runs."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as here:
            port = here.sockets[0].getsockname()[1]
            user = self._server.username or "postgres"
            self.url = f"postgresql://{user}@127.0.0.1:{port}{self._server.path}?ssl=disable"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            their_reader, their_writer = await self._connect()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, their_writer))
                group.create_task(self._carry(their_reader, writer))

    async def _connect(self) -> Streams:
        folder = parse_qs(self._server.query).get("host")
        port = self._server.port or 5432
        if folder:
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._server.hostname, port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self.silent:
                writer.write(data)
                await writer.drain()
        writer.close()
