"""The simulator's own interface under /simulator/: what it saw, and what it is told to do.

It asks for no credentials: whoever reaches the simulator may steer it. It stands in for a
provider on the machine of a developer, and holds nothing worth guarding.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from importlib import resources
from typing import Any

import msgspec
from aiohttp import web

from wirephoto.simulator.inbound import InboundOrder
from wirephoto.simulator.ledger import Accepted, Ledger
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS
from wirephoto.simulator.switches import SwitchBoard

_LISTED_MAX = 1000
_LISTED_DEFAULT = 100
_SKIPPED_MAX = 10**9


class ControlRoutes:
    """Answers under /simulator/. `receive` sends an inbound message and returns its id."""

    def __init__(
        self,
        *,
        board: SwitchBoard,
        ledger: Ledger,
        receive: Callable[[InboundOrder, str], Awaitable[str]],
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._receive = receive

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [
            web.get("/simulator/accepted", self._accepted),
            web.get("/simulator/recipients", self._recipients),
            web.get("/simulator/sample.jpg", self._sample),
            web.get("/simulator/faults", self._faults),
            web.post("/simulator/faults", self._set_faults),
            web.post("/simulator/inbound", self._inbound),
        ]

    async def _sample(self, _request: web.Request) -> web.Response:
        """A picture to send, for whoever has none at hand."""
        picture = resources.files("wirephoto.simulator").joinpath("sample.jpg").read_bytes()
        return web.Response(body=picture, content_type="image/jpeg")

    async def _accepted(self, request: web.Request) -> web.Response:
        """Counts, and the last `limit` accepted messages (100, at most 1,000), newest first.

        `skip` leaves out that many of the newest: page by page they can all be read. What is
        accepted meanwhile makes the next page repeat some, never miss one.
        """
        limit = _number(request.query.get("limit", str(_LISTED_DEFAULT)), _LISTED_MAX)
        if limit is None:
            return _refusal(f"limit: a number up to {_LISTED_MAX}")
        skip = _number(request.query.get("skip", "0"), _SKIPPED_MAX)
        if skip is None:
            return _refusal(f"skip: a number up to {_SKIPPED_MAX}")
        ledger = self._ledger
        newest = ledger.accepted[::-1][skip : skip + limit]
        return _json(
            {
                "posts_read": ledger.posts_read,
                "accepted": ledger.accepted_total,
                "answers": {str(status): count for status, count in ledger.answers.items()},
                "distinct_client_refs": len(ledger.per_client_ref),
                "repeated_client_refs": _largest(ledger.repeated_client_refs()),
                "per_recipient": _largest(ledger.per_recipient),
                "messages": [self._listed(message) for message in newest],
            }
        )

    def _listed(self, message: Accepted) -> dict[str, Any]:
        return {
            "message_uuid": message.message_uuid,
            "at": message.at.isoformat(),
            "state": self._ledger.state_of(message.message_uuid),
            "client_ref_count": self._ledger.per_client_ref[message.client_ref]
            if message.client_ref is not None
            else None,
            "body": message.body,
        }

    async def _recipients(self, _request: web.Request) -> web.Response:
        """The table of magic recipients."""
        listed = [
            {
                "pattern": f"+1NPA55501{behaviour.digits}",
                "example": f"+121255501{behaviour.digits}",
                "summary": behaviour.summary,
            }
            for behaviour in MAGIC_RECIPIENTS
        ]
        return _json({"recipients": listed})

    async def _faults(self, _request: web.Request) -> web.Response:
        """All switches as they stand."""
        return _json(asdict(self._board.now))

    async def _set_faults(self, request: web.Request) -> web.Response:
        """Change the switches that are named; all of them, or none when one is wrong."""
        try:
            changes = msgspec.json.decode(await request.read(), type=dict[str, Any])
            return _json(asdict(self._board.flip(changes)))
        except (ValueError, RecursionError) as error:
            return _refusal(str(error))

    async def _inbound(self, request: web.Request) -> web.Response:
        """Have a phone send a message; 202 once its webhook was posted for the first time."""
        try:
            order = msgspec.json.decode(await request.read(), type=InboundOrder)
            message_uuid = await self._receive(order, str(request.url.origin()))
        except (ValueError, RecursionError) as error:
            return _refusal(str(error))
        return _json({"message_uuid": message_uuid}, status=202)


def _number(typed: str, most: int) -> int | None:
    """Return a number up to `most`, or None where something else was typed."""
    if not (typed.isascii() and typed.isdigit()):
        return None
    number = int(typed) if len(typed) <= len(str(most)) else most + 1
    return number if number <= most else None


def _largest(counts: dict[str, int]) -> dict[str, int]:
    return dict(Counter(counts).most_common(_LISTED_MAX))


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json"
    )


def _refusal(detail: str) -> web.Response:
    return _json({"title": "The simulator cannot do that", "detail": detail}, status=422)
