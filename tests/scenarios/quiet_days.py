"""Some days of a brand's messages, as a seed deals them, and a judge of its own.

The judge knows the hours of some recipients by heart, and who has said STOP. It asks no code of
ours: neither area codes, nor rules, nor how an instant becomes an hour, nor what is stored.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from tests.engine.nights import rules
from tests.engine.stage import FakeProvider, Stage, receipt
from tests.factories import SENDER
from tests.replying import NUMBERS
from tests.scenarios.mortal import DUTIES, Doom, Journal, MortalProcess
from tests.scenarios.people import PEOPLE, Someone
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category, Message, Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.domain.request import MessageRequest, RequestRules
from wirephoto.engine.drafting import Caller, Drafting
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.storage.schema import DEFAULT_TENANT, attempts, messages

CALLER = Caller(DEFAULT_TENANT, "key_1", live=True, scopes=frozenset({Scope.SEND}))
CONVERSATION = timedelta(minutes=15)
ON_THE_WAY = timedelta(milliseconds=40)
"""From the commit in which a message leaves to its first byte on the wire.

A dispatcher commits so long before a message's slot (`dispatcher.LEAD`) and then waits for it. The
database takes no time of this world's clock: nothing else comes between the two.
"""
HOUR = timedelta(hours=1)
MARKETING, TRANSACTIONAL = (Category.MARKETING,), (Category.TRANSACTIONAL,)
MIXED = MARKETING * 2 + TRANSACTIONAL
CAP, CAP_TEXT = 2, "marketing=2/day"
POLICIES = ("federal", "state", "federal and daily 10:00-16:00")
PROCESSES = 2


class QuietDays:
    """A world of one brand, whose processes die at any commit; `broken` is what broke the rules.

    `blind_to_hours` has the processes, and not the judge, know of no quiet hours.
    """

    def __init__(self, stage: Stage, seed: int, *, blind_to_hours: bool = False) -> None:
        self.stage = stage
        self.random = Random(seed)
        self.doom = Doom(Random(f"doom {seed}"))
        self.blind_to_hours = blind_to_hours
        self.journal = Journal()
        self.provider = FakeProvider(stage.clock)
        self.provider.before = self._decide
        self.policy = "federal"
        self.broken: list[str] = []
        self.seen: Counter[str] = Counter()
        self._calls = 0
        self._wrote_at: dict[str, datetime] = {}
        self._heard: dict[str, list[datetime]] = defaultdict(list)
        self._told: set[str] = set()
        self._silent_since: dict[str, int] = {}
        self._started_again: set[str] = set()
        self._processes: list[MortalProcess] = []
        self._set_up()

    def _set_up(self) -> None:
        """Start processes with the policy that is in force now, in place of those that run."""
        stage, departures = self.stage, self.departures
        self._drafting = Drafting(
            database=stage.database,
            clock=stage.clock,
            ids=stage.ids,
            directory=SenderDirectory(stage.database, stage.clock),
            numbers=NUMBERS,
            outlook=Outlook(stage.database, stage.clock, CapRules()),
            rules=RequestRules(
                default_sender=SENDER,
                default_category=Category.MARKETING,
                expires_after=timedelta(hours=30),
                real_provider=False,
            ),
            marketing=MarketingRules(consent=ConsentPolicy(WithoutConsent.ALLOW), wording=False),
            media_is_prepared=False,
            departures=departures,
        )
        self._graves = self._processes
        self._processes = [self._new_process() for _ in range(PROCESSES)]

    @property
    def departures(self) -> DepartureRules:
        """Return the rules in force."""
        return rules("off" if self.blind_to_hours else self.policy, CAP_TEXT)

    def _new_process(self) -> MortalProcess:
        return MortalProcess(
            self.stage, self.provider, self.journal, rules=self.departures, doom=self.doom
        )

    async def live(self, steps: int) -> None:
        """Let some things happen, one after the other, until something breaks the rules."""
        acts = (
            *[self._submit] * 2,
            *[self._write] * 2,
            *[self._change] * 2,
            *[self._stop] * 2,
            *[self._start] * 2,
            self._turn_down,
            self._submit_late,
        )
        for _ in range(steps):
            await self.random.choice(acts)()
            await self._work()
            await self._pass_time()
            await self._work()
            if self.broken:
                break
        await self._bury(*self._processes)
        await self._check_caps()

    async def _submit(self) -> None:
        await self._submit_to(
            [self.random.choice(PEOPLE) for _ in range(self.random.randint(1, 3))]
        )

    async def _submit_to(
        self,
        recipients: list[Someone],
        ahead_min: tuple[int, ...] = (0, 0, 40, 90, 240, 1500),
        categories: tuple[Category, ...] = MIXED,
    ) -> None:
        await self.stage.store(*await self._drafts(recipients, ahead_min, categories))

    async def _drafts(
        self,
        recipients: list[Someone],
        ahead_min: tuple[int, ...] = (0,),
        categories: tuple[Category, ...] = MIXED,
    ) -> list[Message]:
        """Return a message for each as it is accepted now, but for its being stored."""
        found = []
        for someone in recipients:
            category = self.random.choice(categories)
            ahead = timedelta(minutes=self.random.choice(ahead_min))
            request = MessageRequest(
                to=someone.number,
                text=category.value,
                category=category,
                send_at=self.stage.clock.now() + ahead,
                recipient_zone=someone.given_zone,
                recipient_state=someone.given_state,
            )
            context = await self._drafting.context(CALLER, [request])
            try:
                message = (await self._drafting.message(context, request)).message
            except RequestRefused:
                self.seen["refused"] += 1
                continue
            if self.random.random() < 0.1:
                message = replace(message, answer="stop", text="answer")
            found.append(message)
            self.seen[f"accepted {message.hold_reason}"] += 1
        return found

    async def _submit_late(self) -> None:
        """Submit to some whose hours end in a moment, so that slots come before that and after."""
        strikes, closing = self._hour_when(
            lambda each, hour: (
                each.may_hear(hour - HOUR, self.policy)
                and not each.may_hear(hour, self.policy)
                and self._has_heard_little(each, hour)
            )
        )
        await self._wait_until(strikes, self.random.choice([0.1, 0.05, 0.02]))
        await self._submit_to(closing * CAP, (0,), MARKETING)
        await self._claim()
        await self.stage.advance(0.3)

    def _hour_when(
        self, is_so: Callable[[Someone, datetime], bool]
    ) -> tuple[datetime, list[Someone]]:
        """Return the first hour within a day at which something is so, and for whom; or the next.

        Hours begin at once in all zones.
        """
        hour = self.stage.clock.now().replace(minute=0, second=0, microsecond=0)
        for ahead in range(1, 25):
            found = [each for each in PEOPLE if is_so(each, hour + ahead * HOUR)]
            if found:
                return hour + ahead * HOUR, found
        return hour + HOUR, []

    def _has_heard_little(self, someone: Someone, until: datetime) -> bool:
        """Tell whether no cap keeps them from hearing more."""
        heard = self._heard[someone.number]
        return sum(until - at < timedelta(days=1) for at in heard) < CAP

    async def _wait_until(self, instant: datetime, before_s: float = 0.0) -> None:
        left_s = (instant - self.stage.clock.now()).total_seconds() - before_s
        await self.stage.advance(max(0.0, left_s))

    async def _write(self) -> None:
        """Somebody writes to the brand, at night rather than by day, and is answered."""
        now = self.stage.clock.now()
        awake = [each for each in PEOPLE if not each.may_hear(now, self.policy)]
        someone = self.random.choice(awake or PEOPLE)
        await self._say("Are you open?", someone.number)
        await self._do("inbound")
        self._wrote_at[someone.number] = now
        await self._submit_to([someone] * 2, ahead_min=(0,))

    async def _stop(self) -> None:
        """Somebody says STOP, perhaps while a message to them is about to leave.

        From the moment in which it is stored, nothing may ask to leave and do so. What else
        follows from it is done at once, or at some later time. Some messages were accepted before
        it and are stored after it, as is done by a process that does not see it.
        """
        heard = [each for each in PEOPLE if each.number not in self._silent_since]
        someone = self.random.choice(heard or PEOPLE)
        await self._submit_to([someone], (0,))
        await self._submit_to([someone] * 2, (0,), TRANSACTIONAL)
        overtaken = await self._drafts([someone] * 2, categories=TRANSACTIONAL)
        await self._claim()
        await self.stage.advance(self.random.choice((0.0, 0.0, 0.02, 0.05, 0.2)))
        said = self.random.choice(("STOP", "Please stop", "alto", "end"))
        await self._say(said, someone.number, is_stop=True)
        self.seen["stopped"] += 1
        await self.stage.store(*overtaken)
        if self.random.random() < 0.5:
            await self._do("inbound")

    async def _say(self, text: str, number: str, *, is_stop: bool = False) -> None:
        """Bring what a phone says as the provider does: again and again, until it is answered."""
        self._calls += 1
        is_answered = False
        while not is_answered:
            await self._replace_the_dead()
            process = self.random.choice(self._processes)
            is_answered = await process.hear(text, number=number, name=f"call-{self._calls}")
            if is_stop and (is_answered or process.has_stored_unheard):
                self._silent_since.setdefault(number, self.journal.note())
                self._started_again.discard(number)
            if not is_answered:
                await self._claim()

    async def _start(self) -> None:
        """Somebody who has said STOP says START, and gets what is submitted from then on."""
        if not self._silent_since:
            return
        await self.stage.advance(1)
        number = self.random.choice(sorted(self._silent_since))
        del self._silent_since[number]
        self._started_again.add(number)
        await self._say("START", number)
        await self._do("inbound")
        self._wrote_at[number] = self.stage.clock.now()
        await self._submit_to([each for each in PEOPLE if each.number == number])

    async def _change(self) -> None:
        """Start again with another policy, sometimes before the queue has been gone over.

        At an hour of which the two think differently, if there is one; what processes with the
        old one have accepted is claimed by those with the new one.
        """
        old, new = self.policy, self.random.choice(POLICIES)
        hour, closed = self._hour_when(
            lambda each, hour: (
                each.may_hear(hour, old)
                and not each.may_hear(hour, new)
                and self._has_heard_little(each, hour)
            )
        )
        await self._wait_until(hour)
        await self._submit_to(closed, (0,), MARKETING)
        self.policy = new
        self._set_up()

    async def _turn_down(self) -> None:
        """Have the carrier turn down what the provider took: it is submitted anew later."""
        async with self.stage.database.read() as tx:
            taken = await tx.execute(select(attempts).where(attempts.c.state == "submitted"))
        for attempt in taken:
            if attempt.id in self._told:
                continue
            self._told.add(attempt.id)
            status = self.random.choice(["rejected", "delivered", "delivered"])
            error = {"title": "1180"} if status == "rejected" else None
            name = attempt.provider_message_id
            await self.stage.tell(receipt(attempt.client_ref, name, status=status, error=error))
            self.seen[status] += 1
        await self._do("inbound")

    async def _work(self) -> None:
        await self._bury(*self._graves)
        self._graves = []
        for _ in range(self.random.randint(1, 4)):
            await self._claim()
            await self.stage.advance(0.6)
            await self._replace_the_dead()
        for duty in DUTIES:
            if self.random.random() < 0.25:
                await self.random.choice(self._processes).do(duty)

    async def _claim(self) -> None:
        for process in self._processes:
            await process.do("claim")

    async def _do(self, duty: str) -> None:
        """Have a duty done, by whoever lives to see its end."""
        is_done = False
        while not is_done:
            await self._replace_the_dead()
            is_done = await self.random.choice(self._processes).do(duty)

    async def _replace_the_dead(self) -> None:
        for process in [each for each in self._processes if each.is_dead]:
            await self._bury(process)
            self._processes[self._processes.index(process)] = self._new_process()

    async def _bury(self, *processes: MortalProcess) -> None:
        for process in processes:
            await process.bury()

    async def _pass_time(self) -> None:
        """Let minutes or hours pass; or as much as is left until an hour strikes, about."""
        seconds = self.random.choice([20.0, 300.0, 2400.0, 7200.0, 14_400.0])
        now = self.stage.clock.now()
        if self.random.random() < 0.4:
            seconds = 3600 - (now.timestamp() % 3600) - self.random.choice([0.3, 0.05, 0.0])
        await self.stage.advance(max(0.0, seconds))

    async def _decide(self, submission: Submission) -> None:
        """Judge what leaves; then let the provider take it, or not."""
        now = self.stage.clock.now()
        someone = next(each for each in PEOPLE if each.number == submission.recipient)
        wrote_at = self._wrote_at.get(someone.number)
        is_answer = submission.text not in tuple(Category)
        self.seen["left answer" if is_answer else f"left {submission.text}"] += 1
        silent_since = self._silent_since.get(someone.number)
        asked_at = self.journal.asked_at(submission.client_ref)
        if silent_since and asked_at > silent_since and not is_answer:
            self.broken.append(f"{submission.recipient} at {now} after STOP")
        self.seen["left after start"] += someone.number in self._started_again
        if self.random.random() < 0.25:
            later = Outcome(
                Verdict.RETRY, "unavailable", "Later.", http_status=429, throttled=False
            )
            self.provider.outcomes = [later]
            self.seen["tried again"] += 1
        left_at = (now, now - ON_THE_WAY)
        if submission.text == "marketing":
            self._heard[submission.recipient].append(now)
        if any(someone.may_hear(then, self.policy) for then in left_at):
            return
        if submission.text != "marketing":
            self.seen["bypass"] += submission.text == "transactional"
            return
        if wrote_at and now - ON_THE_WAY < wrote_at + CONVERSATION:
            self.seen["conversation"] += 1
        else:
            self.broken.append(f"{submission.recipient} at {now} under {self.policy}")

    async def _check_caps(self) -> None:
        """Judge how often each has heard from the brand within any day."""
        heard: dict[str, list[datetime]] = defaultdict(list)
        first = select(messages.c.recipient, attempts.c.started_at).join(
            messages, messages.c.id == attempts.c.message_id
        )
        async with self.stage.database.read() as tx:
            for number, started_at in await tx.execute(
                first.where(messages.c.text == "marketing", attempts.c.number == 1)
            ):
                heard[number].append(started_at)
        for number, unsorted in heard.items():
            times = sorted(unsorted)
            for first_at, beyond in zip(times, times[CAP:], strict=False):
                if beyond < first_at + timedelta(days=1):
                    self.broken.append(f"{number} at {beyond}, too soon after {first_at}")
