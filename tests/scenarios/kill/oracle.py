"""The simulated provider, steered and asked from outside: it alone knows what it accepted."""

from collections import Counter
from typing import Any

import aiohttp

PAGE = 1000


class Oracle:
    """The simulator's own interface, under `/simulator/`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.picture = f"{url}/simulator/sample.jpg"

    async def misbehave(self, switches: dict[str, Any]) -> None:
        """Change switches."""
        async with self._session.post(f"{self._url}/simulator/faults", json=switches) as answer:
            assert answer.status == 200, await answer.text()

    async def answers(self) -> int:
        """Return how many submissions were dealt with so far, those without an answer included."""
        counts = (await self._page(limit=0))["answers"]
        return sum(counts.values())

    async def accepted_total(self) -> int:
        """Return how many messages were accepted, however often each."""
        return int((await self._page(limit=0))["accepted"])

    async def accepted(self) -> Counter[str]:
        """Return how often each `client_ref` was accepted; ask when nothing is sent any more."""
        counts: Counter[str] = Counter()
        page: dict[str, Any] = {"messages": [None]}
        while page["messages"]:
            page = await self._page(limit=PAGE, skip=counts.total())
            counts.update(message["body"]["client_ref"] for message in page["messages"])
        assert counts.total() == page["accepted"], "the simulator forgot some"
        return counts

    async def _page(self, **query: int) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/simulator/accepted", params=query) as answer:
            assert answer.status == 200, await answer.text()
            page: dict[str, Any] = await answer.json()
            return page
