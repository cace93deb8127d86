"""Customers: they ask for messages, repeat what was not answered, change their minds, look.

Each act is a function in `ACTS`; a seed draws which of them its customers do.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from tests.gateway import KEY
from tests.scenarios.simulation.evidence import Evidence, Order
from tests.scenarios.simulation.network import Link
from tests.scenarios.simulation.process import Answer, Broken, Request
from tests.scenarios.simulation.weather import Plan
from wirephoto.domain.message import MessageState
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS

TIMEOUT_S = 20.0
TRIES_MAX = 400
PICTURE = "https://pictures.example.com/cat.jpg"
_STUBBORN = ("31", "41", "42")
"""Recipients whose messages wait until they expire."""
_QUIET = ("21", "22")
"""Recipients of whom nothing, or no last word, is heard."""
_NEVER_TAKEN = ("33", "34", "35", "37")
"""Recipients whose messages stay in doubt, and under `at_least_once` are repeated likewise."""
_AGAIN = frozenset({409, 503})


class Customer:
    """One customer, who does a few acts over some time."""

    def __init__(self, name: str, link: Link, plan: Plan, random: Random) -> None:
        self.name = name
        self._link = link
        self._plan = plan
        self._random = random
        self._evidence: Evidence = link.evidence
        self._asked = 0
        repeats = plan.settings["delivery"] == "at_least_once"
        self._stubborn = _STUBBORN + _NEVER_TAKEN * repeats

    async def live(self) -> None:
        """Do what the plan says."""
        for _ in range(self._plan.requests):
            await self._rest(self._plan.lasts_s / self._plan.requests * 2)
            act = self._random.choice(self._plan.acts)
            self._link.journal.note(self.name, act)
            await ACTS[act](self)

    async def send(self) -> Order:
        """Ask for a message until it is answered."""
        order, body = self._new_order()
        await self._insist(order, post("/v1/messages", body, order.key), self._read_message)
        return order

    async def send_twice(self) -> None:
        """Ask for the same message twice at once, and once more later."""
        order, body = self._new_order()
        request = post("/v1/messages", body, order.key)
        impatient = self._link.loop.create_task(
            self._insist(order, request, self._read_message), name=f"{self.name} again"
        )
        await self._insist(order, request, self._read_message)
        await impatient
        await self._rest(2.0)
        await self._insist(order, request, self._read_message)

    async def send_unkeyed(self) -> None:
        """Ask once, without a key: what is not answered stays unknown."""
        order, body = self._new_order(keyed=False)
        answer = await self._ask_once(order, post("/v1/messages", body, None))
        if answer:
            self._read_message(order, answer)

    async def send_and_cancel(self) -> None:
        """Ask for a message and take it back, at once or after a while."""
        order = await self.send()
        await self._rest(self._random.choice((0.0, 0.3, 1.0)))
        for message_id in order.promised:
            request = post(f"/v1/messages/{message_id}/cancel", None, None)
            await self._insist(order, request, self._read_cancel)

    async def batch(self) -> None:
        """Ask for several messages in one request."""
        drawn = [self._new_order() for _ in range(self._random.randint(2, 5))]
        orders = [order for order, _ in drawn]
        whole = Order(f"{self.name}-batch-{self._asked}", "", f"{self.name}-b-{self._asked}")
        messages = [body | {"idempotency_key": order.key} for order, body in drawn]

        def read(_order: Order, answer: Answer) -> None:
            assert answer.status == 200, answer
            for order, result in zip(orders, json.loads(answer.body)["results"], strict=True):
                self._read_result(order, result)

        request = post("/v1/messages/batch", {"messages": messages}, whole.key)
        await self._insist(whole, request, read)

    async def simple_door(self) -> None:
        """Send a picture through the door that waits."""
        order, body = self._new_order(stubborn=False)
        simple = {"recipient": body["to"], "imageUrl": PICTURE, "caption": order.reference}
        await self._insist(order, post("/send-mms", simple, order.key), self._read_simple)

    async def look(self) -> None:
        """Look up what was promised: a final state stays, but that a phone may show it as read."""
        orders = [order for order in self._evidence.orders if order.promised]
        if not orders:
            return
        order = self._random.choice(orders)
        for message_id in order.promised:
            request = Request("GET", f"/v1/messages/{message_id}", headers=headers_of(None))
            await self._insist(order, request, self._read_state)

    async def canary(self) -> None:
        """Send a plain message that must arrive: everything works again."""
        order, body = self._new_order(plain=True)
        await self._insist(order, post("/v1/messages", body, order.key), self._read_message)

    def _new_order(
        self, *, keyed: bool = True, plain: bool = False, stubborn: bool = True
    ) -> tuple[Order, dict[str, Any]]:
        self._asked += 1
        reference = f"{self.name}-{self._asked}"
        recipient = self._recipient(plain=plain, stubborn=stubborn)
        order = Order(reference, recipient, f"key-{reference}" if keyed else None)
        self._evidence.orders.append(order)
        body: dict[str, Any] = {"to": recipient, "text": reference, "reference": reference}
        if self._random.random() < 0.7:
            body["media"] = [{"url": PICTURE}]
        now = self._link.clock.now()
        if not plain and self._random.random() < self._plan.scheduled:
            body["send_at"] = (now + timedelta(seconds=self._random.uniform(1, 20))).isoformat()
        short_lived = not plain and self._random.random() < self._plan.short_lived
        if short_lived or recipient[-2:] in self._stubborn:
            lives_s = self._random.choice((3.0, 10.0, 30.0, 200.0))
            body["expires_at"] = (now + timedelta(seconds=20 + lives_s)).isoformat()
        return order, body

    def _recipient(self, *, plain: bool, stubborn: bool) -> str:
        digits = f"{self._random.randint(1, 19):02}"
        if not plain and self._random.random() < self._plan.quiet:
            digits = self._random.choice(_QUIET)
        elif not plain and self._random.random() < self._plan.magic:
            digits = self._random.choice(
                [
                    each.digits
                    for each in MAGIC_RECIPIENTS
                    if stubborn or each.digits not in self._stubborn
                ]
            )
        return f"+1{self._random.choice(self._plan.areas)}55501{digits}"

    async def _rest(self, most_s: float) -> None:
        await self._link.clock.sleep(self._random.random() * most_s)

    async def _insist(
        self, order: Order, request: Request, read: Callable[[Order, Answer], None]
    ) -> None:
        """Ask again, with the same key, until there is an answer that tells."""
        for tried in range(TRIES_MAX):
            answer = await self._ask_once(order, request)
            if answer and (answer.status not in _AGAIN or _is_final_409(answer)):
                read(order, answer)
                return
            await self._rest(min(5.0, 0.1 * 2.0**tried))
        self._link.journal.blame(f"{order.reference}: no answer after {TRIES_MAX} tries")

    async def _ask_once(self, order: Order, request: Request) -> Answer | None:
        order.tries += 1
        try:
            answer = await self._link.ask(
                request, lost=self._link.weather.faults.customer_lost, timeout_s=TIMEOUT_S
            )
        except (Broken, TimeoutError) as error:
            self._link.journal.note(self.name, f"{order.reference}: {error!r}")
            return None
        self._link.journal.note(self.name, f"{order.reference}: {answer.status}")
        if answer.status >= 500 and answer.status != 503 and request.path != "/send-mms":
            self._link.journal.blame(f"{request.path} answered {answer.status}: {answer.body!r}")
        return answer

    def _read_message(self, order: Order, answer: Answer) -> None:
        if answer.status == 202:
            self._evidence.promised(order, json.loads(answer.body)["id"], answer.body)
        elif answer.status == 422:
            self._refused(order)
        elif answer.status != 503:
            self._link.journal.blame(f"{order.reference} answered {answer.status}: {answer.body!r}")

    def _read_result(self, order: Order, result: dict[str, Any]) -> None:
        if result["status"] == 202:
            message = result["message"]
            self._evidence.promised(order, message["id"], json.dumps(message).encode())
        else:
            self._refused(order)

    def _refused(self, order: Order) -> None:
        if order.promised:
            self._link.journal.blame(f"{order.reference} was promised, then refused")
        order.is_refused = True

    def _read_cancel(self, order: Order, answer: Answer) -> None:
        if answer.status == 200:
            order.is_canceled = True
        elif answer.status != 409:
            self._link.journal.blame(f"cancel of {order.reference} answered {answer.status}")

    def _read_simple(self, order: Order, answer: Answer) -> None:
        said = json.loads(answer.body)
        if answer.status == 200:
            order.provider_ids[said.get("message_uuid", "none")] = None
        elif answer.status == 500:
            order.will_never_go = True
        elif answer.status != 202:
            self._link.journal.blame(f"{order.reference} answered {answer.status}: {said}")
        if "id" in said:
            self._evidence.promised(order, said["id"], answer.body)

    def _read_state(self, order: Order, answer: Answer) -> None:
        if answer.status != 200:
            self._link.journal.blame(f"{order.reference} is promised and answered {answer.status}")
            return
        state = json.loads(answer.body)["state"]
        last = MessageState(order.seen[-1]) if order.seen else None
        read = (last, state) == (MessageState.DELIVERED, MessageState.READ)
        if last and last.is_final and last != state and not read:
            self._link.journal.blame(f"{order.reference} was {last} and is {state}")
        order.seen.append(state)


ACTS: dict[str, Callable[[Customer], Awaitable[Any]]] = {
    "send": Customer.send,
    "send_twice": Customer.send_twice,
    "send_unkeyed": Customer.send_unkeyed,
    "send_and_cancel": Customer.send_and_cancel,
    "batch": Customer.batch,
    "simple_door": Customer.simple_door,
    "look": Customer.look,
}


def _is_final_409(answer: Answer) -> bool:
    """Tell whether a 409 says that it is too late, rather than that another request runs."""
    return answer.status == 409 and json.loads(answer.body).get("code") == "not_cancelable"


def headers_of(key: str | None) -> dict[str, str]:
    """Return the headers of a request."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return headers | ({"Idempotency-Key": key} if key else {})


def post(path: str, body: dict[str, Any] | None, key: str | None) -> Request:
    """Return a request that asks for something."""
    encoded = json.dumps(body).encode() if body is not None else b""
    return Request("POST", path, encoded, headers_of(key))
