"""Files that we host are named with the attempt that lets them leave, or not at all."""

from sqlalchemy import select

from tests.engine.stage import FailingCommits, FakeProvider, make_dispatcher
from tests.factories import make_message
from tests.library import kept_media
from wirephoto.domain.media import Media
from wirephoto.domain.message import MessageState, Priority
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.moves import cancel
from wirephoto.storage.messages import begin_sending
from wirephoto.storage.schema_media import media_names

MEDIA_URL = "https://gateway.example/media/"
DOWN = Outcome(Verdict.RETRY, "connection_failed", "Down.", retry_after_s=1.0)


async def hosted_message(stage):
    prepared = await kept_media(stage.database)
    message = make_message(media=(Media(upload=prepared.media_id, prepared=prepared),))
    await stage.store(message)
    return message


async def names(stage):
    async with stage.database.read() as tx:
        return (await tx.execute(select(media_names).order_by(media_names.c.attempt))).all()


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
    assert (name.file_id, name.media_type) == ("fil_1", "image/jpeg")
    (attempt,) = await stage.attempts(message)
    assert name.name in attempt.request
    assert name.expires_at > attempt.deadline_at


async def test_each_attempt_has_new_names(stage):
    """A fetch of the second name is evidence for the second attempt, and for no other."""
    message, provider = await hosted_message(stage), FakeProvider(stage.clock, DOWN)
    dispatcher = make_dispatcher(stage, provider, media_url=MEDIA_URL)
    await dispatcher.turn()
    await stage.advance(10.0)
    await dispatcher.turn()
    await stage.advance(1.0)

    rows = await names(stage)
    assert [row.attempt for row in rows] == [1, 2]
    told = [submission.media[0].url for submission in provider.submitted]
    assert told == [MEDIA_URL + row.name for row in rows]
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def test_an_attempt_that_lost_its_message_names_nothing(stage):
    """It was canceled after its claim: nobody is to fetch what was never sent."""
    await stage.store(make_message(priority=Priority.URGENT))
    message, provider = await hosted_message(stage), FakeProvider(stage.clock)
    await make_dispatcher(stage, provider, media_url=MEDIA_URL).turn()

    await cancel(
        stage.database,
        stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        clock=stage.clock,
        ids=stage.ids,
    )
    await stage.advance(1.0)

    assert len(provider.submitted) == 1
    assert (await stage.message(message)).state is MessageState.CANCELED
    assert (await names(stage), await stage.attempts(message)) == ([], [])


async def test_an_attempt_that_cannot_be_stored_names_nothing(stage):
    """One transaction: both or neither."""
    message = await hosted_message(stage)
    provider, commits = FakeProvider(stage.clock), FailingCommits(stage.commits)
    commits.failing.add(begin_sending)

    await make_dispatcher(stage, provider, commits=commits, media_url=MEDIA_URL).turn()
    await stage.advance(0.5)

    assert commits.failed
    assert provider.submitted == []
    assert (await names(stage), await stage.attempts(message)) == ([], [])
