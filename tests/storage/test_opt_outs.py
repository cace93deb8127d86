"""Opt-outs as stored: once each, whom they silence, and that they are kept for ever."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import NOW, RECIPIENT, SENDER, make_message
from tests.replying import NUMBERS, make_opt_out
from tests.storage.writing import add_tenant, store
from wirephoto.domain.message import MessageState
from wirephoto.domain.opt_out import OptOutScope, OptOutSource
from wirephoto.storage.opt_outs import (
    end_opt_outs,
    get_opt_out,
    insert_opt_outs,
    is_silenced,
    list_opt_outs,
    lock_silenced,
    standing_opt_outs,
)
from wirephoto.storage.schema import DEFAULT_TENANT, messages

S = MessageState
HASHES = [NUMBERS.of(RECIPIENT)]


async def insert(database, *rows):
    async with database.transaction() as tx:
        return await insert_opt_outs(tx, rows)


async def end(database, *ids):
    async with database.transaction() as tx:
        return await end_opt_outs(tx, DEFAULT_TENANT, ids, by="reply", now=NOW)


async def silenced(database, message):
    async with database.read() as tx:
        found = await tx.execute(select(messages.c.id).where(is_silenced(messages)))
        return message.id in found.scalars().all()


async def test_an_opt_out_is_stored_whole(database):
    """It is the proof in a dispute, years later."""
    row = make_opt_out(
        reason="stop", sender=SENDER, scope=OptOutScope.SENDER, provider_message_id="u", said_at=NOW
    )

    assert await insert(database, row) == [True]
    async with database.read() as tx:
        assert await get_opt_out(tx, DEFAULT_TENANT, row.id) == row
        assert await standing_opt_outs(tx, DEFAULT_TENANT, HASHES) == [row]


async def test_the_same_opt_out_stands_once(database):
    """STOP, Stop, stop!!! are one wish; one of an operator stands beside it."""
    first = make_opt_out()
    again = make_opt_out(id_="opt_2")
    by_hand = make_opt_out(id_="opt_3", source=OptOutSource.OPERATOR)

    assert await insert(database, first, again, by_hand) == [True, False, True]


async def test_a_repeat_of_a_stop_does_not_undo_a_later_start(database):
    """The provider brings a webhook again for a day; the reply in it was heard already."""
    await insert(database, make_opt_out(provider_message_id="uuid"))
    assert await end(database, "opt_1") == ["opt_1"]

    again = make_opt_out(id_="opt_2", provider_message_id="uuid")
    another = make_opt_out(id_="opt_3", provider_message_id="other")
    assert await insert(database, again, another) == [False, True]


async def test_an_opt_out_ends_once_and_is_kept(database):
    """Who asks what stood a year ago gets an answer."""
    await insert(database, make_opt_out())

    assert await end(database, "opt_1", "opt_none") == ["opt_1"]
    assert await end(database, "opt_1") == []
    async with database.read() as tx:
        assert await standing_opt_outs(tx, DEFAULT_TENANT, HASHES) == []
        assert await list_opt_outs(tx, DEFAULT_TENANT, limit=9) == []
        [kept] = await list_opt_outs(tx, DEFAULT_TENANT, ended=True, limit=9)
    assert (kept.ended_at, kept.ended_by) == (NOW, "reply")


@pytest.mark.parametrize(
    ("changes", "is_one"),
    [
        ({}, True),
        ({"scope": OptOutScope.TENANT}, True),
        ({"scope": OptOutScope.SENDER, "sender": SENDER}, True),
        ({"scope": OptOutScope.SENDER, "sender": "+12025550177"}, False),
        ({"recipient": "+12125550199"}, False),
        ({"ended_at": NOW}, False),
    ],
)
async def test_whom_an_opt_out_silences(database, changes, is_one):
    """Too narrow costs a fine, too wide a customer."""
    message = make_message()
    await store(database, message)
    await insert(database, make_opt_out(**(changes | {"ended_at": None})))
    if "ended_at" in changes:
        await end(database, "opt_1")

    assert await silenced(database, message) is is_one


async def test_an_answer_to_a_reply_is_not_silenced(database):
    """The confirmation of a STOP goes to somebody who has just opted out."""
    message = make_message(answer="opt_out")
    await store(database, message)
    await insert(database, make_opt_out())

    assert not await silenced(database, message)


async def test_what_waits_for_the_silenced_is_found_in_one_order(database):
    """Two processes that block the same messages wait for each other, never both."""
    waiting = [make_message(state=state) for state in (S.PREPARING, S.QUEUED, S.CLAIMED)]
    gone = [make_message(state=state) for state in (S.SENDING, S.SUBMITTED, S.CANCELED)]
    elsewhere = make_message(recipient="+12125550199")
    theirs = make_message(tenant_id=await add_tenant(database))
    await store(database, *waiting, *gone, elsewhere, theirs)
    await insert(database, make_opt_out())

    async with database.transaction() as tx:
        found = await lock_silenced(tx, [(DEFAULT_TENANT, RECIPIENT)] * 2)

    assert [message.id for message in found] == sorted(message.id for message in waiting)


async def test_opt_outs_page_newest_first_and_by_number(database):
    """An operator looks for one person, or reads them all."""
    rows = [
        make_opt_out(f"+1212555012{place}", id_=f"opt_{place}", at=NOW + timedelta(place))
        for place in range(3)
    ]
    await insert(database, *rows)

    async with database.read() as tx:
        page = await list_opt_outs(tx, DEFAULT_TENANT, limit=2)
        rest = await list_opt_outs(tx, DEFAULT_TENANT, before_id=page[-1].id, limit=2)
        one = await list_opt_outs(tx, DEFAULT_TENANT, hashes=[NUMBERS.of("+12125550121")], limit=9)
    assert [row.id for row in (*page, *rest)] == ["opt_2", "opt_1", "opt_0"]
    assert [row.id for row in one] == ["opt_1"]
