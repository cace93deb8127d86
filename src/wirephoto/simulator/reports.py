"""GET /v2/reports/records: what became of messages, long after their webhooks (contract 5.1).

Verified in the document of the Reports API (3.1.4): names and types of the envelope and of
outbound records, Basic credentials alone, that a time is compared with `date_received`, which has
whole seconds, and 10 requests a second. The echo of the request in the envelope is of its pages of
2021. Comments say what is assumed, or only reported by others who call it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from wirephoto.clock import Clock
from wirephoto.simulator.authentication import Caller
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.limiter import RateLimiter
from wirephoto.simulator.problems import (
    ACCOUNT_PROBLEMS,
    UNAUTHORIZED,
    InvalidParameter,
    Problem,
)
from wirephoto.simulator.questions import (
    Question,
    QuestionRefused,
    place_behind,
    read_question,
)
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import AccountFault, LookUpFault, SwitchBoard

_RATE_PER_S = 10.0
# Assumed: what a 429 of this call says; the account's own limit answers as everywhere.
_LIMIT_HIT = Problem(429, "Rate Limit Hit", "rate-limit", "The request was rate limited.")
_NOT_YOURS = replace(
    ACCOUNT_PROBLEMS[AccountFault.FORBIDDEN], detail="These records are another account's."
)


class ReportRoutes:
    """The synchronous half of the Reports API, for outbound messages of the one account."""

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        clock: Clock,
        board: SwitchBoard,
        ledger: Ledger,
        gate: Gate,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._gate = gate
        self._limiter = RateLimiter()
        self._ids = seeded_source(settings.seed, "reports")

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return the records that were asked for, or a page of them."""
        if (down := self._gate.outage(request)) is not None:
            return down
        if (turned_away := self._turn_away(request)) is not None:
            return turned_away
        try:
            question = read_question(request.query, self._clock.now())
        except QuestionRefused as refused:
            return self._gate.refuse(_invalid(refused.parameter))
        if request.query["account_id"] != self._settings.api_key:
            # Assumed to be a 403. A main account may ask for its subaccounts; ours has none.
            return self._gate.refuse(_NOT_YOURS)
        body = msgspec.json.encode(self._answer(request, question))
        if self._board.now.reports_fault is LookUpFault.TRUNCATED:
            body = body[: len(body) // 2]
        return self._gate.answer(200, body)

    def _turn_away(self, request: web.Request) -> web.Response | None:
        """Return the answer to somebody who may not ask, or not now."""
        caller = self._gate.admit(request)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is not None:
            return self._gate.refuse(UNAUTHORIZED)
        fault = self._board.now.reports_fault
        if (failed := self._gate.fail(request, fault, _LIMIT_HIT)) is not None:
            return failed
        if self._board.now.rate_per_s is None:
            return None
        room = self._limiter.ask(self._clock.monotonic(), rate_per_s=_RATE_PER_S)
        return self._gate.throttle(room, _LIMIT_HIT) if room.wait_s > 0 else None

    def _answer(self, request: web.Request, question: Question) -> dict[str, Any]:
        if question.ids:
            # Assumed: a question by id is always answered on one page.
            page = list(self._by_id(question))
            shown = {message.message_uuid for message in page}
            missing = ",".join(each for each in question.ids if each not in shown)
            said = {"ids_not_found": missing} if missing else {}
            return self._envelope(request, question, page) | said
        page_items = self._board.now.reports_page_items
        page = list(islice(self._by_time(question), page_items + 1))
        answer = self._envelope(request, question, page[:page_items])
        answer |= {"date_start": _stamp(question.since), "date_end": _stamp(question.until)}
        answer |= question.filters
        if len(page) > page_items:
            place = place_behind(page[page_items - 1].message_uuid)
            answer["_links"]["next"] = {"href": _next_link(request, place)}
            answer |= place
        return answer

    def _envelope(
        self, request: web.Request, question: Question, page: list[Accepted]
    ) -> dict[str, Any]:
        query = request.query
        return {
            "_links": {"self": {"href": str(request.url)}},
            "request_id": new_uuid(self._ids),
            "request_status": "SUCCESS",
            "received_at": _stamp(self._clock.now()),
            "price": 0.0,
            "currency": "EUR",
            **{name: query[name] for name in ("direction", "product", "account_id")},
            "include_message": question.with_message,
            "items_count": len(page),
            "records": [
                self._record(message, with_message=question.with_message) for message in page
            ],
        }

    def _by_id(self, question: Question) -> Iterator[Accepted]:
        for message_uuid in question.ids:
            message = self._ledger.find(message_uuid)
            if message is not None and self._shows(message):
                yield message

    def _by_time(self, question: Question) -> Iterator[Accepted]:
        """Yield what matches, oldest first (assumed), from behind the cursor on."""
        waiting_for = question.after
        for message in self._ledger.accepted:
            if waiting_for is not None:
                waiting_for = None if message.message_uuid == waiting_for else waiting_for
            elif self._shows(message) and self._matches(message, question):
                yield message

    def _shows(self, message: Accepted) -> bool:
        return (self._clock.now() - message.at).total_seconds() >= self._board.now.reports_delay_s

    def _matches(self, message: Accepted, question: Question) -> bool:
        if not question.since <= message.at.replace(microsecond=0) < question.until:
            return False
        facts = {
            "from": message.body["from"],
            "to": message.recipient,
            "status": self._status(message),
            "provider": message.body["channel"],
        }
        return all(facts[name] == value for name, value in question.filters.items())

    def _status(self, message: Accepted) -> str:
        """Return one of the statuses of webhooks; assumed: one that is not submitted yet is."""
        state = self._ledger.state_of(message.message_uuid)
        return "submitted" if state == "accepted" else state

    def _record(self, message: Accepted, *, with_message: bool) -> dict[str, Any]:
        standing = self._ledger.standing_of(message.message_uuid)
        status = self._status(message)
        record: dict[str, Any] = {
            "account_id": self._settings.api_key,
            "message_id": message.message_uuid,
            # A missing reference is null in a sample answer.
            "client_ref": message.client_ref,
            "direction": "outbound",
            "from": message.body["from"],
            "to": message.recipient,
            "provider": message.body["channel"],
            "date_received": _stamp(message.at),
            "date_finalized": _stamp(standing.at),
            "latency": str(round((standing.at - message.at).total_seconds() * 1000)),
            "status": status,
            "currency": "EUR",
            "estimated_price": self._settings.price_eur,
            "id": message.message_uuid,
        }
        if status != "submitted":
            record["total_price"] = self._settings.price_eur
        if standing.code is not None:
            # Documented for `rejected`; assumed for `undeliverable` too.
            record["error_code"] = str(standing.code)
        if self._settings.network_code is not None:
            record["network"] = self._settings.network_code
        if with_message:
            # Assumed for a message of attachments: the body that was posted.
            text = message.body.get("text")
            record["message_body"] = text or msgspec.json.encode(message.body).decode()
        return record


def _next_link(request: web.Request, place: dict[str, str]) -> str:
    """Return the address of the next page.

    In the document's example, and as others report, it lacks the times, without which it is
    refused when it is followed as it stands.
    """
    query = {name: request.query[name] for name in ("product", "direction")} | place
    return f"{request.url.with_query(None)}?{urlencode(query)}"


def _invalid(parameter: InvalidParameter) -> Problem:
    """Return the 422 of this API: its title is assumed, and it is no plain JSON."""
    return Problem(
        422,
        "Invalid request parameters",
        "invalid-request-parameters",
        f"The parameter `{parameter.name}` {parameter.reason}",
        (parameter,),
        media_type="application/problem+json",
    )


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
