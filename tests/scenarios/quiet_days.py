"""Some days of a brand's messages, as a seed deals them, and a judge of its own.

The judge knows the hours of some recipients by heart, and who has said STOP. It asks no code of
ours: neither area codes, nor rules, nor how an instant becomes an hour, nor what is stored.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select

from tests.engine.nights import rules
from tests.engine.stage import FakeProvider, Stage, receipt
from tests.engine.test_replies import Phone
from tests.factories import SENDER
from tests.replying import NUMBERS
from tests.scenarios.mortal import Journal, MortalProcess
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category, Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.domain.request import MessageRequest, RequestRules
from wirephoto.engine.drafting import Caller, Drafting
from wirephoto.engine.maintenance import Expirer, Rescuer
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.reckoning import Reckoner
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.storage.schema import DEFAULT_TENANT, attempts, messages

CALLER = Caller(DEFAULT_TENANT, "key_1", live=True, scopes=frozenset({Scope.SEND}))
CONVERSATION = timedelta(minutes=15)
ON_THE_WAY = timedelta(milliseconds=200)
"""From the commit in which a message leaves to its first byte on the wire."""
CAP, CAP_TEXT = 2, "marketing=2/day"
EVERYWHERE = ("America/New_York", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu")
POLICIES = ("federal", "state", "federal and daily 10:00-16:00")
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Someone:
    """A recipient: what a request says of them, and their clocks and hours by heart.

    `by_state` are the first and the last hour from Monday to Friday, Saturday and Sunday.
    """

    number: str
    zones: tuple[str, ...]
    by_state: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] = ((8, 21),) * 3
    given_zone: str | None = None
    given_state: str | None = None

    def may_hear(self, now: datetime, policy: str) -> bool:
        """Tell whether it is an hour for advertising by every clock."""
        return all(self._may_hear_by(now.astimezone(ZoneInfo(zone)), policy) for zone in self.zones)

    def _may_hear_by(self, clock: datetime, policy: str) -> bool:
        opens, closes = 8, 21
        if policy == "state":
            opens, closes = self.by_state[max(0, clock.weekday() - 4)]
        elif policy != "federal":
            opens, closes = 10, 16
        return opens <= clock.hour < closes


PEOPLE = (
    Someone("+12125550123", ("America/New_York",)),
    Someone("+13055550123", ("America/New_York",), ((8, 20),) * 3),
    Someone("+12145550123", ("America/Chicago",), ((9, 21), (9, 21), (12, 21))),
    Someone("+19285550123", ("America/Phoenix", "America/Denver")),
    Someone("+19285550124", ("America/Denver",), given_zone="America/Denver"),
    Someone("+18085550123", ("Pacific/Honolulu",)),
    Someone("+12125550124", ("America/Chicago",), given_zone="America/Chicago"),
    Someone(
        "+12125550125",
        ("America/Chicago", "America/Denver"),
        ((9, 21), (9, 21), (12, 21)),
        given_state="TX",
    ),
    Someone("+18005550123", EVERYWHERE, ((10, 18), (10, 17), (0, 0)), given_zone=None),
)


class QuietDays:
    """A world of one brand, whose processes die at any statement; `broken` is what broke the rules.

    `blind_to_hours` has the processes, and not the judge, know of no quiet hours.
    """

    def __init__(
        self, stage: Stage, phone: Phone, seed: int, *, blind_to_hours: bool = False
    ) -> None:
        self.stage = stage
        self.phone = phone
        self.random = Random(seed)
        self.blind_to_hours = blind_to_hours
        self.journal = Journal()
        self.provider = FakeProvider(stage.clock)
        self.provider.before = self._decide
        self.policy = "federal"
        self.broken: list[str] = []
        self.seen: Counter[str] = Counter()
        self._wrote_at: dict[str, datetime] = {}
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
        self._duties = (
            Rescuer(stage.database, stage.clock, stage.ids),
            Expirer(stage.database, stage.clock, stage.ids),
            Reckoner(stage.database, stage.clock, departures.hours),
        )

    @property
    def departures(self) -> DepartureRules:
        """Return the rules in force."""
        return rules("off" if self.blind_to_hours else self.policy, CAP_TEXT)

    def _new_process(self) -> MortalProcess:
        return MortalProcess(
            self.stage,
            self.provider,
            self.journal,
            rules=self.departures,
            writes=self.random.choice((3, 8, 20, 50, 400)),
            stores=self.random.random() < 0.5,
            dies=lambda: self.random.random() < 0.02,
        )

    async def live(self, steps: int) -> None:
        """Let some things happen, one after the other."""
        acts = (
            self._submit,
            self._submit,
            self._submit,
            self._write,
            self._write,
            self._change,
            self._change,
            self._turn_down,
            self._stop,
            self._start,
            self._start,
        )
        for _ in range(steps):
            await self.random.choice(acts)()
            await self._work()
            await self._pass_time()
            await self._work()
        await self._bury(*self._processes)
        await self._check_caps()

    async def _submit(self) -> None:
        await self._submit_to(
            [self.random.choice(PEOPLE) for _ in range(self.random.randint(1, 4))]
        )

    async def _submit_to(
        self, recipients: list[Someone], ahead_min: tuple[int, ...] = (0, 0, 40, 90, 240, 1500)
    ) -> None:
        for someone in recipients:
            category = self.random.choice([*[Category.MARKETING] * 3, Category.TRANSACTIONAL])
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
            await self.stage.store(message)
            self.seen[f"accepted {message.hold_reason}"] += 1

    async def _write(self) -> None:
        """Somebody writes to the brand, at night rather than by day, and is answered."""
        now = self.stage.clock.now()
        awake = [each for each in PEOPLE if not each.may_hear(now, self.policy)]
        someone = self.random.choice(awake or PEOPLE)
        await self.phone.says("Are you open?", number=someone.number)
        self._wrote_at[someone.number] = now
        await self._submit_to([someone] * 2, ahead_min=(0,))

    async def _stop(self) -> None:
        """Somebody says STOP, perhaps while a message to them is about to leave.

        From the moment in which the webhook is answered, nothing may ask to leave and do so. What
        else follows from it is done at once, or at some later time.
        """
        someone = self.random.choice(PEOPLE)
        await self._submit_to([someone] * 3, ahead_min=(0,))
        ahead_s = self.random.choice((0.0, 0.0, 0.05, 0.2))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leave_soon(ahead_s))
            group.create_task(self._say_stop(someone))
        if self.random.random() < 0.5:
            await self.phone.inbound.turn()

    async def _leave_soon(self, seconds: float) -> None:
        for process in self._processes:
            await process.turn()
        await self.stage.advance(seconds)

    async def _say_stop(self, someone: Someone) -> None:
        said = self.random.choice(("STOP", "Please stop", "alto", "end"))
        await self.phone.says(said, number=someone.number, applied=False)
        self._silent_since.setdefault(someone.number, self.journal.note())
        self._started_again.discard(someone.number)
        self.seen["stopped"] += 1

    async def _start(self) -> None:
        """Somebody who has said STOP says START, and gets what is submitted from then on."""
        if not self._silent_since:
            return
        await self.stage.advance(1)
        number = self.random.choice(sorted(self._silent_since))
        del self._silent_since[number]
        self._started_again.add(number)
        await self.phone.says("START", number=number)
        self._wrote_at[number] = self.stage.clock.now()
        await self._submit_to([each for each in PEOPLE if each.number == number])

    async def _change(self) -> None:
        """Start again with another policy, sometimes before the queue has been gone over."""
        self.policy = self.random.choice(POLICIES)
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
        await self.phone.inbound.turn()

    async def _work(self) -> None:
        await self._bury(*self._graves)
        self._graves = []
        for _ in range(self.random.randint(1, 4)):
            for process in self._processes:
                await process.turn()
            await self.stage.advance(0.6)
            await self._replace_the_dead()
        for duty in self._duties:
            if self.random.random() < 0.25:
                await duty.turn()

    async def _replace_the_dead(self) -> None:
        for process in [each for each in self._processes if each.is_dead]:
            await self._bury(process)
            self._processes[self._processes.index(process)] = self._new_process()
            self.seen["died"] += 1

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
