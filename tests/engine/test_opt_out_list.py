"""Whoever lifts an opt-out by hand: what may go again, and what waits for a consent."""

import pytest

from tests.engine.stage import FakeProvider, make_dispatcher
from tests.engine.test_replies import phone_on
from tests.factories import RECIPIENT, make_message
from tests.replying import NUMBERS, make_consent
from wirephoto.domain.consent import ConsentClass, ConsentMethod, ConsentPolicy, judge_consent
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out import OptOutScope
from wirephoto.engine.opt_out_list import OptOutList, Wanted
from wirephoto.engine.senders import SenderDirectory
from wirephoto.storage.consents import Records, insert_consents, load_records
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT

REASON = "asked by telephone to hear of their order"


@pytest.fixture
def opt_outs(stage):
    """Give the list in the hands of somebody at the command line."""
    return OptOutList(
        stage.database,
        directory=SenderDirectory(stage.database, stage.clock),
        numbers=NUMBERS,
        tenant_id=DEFAULT_TENANT,
        actor="cli",
        clock=stage.clock,
        ids=stage.ids,
    )


async def records_of(stage):
    async with stage.database.read() as tx:
        found = await load_records(tx, DEFAULT_TENANT, NUMBERS.all_of(RECIPIENT))
    return found.get((DEFAULT_BRAND, NUMBERS.of(RECIPIENT)), Records())


async def allowed(stage):
    """Return the categories that the records allow."""
    records, now = await records_of(stage), stage.clock.now()
    return {
        category
        for category in (Category.MARKETING, Category.TRANSACTIONAL)
        if judge_consent(
            category, records.consents, records.revocations, policy=ConsentPolicy(), now=now
        ).allowed
    }


async def stopped(stage, **settings):
    """Have a recipient who had agreed to advertising say STOP; return the opt-out."""
    phone = await phone_on(stage, **settings)
    async with stage.database.transaction() as tx:
        await insert_consents(tx, [make_consent()])
    await stage.advance(1)
    await phone.says("STOP")
    await stage.advance(1)
    [opt_out] = await phone.opt_outs()
    return opt_out


async def test_information_may_go_again_and_advertising_may_not(stage, opt_outs):
    """Advertising needs a written consent: an operator's word for the recipient's is none."""
    opt_out = await stopped(stage)
    assert await allowed(stage) == set()

    await opt_outs.lift(opt_out.id, REASON)

    assert await allowed(stage) == {Category.TRANSACTIONAL}
    [_, given] = (await records_of(stage)).consents
    assert (given.consent_class, given.method) == (
        ConsentClass.INFORMATIONAL,
        ConsentMethod.VERBAL,
    )
    assert given.disclosure == REASON


async def test_the_last_look_agrees(stage, opt_outs):
    """What acceptance would refuse must not leave because it was accepted before."""
    opt_out = await stopped(stage)
    await opt_outs.lift(opt_out.id, REASON)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    news = make_message(category=Category.MARKETING)
    order = make_message(category=Category.TRANSACTIONAL)
    await stage.store(news, order)

    for _ in range(3):
        await dispatcher.turn()
        await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([news, order]) == ["blocked", "submitted"]


async def test_a_consent_that_comes_later_lets_advertising_go(stage, opt_outs):
    """A form that they fill in again is their own word."""
    opt_out = await stopped(stage)
    await opt_outs.lift(opt_out.id, REASON)
    async with stage.database.transaction() as tx:
        await insert_consents(tx, [make_consent(id="con_2", given_at=stage.clock.now())])

    assert await allowed(stage) == {Category.MARKETING, Category.TRANSACTIONAL}


async def test_what_ended_no_consent_gives_none_when_it_is_lifted(stage, opt_outs):
    """An operator's own opt-out, and one from a single sender, left the records as they were."""
    opt_out = await stopped(stage, scope=OptOutScope.SENDER)
    await opt_outs.lift(opt_out.id, REASON)
    by_hand = await opt_outs.add(Wanted(RECIPIENT, "asked by letter"))

    await opt_outs.lift(by_hand.id, REASON)

    assert [each.id for each in (await records_of(stage)).consents] == ["con_1"]
    assert await allowed(stage) == {Category.MARKETING, Category.TRANSACTIONAL}
