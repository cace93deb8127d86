"""Keys are made, replaced and revoked by one set of rules, whoever asks for it."""

import asyncio
from datetime import timedelta

import pytest

from tests.factories import SENDER, make_ids
from tests.storage.writing import add_tenant
from wirephoto.domain.api_key import KeyMode, Scope, key_hash, mode_of
from wirephoto.domain.message import Category
from wirephoto.engine.keyring import Crowded, Issued, Keyring, Wanted
from wirephoto.errors import RequestRefused
from wirephoto.storage.audit import list_audit
from wirephoto.storage.keys import find_key
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
)
from wirephoto.storage.senders import Sender, add_sender

DAY = timedelta(days=1)


@pytest.fixture
def keyring(database, clock):
    return keyring_of(database, clock)


def keyring_of(database, clock, tenant_id=DEFAULT_TENANT):
    return Keyring(database, tenant_id=tenant_id, actor="key_boss", clock=clock, ids=make_ids())


async def opens(database, clock, issued):
    async with database.read() as tx:
        return await find_key(tx, key_hash(issued.key), clock.now()) is not None


async def test_a_new_key_is_what_was_wanted(keyring, database, clock):
    """What is stored is all that anybody ever knows of it again."""
    sender = Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    async with database.transaction() as tx:
        await add_sender(tx, sender, clock.now())
    wanted = Wanted(
        "shop",
        KeyMode.TEST,
        scopes=(Scope.SEND,),
        senders=(SENDER,),
        categories=(Category.EMERGENCY,),
        expires_at=clock.now() + DAY,
    )

    issued = await keyring.create(wanted)

    assert mode_of(issued.key) is KeyMode.TEST
    assert await keyring.keys() == [issued.stored]
    assert await keyring.key(issued.stored.id) == issued.stored
    stored = issued.stored
    assert (stored.senders, stored.categories) == ((SENDER,), ("emergency",))
    assert stored.expires_at == clock.now() + DAY


async def test_a_key_sends_no_emergencies_unless_somebody_says_so(keyring):
    """No quiet hours hold them: that must be a decision."""
    issued = await keyring.create(Wanted("shop"))

    assert set(issued.stored.categories) == set(Category) - {Category.EMERGENCY}


async def test_each_act_is_in_the_audit_trail(keyring, database):
    """After a leak it is asked who made the key, and who ended it."""
    first = await keyring.create(Wanted("shop"))
    second = await keyring.rotate(first.stored.id)
    await keyring.revoke(second.stored.id)
    await keyring.revoke(second.stored.id)

    async with database.read() as tx:
        found = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=9)
    acts = [(entry.act, entry.object, entry.actor) for entry in reversed(found)]
    assert acts == [
        ("key.create", first.stored.id, "key_boss"),
        ("key.rotate", second.stored.id, "key_boss"),
        ("key.revoke", second.stored.id, "key_boss"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "\x00"}, "name"),
        ({"scopes": ()}, "scopes"),
        ({"categories": ()}, "categories"),
        ({"senders": ("+12025550199",)}, "senders[0]"),
        ({"senders": ("nobody",)}, "senders[0]"),
        ({"expires_at": timedelta(0)}, "expires_at"),
        ({"expires_at": timedelta(days=36_526)}, "expires_at"),
    ],
)
async def test_a_key_that_nobody_could_use_is_not_made(keyring, clock, changes, field):
    """A typing error in a sender would make a key that is refused for ever."""
    expires_at = {
        name: clock.now() + ends for name, ends in changes.items() if name == "expires_at"
    }
    with pytest.raises(RequestRefused) as refused:
        await keyring.create(Wanted(**({"name": "shop"} | changes | expires_at)))

    assert [fault.field for fault in refused.value.faults] == [field]
    assert await keyring.keys() == []


async def test_a_tenant_that_does_not_exist_gets_no_key(database, clock):
    """A typing error at the command line is told, not a row that refers to nothing."""
    with pytest.raises(RequestRefused, match="no such tenant"):
        await keyring_of(database, clock, "tnt_none").create(Wanted("shop"))


async def test_the_replaced_key_goes_on_for_the_overlap(keyring, database, clock):
    """Every process of the caller gets the new one in its own time, and no request fails."""
    old = await keyring.create(Wanted("shop", scopes=(Scope.READ,)))
    await clock.advance(3600)

    new = await keyring.rotate(old.stored.id, overlap=DAY)

    assert isinstance(new, Issued)
    assert (new.stored.name, new.stored.scopes) == ("shop", ("read",))
    assert new.stored.expires_at is None
    await clock.advance(DAY.total_seconds() - 1)
    assert [await opens(database, clock, each) for each in (old, new)] == [True, True]
    await clock.advance(1)
    assert [await opens(database, clock, each) for each in (old, new)] == [False, True]


async def test_a_successor_lives_as_long_as_its_key_was_made_for(keyring, clock):
    """A key that ends each quarter is replaced for a quarter, neither for ever nor for an hour."""
    old = await keyring.create(Wanted("shop", expires_at=clock.now() + 90 * DAY))
    await clock.advance(80 * DAY.total_seconds())

    new = await keyring.rotate(old.stored.id)

    assert new.stored.expires_at == clock.now() + 90 * DAY


async def test_a_key_without_an_end_has_a_successor_without_one_each_time(keyring, clock):
    """Its first successor leaked and was revoked; the end of the overlap is not its lifetime."""
    old = await keyring.create(Wanted("shop"))
    leaked = await keyring.rotate(old.stored.id, overlap=DAY)
    await keyring.revoke(leaked.stored.id)
    await clock.advance(60)

    new = await keyring.rotate(old.stored.id, overlap=DAY)

    assert new.stored.expires_at is None


async def test_two_of_a_family_live_at_most(keyring, clock):
    """A key that multiplies is one that nobody can take back."""
    old = await keyring.create(Wanted("shop"))
    new = await keyring.rotate(old.stored.id, overlap=DAY)

    for each in (old, new):
        refused = await keyring.rotate(each.stored.id)
        assert refused == Crowded((old.stored.id, new.stored.id))

    await clock.advance(DAY.total_seconds())
    assert await keyring.rotate(old.stored.id) is None
    newest = await keyring.rotate(new.stored.id)
    assert isinstance(newest, Issued)
    assert newest.stored.family == old.stored.id


async def test_two_rotations_at_once_make_one_key(keyring, database, clock):
    """The second comes from another process, which saw one live key as well."""
    old = await keyring.create(Wanted("shop"))

    made = await asyncio.gather(*[keyring.rotate(old.stored.id) for _ in range(5)])

    assert [type(each) for each in made].count(Issued) == 1
    assert len(await keyring.keys()) == 2


async def test_another_tenants_key_is_not_replaced(keyring, database, clock):
    """Its id is in a link or a support mail; it is of no use."""
    other = keyring_of(database, clock, await add_tenant(database))
    theirs = await other.create(Wanted("theirs"))

    assert await keyring.rotate(theirs.stored.id) is None
    assert not await keyring.revoke(theirs.stored.id)
    assert await keyring.key(theirs.stored.id) is None
