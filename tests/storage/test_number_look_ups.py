"""A number is one process' to look up, an answer stands for its time, and days have a bound."""

import asyncio
from datetime import timedelta

from tests.factories import NOW, RECIPIENT
from tests.race import race
from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.storage.number_look_ups import (
    NumberClaim,
    claim_number,
    delete_look_ups,
    find_number_facts,
    spend_look_up,
    store_number_facts,
)
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_TENANT

CLAIM, MONTH = timedelta(seconds=10), timedelta(days=30)
PHONE = NumberFacts(NumberKind.MOBILE, "310260")
LANDLINE = NumberFacts(NumberKind.LANDLINE)


def make_claim(at=NOW, number=RECIPIENT):
    return NumberClaim(DEFAULT_TENANT, number, at, at + CLAIM)


async def claim(database, at=NOW):
    async with database.transaction() as tx:
        return await claim_number(tx, make_claim(at))


async def store(database, facts, at=NOW):
    async with database.transaction() as tx:
        await store_number_facts(tx, make_claim(at), facts, good_until=at + MONTH)


async def find(database, at=NOW):
    async with database.read() as tx:
        return await find_number_facts(tx, DEFAULT_TENANT, RECIPIENT, now=at)


async def spend(database, *, most, day="2026-03-02"):
    async with database.transaction() as tx:
        return await spend_look_up(tx, DEFAULT_ACCOUNT, day=day, most=most)


async def test_an_answer_stands_for_its_time(database):
    """Then somebody asks again: numbers change hands."""
    assert await find(database) is None
    assert await claim(database)
    assert await find(database) is None
    await store(database, PHONE)

    assert await find(database) == PHONE
    assert not await claim(database, NOW + MONTH - CLAIM)
    assert await find(database, NOW + MONTH) is None
    assert await claim(database, NOW + MONTH)
    assert await find(database, NOW + MONTH) is None


async def test_of_those_who_ask_at_once_one_does(database):
    """Each look-up has its price."""
    took = await asyncio.gather(*[claim(database) for _ in range(5)])

    assert sorted(took) == [False] * 4 + [True]


async def test_nobody_has_a_number_for_ever(database):
    """A process that was killed over it told nobody; one that is slow stores nothing any more."""
    await claim(database)
    assert not await claim(database, NOW + CLAIM - timedelta(seconds=1))

    assert await claim(database, NOW + CLAIM)
    await store(database, LANDLINE)
    assert await find(database, NOW + CLAIM) is None
    await store(database, PHONE, NOW + CLAIM)
    assert await find(database, NOW + CLAIM) == PHONE


async def test_a_day_has_so_many_look_ups(database):
    """Over all processes, and each day anew."""
    paid = await asyncio.gather(*[spend(database, most=3) for _ in range(5)])

    assert sorted(paid) == [False, False, True, True, True]
    assert await spend(database, most=4)
    assert await spend(database, most=1, day="2026-03-03")
    assert not await spend(database, most=0, day="2026-03-04")


async def test_answers_are_forgotten_when_they_no_longer_stand(database):
    """Numbers of people are not kept for nothing."""
    for place, at in enumerate([NOW - 2 * CLAIM, NOW - CLAIM, NOW]):
        async with database.transaction() as tx:
            await claim_number(tx, make_claim(at, f"+1212555010{place}"))

    async with database.transaction() as tx:
        assert await delete_look_ups(tx, before=NOW + CLAIM, limit=1) == 1
        assert await delete_look_ups(tx, before=NOW + CLAIM, limit=9) == 1
        assert await delete_look_ups(tx, before=NOW + CLAIM, limit=9) == 0


async def test_an_answer_that_is_being_renewed_is_not_forgotten(postgres):
    """It was old when the sweep found it, and paid for anew while the sweep waited for its row."""
    async with postgres.transaction() as tx:
        await claim_number(tx, make_claim(NOW - MONTH))

    async def renew(tx):
        assert await claim_number(tx, make_claim())

    async def sweep():
        async with postgres.transaction() as tx:
            return await delete_look_ups(tx, before=NOW, limit=9)

    assert await race(postgres, renew, sweep) == 0
