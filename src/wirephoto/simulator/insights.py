"""POST /identity-insights/v1/requests: what the provider knows of a number.

Verified in the document of Identity Insights and the SDKs made from it: the path, the token, the
body, the names of the insights of carriers and of their statuses. Comments say what is assumed.

Magic numbers are fictional ones, as those of `recipients`: +1, any area code, 555-01XX, with their
last two digits in the table below. Every other number is a phone on the simulator's network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web

from wirephoto.simulator.authentication import Caller
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.problems import UNAUTHORIZED, InvalidParameter, Problem
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import LookUpFault, SwitchBoard

_OK = "OK"
_MESSAGES = MappingProxyType(
    {
        _OK: "Success",
        "NOT_FOUND": "The phone number could not be found for this insight.",
        "INVALID_NUMBER_FORMAT": "The phone number format is not valid.",
        "SUPPLIER_ERROR": "The supplier returned an error.",
    }
)
_CARRIERS = ("original_carrier", "current_carrier")
_DIGITS_MIN, _DIGITS_MAX = 7, 15


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """What is known of one kind of number, by the last two digits; `summary` is for people.

    `origin` is the type of the network that had it first, `status` that of the look-up of phones
    and `present` the type of the network that has it now.
    """

    digits: str = ""
    summary: str = "a mobile phone"
    origin: str = "MOBILE"
    status: str = _OK
    present: str | None = "MOBILE"


MAGIC_NUMBERS = (
    # Assumed: this look-up is for phones only, and an answer for a landline was seen so.
    MagicNumber("80", "a landline", origin="LANDLINE", status="NOT_FOUND", present=None),
    MagicNumber("81", "a landline's number that was ported to a phone", origin="LANDLINE"),
    MagicNumber("82", "no number that anybody can have", status="INVALID_NUMBER_FORMAT"),
    MagicNumber("83", "a phone's number that no network has", status="NOT_FOUND", present=None),
    MagicNumber("84", "a virtual number", origin="VIRTUAL", present="VIRTUAL"),
    MagicNumber("85", "the supplier does not answer", status="SUPPLIER_ERROR", present=None),
)
"""Every magic number of look-ups; messages to them are delivered."""
_BY_DIGITS = MappingProxyType({number.digits: number for number in MAGIC_NUMBERS})
_PHONE = MagicNumber()


class _BodyRefusedError(Exception):
    """A body that cannot be; the name of the field is the text."""


class InsightRoutes:
    """The look-up of numbers."""

    def __init__(self, *, settings: SimulatorSettings, board: SwitchBoard, gate: Gate) -> None:
        self._network_code = settings.network_code
        self._board = board
        self._gate = gate
        self._ids = seeded_source(settings.seed, "insights")

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Return what is known of the number in the body."""
        if (down := self._gate.outage(request)) is not None:
            return down
        caller = self._gate.admit(request)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is None:
            return self._gate.refuse(UNAUTHORIZED)
        fault = self._board.now.insights_fault
        if (failed := self._gate.fail(request, fault)) is not None:
            return failed
        try:
            number, asked = _read(await request.read())
        except _BodyRefusedError as refused:
            return self._gate.refuse(_invalid(str(refused)))
        body = msgspec.json.encode(
            {"request_id": new_uuid(self._ids), "insights": self._told(number, asked)}
        )
        if fault is LookUpFault.TRUNCATED:
            body = body[: len(body) // 2]
        return self._gate.answer(200, body)

    def _told(self, number: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        known = _known(number)
        told = {
            "original_carrier": self._carrier(known.origin, _status_of_origin(known)),
            "current_carrier": self._carrier(known.present, known.status),
        }
        return {name: told[name] for name in _CARRIERS if name in asked}

    def _carrier(self, network_type: str | None, status: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"status": {"code": status, "message": _MESSAGES[status]}}
        if status == _OK:
            shown |= {
                "name": "Simulated Network",
                "network_type": network_type,
                "country_code": "US",
            }
            if network_type == "MOBILE" and self._network_code is not None:
                shown["network_code"] = self._network_code
        return shown


def _status_of_origin(known: MagicNumber) -> str:
    """Return the status of where a number came from: plans of numbers are always at hand."""
    return known.status if known.status == "INVALID_NUMBER_FORMAT" else _OK


def _known(number: str) -> MagicNumber:
    is_magic = len(number) == 11 and number[0] == "1" and number[4:9] == "55501"
    return _BY_DIGITS.get(number[9:], _PHONE) if is_magic else _PHONE


def _read(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the number's digits, and what is asked of it."""
    try:
        asked = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        raise _BodyRefusedError("body") from None
    if not isinstance(asked, dict):
        raise _BodyRefusedError("body")
    number, insights = asked.get("phone_number"), asked.get("insights")
    digits = number.removeprefix("+") if isinstance(number, str) else ""
    if not (digits.isascii() and digits.isdigit() and _DIGITS_MIN <= len(digits) <= _DIGITS_MAX):
        raise _BodyRefusedError("phone_number")
    # Nothing but carriers is simulated; the provider has more insights.
    if not isinstance(insights, dict) or not insights or not insights.keys() <= set(_CARRIERS):
        raise _BodyRefusedError("insights")
    return digits, insights


def _invalid(name: str) -> Problem:
    """Return the 400 of this API; its words are assumed."""
    parameter = InvalidParameter(name, "is missing, or not what the document says")
    return Problem(400, "Bad Request", "bad-request", f"`{name}` is invalid.", (parameter,))
