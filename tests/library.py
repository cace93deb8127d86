"""A library of media over a folder, with a fitter that a test owns."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

from tests.factories import NOW, make_ids
from wirephoto.api.services import MediaServices
from wirephoto.clock import Clock
from wirephoto.domain.media import Fitting, Form, MediaKind, Prepared, Target
from wirephoto.egress import Egress
from wirephoto.engine.library import Library
from wirephoto.errors import MediaRefused
from wirephoto.media.scratch import Scratch
from wirephoto.media.store import open_store
from wirephoto.storage.database import Database
from wirephoto.storage.media import (
    Original,
    StoredFile,
    insert_original,
    keep_file,
    plan_deletions,
)
from wirephoto.storage.schema import DEFAULT_TENANT


class FakeFitter:
    """Fits by cutting off: a file of at most the target's size goes out as it is.

    `refusals` are raised in turn; `open` holds everything up while it is clear.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Target]] = []
        self.refusals: list[MediaRefused] = []
        self.open = asyncio.Event()
        self.open.set()

    async def fit(self, source: Path, target: Target, output: Path) -> Fitting:
        """Fit a file."""
        body = await asyncio.to_thread(source.read_bytes)
        self.asked.append((body, target))
        await self.open.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        original = Form("image/jpeg", len(body), 40, 30, 1)
        if len(body) <= target.bytes_max:
            return Fitting(original, original, (), (), 0)
        await asyncio.to_thread(output.write_bytes, body[: target.bytes_max])
        sent = Form("image/jpeg", target.bytes_max, 20, 15, 1)
        return Fitting(original, sent, ("cut off",), ("It was cut off.",), 1)


def make_media(
    database: Database,
    clock: Clock,
    folder: Path,
    *,
    hosts: bool = True,
    fitter: FakeFitter | None = None,
    egress: Egress | None = None,
    seed: int = 1,
) -> MediaServices:
    """Return the parts of a process that keeps files in `folder`."""
    store, scratch = open_store(str(folder / "media")), Scratch(folder)
    library = Library(
        database=database,
        store=store,
        scratch=scratch,
        egress=egress or Egress(clock),
        fitter=fitter or FakeFitter(),
        clock=clock,
        ids=make_ids(seed),
        source_bytes_max=100_000,
    )
    return MediaServices(hosts, library, store, scratch)


async def kept_media(database: Database, number: int = 1) -> Prepared:
    """Return media that is stored, and made ready without any steps."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    file = StoredFile(f"fil_{number}", DEFAULT_TENANT, digest, 40_000)
    later = NOW + timedelta(hours=1)
    async with database.transaction() as tx:
        await plan_deletions(tx, [file], due_at=later)
        await keep_file(tx, file, planned_at=later, now=NOW, look_at=later)
        await insert_original(
            tx,
            Original(
                id=f"med_{number}",
                tenant_id=DEFAULT_TENANT,
                file_id=file.id,
                kind=MediaKind.IMAGE,
                media_type="image/jpeg",
                size_bytes=file.size_bytes,
                checked_at=NOW,
                created_at=NOW,
                used_at=NOW,
            ),
        )
    form = Form("image/jpeg", file.size_bytes, 40, 30, 1)
    return Prepared(f"med_{number}", file.id, Fitting(form, form, (), (), 0))
