"""The library of media: originals and what was made of them, each fetched and fitted once."""

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.media import Fitting, Media, MediaKind, Prepared, Target, fresh_until
from wirephoto.egress import Egress, Fetched, Validators
from wirephoto.engine.once import Once
from wirephoto.errors import EgressRefused, MediaMissing, MediaRefused
from wirephoto.ids import Ids
from wirephoto.media.scratch import Scratch
from wirephoto.media.sniff import sniff
from wirephoto.storage.database import Database
from wirephoto.storage.media import (
    Original,
    Rendition,
    StoredFile,
    find_rendition,
    forget_file,
    get_file,
    get_original,
    insert_original,
    insert_rendition,
    keep_file,
    latest_of_url,
    plan_deletions,
    reserve_file,
    touch_original,
)

LOOK_AFTER = timedelta(hours=1)
"""How long a file is left alone before somebody sees whether anything needs it."""
USED_EXACT = timedelta(minutes=10)
"""How old the note may be that an original was used: noting each use would cost a write each."""
HEAD_BYTES = 65_536
"""What is read of a file to see what it is."""
UNKNOWN_TYPE = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
"""A type without parameters (RFC 6838, section 4.2): what strangers claim may be anything."""

GONE = "The upload was deleted, for nothing used it any more: upload the file again."
LOST = "The fetched file was lost here; it is fetched again."
UNKNOWN = "There is no such upload: upload the file first."


class Store(Protocol):
    """Where bytes are kept."""

    async def put(self, key: str, source: Path) -> None:
        """Keep the bytes of a local file, durably."""
        ...

    async def copy_to(self, key: str, target: Path) -> None:
        """Write what is kept to a local file."""
        ...


class Fitter(Protocol):
    """Makes of a file what its target asks for, in a process of its own."""

    async def fit(self, source: Path, target: Target, output: Path) -> Fitting:
        """Write the fitted file to `output`, unless `source` goes out untouched.

        Raises:
            MediaRefused: it cannot be fitted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that are kept, and what they are."""

    file_id: str
    kind: MediaKind
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Local:
    """A local file and what its bytes are."""

    path: Path
    digest: str
    size_bytes: int
    head: bytes


class Library:
    """Fetches and fits, each once over all processes, and keeps what comes of it."""

    def __init__(
        self,
        *,
        database: Database,
        store: Store,
        scratch: Scratch,
        egress: Egress,
        fitter: Fitter,
        clock: Clock,
        ids: Ids,
        source_bytes_max: int,
    ) -> None:
        self._database = database
        self._store = store
        self._scratch = scratch
        self._egress = egress
        self._fitter = fitter
        self._clock = clock
        self._ids = ids
        self._source_bytes_max = source_bytes_max
        self._once = Once(database, clock, holder=ids.client_ref())

    async def upload(self, tenant_id: str, path: Path, claimed: str | None) -> Original:
        """Keep a file that a customer uploaded; `claimed` is the media type that they gave.

        Raises:
            MediaRefused: it is empty.
            StorageUnavailable: nothing is known to be kept.
        """
        local = await asyncio.to_thread(_look_at, path)
        original = await self._original_of(tenant_id, local, claimed)
        async with self._database.transaction() as tx:
            await insert_original(tx, original)
        return original

    async def keep(self, tenant_id: str, path: Path, claimed: str | None) -> Kept:
        """Keep the bytes of a local file, each content once; `claimed` is the type it came with.

        They stay for `LOOK_AFTER`, and for as long as anything refers to their file.

        Raises:
            MediaRefused: there are none.
            StoreUnavailable: they are not kept.
            StorageUnavailable: nothing is known to be kept.
        """
        return await self._kept(tenant_id, await asyncio.to_thread(_look_at, path), claimed)

    async def original(self, tenant_id: str, media: Media, *, asked_at: datetime) -> Original:
        """Return what a customer attached: the upload, or what the address has held since.

        A file that was fetched for somebody else is used again if that was after `asked_at`, or
        while its server lets it be.

        Raises:
            MediaRefused: it cannot be had, or not any more.
        """
        if media.upload is not None:
            return await self._uploaded(tenant_id, media.upload)
        assert media.url is not None, "media has an address or is an upload"
        url = media.url
        url_hash = hashlib.sha256(url.encode()).hexdigest()

        async def find() -> Original | None:
            async with self._database.read() as tx:
                known = await latest_of_url(tx, tenant_id, url_hash)
            return known if known and _is_current(known, asked_at, self._clock.now()) else None

        async def fetch() -> Original:
            return await self._fetch(tenant_id, url, url_hash)

        found = await self._once.get(tenant_id, f"fetch:{tenant_id}:{url_hash}", find, fetch)
        return await self._used(found)

    async def prepared(self, original: Original, target: Target) -> Prepared:
        """Return what the pipeline makes of an original for a target.

        Raises:
            MediaRefused: it cannot be made to fit.
        """
        source_id = original.file_id
        assert source_id is not None, "an original that was just looked up has its bytes"

        async def find() -> Rendition | None:
            async with self._database.read() as tx:
                return await find_rendition(tx, original.tenant_id, source_id, target.key)

        async def make() -> Rendition:
            return await self._make(original, source_id, target)

        key = f"fit:{source_id}:{target.key}"
        rendition = await self._once.get(original.tenant_id, key, find, make)
        if rendition.file_id is None or rendition.fitting is None:
            assert rendition.reason is not None, "it was made, or refused for a reason"
            raise MediaRefused(rendition.reason, rendition.detail or "", retryable=False)
        return Prepared(original.id, rendition.file_id, rendition.fitting)

    async def _uploaded(self, tenant_id: str, media_id: str) -> Original:
        async with self._database.read() as tx:
            original = await get_original(tx, tenant_id, media_id)
        if original is None:
            raise MediaRefused("unknown_upload", UNKNOWN)
        if original.file_id is None:
            raise MediaRefused("upload_gone", GONE)
        return await self._used(original)

    async def _used(self, original: Original) -> Original:
        now = self._clock.now()
        if now - original.used_at > USED_EXACT:
            async with self._database.transaction() as tx:
                await touch_original(tx, original.tenant_id, original.id, used_at=now)
        return original

    async def _fetch(self, tenant_id: str, url: str, url_hash: str) -> Original:
        async with self._database.read() as tx:
            known = await latest_of_url(tx, tenant_id, url_hash)
        if known and known.file_id is None:
            known = None
        asked_at = self._clock.now()
        with self._scratch.path() as path:
            fetched = await self._download(url, path, known)
            fresh = fresh_until(fetched.cache_control, fetched_at=asked_at)
            if known and fetched.unchanged:
                async with self._database.transaction() as tx:
                    await touch_original(
                        tx,
                        tenant_id,
                        known.id,
                        used_at=asked_at,
                        checked_at=asked_at,
                        fresh_until=fresh,
                    )
                return replace(known, used_at=asked_at, checked_at=asked_at, fresh_until=fresh)
            local = await asyncio.to_thread(_look_at, path)
            original = replace(
                await self._original_of(tenant_id, local, fetched.content_type),
                url=url,
                url_hash=url_hash,
                etag=fetched.validators.etag,
                last_modified=fetched.validators.last_modified,
                checked_at=asked_at,
                fresh_until=fresh,
            )
        async with self._database.transaction() as tx:
            await insert_original(tx, original)
        return original

    async def _download(self, url: str, path: Path, known: Original | None) -> Fetched:
        validators = Validators(known.etag, known.last_modified) if known else Validators()
        try:
            with path.open("wb") as sink:
                return await self._egress.fetch(
                    url, body_bytes_max=self._source_bytes_max, sink=sink, known=validators
                )
        except EgressRefused as refused:
            # A caller cares whether the file can be had, not at which layer it could not.
            reason = "unreachable" if refused.reason == "bad_status" else refused.reason
            raise MediaRefused(reason, str(refused), retryable=refused.retryable) from refused

    async def _original_of(self, tenant_id: str, local: _Local, claimed: str | None) -> Original:
        """Return a new original with the bytes of a local file, which are kept."""
        now = self._clock.now()
        kept = await self._kept(tenant_id, local, claimed)
        return Original(
            id=self._ids.new("med", now),
            tenant_id=tenant_id,
            file_id=kept.file_id,
            kind=kept.kind,
            media_type=kept.media_type,
            size_bytes=kept.size_bytes,
            checked_at=now,
            created_at=now,
            used_at=now,
        )

    async def _kept(self, tenant_id: str, local: _Local, claimed: str | None) -> Kept:
        """Keep bytes; their type is what they show, or what was claimed where they show nothing."""
        if not local.size_bytes:
            raise MediaRefused("corrupt", "The file is empty: upload it again.")
        sniffed = sniff(local.head)
        return Kept(
            file_id=await self._keep(tenant_id, local),
            kind=sniffed.kind if sniffed else MediaKind.FILE,
            media_type=sniffed.media_type if sniffed else _checked_type(claimed),
            size_bytes=local.size_bytes,
        )

    async def _make(self, original: Original, source_id: str, target: Target) -> Rendition:
        rendition = Rendition(
            source_id=source_id,
            target=target.key,
            tenant_id=original.tenant_id,
            created_at=self._clock.now(),
        )
        async with self._database.read() as tx:
            file = await get_file(tx, original.tenant_id, source_id)
        if file is None:
            raise _gone(original)
        with self._scratch.path() as source, self._scratch.path() as output:
            try:
                await self._store.copy_to(file.store_key, source)
            except MediaMissing as missing:
                # Else the same bytes would be taken for kept, however often they come again.
                async with self._database.transaction() as tx:
                    await forget_file(tx, original.tenant_id, source_id)
                raise _gone(original) from missing
            try:
                fitting = await self._fitter.fit(source, target, output)
            except MediaRefused as refused:
                if refused.retryable:
                    raise
                made = replace(rendition, reason=refused.reason, detail=str(refused))
            else:
                file_id = source_id
                if fitting.steps:
                    local = await asyncio.to_thread(_look_at, output)
                    file_id = await self._keep(original.tenant_id, local)
                made = replace(rendition, file_id=file_id, fitting=fitting)
        async with self._database.transaction() as tx:
            await insert_rendition(tx, made)
        return made

    async def _keep(self, tenant_id: str, local: _Local) -> str:
        """Keep bytes, each content once; return the id of their file.

        The intention is stored first, and taken back with the file's row: bytes that a crash
        leaves without a row are deleted in time.
        """
        now = self._clock.now()
        async with self._database.transaction() as tx:
            known = await reserve_file(tx, tenant_id, local.digest, look_at=now + LOOK_AFTER)
        if known:
            # Written again, for they may have been lost: the next one would be told they are there.
            await self._store.put(known.store_key, local.path)
            return known.id
        file = StoredFile(self._ids.new("fil", now), tenant_id, local.digest, local.size_bytes)
        planned_at = now + LOOK_AFTER
        async with self._database.transaction() as tx:
            await plan_deletions(tx, [file], due_at=planned_at)
        await self._store.put(file.store_key, local.path)
        async with self._database.transaction() as tx:
            now = self._clock.now()
            return await keep_file(
                tx, file, planned_at=planned_at, now=now, look_at=now + LOOK_AFTER
            )


def _is_current(known: Original, asked_at: datetime, now: datetime) -> bool:
    fresh = known.fresh_until is not None and known.fresh_until > now
    return known.file_id is not None and (fresh or known.checked_at >= asked_at)


def _gone(original: Original) -> MediaRefused:
    """Return what becomes of a message whose original's bytes are not there any more."""
    if original.url is None:
        return MediaRefused("upload_gone", GONE)
    return MediaRefused("unreachable", LOST, retryable=True)


def _checked_type(claimed: str | None) -> str:
    return claimed if claimed and _MEDIA_TYPE.fullmatch(claimed) else UNKNOWN_TYPE


def _look_at(path: Path) -> _Local:
    """Return what the bytes of a local file are: reads all of it."""
    digest = hashlib.sha256()
    head, size_bytes = b"", 0
    with path.open("rb") as file:
        while chunk := file.read(HEAD_BYTES):
            head = head or chunk
            digest.update(chunk)
            size_bytes += len(chunk)
    return _Local(path, digest.hexdigest(), size_bytes, head)
