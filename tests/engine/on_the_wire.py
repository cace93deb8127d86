"""A message whose request is with the provider, which answers when the test says so."""

import asyncio
from dataclasses import dataclass

from tests.engine.stage import FakeProvider, Stage, eventually, make_dispatcher
from tests.factories import make_message
from wirephoto.domain.message import Attempt, Message, Submission
from wirephoto.engine.dispatcher import Dispatcher


@dataclass(frozen=True)
class OnTheWire:
    """Message and attempt as they are stored in `sending`."""

    message: Message
    attempt: Attempt
    provider: FakeProvider
    _dispatcher: Dispatcher
    _answering: asyncio.Event

    async def answer(self) -> None:
        """Let the provider take it; return when the dispatcher is done with the answer."""
        self._answering.set()
        await self._dispatcher.drain()


async def send_to_the_wire(stage: Stage) -> OnTheWire:
    """Have a dispatcher send a new message, up to the answer."""
    message, provider = make_message(), FakeProvider(stage.clock)
    asked, answering = asyncio.Event(), asyncio.Event()

    async def hold(_submission: Submission) -> None:
        asked.set()
        await answering.wait()

    provider.witness = hold
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.1)
    await eventually(asked.is_set)
    [attempt] = await stage.attempts(message)
    return OnTheWire(await stage.message(message), attempt, provider, dispatcher, answering)
