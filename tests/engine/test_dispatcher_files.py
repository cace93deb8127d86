"""Files that we host are named with the attempt that lets them leave, or not at all."""

from dataclasses import replace

from sqlalchemy import select

from tests.engine.stage import FakeProvider, make_dispatcher
from tests.factories import NOW, make_message
from tests.library import kept_media
from wirephoto.domain.media import Media
from wirephoto.domain.message import MessageState
from wirephoto.engine.attempts import begin
from wirephoto.storage.messages import Transition, begin_sending
from wirephoto.storage.schema_media import media_names

MEDIA_URL = "https://gateway.example/media/"


async def hosted_message(stage):
    prepared = await kept_media(stage.database)
    message = make_message(media=(Media(upload=prepared.media_id, prepared=prepared),))
    await stage.store(message)
    return message


async def names(stage):
    async with stage.database.read() as tx:
        return (await tx.execute(select(media_names))).all()


async def test_the_provider_is_told_a_name_that_is_stored_already(stage):
    """It may fetch before it answers."""
    message, provider = await hosted_message(stage), FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider, media_url=MEDIA_URL)
    seen = []

    async def witness(_submission):
        seen.extend(await names(stage))

    provider.witness = witness
    await dispatcher.turn()
    await stage.advance(0.1)

    (name,) = seen
    (asked,) = provider.submitted
    assert [each.url for each in asked.media] == [MEDIA_URL + name.name]
    assert (name.message_id, name.attempt, name.position) == (message.id, 1, 0)
    (attempt,) = await stage.attempts(message)
    assert name.name in attempt.request


async def test_an_attempt_that_lost_its_message_names_nothing(stage):
    """Nobody is to fetch what was never sent: somebody else had moved it by then."""
    message = await hosted_message(stage)
    claimed = replace(message, state=MessageState.CLAIMED, slot_at=NOW)
    begun = begin(claimed, now=NOW, ids=stage.ids, timeout_s=30.0, media_url=MEDIA_URL)
    leaving = Transition(begun.pair.message, begun=begun.pair.attempt, names=begun.names)

    assert not await stage.commits.run(begin_sending, leaving)

    assert (await names(stage), await stage.attempts(message)) == ([], [])
