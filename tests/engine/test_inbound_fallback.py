"""A picture that the carrier refuses, and the text that follows: paced, and screened once more."""

from dataclasses import replace
from datetime import timedelta

from tests.engine.nights import at, hours, rules
from tests.engine.stage import FakeProvider, Stage, make_dispatcher, make_inbound, receipt
from tests.factories import NOW, RECIPIENT, make_attempt, make_message
from tests.library import kept_media
from tests.replying import make_opt_out
from wirephoto.domain.channel import Channel
from wirephoto.domain.departure import QUIET, Person, within_hours
from wirephoto.domain.media import Media
from wirephoto.domain.message import Attempt, AttemptState, Category, Message, MessageState
from wirephoto.storage.opt_outs import insert_opt_outs

URL = "https://mms.example.com/media/"
UNFIT = {"title": "1310"}
EVENING = at("2026-03-04 20:59:50")
"""Ten seconds before quiet hours."""
MORNING = at("2026-03-05 08:00")


async def on_its_way(stage: Stage, **changes: object) -> tuple[Message, Attempt]:
    """Store a picture that the provider has, with a text in reserve."""
    fields = {"state": MessageState.SUBMITTED, "attempts": 1, "fallback_text": "A cat, sorry"}
    message = make_message(**(fields | changes))
    attempt = make_attempt(message, state=AttemptState.SUBMITTED)
    await stage.store(message)
    await stage.store_attempts(attempt)
    return message, attempt


async def refuse(stage: Stage, attempt: Attempt) -> None:
    """Have the carrier refuse a picture for its phone."""
    report = receipt(attempt.client_ref, "uuid-picture", status="rejected", error=UNFIT)
    await stage.tell(report)
    await make_inbound(stage, media_url=URL).turn()


async def test_the_text_leaves_as_a_new_attempt_of_the_same_message(stage):
    """With a link to the picture, for which the slots are counted beforehand."""
    prepared = await kept_media(stage.database, 1)
    picture = replace(Media("https://pictures.example.com/cat.jpg"), prepared=prepared)
    words = "a" * 100
    message, first = await on_its_way(stage, media=(picture,), fallback_text=words)
    await refuse(stage, first)
    waiting = await stage.message(message)
    provider = FakeProvider(stage.clock)

    await make_dispatcher(stage, provider, media_url=URL).turn()
    await stage.advance(0.2)

    assert (waiting.state, waiting.channel, waiting.weight) == (
        MessageState.QUEUED,
        Channel.SMS,
        2,
    )
    [asked] = provider.submitted
    assert (asked.channel, asked.media) == (Channel.SMS, ())
    assert asked.text is not None
    assert asked.text.startswith(f"{words}\n{URL}")
    assert asked.client_ref != first.client_ref
    channels = [(each.channel, each.state) for each in await stage.attempts(message)]
    assert channels == [
        (Channel.MMS, AttemptState.REJECTED),
        (Channel.SMS, AttemptState.SUBMITTED),
    ]
    assert await stage.events(message) == ["queued", "sending", "submitted"]


async def test_the_text_takes_its_slots(stage):
    """Two segments: the next message leaves two intervals after it."""
    await stage.prepare(rate=10.0)
    message, first = await on_its_way(stage, fallback_text="ы" * 71)
    await refuse(stage, first)
    await stage.store(make_message(due_at=NOW + timedelta(microseconds=1)))
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)

    for _ in range(8):
        await dispatcher.turn()
        await stage.advance(0.05)

    assert [each.channel for each in provider.submitted] == [Channel.SMS, Channel.MMS]
    assert provider.times[1] - provider.times[0] >= timedelta(seconds=0.2)
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def test_a_report_that_comes_twice_brings_one_text(stage):
    """Receipts are repeated, also while the text is on its way and after it."""
    message, first = await on_its_way(stage)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)

    for _ in range(3):
        await refuse(stage, first)
        await dispatcher.turn()
        await stage.advance(0.2)

    assert [each.channel for each in provider.submitted] == [Channel.SMS]
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def test_whoever_sends_stop_before_the_text_gets_none(stage):
    """Every attempt is screened, not every message."""
    message, first = await on_its_way(stage)
    async with stage.database.transaction() as tx:
        await insert_opt_outs(tx, [make_opt_out()])
    await refuse(stage, first)
    provider = FakeProvider(stage.clock)

    await make_dispatcher(stage, provider).turn()
    await stage.advance(0.2)

    assert provider.submitted == []
    assert (await stage.message(message)).state is MessageState.BLOCKED


async def test_a_message_in_doubt_is_not_followed_by_a_text(stage):
    """It was sent twice by the operator's choice, and one of the two may have arrived."""
    message, first = await on_its_way(stage, duplicate_possible=True)

    await refuse(stage, first)

    assert (await stage.message(message)).state is MessageState.REJECTED


async def test_a_text_whose_picture_was_in_time_waits_for_the_morning(stage):
    """It is refused in quiet hours, and to the phone the picture's hour makes no difference."""
    window = within_hours(hours(), Person(RECIPIENT), Category.MARKETING, NOW)
    assert window is not None
    await stage.advance((EVENING - NOW).total_seconds())
    message, first = await on_its_way(
        stage,
        category=Category.MARKETING,
        expires_at=MORNING + timedelta(hours=2),
        window_closes_at=window.window_closes_at,
        hours_digest=window.hours_digest,
    )
    await stage.advance(15.0)
    await refuse(stage, first)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider, departures=rules())
    await dispatcher.turn()
    await stage.advance(0.2)
    held = await stage.message(message)
    sent_at_night = list(provider.submitted)
    await stage.advance((MORNING - stage.clock.now()).total_seconds())

    await dispatcher.turn()
    await stage.advance(0.2)

    assert sent_at_night == []
    assert (held.state, held.hold_reason) == (MessageState.QUEUED, QUIET)
    assert held.due_at == MORNING
    assert [each.channel for each in provider.submitted] == [Channel.SMS]
