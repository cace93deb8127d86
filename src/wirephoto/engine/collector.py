"""Collect the attachments of messages from phones, while the provider still has them."""

import asyncio
from datetime import timedelta
from random import Random

from wirephoto.clock import Clock
from wirephoto.domain.inbound_file import FileState, InboundFile
from wirephoto.egress import Credentials, Egress
from wirephoto.engine.library import Kept, Library
from wirephoto.errors import EgressRefused, MediaRefused, StorageUnavailable, StoreUnavailable
from wirephoto.media.scratch import Scratch
from wirephoto.storage.database import Database
from wirephoto.storage.inbound_files import (
    FILE_WAITING,
    ClaimedFile,
    claim_inbound_files,
    record_inbound_file,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TURN_MAX = 8
"""Attachments that one turn fetches, all at once; others fetch beside it, up to egress' limit."""
REST_S = 2.0
PATIENCE_S = 100.0
"""How long one may take, from the wait for its turn to the last byte kept, in seconds."""
LEASE = timedelta(seconds=120)
"""How long one is one process' to fetch: longer than it may take."""

TOO_SLOW = "The attachment took too long to fetch."
NOT_LET_IN = (
    "The provider did not let us in: the role `inbound` needs the private key of the application."
)
NOT_THERE = "The provider does not have the attachment at its address."
EMPTY = "The attachment is empty."
STORE_AWAY = "The media store could not take the attachment; the log says why."
FETCH_FAILED = "The attachment could not be fetched; the log says why."
# A key can be mended, and a file may be there later than the message that tells of it.
_BY_STATUS = {
    401: ("unauthorized", NOT_LET_IN, True),
    403: ("unauthorized", NOT_LET_IN, True),
    404: ("not_there", NOT_THERE, True),
    410: ("not_there", NOT_THERE, False),
}


class Collector:
    """Fetches attachments into the media store; each belongs to one process at a time."""

    name = "collector"

    def __init__(
        self,
        *,
        database: Database,
        library: Library,
        scratch: Scratch,
        egress: Egress,
        credentials: Credentials,
        clock: Clock,
        random: Random,
        file_bytes_max: int,
    ) -> None:
        self._database = database
        self._library = library
        self._scratch = scratch
        self._egress = egress
        self._credentials = credentials
        self._clock = clock
        self._random = random
        self._file_bytes_max = file_bytes_max
        self.bell = database.bell(FILE_WAITING)

    async def turn(self) -> float:
        """Fetch up to `TURN_MAX` attachments; return how long to rest, in seconds."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            claimed = await claim_inbound_files(
                tx, now=now, lease_until=now + LEASE, limit=TURN_MAX
            )
        # Each to its end, whatever becomes of the others: what is half done is done again.
        ends = await asyncio.gather(*map(self._collect, claimed), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return 0.0 if len(claimed) == TURN_MAX else REST_S

    async def _collect(self, claimed: ClaimedFile) -> None:
        """Fetch one attachment, and record what came of it."""
        file = claimed.file
        try:
            kept = await self._kept(file, claimed.media.url)
        except MediaRefused as refused:
            jitter, now = self._random.random(), self._clock.now()
            await self._record(file.failed(refused, jitter=jitter, now=now))
        else:
            now = self._clock.now()
            await self._record(
                file.stored(
                    kept.file_id, media_type=kept.media_type, size_bytes=kept.size_bytes, now=now
                )
            )

    async def _kept(self, file: InboundFile, url: str) -> Kept:
        """Return what is kept of an attachment now.

        Raises:
            MediaRefused: it could not be had, for whatever reason but the database's.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._fetch(file.tenant_id, url)
        except (MediaRefused, StorageUnavailable):
            raise
        except EgressRefused as refused:
            raise _refused(refused) from refused
        except TimeoutError as error:
            raise MediaRefused("unreachable", TOO_SLOW, retryable=True) from error
        except StoreUnavailable as error:
            _log.error(LogEvent.MEDIA_STORE_UNAVAILABLE, error=str(error), exc_info=error)
            raise MediaRefused("store_unavailable", STORE_AWAY, retryable=True) from error
        except Exception as error:
            # One that fails for a reason of ours must not hold up the others.
            _log.error(LogEvent.LOOP_FAILED, loop=self.name, error=str(error), exc_info=error)
            raise MediaRefused("fetch_failed", FETCH_FAILED, retryable=True) from error

    async def _fetch(self, tenant_id: str, url: str) -> Kept:
        with self._scratch.path() as path:
            with path.open("wb") as sink:
                fetched = await self._egress.fetch(
                    url,
                    body_bytes_max=self._file_bytes_max,
                    sink=sink,
                    credentials=self._credentials,
                )
            if not path.stat().st_size:
                raise MediaRefused("corrupt", EMPTY, retryable=True)
            return await self._library.keep(tenant_id, path, fetched.content_type)

    async def _record(self, file: InboundFile) -> None:
        async with self._database.transaction() as tx:
            if not await record_inbound_file(tx, file):
                # It took longer than its lease, and somebody else has it.
                return
        told = {"inbound_id": file.inbound_id, "attachment": file.position, "tries": file.tries}
        if file.state is FileState.STORED:
            _log.info(LogEvent.INBOUND_FILE_STORED, **told, size_bytes=file.size_bytes)
        elif file.state is FileState.GONE:
            _log.error(LogEvent.INBOUND_FILE_GONE, **told, reason=file.reason)
        else:
            _log.warning(LogEvent.INBOUND_FILE_DELAYED, **told, reason=file.reason)


def _refused(refused: EgressRefused) -> MediaRefused:
    """Return what it means for an attachment that its address could not be fetched."""
    if refused.status in _BY_STATUS:
        reason, detail, retryable = _BY_STATUS[refused.status]
        return MediaRefused(reason, detail, retryable=retryable)
    reason = "unreachable" if refused.reason == "bad_status" else refused.reason
    return MediaRefused(reason, str(refused), retryable=refused.retryable)
