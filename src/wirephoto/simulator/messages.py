"""POST /v1/messages and PATCH /v1/messages/{id}: accept, refuse, or fail as is asked for."""

from typing import Any

import msgspec
from aiohttp import web

from wirephoto.clock import Clock
from wirephoto.simulator.authentication import Caller
from wirephoto.simulator.carrier import Carrier
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.limiter import Room
from wirephoto.simulator.problems import (
    FAULT_PROBLEMS,
    INVALID_JSON,
    NOT_FOUND,
    OPERATION_NOT_SUPPORTED,
    UNAUTHORIZED,
)
from wirephoto.simulator.recipients import PLAIN, Behaviour, Moods, behaviour_of, of_text
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import HttpFault, SwitchBoard
from wirephoto.simulator.validation import check_message

_LIMIT_SHOWN = 30


class MessageRoutes:
    """The Messages API. Draws ids and chance from the seeded source, time from the clock."""

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        clock: Clock,
        board: SwitchBoard,
        ledger: Ledger,
        gate: Gate,
        carrier: Carrier,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._gate = gate
        self._carrier = carrier
        self._moods = Moods()
        self._ids = seeded_source(settings.seed, "messages")
        self._dice = seeded_source(settings.seed, "faults")

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Accept a message, or not (contract 1.3 to 1.8)."""
        if (down := self._gate.outage(request)) is not None:
            return down
        body = _decoded(await request.read())
        chance = self._roll()
        if HttpFault.DROPPED_UNREAD in {chance, _magic(body).fault}:
            return self._gate.drop(request)
        self._ledger.posts_read += 1
        caller = self._gate.admit(request)
        if not isinstance(caller, Caller):
            return caller
        if problem := check_message(body, self._settings.senders):
            return self._gate.refuse(problem)
        behaviour = self._moods.next_behaviour(body["to"])
        if body["channel"] == "sms":
            behaviour = of_text(behaviour)
        message = Accepted(new_uuid(self._ids), self._clock.now(), body, caller.application_id)
        if fault := behaviour.fault or chance:
            return await self._fail(request, fault, message=message, behaviour=behaviour)
        if behaviour.early:
            await self._carrier.announce(message)
        self._accept(message, behaviour)
        return self._accepted(message)

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """Refuse to change a message: neither MMS nor SMS can be (contract 1.9). JWT only."""
        if (down := self._gate.outage(request)) is not None:
            return down
        caller = self._gate.admit(request)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is None:
            return self._gate.refuse(UNAUTHORIZED)
        if not self._ledger.knows(request.match_info["message_uuid"]):
            return self._gate.refuse(NOT_FOUND)
        if not isinstance(_decoded(await request.read()), dict):
            return self._gate.refuse(INVALID_JSON)
        return self._gate.refuse(OPERATION_NOT_SUPPORTED)

    def _roll(self) -> HttpFault | None:
        rates = self._board.now.fault_rates
        if not rates:
            return None
        drawn = self._dice.random()
        for fault, chance in rates.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None

    def _accept(self, message: Accepted, behaviour: Behaviour) -> None:
        self._ledger.add(message)
        self._carrier.take(message, behaviour)

    async def _fail(
        self, request: web.Request, fault: HttpFault, *, message: Accepted, behaviour: Behaviour
    ) -> web.StreamResponse:
        if fault.accepts:
            self._accept(message, behaviour)
        match fault:
            case HttpFault.DROPPED_ACCEPTED | HttpFault.DROPPED_REFUSED:
                return self._gate.drop(request)
            case HttpFault.BAD_GATEWAY:
                return self._gate.html(502)
            case HttpFault.TRUNCATED:
                return self._gate.answer(
                    202, b'{"message_uuid":"' + message.message_uuid[:8].encode()
                )
            case HttpFault.DELAYED:
                await self._clock.sleep(self._board.now.answer_delay_s)
                return self._accepted(message)
            case HttpFault.THROTTLED:
                return self._gate.throttle(Room(1.0, _LIMIT_SHOWN, 0))
            case _:
                return self._gate.refuse(FAULT_PROBLEMS[fault])

    def _accepted(self, message: Accepted) -> web.Response:
        return self._gate.answer(202, b'{"message_uuid":"' + message.message_uuid.encode() + b'"}')


def _decoded(raw: bytes) -> Any:
    """Return the JSON value, or None where it is not JSON: no message is `null` anyway."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _magic(body: Any) -> Behaviour:
    to = body.get("to") if isinstance(body, dict) else None
    return behaviour_of(to) if isinstance(to, str) else PLAIN
