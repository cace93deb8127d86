"""What happens after the 202: the media fetch, and the receipts in their time and order."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wirephoto.clock import Clock
from wirephoto.simulator.chores import Chores
from wirephoto.simulator.fetching import Fetcher
from wirephoto.simulator.ledger import Accepted, Ledger, Standing
from wirephoto.simulator.postbox import Postbox
from wirephoto.simulator.problems import problem_type
from wirephoto.simulator.recipients import ERROR_TEXTS, Behaviour, Ending
from wirephoto.simulator.segments import count_segments
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import ErrorTitle, SwitchBoard, Switches

SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Report:
    """One receipt to come: it happened `happened_s` and is told `told_s` after the fetch."""

    status: str
    happened_s: float
    told_s: float
    code: int | None = None


def plan_reports(behaviour: Behaviour, switches: Switches) -> tuple[Report, ...]:
    """Return the receipts of a message, in the order in which they are told."""
    if behaviour.ending is Ending.SILENT:
        return ()
    early = switches.submitted_delay_s
    late = early + switches.final_delay_s
    submitted = Report(SUBMITTED, early, early)
    reports = [submitted] if behaviour.submitted_first and not behaviour.early else []
    if behaviour.ending is not Ending.NEVER_FINAL and switches.receipts_final:
        final_s = late if behaviour.submitted_first else early
        reports.append(Report(behaviour.ending.value, final_s, final_s, behaviour.code))
    if (behaviour.disordered or switches.receipts_disordered) and len(reports) > 1:
        # The earlier report overtakes nothing any more: it is told after the final one.
        reports = [reports[1], replace(submitted, told_s=late + switches.submitted_delay_s)]
    return tuple(reports)


class Carrier:
    """Follows each accepted message to its end and reports on the way (contract 2.2)."""

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        clock: Clock,
        board: SwitchBoard,
        ledger: Ledger,
        postbox: Postbox,
        fetcher: Fetcher,
        chores: Chores,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._postbox = postbox
        self._fetcher = fetcher
        self._chores = chores
        self._ids = seeded_source(settings.seed, "receipts")

    async def announce(self, message: Accepted) -> None:
        """Report `submitted` at once, and return when that report was posted once."""
        await self._tell(message, Report(SUBMITTED, 0, 0), message.at, doubled=False)

    def take(self, message: Accepted, behaviour: Behaviour) -> None:
        """Carry `message` in the background, as `behaviour` says."""
        if self._status_url(message) or (self._board.now.fetch_media and message.media):
            self._chores.start(self._carry(message, behaviour))
        else:
            # Nobody will hear of it: no task for it, so that bare throughput can be measured.
            self._ledger.note(message.message_uuid, Standing(SUBMITTED, message.at))

    async def _carry(self, message: Accepted, behaviour: Behaviour) -> None:
        switches = self._board.now
        if switches.fetch_media and (code := await self._fetcher.fault_of(message.media)):
            behaviour = replace(behaviour, ending=Ending.REJECTED, code=code, submitted_first=False)
        start, elapsed_s = self._clock.now(), 0.0
        for report in plan_reports(behaviour, switches):
            await self._clock.sleep(report.told_s - elapsed_s)
            elapsed_s = report.told_s
            happened_at = start + timedelta(seconds=report.happened_s)
            self._ledger.note(
                message.message_uuid, Standing(report.status, happened_at, report.code)
            )
            doubled = behaviour.doubled or switches.receipts_doubled
            # Receipts go out each on its own: a slow endpoint does not hold up the next one.
            self._chores.start(self._tell(message, report, start, doubled=doubled))

    async def _tell(
        self, message: Accepted, report: Report, start: datetime, *, doubled: bool
    ) -> None:
        url = self._status_url(message)
        if url is None:
            return
        body = self._receipt(message, report, start + timedelta(seconds=report.happened_s))
        for _ in range(2 if doubled else 1):
            await self._postbox.send(self._postbox.seal(url, body, message.application_id))

    def _status_url(self, message: Accepted) -> str | None:
        own: str | None = message.body.get("webhook_url")
        if own is not None:
            return own
        if message.application_id is None:
            return self._settings.account_status_url
        return self._settings.status_url

    def _receipt(self, message: Accepted, report: Report, at: datetime) -> dict[str, Any]:
        body: dict[str, Any] = {
            "message_uuid": message.message_uuid,
            "to": message.recipient,
            "from": message.body["from"],
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "status": report.status,
            "channel": message.body["channel"],
        }
        if message.client_ref is not None:
            body["client_ref"] = message.client_ref
        if report.code is not None:
            body["error"] = self._error(report.code)
        if report.status == SUBMITTED:
            body["usage"] = {"currency": "EUR", "price": self._settings.price_eur}
            if message.body["channel"] == "sms":
                body["sms"] = {"count_total": str(_parts(message.body))}
        elif self._settings.network_code is not None and report.status == Ending.DELIVERED:
            body["destination"] = {"network_code": self._settings.network_code}
        return body

    def _error(self, code: int) -> dict[str, Any]:
        switches = self._board.now
        error: dict[str, Any] = {
            "type": problem_type(code, switches),
            "title": code if switches.error_title is ErrorTitle.NUMBER else str(code),
            "detail": ERROR_TEXTS[code],
            "instance": new_uuid(self._ids),
        }
        return {"error": error} if switches.error_title is ErrorTitle.NESTED else error


def _parts(sms: dict[str, Any]) -> int:
    options: dict[str, Any] = sms.get("sms") or {}
    return count_segments(sms["text"], options.get("encoding_type", "auto"))
