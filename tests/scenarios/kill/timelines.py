"""What the gateway tells of its messages when all is over: read as a customer reads it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

HANDS = 8
PAGE = 200


@dataclass(frozen=True, slots=True)
class ToldAttempt:
    """One attempt, and whether the provider's own answer to it was heard."""

    client_ref: str
    state: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One message with its attempts."""

    id: str
    reference: str
    state: str
    attempts: tuple[ToldAttempt, ...] = ()


async def read_messages(session: aiohttp.ClientSession, url: str) -> list[Told]:
    """Return every message that the gateway has."""
    views = [view async for view in _pages(session, url)]
    told: list[Told] = []
    left = iter(views)
    async with asyncio.TaskGroup() as group:
        for _ in range(HANDS):
            group.create_task(_read_timelines(session, url, left, told))
    return told


async def _pages(session: aiohttp.ClientSession, url: str):
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
        page = await _get(session, f"{url}/v1/messages", query)
        for view in page["messages"]:
            yield view
        cursor = page["next_cursor"]


async def _read_timelines(
    session: aiohttp.ClientSession, url: str, left: Iterator[dict[str, Any]], told: list[Told]
) -> None:
    for view in left:
        timeline = await _get(session, f"{url}/v1/messages/{view['id']}/events", {"limit": "1"})
        attempts = tuple(
            ToldAttempt(each["client_ref"], each["state"], each["http_status"] is not None)
            for each in timeline["attempts"]
        )
        told.append(Told(view["id"], view["reference"], view["state"], attempts))


async def _get(session: aiohttp.ClientSession, url: str, query: dict[str, str]) -> dict[str, Any]:
    async with session.get(url, params=query) as answer:
        assert answer.status == 200, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body
