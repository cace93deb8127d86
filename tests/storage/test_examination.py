"""The database is examined at one instant, without holding anybody up."""

import sqlite3
from contextlib import aclosing, closing

from sqlalchemy import update

from tests.factories import make_message
from tests.storage.lives import lead_all
from tests.storage.writing import store
from wirephoto.storage.examination import IDS_MAX, SOUND_FILE, examine
from wirephoto.storage.invariants import INVARIANTS
from wirephoto.storage.schema import messages


async def test_every_invariant_is_told_in_order(database):
    """Whoever compares two reports compares line by line."""
    found = [finding async for finding in examine(database)]

    expected = list(INVARIANTS) if database.is_postgres else [SOUND_FILE, *INVARIANTS]
    assert [finding.invariant for finding in found] == expected
    assert all(finding.holds for finding in found)


async def test_all_violations_are_counted_and_a_few_are_named(database):
    """A fault that broke a million rows must not print a million lines."""
    rows = [make_message() for _ in range(IDS_MAX + 5)]
    await store(database, *rows)

    found = [finding async for finding in examine(database)]

    [untold] = [finding for finding in found if finding.invariant.name == "event_first"]
    assert untold.count == len(rows)
    assert untold.ids == tuple(sorted(row.id for row in rows)[:IDS_MAX])


async def test_what_changes_meanwhile_is_not_seen_by_halves(database):
    """A message that moves between two looks would else seem to contradict itself."""
    ids = await lead_all(database)

    async with aclosing(examine(database)) as findings:
        seen = [await anext(findings), await anext(findings)]
        async with database.transaction() as tx:
            await tx.execute(
                update(messages).where(messages.c.id == ids["read"]).values(final_at=None)
            )
        seen += [finding async for finding in findings]

    assert all(finding.holds for finding in seen)


async def test_a_damaged_file_is_the_only_finding(sqlite):
    """What a damaged file says of its rows is not to be relied on."""
    await lead_all(sqlite)
    path = sqlite.writer.url.database
    await sqlite.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        # Pages that belong to nothing: an index is forgotten, and its pages are not given back.
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_messages_queue'")

    [finding] = [finding async for finding in examine(sqlite)]

    assert finding.invariant is SOUND_FILE
    assert finding.count >= 1
    assert any("never used" in fault for fault in finding.ids)
