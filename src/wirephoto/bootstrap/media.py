"""What the media pipeline is made of."""

from random import Random

from wirephoto.api.services import MediaServices
from wirephoto.bootstrap.watch import Watch
from wirephoto.clock import Clock
from wirephoto.config import Role, Settings
from wirephoto.config.settings import MediaMode
from wirephoto.domain.media import MediaLimits
from wirephoto.egress import Egress
from wirephoto.engine.collector import Collector
from wirephoto.engine.library import Fitter, Library
from wirephoto.engine.media_modes import Checking, Converting, FittingRules, Passing
from wirephoto.engine.preparation import Prepare
from wirephoto.errors import SettingsInvalid, StoreUnavailable
from wirephoto.ids import Ids
from wirephoto.media.scratch import Scratch
from wirephoto.media.store import MediaStore, open_store
from wirephoto.media.workers import Workers
from wirephoto.storage.database import Database
from wirephoto.storage.media import any_need, claim_mark
from wirephoto.vonage.attachments import AttachmentCredentials
from wirephoto.vonage.tokens import Tokens

MEGABYTE = 1_000_000
_KEEPING = frozenset({Role.API, Role.MEDIA, Role.INBOUND})
"""Roles that put files into the store, or give them out."""


class MediaParts:
    """The store, the workers and the library of one process; nothing is touched before use."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        ids: Ids,
        egress: Egress,
        fitter: Fitter | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Take the parts of the gateway, which may `watch`; a test may bring its own `fitter`.

        Raises:
            SettingsInvalid: the address of the store is no good.
        """
        limits = MediaLimits(
            pixels_max=settings.media_pixels_max,
            worker_bytes_max=settings.media_worker_mb * MEGABYTE,
            wall_s=settings.media_worker_s,
        )
        self._settings = settings
        self._database = database
        self._egress = egress
        self._clock = clock
        self._ids = ids
        try:
            self.store: MediaStore = open_store(settings.media_store)
        except StoreUnavailable as error:
            raise SettingsInvalid([f"WIREPHOTO_MEDIA_STORE: {error}"]) from error
        self.scratch = Scratch()
        self._workers = Workers(limits, count=settings.media_workers or None)
        fitter = fitter or self._workers
        self.library = Library(
            database=database,
            store=self.store,
            scratch=self.scratch,
            egress=egress,
            fitter=watch.fitter(fitter) if watch else fitter,
            clock=clock,
            ids=ids,
            source_bytes_max=limits.source_bytes_max,
        )

    @property
    def converts(self) -> bool:
        """Tell whether this gateway fits pictures and hosts them."""
        return self._settings.media_mode is MediaMode.CONVERT

    def prepare(self) -> Prepare:
        """Return what makes a message's media ready."""
        if self._settings.media_mode is MediaMode.PASSTHROUGH:
            return Passing()
        if not self.converts:
            return Checking(self._egress)
        settings = self._settings
        rules = FittingRules(settings.media_budgets, settings.media_background)
        return Converting(self.library, rules)

    def collector(self, random: Random) -> Collector:
        """Return what fetches the attachments of messages from phones."""
        settings = self._settings
        tokens = None
        if settings.vonage_application_id and settings.private_key:
            tokens = Tokens(
                application_id=settings.vonage_application_id,
                private_key=settings.private_key.get_secret_value(),
                clock=self._clock,
                ids=self._ids,
                reuse=False,
            )
        return Collector(
            database=self._database,
            library=self.library,
            scratch=self.scratch,
            egress=self._egress,
            credentials=AttachmentCredentials(tokens, settings.vonage_base_url),
            clock=self._clock,
            random=random,
            file_bytes_max=settings.inbound_media_mb * MEGABYTE,
        )

    def services(self) -> MediaServices:
        """Return what the HTTP routes need of it."""
        return MediaServices(self.converts, self.library, self.store, self.scratch)

    async def start(self) -> None:
        """Prove that the store can be used, and that it is the one that the other processes use.

        Raises:
            SettingsInvalid: it cannot, or it is another; or files wait that nobody could fetch.
        """
        await self._refuse_unreachable_files()
        if not _KEEPING & self._settings.roles:
            return
        try:
            await self.store.check()
            if self._database.is_postgres and not await self._is_shared():
                raise SettingsInvalid(
                    [
                        "WIREPHOTO_MEDIA_STORE: is not the store that other processes of this "
                        "database use; share a folder or a bucket"
                    ]
                )
        except StoreUnavailable as error:
            raise SettingsInvalid([f"WIREPHOTO_MEDIA_STORE: {error}"]) from error

    async def close(self) -> None:
        """End the workers; delete files that were under way."""
        await self._workers.close()
        self.scratch.close()

    async def _refuse_unreachable_files(self) -> None:
        """Refuse to dispatch messages whose files the provider would look for at no address."""
        settings = self._settings
        if settings.public_url is not None or Role.DISPATCH not in settings.roles:
            return
        async with self._database.read() as tx:
            if await any_need(tx):
                raise SettingsInvalid(
                    ["PUBLIC_URL: is missing; messages wait whose files are hosted behind it"]
                )

    async def _is_shared(self) -> bool:
        """Tell whether this store has the mark that the database speaks of."""
        token = self._ids.client_ref()
        # Written before it is claimed: whoever reads the claim finds the mark.
        await self.store.write_mark(token)
        async with self._database.transaction() as tx:
            claimed = await claim_mark(tx, token)
        return await self.store.read_mark(claimed)
