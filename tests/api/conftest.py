"""Fixtures of the HTTP interface's tests: the application over both databases, keys, a mover."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import insert

from tests.api.application import add_sender, client_of, make_app
from tests.api.media_gateway import Hosting
from tests.factories import make_attempt, make_message
from tests.library import FakeFitter, make_media
from tests.virtual_clock import VirtualClock
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import KeyMode, Scope, key_hash, key_hint, make_key
from wirephoto.domain.event import message_event
from wirephoto.domain.message import AttemptState, Message, MessageState
from wirephoto.ids import Ids
from wirephoto.storage.database import Database
from wirephoto.storage.keys import ApiKey, insert_key
from wirephoto.storage.messages import (
    MessageFilter,
    Transition,
    insert_messages,
    list_messages,
    record_transitions,
)
from wirephoto.storage.schema import DEFAULT_TENANT, tenants

OTHER_TENANT = "ten_other"
BEGINNING = (MessageState.CLAIMED, MessageState.SENDING)

MakeKey = Callable[..., Awaitable[str]]


@pytest.fixture
async def app(database: Database, clock: VirtualClock) -> Litestar:
    """Give the application, with one sender and the key of the settings."""
    await add_sender(database, clock)
    return make_app(database, clock)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Give an HTTP client whose key has every scope."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
def store_key(database: Database, clock: VirtualClock, ids: Ids) -> MakeKey:
    """Give a function that stores a key with chosen scopes and returns it."""

    async def store(*scopes: Scope, tenant_id: str = DEFAULT_TENANT, key_id: str = "") -> str:
        key = make_key(KeyMode.LIVE, os.urandom)
        stored = ApiKey(
            id=key_id or ids.new("key", clock.now()),
            tenant_id=tenant_id,
            name="test",
            mode=KeyMode.LIVE,
            scopes=tuple(scopes),
            hint=key_hint(key),
            key_hash=key_hash(key),
            created_at=clock.now(),
        )
        async with database.transaction() as tx:
            await insert_key(tx, stored)
        return key

    return store


@pytest.fixture
async def other_tenant(database: Database, clock: VirtualClock) -> str:
    """Give a second tenant."""
    row = {"id": OTHER_TENANT, "name": "other", "created_at": clock.now()}
    async with database.transaction() as tx:
        await tx.execute(insert(tenants).values(row))
    return OTHER_TENANT


@dataclass
class Mover:
    """Stands in for whatever moves messages: dispatcher, carrier and preparation in one."""

    database: Database
    clock: VirtualClock
    ids: Ids

    async def stored(self, **changes: Any) -> Message:
        """Return a new message that is stored, without any event."""
        message = make_message(**changes)
        async with self.database.transaction() as tx:
            await insert_messages(tx, [message])
        return message

    async def newest(self) -> Message:
        """Return the newest message."""
        async with self.database.read() as tx:
            [message] = await list_messages(
                tx, DEFAULT_TENANT, MessageFilter(), before_id=None, limit=1
            )
        return message

    async def move(self, message: Message, *states: MessageState, **changes: Any) -> Message:
        """Return the message after it moved through `states`; its last move gets `changes`."""
        for state in states:
            now = self.clock.now()
            message = replace(
                message.move_to(state, now), **(changes if state is states[-1] else {})
            )
            event = message_event(self.ids.new("evt", now), message)
            await self._record(Transition(message, event=event))
        return message

    async def submit(self, message: Message, provider_message_id: str) -> Message:
        """Return the message after its first attempt was taken by the provider."""
        message = await self.move(message, MessageState.CLAIMED)
        now = self.clock.now()
        sending = replace(message.move_to(MessageState.SENDING, now), attempts=1)
        attempt = make_attempt(sending)
        event = message_event(self.ids.new("evt", now), sending, attempt)
        await self._record(Transition(sending, event=event, begun=attempt))
        submitted = replace(
            sending.move_to(MessageState.SUBMITTED, now), provider_message_id=provider_message_id
        )
        taken = replace(
            attempt,
            state=AttemptState.SUBMITTED,
            http_status=202,
            provider_message_id=provider_message_id,
        )
        event = message_event(self.ids.new("evt", now), submitted, taken)
        await self._record(Transition(submitted, event=event, attempt=taken))
        return submitted

    async def hold(self, message: Message, reason: str) -> None:
        """Hold a message in its state."""
        held = message.touched(self.clock.now(), hold_reason=reason)
        await self._record(Transition(held))

    async def _record(self, transition: Transition) -> None:
        async with self.database.transaction() as tx:
            assert all(await record_transitions(tx, [transition]))


@pytest.fixture
def mover(database: Database, clock: VirtualClock) -> Mover:
    """Give what moves messages."""
    return Mover(database, clock, Ids())


@pytest.fixture
async def hosting(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> AsyncIterator[Hosting]:
    """Give a gateway that hosts files, with one sender; no file under way is left."""
    await add_sender(database, clock)
    fitter = FakeFitter()
    media = make_media(database, clock, tmp_path, fitter=fitter)
    app = make_app(database, clock, media_is_prepared=True, media=media)
    made = Hosting(database, clock, tmp_path, media, fitter, app)
    yield made
    assert made.left_over() == []
    media.scratch.close()


@pytest.fixture
async def media_client(hosting: Hosting) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the gateway that hosts files, whose key may do everything."""
    async with client_of(hosting.app) as client:
        yield client


def with_services(app: Litestar, **changes: Any) -> Litestar:
    """Return the application with other services."""
    app.state.services = replace(services_of(app), **changes)
    return app


def waiting(app: Litestar, seconds: float = 10) -> Litestar:
    """Return the application, which now waits so long for the provider's answer."""
    return with_services(app, sync_wait=timedelta(seconds=seconds))
