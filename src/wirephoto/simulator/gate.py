"""What every call of the provider has in common: who may ask, how often, and how it is refused."""

import math
from collections.abc import Callable

from aiohttp import web

from wirephoto.clock import Clock
from wirephoto.simulator.authentication import Authenticator, Caller
from wirephoto.simulator.ledger import Ledger
from wirephoto.simulator.limiter import RateLimiter, Room
from wirephoto.simulator.problems import (
    ACCOUNT_PROBLEMS,
    INTERNAL_ERROR,
    RATE_LIMIT_HIT,
    Problem,
    problem_body,
)
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import AccountFault, LookUpFault, Outage, SwitchBoard

_HTML = b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>\n"


class Gate:
    """Lets requests in, and writes answers in the provider's manner.

    One for all calls: the limit of requests is the account's (contract 4.1), and every answer is
    counted in the ledger.
    """

    def __init__(
        self, *, settings: SimulatorSettings, clock: Clock, board: SwitchBoard, ledger: Ledger
    ) -> None:
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._authenticator = Authenticator(settings, clock)
        self._limiter = RateLimiter()
        self._ids = seeded_source(settings.seed, "answers")

    def outage(self, request: web.Request) -> web.Response | None:
        """Return the answer of a provider that is down, or None while it is up."""
        match self._board.now.outage:
            case None:
                return None
            case Outage.DROP:
                return self.drop(request)
            case Outage.UNAVAILABLE:
                return self.html(503)

    def admit(
        self, request: web.Request, *, refuse: Callable[[Problem], web.Response] | None = None
    ) -> Caller | web.Response:
        """Return who asks, or the answer to somebody who may not, or not now.

        `refuse` writes the refusals of a call that has its own manner.
        """
        refuse = refuse or self.refuse
        switches = self._board.now
        caller = self._authenticator.identify(request.headers.getall("Authorization", []))
        if isinstance(caller, Problem):
            return refuse(caller)
        if switches.account_fault is not None:
            return refuse(ACCOUNT_PROBLEMS[switches.account_fault])
        if switches.rate_per_s is None:
            return caller
        room = self._limiter.ask(
            self._clock.monotonic(), rate_per_s=switches.rate_per_s, slack=switches.rate_slack
        )
        return caller if room.wait_s <= 0 else self.throttle(room)

    def fail(
        self, request: web.Request, fault: LookUpFault | None, limit_hit: Problem = RATE_LIMIT_HIT
    ) -> web.Response | None:
        """Return the answer of a look-up that has a fault, if that spoils all of the answer."""
        match fault:
            case LookUpFault.THROTTLED:
                return self.throttle(Room(1.0, 1, 0), limit_hit)
            case LookUpFault.FORBIDDEN:
                return self.refuse(ACCOUNT_PROBLEMS[AccountFault.FORBIDDEN])
            case LookUpFault.ERROR:
                return self.refuse(INTERNAL_ERROR)
            case LookUpFault.UNAVAILABLE:
                return self.html(503)
            case LookUpFault.DROP:
                return self.drop(request)
            case LookUpFault.TRUNCATED | None:
                return None

    def throttle(self, room: Room, problem: Problem = RATE_LIMIT_HIT) -> web.Response:
        """Answer 429, with the headers that are optional by contract where the switch says so."""
        if not self._board.now.retry_after:
            return self.refuse(problem)
        reset_at = self._clock.now().timestamp() + room.wait_s
        return self.refuse(
            problem,
            {
                "Retry-After": str(max(1, math.ceil(room.wait_s))),
                "X-RateLimit-Limit": str(room.limit),
                "X-RateLimit-Remaining": str(room.left),
                # The provider's own example is in milliseconds (contract 1.8).
                "X-RateLimit-Reset": str(int(reset_at * 1000)),
            },
        )

    def refuse(self, problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
        """Answer with a problem body (contract 1.8)."""
        body = problem_body(problem, self._board.now, new_uuid(self._ids))
        return self.answer(problem.status, body, content_type=problem.content_type, headers=headers)

    def html(self, status: int) -> web.Response:
        """Answer with a page, as the machines in front of the provider do."""
        return self.answer(status, _HTML % (status, status), content_type="text/html")

    def answer(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Answer with `body`; every answer has an id of its own (contract 1.7)."""
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

    def drop(self, request: web.Request) -> web.Response:
        """Close the connection; what is returned is never written, because it is closed."""
        self._ledger.answers[0] += 1
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)
