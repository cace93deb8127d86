"""Build each object once from the settings; start in order, stop in reverse."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, TextIO

from litestar import Litestar
from pydantic import SecretStr

from wirephoto.api.app import create_app
from wirephoto.api.auth import HOW_TO_MAKE_A_KEY, Keys
from wirephoto.api.services import Services, WebhookSettings
from wirephoto.bootstrap import rules
from wirephoto.bootstrap.events import EventParts
from wirephoto.bootstrap.locking import lock_file
from wirephoto.bootstrap.media import MediaParts
from wirephoto.bootstrap.numbers import NumberParts
from wirephoto.bootstrap.opening import hash_key
from wirephoto.bootstrap.watch import Watch
from wirephoto.clock import Clock
from wirephoto.config import Role, Settings
from wirephoto.config.settings import MediaMode
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.retry import RetryPolicy
from wirephoto.egress import Egress
from wirephoto.engine.dispatcher import Dispatcher, DispatchSettings, Provider
from wirephoto.engine.drafting import Drafting
from wirephoto.engine.inbound import Inbound
from wirephoto.engine.lookout import Lookout
from wirephoto.engine.loop import Duty, Runner
from wirephoto.engine.maintenance import Expirer, Overdue, Pruner, Rescuer
from wirephoto.engine.media_sweep import MediaSweeper
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.preparation import Preparation
from wirephoto.engine.receipts import Receipts
from wirephoto.engine.reckoning import Reckoner
from wirephoto.engine.reconciliation import Reconciler, Records
from wirephoto.engine.replies import Replies
from wirephoto.engine.senders import SenderDirectory
from wirephoto.engine.submission import Submissions
from wirephoto.errors import SettingsInvalid
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_TENANT
from wirephoto.storage.senders import (
    add_sender,
    load_senders,
    probe_now,
    set_default_brand,
    set_default_rates,
)
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage.client import VonageClient
from wirephoto.vonage.reports import ReportsClient

if TYPE_CHECKING:
    from wirephoto.tracing import Traces

_log = get_log()

FAILURES_MAX = 3
"""Turns in a row that a duty may fail before the process says that it cannot do its work."""


class Gateway:
    """One process of the gateway: its roles over one database.

    `start` before use and `stop` afterwards, in the same event loop. `clock`, `ids`, `random`,
    `provider`, `records`, `database`, `media` and `traces` are handed in by tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        ids: Ids | None = None,
        random: Random | None = None,
        provider: Provider | None = None,
        records: Records | None = None,
        database: Database | None = None,
        media: MediaParts | None = None,
        traces: "Traces | None" = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = database or open_database(settings.database_url.get_secret_value())
        self.commits = GroupCommit(self.database)
        self.watch = Watch(settings, self.database, traces=traces)
        self.runners: list[Runner] = []
        self._ids = ids or Ids()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._client: VonageClient | None = None
        self._reports: ReportsClient | None = None
        self._provider = provider
        self._records = records
        self._egress = Egress(clock, allow=settings.egress_allow)
        self.media = media or self._make_media()
        self._look_ups = NumberParts(settings, database=self.database, clock=clock, ids=self._ids)
        self.events = EventParts(
            settings, database=self.database, clock=clock, ids=self._ids, random=self._random
        )
        self._cap_rules = rules.cap_rules(settings)
        self._departures = rules.departure_rules(settings)
        self.outlook = Outlook(self.database, clock, self._cap_rules)
        self.directory = SenderDirectory(self.database, clock)
        self.numbers = NumberHash([secret.get_secret_value() for secret in settings.secret])
        self.replies = Replies(
            database=self.database,
            commits=self.commits,
            directory=self.directory,
            numbers=self.numbers,
            ids=self._ids,
            settings=rules.reply_settings(settings),
        )
        self._lock: TextIO | None = None
        self._lookout: Lookout | None = None
        self.dispatcher: Dispatcher | None = None
        self.preparation: Preparation | None = None
        self.keys = Keys(self.database, clock, first_key=_revealed(settings.api_key))
        self.app: Litestar = create_app(self._services())

    async def start(self) -> None:
        """Bring the schema up to date, then start every duty of the roles.

        Raises:
            SettingsInvalid: another process serves the SQLite file, or there is no sender.
            SchemaMismatch: the database is newer than this code.
            StorageUnavailable: the database cannot be reached.
        """
        settings = self.settings
        _log.info(LogEvent.GATEWAY_STARTING, roles=sorted(settings.roles))
        self._lock = lock_file(settings.database_url)
        revision = await upgrade(self.database)
        _log.info(LogEvent.DATABASE_MIGRATED, revision=revision)
        if self.database.is_postgres:
            self._lookout = Lookout(self.database, self.clock)
            await self._lookout.turn()  # before anybody looks at the clock
        for keeper in (self.numbers, self.events.sealing):
            keeper.learn(await hash_key(self.database))
        await self._configure()
        await self.media.start()
        if Role.DISPATCH in settings.roles and not self.database.is_postgres:
            await Rescuer(self.database, self.clock, self._ids).release_all()
        self.runners = [Runner(duty, self.clock) for duty in self._duties()]
        for runner in self.runners:
            runner.start()
        if not await self.keys.any_exists():
            _log.warning(LogEvent.API_KEY_MISSING, detail=HOW_TO_MAKE_A_KEY)
        _log.info(LogEvent.GATEWAY_STARTED)

    async def stop(self, grace_s: float | None = None) -> None:
        """Finish what is on the wire, return the rest to the queue, close everything.

        What is not done after `grace_s` seconds (by default what the settings say) is cut off.
        """
        _log.info(LogEvent.GATEWAY_STOPPING)
        grace_s = self.settings.stop_grace_s if grace_s is None else grace_s
        # Last in, first out, and whatever goes wrong with one does not keep the others open.
        async with contextlib.AsyncExitStack() as closing:
            if self._lock:
                closing.callback(self._lock.close)
            closing.push_async_callback(self.watch.close)
            closing.push_async_callback(self.database.close)
            closing.push_async_callback(self.media.close)
            closing.push_async_callback(self._egress.close)
            for client in (self._client, self._reports, self._look_ups):
                if client:
                    closing.push_async_callback(client.close)
            closing.push_async_callback(self.commits.drain)
            closing.push_async_callback(_stop_runners, self.runners, grace_s)
            closing.push_async_callback(self.events.stop, grace_s)
            if self.preparation:
                closing.push_async_callback(self.preparation.stop, grace_s)
            if self.dispatcher:
                closing.push_async_callback(self.dispatcher.stop, grace_s)
        _log.info(LogEvent.GATEWAY_STOPPED)

    def _services(self) -> Services:
        settings = self.settings
        drafting = Drafting(
            database=self.database,
            clock=self.clock,
            ids=self._ids,
            directory=self.directory,
            numbers=self.numbers,
            outlook=self.outlook,
            rules=rules.request_rules(settings, hosts_media=self.media.converts),
            marketing=rules.marketing_rules(settings),
            media_is_prepared=settings.media_mode is not MediaMode.PASSTHROUGH,
            numbers_are_screened=self._look_ups.screened,
            departures=self._departures,
        )
        return Services(
            database=self.database,
            commits=self.commits,
            clock=self.clock,
            ids=self._ids,
            keys=self.keys,
            drafting=drafting,
            directory=self.directory,
            numbers=self.numbers,
            replies=self.replies,
            consent_policy=rules.consent_policy(settings),
            submissions=Submissions(
                commits=self.commits, clock=self.clock, ids=self._ids, drafting=drafting
            ),
            media=self.media.services(),
            courier=self.events.courier,
            streams=self.events.streams,
            outlook=self.outlook,
            webhooks=WebhookSettings(
                account_id=DEFAULT_ACCOUNT,
                tenant_id=DEFAULT_TENANT,
                secrets=tuple(s.get_secret_value() for s in settings.vonage_signature_secret),
                api_key=settings.vonage_api_key,
                application_id=settings.vonage_application_id,
                unsigned_loopback=settings.webhooks_unsigned == "loopback",
            ),
            sync_wait=timedelta(seconds=settings.sync_wait_s),
            roles=frozenset(role.value for role in settings.roles),
            failing_duties=self._failing_duties,
            exposition=self.watch.exposition(
                self.clock, runners=lambda: self.runners, dispatcher=lambda: self.dispatcher
            ),
        )

    def _failing_duties(self) -> list[str]:
        return [r.duty.name for r in self.runners if r.failures >= FAILURES_MAX]

    async def _configure(self) -> None:
        settings, now = self.settings, self.clock.now()
        dispatches = Role.DISPATCH in settings.roles
        sender = rules.first_sender(settings)
        async with self.database.transaction() as tx:
            if sender:
                await add_sender(tx, sender, now)
            if settings.brand:
                await set_default_brand(tx, settings.brand)
            if dispatches:
                # By who sends only: another process would put its own defaults over the rates.
                await set_default_rates(
                    tx, account_rate=settings.account_rate, sender_rate=settings.sender_rate
                )
                await probe_now(tx, now)
            senders = await load_senders(tx)
        if dispatches and not senders:
            raise SettingsInvalid(["VONAGE_SENDER_NUMBER: is missing; there is no sender yet"])

    def _duties(self) -> Iterator[Duty]:
        roles = self.settings.roles
        retry = RetryPolicy(tries_max=self.settings.tries_max)
        if self._lookout:
            yield self._lookout
        # Every process opens its metrics by keys.
        yield self.keys.uses
        if Role.MEDIA in roles:
            self.preparation = Preparation(
                database=self.database,
                commits=self.commits,
                prepare=self.media.prepare(),
                clock=self.clock,
                ids=self._ids,
                random=self._random,
                retry=retry,
                screen=self._look_ups.screen,
            )
            yield self.preparation
        if Role.DISPATCH in roles:
            self.dispatcher = self._make_dispatcher(retry)
            yield self.dispatcher
        if Role.INBOUND in roles:
            yield Inbound(
                self.database,
                clock=self.clock,
                ids=self._ids,
                receipts=self._make_receipts(),
                replies=self.replies,
            )
            yield self.media.collector(self._random)
        if Role.EVENTS in roles:
            yield self.events.deliveries
        if Role.MAINTENANCE in roles:
            yield from self._maintenance()

    def _maintenance(self) -> Iterator[Duty]:
        settings = self.settings
        yield Rescuer(self.database, self.clock, self._ids)
        yield Expirer(self.database, self.clock, self._ids)
        yield Reckoner(self.database, self.clock, self._departures.hours)
        window = timedelta(hours=settings.receipt_window_h)
        yield Overdue(self.database, self.clock, window=window, looked_up=settings.reports)
        keep = timedelta(hours=settings.idempotency_keep_h)
        keep_media = timedelta(hours=settings.media_keep_h)
        yield MediaSweeper(self.database, self.media.store, self.clock, keep=keep_media)
        yield Pruner(self.database, self.clock, keys_keep=keep)
        policy = rules.doubt_policy(settings)
        if policy.acts:
            yield Reconciler(
                database=self.database,
                records=(self._records or self._make_reports()) if settings.reports else None,
                receipts=self._make_receipts(),
                replies=self.replies,
                policy=policy,
                clock=self.clock,
                ids=self._ids,
            )

    def _make_media(self) -> MediaParts:
        return MediaParts(
            self.settings,
            database=self.database,
            clock=self.clock,
            ids=self._ids,
            egress=self._egress,
            watch=self.watch,
        )

    def _make_reports(self) -> ReportsClient:
        settings = self.settings
        assert settings.vonage_api_key, "required with WIREPHOTO_REPORTS"
        assert settings.vonage_api_secret, "goes with the key"
        self._reports = ReportsClient(
            base_url=settings.vonage_base_url,
            api_key=settings.vonage_api_key,
            api_secret=settings.vonage_api_secret.get_secret_value(),
        )
        return self._reports

    def _make_receipts(self) -> Receipts:
        return Receipts(
            rules.receipt_rules(self.settings),
            clock=self.clock,
            ids=self._ids,
            random=self._random,
        )

    def _make_dispatcher(self, retry: RetryPolicy) -> Dispatcher:
        settings = self.settings
        return Dispatcher(
            database=self.database,
            commits=self.commits,
            provider=self.watch.provider(self._provider or self._make_client()),
            clock=self.clock,
            ids=self._ids,
            random=self._random,
            settings=DispatchSettings(
                account_id=DEFAULT_ACCOUNT,
                in_flight_max=settings.in_flight_max,
                lease_s=settings.lease_s,
                submit_timeout_s=settings.submit_timeout_s,
                media_url=rules.media_url(settings),
                cap_rules=self._cap_rules,
                departures=self._departures,
                retry=retry,
            ),
        )

    def _make_client(self) -> VonageClient:
        settings = self.settings
        assert settings.vonage_application_id, "required for the role dispatch"
        assert settings.private_key, "required for the role dispatch"
        self._client = VonageClient(
            base_url=settings.vonage_base_url,
            application_id=settings.vonage_application_id,
            private_key=settings.private_key.get_secret_value(),
            clock=self.clock,
            ids=self._ids,
            jwt_reuse=settings.jwt_reuse,
            connections=settings.in_flight_max,
        )
        return self._client


async def _stop_runners(runners: list[Runner], grace_s: float) -> None:
    """Let every turn that is under way end; cut it off after `grace_s` seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s), asyncio.TaskGroup() as group:
            for runner in runners:
                group.create_task(runner.stop())


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
