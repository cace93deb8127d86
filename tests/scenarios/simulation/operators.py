"""Somebody who settles messages in doubt, and knows from the provider what is true."""

import json
from datetime import datetime
from random import Random
from typing import Any

from tests.scenarios.simulation.customers import TIMEOUT_S, headers_of, post
from tests.scenarios.simulation.evidence import Decision
from tests.scenarios.simulation.network import Link
from tests.scenarios.simulation.process import Answer, Broken, Request
from tests.scenarios.simulation.weather import Plan
from wirephoto.simulator.ledger import Ledger

ABANDONED = 0.15
"""How many of the messages in doubt are given up rather than looked into."""
TRIES_MAX = 4
_STATES = {"sent": "submitted", "not_sent": "queued", "abandon": "failed"}


class Operator:
    """Looks for messages in doubt now and then, and says what became of them."""

    def __init__(self, name: str, link: Link, ledger: Ledger, plan: Plan, random: Random) -> None:
        self.name = name
        self._link = link
        self._ledger = ledger
        self._plan = plan
        self._random = random

    async def live(self) -> None:
        """Look as often as the plan says."""
        for _ in range(self._plan.looks):
            await self._rest(self._plan.lasts_s / self._plan.looks * 2)
            shown = await self._get("/v1/messages?state=unconfirmed")
            for message in shown["messages"] if shown else ():
                await self._resolve(message["id"])

    async def _resolve(self, message_id: str) -> None:
        """Settle one message, if what became of it can be known by now."""
        shown = await self._get(f"/v1/messages/{message_id}/events")
        if not shown:
            return
        attempt = shown["attempts"][-1]
        said = self._truth_of(attempt)
        if said is None:
            return
        decision = Decision(message_id, attempt["number"], said["outcome"])
        self._link.evidence.decisions.append(decision)
        await self._rest(self._plan.thinks_s)
        named = said | {"attempt": attempt["number"]}
        request = post(f"/v1/messages/{message_id}/resolve", named, None)
        for _ in range(TRIES_MAX):
            answer = await self._ask(request)
            if answer is None or answer.status == 503:
                # A commit that was not answered may have happened.
                decision.lost += 1
            else:
                self._read(decision, answer)
                return
            await self._rest(1.0)

    def _truth_of(self, attempt: dict[str, Any]) -> dict[str, Any] | None:
        """Return what to say of an attempt, or None while nobody can know."""
        client_ref, now = attempt["client_ref"], self._link.clock.now()
        if self._random.random() < ABANDONED:
            return {"outcome": "abandon"}
        uuids = [row.message_uuid for row in self._ledger.accepted if row.client_ref == client_ref]
        if uuids:
            name = {"message_uuid": uuids[0]} if self._random.random() < 0.5 else {}
            return {"outcome": "sent", **name}
        may_leave = now <= datetime.fromisoformat(attempt["deadline_at"])
        if may_leave or client_ref in self._link.evidence.on_the_wire:
            return None
        return {"outcome": "not_sent"}

    def _read(self, decision: Decision, answer: Answer) -> None:
        what = f"{decision.outcome} of {decision.message_id} answered {answer.status}"
        self._link.journal.note(self.name, what)
        if answer.status == 200:
            decision.told += 1
            state = json.loads(answer.body)["state"]
            if state != _STATES[decision.outcome]:
                self._link.journal.blame(f"{what}: it is {state}")
        elif answer.status != 409:
            self._link.journal.blame(what)

    async def _get(self, path: str) -> Any:
        answer = await self._ask(Request("GET", path, headers=headers_of(None)))
        return json.loads(answer.body) if answer and answer.status == 200 else None

    async def _ask(self, request: Request) -> Answer | None:
        lost = self._link.weather.faults.customer_lost
        try:
            return await self._link.ask(request, lost=lost, timeout_s=TIMEOUT_S)
        except (Broken, TimeoutError) as error:
            self._link.journal.note(self.name, f"{request.path}: {error!r}")
            return None

    async def _rest(self, most_s: float) -> None:
        await self._link.clock.sleep(self._random.random() * most_s)
