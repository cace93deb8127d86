"""GET /account/numbers: the numbers of the account (contract 5.4).

Verified in the document of the Numbers API (1.0.20): parameters, names and types of the answer,
that an account without a hit gets neither key, and that a refusal is no problem document.
Comments say what is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from wirephoto.simulator.authentication import Caller
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.problems import UNAUTHORIZED, Problem
from wirephoto.simulator.registration import SimulatedNumber
from wirephoto.simulator.settings import SimulatorSettings
from wirephoto.simulator.switches import LookUpFault, SwitchBoard

_SIZE_DEFAULT = 10
_SIZE_MAX = 100
_INDEX_MAX = 1_000_000
_BOOLEANS = {"true": True, "false": False}


class _FilterRefusedError(Exception):
    """A parameter that cannot be; its name is the text."""


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which numbers are asked for, and which page of them."""

    size: int
    index: int
    application_id: str | None
    has_application: bool | None
    country: str | None
    pattern: str | None
    search_pattern: int

    def passes(self, number: SimulatedNumber, application_id: str) -> bool:
        linked = application_id if number.linked else None
        return (
            self.application_id in (None, linked)
            and self.has_application in (None, number.linked)
            and self.country in (None, number.country)
            and self._matches(number.msisdn)
        )

    def _matches(self, msisdn: str) -> bool:
        match self.search_pattern:
            case _ if self.pattern is None:
                return True
            case 0:
                return msisdn.startswith(self.pattern)
            case 1:
                return self.pattern in msisdn
            case _:
                return msisdn.endswith(self.pattern)


class NumberRoutes:
    """The list of the account's own numbers."""

    def __init__(self, *, settings: SimulatorSettings, board: SwitchBoard, gate: Gate) -> None:
        self._settings = settings
        self._board = board
        self._gate = gate

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return a page of the numbers that were asked for."""
        if (down := self._gate.outage(request)) is not None:
            return down
        caller = self._gate.admit(request, refuse=self._refuse)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is not None:
            return self._refuse(UNAUTHORIZED)
        fault = self._board.now.numbers_fault
        if (failed := self._gate.fail(request, fault)) is not None:
            return failed
        try:
            asked = _read_filter(request.query)
        except _FilterRefusedError as refused:
            return self._refuse_parameter(str(refused))
        body = msgspec.json.encode(self._answer(asked))
        return self._gate.answer(200, body[: len(body) // 2] if _truncates(fault) else body)

    def _answer(self, asked: _Filter) -> dict[str, Any]:
        application_id = self._settings.application_id
        found = [n for n in self._settings.numbers if asked.passes(n, application_id)]
        if not found:
            return {}
        start = (asked.index - 1) * asked.size
        page = found[start : start + asked.size]
        return {"count": len(found), "numbers": [self._shown(number) for number in page]}

    def _shown(self, number: SimulatedNumber) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "country": number.country,
            "msisdn": number.msisdn,
            "type": number.type,
            "features": list(number.features),
        }
        if number.linked:
            shown["app_id"] = self._settings.application_id
        return shown

    def _refuse(self, problem: Problem) -> web.Response:
        """Answer in the older manner of this host; the words of its 401 are documented."""
        label = "authentication failed" if problem.status == 401 else problem.title
        return self._gate.answer(problem.status, _refusal(problem.status, label))

    def _refuse_parameter(self, name: str) -> web.Response:
        # Assumed: 420 is what other calls of this API answer to a parameter that cannot be.
        return self._gate.answer(420, _refusal(420, f"method failed: {name}"))


def _truncates(fault: LookUpFault | None) -> bool:
    return fault is LookUpFault.TRUNCATED


def _refusal(status: int, label: str) -> bytes:
    return msgspec.json.encode({"error-code": str(status), "error-code-label": label})


def _read_filter(query: Mapping[str, str]) -> _Filter:
    has_application = query.get("has_application")
    if has_application is not None and has_application.lower() not in _BOOLEANS:
        raise _FilterRefusedError("has_application")
    return _Filter(
        size=_number(query, "size", _SIZE_DEFAULT, 1, _SIZE_MAX),
        index=_number(query, "index", 1, 1, _INDEX_MAX),
        application_id=query.get("application_id"),
        has_application=_BOOLEANS[has_application.lower()] if has_application else None,
        country=query.get("country"),
        pattern=query.get("pattern"),
        search_pattern=_number(query, "search_pattern", 0, 0, 2),
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    typed = query.get(name)
    if typed is None:
        return default
    if not (typed.isascii() and typed.isdigit() and len(typed) < 9 and least <= int(typed) <= most):
        raise _FilterRefusedError(name)
    return int(typed)
