"""A whole gateway in the test's own event loop, with a provider that the test owns."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import httpx
from sqlalchemy import select

from tests.factories import SENDER
from tests.spare_store import SPARE_STORE
from wirephoto.bootstrap import Gateway
from wirephoto.clock import SystemClock
from wirephoto.config import VARIABLES, Settings, load_settings
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.simulator.settings import Credentials, make_credentials
from wirephoto.storage.database import open_database
from wirephoto.storage.schema import messages

KEY = "wp-first-key-of-the-settings"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


class FakeProvider:
    """Takes every message, once `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self.submissions: list[Submission] = []

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        """Take a message."""
        self.asked.set()
        self.submissions.append(submission)
        await self.open.wait()
        number = len(self.submissions)
        return Outcome(
            Verdict.ACCEPTED,
            "accepted",
            "The provider took it.",
            http_status=202,
            provider_message_id=f"{UUID[:-3]}{number:03}",
        )


@cache
def _credentials() -> Credentials:
    return make_credentials()


def settings_of(database_url: str, **changes: Any) -> Settings:
    """Return settings of a process on a database; the environment of the tests is left out."""
    credentials = _credentials()
    values = {
        "vonage_application_id": credentials.application_id,
        "vonage_private_key": credentials.private_key,
        "vonage_sender_number": SENDER,
        "vonage_base_url": "http://127.0.0.1:9",
        "database_url": database_url,
        "media": "passthrough",
        "media_store": SPARE_STORE,
        "sender_rate": 1000.0,
        "account_rate": 1000.0,
        "api_key": KEY,
        "secret": "x" * 40,
    }
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with patch.dict(os.environ, others, clear=True):
        return load_settings(values | changes, env_file=None)


@asynccontextmanager
async def running(
    settings: Settings, **parts: Any
) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    """Give a gateway whose duties run, and a client of its interface."""
    gateway = Gateway(settings, **({"clock": SystemClock()} | parts))
    try:
        await gateway.start()
        transport = httpx.ASGITransport(app=gateway.app)
        headers = {"X-API-Key": KEY}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway.test", headers=headers
        ) as client:
            yield gateway, client
    finally:
        await gateway.stop()


async def states_in(database_url: str) -> list[str]:
    """Return the state of each message."""
    database = open_database(database_url)
    try:
        async with database.read() as tx:
            return list((await tx.execute(select(messages.c.state))).scalars())
    finally:
        await database.close()
