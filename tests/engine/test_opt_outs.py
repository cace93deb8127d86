"""Nothing leaves for somebody who has opted out, whatever happens at the same time."""

import asyncio
from datetime import datetime, timedelta
from random import Random

import pytest

from tests.engine.stage import FakeProvider, Stage, make_dispatcher
from tests.engine.test_replies import Phone, phone_on
from tests.factories import NOW, RECIPIENT, make_message
from tests.replying import make_opt_out
from wirephoto.domain.message import MessageState
from wirephoto.domain.opt_out import OptOutSource
from wirephoto.engine.opt_outs import silence
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.opt_outs import insert_opt_outs

S = MessageState
STORY_STEPS = 40


async def store_quietly(stage: Stage, *rows) -> None:
    """Store opt-outs as somebody does who does not see what is accepted at the same time."""
    async with stage.database.transaction() as tx:
        await insert_opt_outs(tx, rows)


async def test_what_was_accepted_meanwhile_is_blocked_by_the_claim(stage):
    """The STOP did not see it, for its acceptance was not committed yet."""
    await stage.prepare()
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    silent, other = make_message(), make_message(recipient="+12125550199")
    await stage.store(silent, other)
    await store_quietly(stage, make_opt_out())

    await dispatcher.turn()
    await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([silent, other]) == ["blocked", "submitted"]
    assert [submission.recipient for submission in provider.submitted] == ["+12125550199"]
    assert (await stage.message(silent)).reason == "opted_out"


async def test_what_was_claimed_already_does_not_leave(stage):
    """The last look is in the statement that lets it leave."""
    await stage.prepare(rate=10.0)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    # By their ids: of two that are due at once the smaller one is sent first.
    first = make_message(id="msg_1", recipient="+12125550199")
    second = make_message(id="msg_2")
    await stage.store(first, second)
    await dispatcher.turn()
    assert await stage.states([second]) == ["claimed"]
    await store_quietly(stage, make_opt_out())

    await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([first, second]) == ["submitted", "blocked"]
    assert [submission.recipient for submission in provider.submitted] == ["+12125550199"]


async def test_an_opt_out_by_hand_blocks_what_waits(stage):
    """Its operator sees at once that nothing more goes out."""
    message = make_message(state=S.CLAIMED, lease_until=NOW + timedelta(seconds=30), slot_at=NOW)
    await stage.store(message)

    async with stage.database.transaction() as tx:
        row = make_opt_out(source=OptOutSource.OPERATOR)
        assert await silence(tx, [row], ids=stage.ids, now=NOW) == [True]

    assert await stage.states([message]) == ["blocked"]


async def test_the_answer_to_a_stop_leaves(stage):
    """Past the opt-out that it confirms."""
    phone = await phone_on(stage)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    waiting = make_message()
    await stage.store(waiting)

    await phone.says("STOP")
    await dispatcher.turn()
    await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([waiting]) == ["blocked"]
    [submission] = provider.submitted
    assert (submission.recipient, submission.media) == (RECIPIENT, ())
    assert "Cat Post" in (submission.text or "")


class Story:
    """STOP, START, acceptances, claims and crashes in an order that a seed decides."""

    def __init__(self, stage: Stage, phone: Phone, seed: int) -> None:
        self.stage, self.phone = stage, phone
        self.random = Random(seed)
        self.provider = FakeProvider(stage.clock)
        self.dispatchers = [make_dispatcher(stage, self.provider) for _ in range(2)]
        self.silent_since: datetime | None = None
        self.broken: list[str] = []
        self.judged = 0

    async def run(self) -> None:
        """Do `STORY_STEPS` things, then let everything end."""
        steps = (self.stop, self.start, self.accept, self.claim, self.wait, self.apply, self.die)
        for _ in range(STORY_STEPS):
            await self.random.choice(steps)()
            self.judge()
        await self.phone.inbound.turn()
        await self.stage.advance(60)
        self.judge()

    def judge(self) -> None:
        """Note what left while a STOP stood that had been stored before."""
        left = list(zip(self.provider.times, self.provider.submitted, strict=True))
        for left_at, submission in left[self.judged :]:
            answers = submission.media == ()
            if self.silent_since and left_at > self.silent_since and not answers:
                self.broken.append(f"{submission.client_ref} left at {left_at}")
        self.judged = len(left)

    async def stop(self) -> None:
        """STOP: from its 200 on, nothing may leave."""
        await self.stage.advance(1)
        self.judge()
        await self.phone.says("STOP", applied=False)
        self.silent_since = self.stage.clock.now()

    async def start(self) -> None:
        """START, applied at once, as is everything before it."""
        await self.stage.advance(1)
        self.judge()
        await self.phone.says("START")
        self.silent_since = None

    async def accept(self) -> None:
        """Accept a message as somebody does who looked for opt-outs a moment ago."""
        async with self.stage.database.transaction() as tx:
            await insert_messages(tx, [make_message(expires_at=NOW + timedelta(days=9))])

    async def claim(self) -> None:
        """Let one of the processes claim."""
        await self.random.choice(self.dispatchers).turn()

    async def wait(self) -> None:
        """Let time pass: what is claimed leaves."""
        await self.stage.advance(self.random.choice((0.02, 0.2, 2.0)))

    async def apply(self) -> None:
        """Let what phones said be applied."""
        await self.phone.inbound.turn()

    async def die(self) -> None:
        """Kill a process with all that it has claimed, and start another."""
        dead = self.dispatchers.pop()
        await dead.stop(0)
        self.dispatchers.append(make_dispatcher(self.stage, self.provider))
        await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time


@pytest.mark.parametrize("seed", range(12))
async def test_no_order_of_things_lets_anything_leave_after_a_stop(stage, seed):
    """A text after STOP costs 500 to 1,500 dollars; the order in which things happen is luck."""
    phone = await phone_on(stage)
    story = Story(stage, phone, seed)

    await story.run()

    assert story.broken == []
    for dispatcher in story.dispatchers:
        await dispatcher.drain()


async def test_the_story_would_notice(stage, monkeypatch):
    """Without the checks, the same stories break the rule: they are not vacuous."""
    monkeypatch.setattr("wirephoto.engine.replies.silence", _says_so_and_does_nothing)
    phone = await phone_on(stage)
    broken = []
    for seed in range(12):
        story = Story(stage, phone, seed)
        await story.run()
        broken += story.broken

    assert broken


async def _says_so_and_does_nothing(_tx, rows, **_):
    return [True] * len(rows)
