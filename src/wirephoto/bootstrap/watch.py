"""What watches a process: its metrics and traces, fed from the places where things happen."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from wirephoto.api.metrics import Exposition
from wirephoto.clock import Clock
from wirephoto.config import Settings
from wirephoto.domain.media import Fitting, Target
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome
from wirephoto.engine.dispatcher import OUTAGE, SLOT_MISSED, Dispatcher, Provider
from wirephoto.engine.library import Fitter
from wirephoto.engine.loop import Runner
from wirephoto.errors import MediaRefused, SettingsInvalid
from wirephoto.metrics import Metrics
from wirephoto.storage.database import Database
from wirephoto.vonage.codes import ANSWERS, RECEIPT_CODES

if TYPE_CHECKING:
    # Both need an extra, which a gateway without them has not.
    from wirephoto.error_tracking import ErrorTracker
    from wirephoto.tracing import Traces


class Watch:
    """Counts and traces what one process does; what it watches knows nothing of it."""

    def __init__(
        self, settings: Settings, database: Database, *, traces: "Traces | None" = None
    ) -> None:
        """Begin to watch; a test may bring its own `traces`.

        Raises:
            SettingsInvalid: traces are asked for, and the extra is not installed.
        """
        self._settings = settings
        self._database = database
        self.metrics = Metrics(
            codes=RECEIPT_CODES, reasons=[*ANSWERS, OUTAGE.reason, SLOT_MISSED.reason]
        )
        database.observe(committed=self.metrics.committed, used=self.metrics.used_database)
        self._traces = traces or _traces(settings)
        if self._traces:
            database.observe(committed=self._traces.committed)

    async def close(self) -> None:
        """Hand over the last spans."""
        if self._traces:
            await asyncio.to_thread(self._traces.close)

    def provider(self, provider: Provider) -> Provider:
        """Return a provider whose answers are counted and timed."""
        return _TimedProvider(provider, self.metrics)

    def fitter(self, fitter: Fitter) -> Fitter:
        """Return a fitter whose files are counted and timed."""
        return _TimedFitter(fitter, self.metrics)

    def exposition(
        self,
        clock: Clock,
        *,
        runners: Callable[[], Sequence[Runner]],
        dispatcher: Callable[[], Dispatcher | None],
    ) -> Exposition:
        """Return what puts the page of metrics together."""
        return Exposition(
            metrics=self.metrics,
            database=self._database,
            clock=clock,
            runners=runners,
            dispatcher=dispatcher,
            volumes=_volumes(self._settings),
        )


class _TimedProvider:
    def __init__(self, provider: Provider, metrics: Metrics) -> None:
        self._provider = provider
        self._metrics = metrics

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        outcome = await self._provider.submit(submission, timeout_s=timeout_s)
        self._metrics.answered(outcome.verdict.value, outcome.reason, loop.time() - began_at)
        return outcome


class _TimedFitter:
    def __init__(self, fitter: Fitter, metrics: Metrics) -> None:
        self._fitter = fitter
        self._metrics = metrics

    async def fit(self, source: Path, target: Target, output: Path) -> Fitting:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            fitting = await self._fitter.fit(source, target, output)
        except MediaRefused:
            self._metrics.fitted("refused", loop.time() - began_at)
            raise
        except Exception:
            self._metrics.fitted("failed", loop.time() - began_at)
            raise
        self._metrics.fitted("fitted" if fitting.steps else "untouched", loop.time() - began_at)
        return fitting


def _traces(settings: Settings) -> "Traces | None":
    if settings.otlp_url is None:
        return None
    try:
        from wirephoto.tracing import open_traces
    except ImportError as error:
        fault = "OTEL_EXPORTER_OTLP_ENDPOINT: needs the extra `otel`: install wirephoto[otel]"
        raise SettingsInvalid([fault]) from error
    return open_traces(settings.otlp_url, share=settings.trace_share)


def open_error_tracker(settings: Settings) -> "ErrorTracker | None":
    """Return what errors are reported to, where the settings ask for it.

    Raises:
        SettingsInvalid: the extra is not installed, or the DSN is no good.
    """
    if settings.sentry_dsn is None:
        return None
    try:
        from wirephoto.error_tracking import ErrorTracker
    except ImportError as error:
        fault = "SENTRY_DSN: needs the extra `sentry`: install wirephoto[sentry]"
        raise SettingsInvalid([fault]) from error
    return ErrorTracker(settings.sentry_dsn.get_secret_value())


def _volumes(settings: Settings) -> dict[str, Path]:
    """Return the folders that fill up, by name; a server or a bucket is somebody else's."""
    found = {}
    url = make_url(settings.database_url.get_secret_value())
    if url.get_backend_name() == "sqlite":
        found["database"] = Path(url.database or "").absolute().parent
    if "://" not in settings.media_store:
        found["media"] = Path(settings.media_store)
    return found
