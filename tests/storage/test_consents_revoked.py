"""Which messages a revocation stops: the last statement judges as the domain does."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import select

from tests.factories import NOW, make_message
from tests.revoking import make_given, make_revocation
from tests.storage.writing import OTHER_TENANT, add_tenant, store
from wirephoto.domain.consent import ConsentClass, ConsentPolicy, ConsentReason, judge_consent
from wirephoto.domain.message import Category
from wirephoto.storage.consents import insert_consents, insert_revocations, is_revoked
from wirephoto.storage.schema import messages

LATER = NOW + timedelta(seconds=1)


async def revoked(database):
    async with database.read() as tx:
        found = await tx.execute(select(messages.c.id).where(is_revoked(messages)))
        return set(found.scalars())


async def keep(database, *, consents=(), revocations=()):
    async with database.transaction() as tx:
        await insert_consents(tx, consents)
        await insert_revocations(tx, revocations)


@pytest.mark.parametrize(
    ("given", "given_at", "ended"),
    list(
        product([None, *ConsentClass], [NOW - timedelta(days=1), NOW, LATER], [None, *ConsentClass])
    ),
)
async def test_it_stops_what_the_domain_calls_revoked(database, given, given_at, ended):
    """Two judges that differ would accept a message and never let it leave, or the reverse."""
    kept = [] if given is None else [make_given(consent_class=given, given_at=given_at)]
    end = make_revocation(consent_class=ended)
    rows = {category: make_message(category=category) for category in Category}
    await store(database, *rows.values())
    await keep(database, consents=kept, revocations=[end])
    verdicts = {
        category: judge_consent(
            category,
            [row.consent for row in kept],
            [end.revocation],
            policy=ConsentPolicy(),
            now=LATER,
        )
        for category in Category
    }

    found = await revoked(database)

    stopped = {category for category, message in rows.items() if message.id in found}
    assert stopped == {
        category
        for category, verdict in verdicts.items()
        if not verdict.allowed and verdict.reason is ConsentReason.REVOKED
    }


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"recipient": "+12125550199"},
        {"tenant_id": OTHER_TENANT, "brand_id": f"brd_{OTHER_TENANT}"},
        {"brand_id": f"brd_{OTHER_TENANT}"},
    ],
)
async def test_it_stops_nobody_elses(database, elsewhere):
    """Whoever leaves one shop still hears from the others."""
    await add_tenant(database)
    await store(database, make_message(category=Category.MARKETING))
    await keep(database, revocations=[make_revocation(**elsewhere)])

    assert await revoked(database) == set()


async def test_it_lets_answers_leave(database):
    """The confirmation of a STOP goes to somebody whose consents that STOP has ended."""
    await store(database, make_message(answer="opt_out"))
    await keep(database, revocations=[make_revocation()])

    assert await revoked(database) == set()
