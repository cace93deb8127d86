"""Who has the messages sent: posts each request until it is answered, always under its one key."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import aiohttp

from tests.scenarios.kill.plan import Plan, recipient
from tests.scenarios.kill.polling import until

HANDS = 8
"""Requests that are under way at a time."""
PATIENCE_S = 90.0
"""How long one request is repeated: several restarts in a row, on a slow machine."""
REPEAT_S = 0.2
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_REPEATED = frozenset({409, 503})
"""409 while the first request with the key still runs, and 503, say: again, with the same key."""


class Customer:
    """Posts the messages of a plan; `accepted` has the id that each one was given.

    `waiting` tells how many messages have yet to leave: the customer keeps `Plan.backlog` of them
    waiting and no more, so that accepting and sending go on together until the end.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        plan: Plan,
        picture: str,
        waiting: Callable[[], Awaitable[int]],
    ) -> None:
        self._session = session
        self._url = url
        self._plan = plan
        self._picture = picture
        self._waiting = waiting
        self._room = 0
        self.accepted: dict[str, str] = {}
        self.repeated = 0

    async def post_all(self) -> None:
        """Return when every message is accepted.

        Raises:
            TimeoutError: a request found no answer.
            AssertionError: one was refused.
        """
        orders = self._plan.orders()
        async with asyncio.TaskGroup() as group:
            for _ in range(HANDS):
                group.create_task(self._work(orders))

    async def _work(self, orders: Iterator[range]) -> None:
        for order in orders:
            if self._room <= 0:
                await until(self._has_room, "messages leave", patience_s=PATIENCE_S, rest_s=0.05)
            self._room -= len(order)
            await self._post(order)

    async def _has_room(self) -> bool:
        self._room = self._plan.backlog - await self._waiting()
        return self._room > 0

    async def _post(self, order: range) -> None:
        """Post one message alone, or several as a batch, and keep the ids that come back."""
        bodies = [self._body(number) for number in order]
        path, body = "/v1/messages/batch", {"messages": bodies}
        if len(order) == 1:
            path, body = "/v1/messages", bodies[0] | self._attachment()
        key = f"order-{order.start}"
        answer = await until(
            partial(self._answer, path, body, key), key, patience_s=PATIENCE_S, rest_s=REPEAT_S
        )
        for result in answer.get("results", [{"message": answer}]):
            view = result["message"]
            self.accepted[view["reference"]] = view["id"]

    def _body(self, number: int) -> dict[str, Any]:
        return {
            "to": recipient(number),
            "text": f"Picture number {number} is ready",
            "reference": f"message-{number}",
        }

    def _attachment(self) -> dict[str, Any]:
        return {"media": [{"url": self._picture}]} if self._plan.pictures else {}

    async def _answer(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        """Ask once; None where nobody answered, or the answer says to ask again."""
        headers = {"Idempotency-Key": key}
        try:
            async with self._session.post(
                self._url + path, json=body, headers=headers, timeout=_TIMEOUT
            ) as answer:
                if answer.status in (200, 202):
                    found: dict[str, Any] = await answer.json()
                    return found
                refused = f"{key}: {answer.status} {await answer.text()}"
                assert answer.status in _REPEATED, refused
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        self.repeated += 1
        return None
