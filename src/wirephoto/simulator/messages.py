"""POST /v1/messages and PATCH /v1/messages/{id}: accept, refuse, or fail as is asked for."""

import math
from typing import Any

import msgspec
from aiohttp import web

from wirephoto.clock import Clock
from wirephoto.simulator.authentication import Authenticator, Caller
from wirephoto.simulator.carrier import Carrier
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.limiter import RateLimiter, Room
from wirephoto.simulator.problems import (
    ACCOUNT_PROBLEMS,
    FAULT_PROBLEMS,
    INVALID_JSON,
    NOT_FOUND,
    OPERATION_NOT_SUPPORTED,
    RATE_LIMIT_HIT,
    UNAUTHORIZED,
    Problem,
    problem_body,
)
from wirephoto.simulator.recipients import PLAIN, Behaviour, Moods, behaviour_of
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import HttpFault, Outage, SwitchBoard
from wirephoto.simulator.validation import check_message

_LIMIT_SHOWN = 30
_HTML = b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>\n"


class MessageRoutes:
    """The Messages API. Draws ids and chance from the seeded source, time from the clock."""

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        clock: Clock,
        board: SwitchBoard,
        ledger: Ledger,
        carrier: Carrier,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._carrier = carrier
        self._authenticator = Authenticator(settings, clock)
        self._limiter = RateLimiter()
        self._moods = Moods()
        self._ids = seeded_source(settings.seed, "messages")
        self._dice = seeded_source(settings.seed, "faults")

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Accept a message, or not (contract 1.3 to 1.8)."""
        if self._board.now.outage is not None:
            return self._out_of_service(request)
        body = _decoded(await request.read())
        chance = self._roll()
        if HttpFault.DROPPED_UNREAD in {chance, _magic(body).fault}:
            return self._drop(request)
        self._ledger.posts_read += 1
        caller = self._admit(request)
        if not isinstance(caller, Caller):
            return caller
        if problem := check_message(body, self._settings.senders):
            return self._refuse(problem)
        behaviour = self._moods.next_behaviour(body["to"])
        message = Accepted(new_uuid(self._ids), self._clock.now(), body, caller.application_id)
        if fault := behaviour.fault or chance:
            return await self._fail(request, fault, message=message, behaviour=behaviour)
        if behaviour.early:
            await self._carrier.announce(message)
        self._accept(message, behaviour)
        return self._accepted(message)

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """Refuse to change a message: neither MMS nor SMS can be (contract 1.9). JWT only."""
        if self._board.now.outage is not None:
            return self._out_of_service(request)
        caller = self._admit(request)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is None:
            return self._refuse(UNAUTHORIZED)
        if not self._ledger.knows(request.match_info["message_uuid"]):
            return self._refuse(NOT_FOUND)
        if not isinstance(_decoded(await request.read()), dict):
            return self._refuse(INVALID_JSON)
        return self._refuse(OPERATION_NOT_SUPPORTED)

    def _admit(self, request: web.Request) -> Caller | web.Response:
        """Return who asks, or the answer to somebody who may not, or not now."""
        switches = self._board.now
        caller = self._authenticator.identify(request.headers.getall("Authorization", []))
        if isinstance(caller, Problem):
            return self._refuse(caller)
        if switches.account_fault is not None:
            return self._refuse(ACCOUNT_PROBLEMS[switches.account_fault])
        if switches.rate_per_s is None:
            return caller
        room = self._limiter.ask(
            self._clock.monotonic(), rate_per_s=switches.rate_per_s, slack=switches.rate_slack
        )
        return caller if room.wait_s <= 0 else self._throttle(room)

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
                return self._drop(request)
            case HttpFault.BAD_GATEWAY:
                return self._html(502)
            case HttpFault.TRUNCATED:
                return self._answer(202, b'{"message_uuid":"' + message.message_uuid[:8].encode())
            case HttpFault.DELAYED:
                await self._clock.sleep(self._board.now.answer_delay_s)
                return self._accepted(message)
            case HttpFault.THROTTLED:
                return self._throttle(Room(1.0, _LIMIT_SHOWN, 0))
            case _:
                return self._refuse(FAULT_PROBLEMS[fault])

    def _accepted(self, message: Accepted) -> web.Response:
        return self._answer(202, b'{"message_uuid":"' + message.message_uuid.encode() + b'"}')

    def _throttle(self, room: Room) -> web.Response:
        if not self._board.now.retry_after:
            return self._refuse(RATE_LIMIT_HIT)
        reset_at = self._clock.now().timestamp() + room.wait_s
        return self._refuse(
            RATE_LIMIT_HIT,
            {
                "Retry-After": str(max(1, math.ceil(room.wait_s))),
                "X-RateLimit-Limit": str(room.limit),
                "X-RateLimit-Remaining": str(room.left),
                # The provider's own example is in milliseconds (contract 1.8).
                "X-RateLimit-Reset": str(int(reset_at * 1000)),
            },
        )

    def _refuse(self, problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
        body = problem_body(problem, self._board.now, new_uuid(self._ids))
        return self._answer(
            problem.status, body, content_type=problem.content_type, headers=headers
        )

    def _out_of_service(self, request: web.Request) -> web.Response:
        return self._drop(request) if self._board.now.outage is Outage.DROP else self._html(503)

    def _html(self, status: int) -> web.Response:
        return self._answer(status, _HTML % (status, status), content_type="text/html")

    def _answer(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        self._ledger.answers[status] += 1
        return web.Response(
            status=status,
            body=body,
            headers={
                "Content-Type": content_type,
                "X-Request-Id": new_uuid(self._ids),
                **(headers or {}),
            },
        )

    def _drop(self, request: web.Request) -> web.Response:
        """Close the connection; what is returned is never written, because it is closed."""
        self._ledger.answers[0] += 1
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)


def _decoded(raw: bytes) -> Any:
    """Return the JSON value, or None where it is not JSON: no message is `null` anyway."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _magic(body: Any) -> Behaviour:
    to = body.get("to") if isinstance(body, dict) else None
    return behaviour_of(to) if isinstance(to, str) else PLAIN
