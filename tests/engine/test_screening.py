"""Numbers are looked up once, at bounded cost, and whatever goes wrong lets the message go on."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from tests.engine.stage import eventually, logged
from tests.factories import NOW, RECIPIENT, make_message
from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.engine.screening import (
    CLAIM,
    NOT_ALLOWED_REST_S,
    POLL_S,
    REST_S,
    Screening,
    ScreeningRules,
)
from wirephoto.errors import LookUpUnavailable
from wirephoto.storage.number_look_ups import NumberClaim, claim_number
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_BRAND, DEFAULT_TENANT
from wirephoto.storage.schema_recipients import contacts

PHONE = NumberFacts(NumberKind.MOBILE, "310260")
LANDLINE = NumberFacts(NumberKind.LANDLINE)
OTHER = "+12125550124"
LIFE = timedelta(days=30)


class FakeLookUp:
    """Tells of each number what the test says, once it is `open`; everybody else has a phone."""

    def __init__(self, **facts):
        self.facts = facts
        self.errors = []
        self.asked = []
        self.open = asyncio.Event()
        self.open.set()

    async def look_up(self, number):
        self.asked.append(number)
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        return self.facts.get(number, PHONE)


@pytest.fixture
def look_up():
    return FakeLookUp(**{RECIPIENT: LANDLINE})


def make_screening(stage, look_up, *, refuses=(NumberKind.LANDLINE,), day_max=100):
    rules = ScreeningRules(DEFAULT_ACCOUNT, frozenset(refuses), LIFE, day_max)
    return Screening(database=stage.database, look_up=look_up, clock=stage.clock, rules=rules)


async def stored(stage, recipient=RECIPIENT):
    message = make_message(recipient=recipient)
    await stage.store(message)
    return message


async def pass_until_done(stage, task):
    """Let time pass until a message has been screened."""

    async def is_done():
        return task.done()

    await stage.advance_until(is_done, step_s=POLL_S, within_s=60.0)


async def networks(stage):
    async with stage.database.read() as tx:
        found = await tx.execute(select(contacts.c.recipient, contacts.c.network_code))
        return {row.recipient: row.network_code for row in found}


async def test_a_landline_is_refused_and_a_phone_is_not(stage, look_up):
    """That is what it is paid for."""
    screening = make_screening(stage, look_up)

    refused = await screening(await stored(stage))
    passed = await screening(await stored(stage, OTHER))

    assert (refused.reason, passed) == ("not_mobile", None)
    assert look_up.asked == [RECIPIENT, OTHER]


async def test_what_is_refused_is_the_operator_s_to_say(stage, look_up):
    """Some landlines take texts."""
    screening = make_screening(stage, look_up, refuses=())

    assert await screening(await stored(stage)) is None


async def test_a_number_is_looked_up_once_in_the_life_of_an_answer(stage, look_up):
    """Then again: numbers change hands."""
    message = await stored(stage)
    for _ in range(3):
        assert await make_screening(stage, look_up)(message)
    assert look_up.asked == [RECIPIENT]

    look_up.facts = {}
    await stage.advance(LIFE.total_seconds())
    assert await make_screening(stage, look_up)(message) is None
    assert look_up.asked == [RECIPIENT] * 2


async def test_of_messages_to_one_number_one_asks_and_the_others_wait(stage, look_up):
    """In whatever process they are: a broadcast must not pay for a number twice."""
    look_up.open.clear()
    messages = [await stored(stage) for _ in range(3)]
    screenings = [make_screening(stage, look_up) for _ in range(2)]
    asking = [
        asyncio.create_task(screenings[place % 2](message))
        for place, message in enumerate(messages)
    ]
    await eventually(lambda: look_up.asked)
    await stage.quiet()
    look_up.open.set()
    for task in asking:
        await pass_until_done(stage, task)

    assert [(await task).reason for task in asking] == ["not_mobile"] * 3
    assert look_up.asked == [RECIPIENT]


async def test_the_number_of_a_process_that_died_is_looked_up_by_another(stage, look_up):
    """Not before it is sure that nobody has it."""
    async with stage.database.transaction() as tx:
        claim = NumberClaim(DEFAULT_TENANT, RECIPIENT, NOW, NOW + CLAIM / 2)
        assert await claim_number(tx, claim)
    screened = asyncio.create_task(make_screening(stage, look_up)(await stored(stage)))

    await stage.advance(CLAIM.total_seconds() / 2 - POLL_S)
    assert not look_up.asked
    await pass_until_done(stage, screened)

    assert (await screened).reason == "not_mobile"


async def test_nobody_waits_for_ever_for_what_another_finds_out(stage, look_up):
    """The message goes on, as if nobody had asked."""
    async with stage.database.transaction() as tx:
        claim = NumberClaim(DEFAULT_TENANT, RECIPIENT, NOW, NOW + LIFE)
        assert await claim_number(tx, claim)
    screened = asyncio.create_task(make_screening(stage, look_up)(await stored(stage)))

    await pass_until_done(stage, screened)

    assert await screened is None
    assert not look_up.asked


@pytest.mark.parametrize(
    ("error", "rest_s"),
    [
        (LookUpUnavailable("unreachable"), REST_S),
        (LookUpUnavailable("rate_limited", 40.0), 40.0),
        (LookUpUnavailable("forbidden"), NOT_ALLOWED_REST_S),
        (RuntimeError("a mistake"), REST_S),
    ],
    ids=["unreachable", "rate_limited", "forbidden", "mistake"],
)
async def test_while_the_provider_is_away_messages_go_on_unasked(stage, look_up, error, rest_s):
    """Each try may take seconds, and a queue of them would hold everything up."""
    look_up.errors = [error]
    screening = make_screening(stage, look_up)

    with logged() as lines:
        assert await screening(await stored(stage)) is None
        assert await screening(await stored(stage, OTHER)) is None
    assert look_up.asked == [RECIPIENT]
    assert len(lines) == 1

    await stage.advance(max(rest_s, CLAIM.total_seconds()) + 1)
    assert (await screening(await stored(stage))).reason == "not_mobile"


async def test_a_number_that_the_provider_refuses_is_asked_about_once_a_day(stage, look_up):
    """It says nothing of the others: they are looked up as if it had not been."""
    look_up.errors = [LookUpUnavailable("refused")]
    look_up.facts = {OTHER: LANDLINE}
    screening = make_screening(stage, look_up)

    assert await screening(await stored(stage)) is None
    assert (await screening(await stored(stage, OTHER))).reason == "not_mobile"
    assert await screening(await stored(stage)) is None
    assert look_up.asked == [RECIPIENT, OTHER]

    await stage.advance(timedelta(days=1).total_seconds() + 1)
    await screening(await stored(stage))
    assert look_up.asked == [RECIPIENT, OTHER, RECIPIENT]


async def test_a_provider_that_says_nothing_holds_nobody_up_for_long(stage, look_up, monkeypatch):
    """Whatever its client does: the message has a time to leave."""
    monkeypatch.setattr("wirephoto.engine.screening.PATIENCE_S", 0.05)
    look_up.open.clear()

    assert await make_screening(stage, look_up)(await stored(stage)) is None
    assert look_up.asked == [RECIPIENT]


async def test_a_day_s_bound_lets_the_rest_go_on_unasked_until_the_next(stage, look_up):
    """What may be spent is the operator's to say, and a stopped campaign costs more."""
    screening = make_screening(stage, look_up, day_max=1)
    await screening(await stored(stage, OTHER))

    with logged() as lines:
        assert await screening(await stored(stage)) is None
        assert await screening(await stored(stage, "+12125550125")) is None
    assert [line["event"] for line in lines] == ["look_ups_spent"]
    assert look_up.asked == [OTHER]

    await stage.advance(lines[0]["rest_s"])
    assert (await screening(await stored(stage))).reason == "not_mobile"


async def test_the_network_is_known_before_the_first_receipt(stage, look_up):
    """The brand's daily cap counts by it; what a receipt told since is newer."""
    message = await stored(stage, OTHER)
    await make_screening(stage, look_up)(message)
    assert await networks(stage) == {OTHER: "310260"}

    async with stage.database.transaction() as tx:
        await tx.execute(contacts.update().values(network_code="311480"))
    await make_screening(stage, look_up)(message)
    assert await networks(stage) == {OTHER: "311480"}


async def test_what_is_known_of_a_number_fills_a_contact_that_lacks_it(stage, look_up):
    """Another brand of the tenant writes to the same phone: nobody asks, and its cap counts."""
    message = await stored(stage, OTHER)
    await make_screening(stage, look_up)(message)
    async with stage.database.transaction() as tx:
        await tx.execute(contacts.delete())
        row = {"brand_id": DEFAULT_BRAND, "recipient": OTHER, "tenant_id": DEFAULT_TENANT}
        await tx.execute(insert(contacts).values(row))

    await make_screening(stage, look_up)(message)

    assert await networks(stage) == {OTHER: "310260"}
    assert look_up.asked == [OTHER]
