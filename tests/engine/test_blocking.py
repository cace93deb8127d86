"""Nothing leaves for somebody who has taken a consent back, whatever happens at the same time."""

from datetime import timedelta

import pytest

from tests.engine.stage import FakeProvider, make_dispatcher
from tests.factories import NOW, RECIPIENT, make_message
from tests.revoking import make_given, make_revocation
from wirephoto.domain.consent import ConsentClass
from wirephoto.domain.message import Category, MessageState
from wirephoto.engine.blocking import block_refused, block_revoked
from wirephoto.storage.consents import insert_consents, insert_revocations
from wirephoto.storage.schema import DEFAULT_TENANT

S = MessageState
OTHER = "+12125550199"


async def revoke_quietly(stage, *rows) -> None:
    """Store revocations as somebody does who does not see what is accepted at the same time."""
    async with stage.database.transaction() as tx:
        await insert_consents(tx, [make_given()])
        await insert_revocations(tx, rows)


async def test_what_was_accepted_meanwhile_is_blocked_by_the_claim(stage):
    """Its acceptance had read the consent; the revocation did not see the message."""
    await stage.prepare()
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    ended, other = [
        make_message(recipient=number, category=Category.MARKETING) for number in (RECIPIENT, OTHER)
    ]
    await stage.store(ended, other)
    await revoke_quietly(stage, make_revocation())

    await dispatcher.turn()
    await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([ended, other]) == ["blocked", "submitted"]
    assert [submission.recipient for submission in provider.submitted] == [OTHER]
    assert (await stage.message(ended)).reason == "consent_revoked"
    assert await stage.events(ended) == ["blocked"]


async def test_what_was_claimed_already_does_not_leave(stage):
    """The last look is in the statement that lets it leave."""
    await stage.prepare(rate=10.0)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    # By their ids: of two that are due at once the smaller one is sent first.
    first = make_message(id="msg_1", recipient=OTHER, category=Category.MARKETING)
    second = make_message(id="msg_2", category=Category.MARKETING)
    await stage.store(first, second)
    await dispatcher.turn()
    assert await stage.states([second]) == ["claimed"]
    await revoke_quietly(stage, make_revocation())

    await stage.advance(1)
    await dispatcher.drain()

    assert await stage.states([first, second]) == ["submitted", "blocked"]
    assert [submission.recipient for submission in provider.submitted] == [OTHER]


@pytest.mark.parametrize(
    ("consent_class", "left"),
    [
        (None, [Category.CONVERSATIONAL, Category.EMERGENCY]),
        (
            ConsentClass.MARKETING,
            [Category.TRANSACTIONAL, Category.CONVERSATIONAL, Category.EMERGENCY],
        ),
    ],
)
async def test_a_revocation_blocks_what_waits_and_needs_it(stage, consent_class, left):
    """Whoever wants no advertising still wants to know where the parcel is."""
    rows = [
        make_message(category=category, state=state, lease_until=NOW + timedelta(seconds=30))
        for category in Category
        for state in (S.PREPARING, S.QUEUED, S.CLAIMED)
    ]
    await stage.store(*rows)

    async with stage.database.transaction() as tx:
        await insert_revocations(tx, [make_revocation(consent_class=consent_class)])
        whom = [(DEFAULT_TENANT, RECIPIENT)]
        blocked = await block_revoked(tx, whom, ids=stage.ids, now=NOW)

    assert {message.id for message in blocked} == {
        message.id for message in rows if message.category not in left
    }
    assert await stage.states(blocked) == ["blocked"] * len(blocked)


async def test_what_was_refused_for_another_reason_stays(stage):
    """A message that somebody else moved, or that had expired, is not ours to end."""
    message = make_message()
    await stage.store(message)

    ended = await block_refused(stage.database, [message.id], ids=stage.ids, now=NOW)

    assert ended == frozenset()
    assert await stage.states([message]) == ["queued"]
