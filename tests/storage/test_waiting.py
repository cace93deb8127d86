"""What waits and must not leave: found in one order, whoever looks."""

from datetime import timedelta

import pytest

from tests.factories import NOW, RECIPIENT, make_message
from tests.replying import make_opt_out
from tests.revoking import make_revocation
from tests.storage.writing import add_tenant, store
from wirephoto.domain.message import MessageState
from wirephoto.storage.consents import insert_revocations
from wirephoto.storage.opt_outs import insert_opt_outs
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.waiting import lock_revoked, lock_silenced, recipients_of

S = MessageState
OTHER = "+12125550199"


@pytest.mark.parametrize("look", [lock_silenced, lock_revoked])
async def test_what_may_not_leave_is_found_in_one_order(database, look):
    """Two processes that block the same messages wait for each other, never both."""
    waiting = [make_message(state=state) for state in (S.PREPARING, S.QUEUED, S.CLAIMED)]
    gone = [make_message(state=state) for state in (S.SENDING, S.SUBMITTED, S.CANCELED)]
    elsewhere = make_message(recipient=OTHER)
    theirs = make_message(tenant_id=await add_tenant(database))
    await store(database, *waiting, *gone, elsewhere, theirs)

    async with database.transaction() as tx:
        await insert_opt_outs(tx, [make_opt_out()])
        await insert_revocations(tx, [make_revocation(at=NOW + timedelta(seconds=1))])
        found = await look(tx, [(DEFAULT_TENANT, RECIPIENT)] * 2)

    assert [message.id for message in found] == sorted(message.id for message in waiting)


async def test_whom_messages_are_for(database):
    """Each person once, however much waits for them."""
    rows = [make_message(), make_message(), make_message(recipient=OTHER)]
    await store(database, *rows, make_message(recipient="+12125550177"))

    async with database.read() as tx:
        found = await recipients_of(tx, [message.id for message in rows])

    assert sorted(found) == [(DEFAULT_TENANT, RECIPIENT), (DEFAULT_TENANT, OTHER)]
