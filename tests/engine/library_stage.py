"""Libraries of several processes over one database, one store and one site."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import select

from tests.egress_site import LOOPBACK, Names, Site
from tests.engine.stage import Stage
from tests.library import FakeFitter, make_media
from wirephoto.domain.media import Media, MediaKind, Target
from wirephoto.egress import Egress
from wirephoto.engine.library import Library
from wirephoto.media.scratch import PREFIX, Scratch
from wirephoto.storage.media import Original
from wirephoto.storage.schema import DEFAULT_TENANT

PICTURE_BYTES = b"\xff\xd8\xff\xe0" + b"a picture" * 20 + b"\xff\xd9"
WIDE = Target(MediaKind.IMAGE, 1_000)
NARROW = Target(MediaKind.IMAGE, 50)


class Shelf:
    """A site with pictures, and libraries that fetch them: each one as in a process of its own."""

    def __init__(self, stage: Stage, site: Site, folder: Path) -> None:
        self.stage = stage
        self.site = site
        self.folder = folder
        self.fitter = FakeFitter()
        self.egress = Egress(stage.clock, allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
        self.headers: dict[str, str] = {}
        self.content = PICTURE_BYTES
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()
        site.answer = self._answer
        self._scratches: list[Scratch] = []

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self.open.wait()
        if self.status != 200:
            return web.Response(status=self.status)
        etag = self.headers.get("ETag")
        if etag and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=self.headers)
        return web.Response(body=self.content, headers=self.headers)

    def library(self, database: Any = None) -> Library:
        """Return the library of one more process, over a database of its own if it has one."""
        services = make_media(
            database or self.stage.database,
            self.stage.clock,
            self.folder,
            fitter=self.fitter,
            egress=self.egress,
            seed=len(self._scratches) + 1,
        )
        self._scratches.append(services.scratch)
        return services.library

    async def fetched(self, library: Library, path: str = "/cat.jpg", **options: Any) -> Original:
        """Return what an address of the site holds, as it is asked for now."""
        asked_at = options.pop("asked_at", self.stage.clock.now())
        media = Media(self.site.url(path))
        return await library.original(DEFAULT_TENANT, media, asked_at=asked_at)

    async def uploaded(self, library: Library, content: bytes = PICTURE_BYTES) -> Original:
        """Return what was uploaded."""
        path = self.folder / "upload"
        path.write_bytes(content)
        return await library.upload(DEFAULT_TENANT, path, "image/jpeg")

    async def rows(self, table: Any) -> list[Any]:
        """Return all rows of a table."""
        async with self.stage.database.read() as tx:
            return list((await tx.execute(select(table))).all())

    async def close(self) -> None:
        """Let go of connections and folders, as processes do that end."""
        await self.egress.close()
        for scratch in self._scratches:
            scratch.close()

    def left_over(self) -> list[Path]:
        """Return the files that fetches and fittings left behind."""
        return [path for path in self.folder.glob(f"{PREFIX}*/*") if path.is_file()]

    def stored(self) -> list[Path]:
        """Return the files in the media store."""
        return [path for path in (self.folder / "media").glob("*/*") if path.is_file()]
