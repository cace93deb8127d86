"""Group commit: one flush for many, and one bad row spoils only its own."""

import asyncio

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from tests.factories import make_message
from tests.storage.writing import connections_end, count
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.batch import ITEMS_MAX, WAITING_MAX, GroupCommit
from wirephoto.storage.database import open_database
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.schema import messages


async def write(tx, items):
    await insert_messages(tx, items)
    return [message.id for message in items]


def commits_of(database):
    """Return a list that grows with each commit of the database."""
    seen = []
    event.listen(database.writer.sync_engine, "commit", seen.append)
    return seen


async def test_writes_that_wait_together_share_a_transaction(database):
    """A flush to disk costs milliseconds: thousands of requests a second must share it."""
    commits, seen = GroupCommit(database, groups_max=1), commits_of(database)
    rows = [make_message() for _ in range(100)]

    results = await asyncio.gather(*[commits.run(write, row) for row in rows])

    assert results == [row.id for row in rows]
    assert await count(database, messages) == 100
    assert len(seen) <= 2


async def test_a_group_has_a_bound(database):
    """The first must not wait for thousands."""
    commits, groups = GroupCommit(database, groups_max=1), []

    async def note(tx, items):
        groups.append(len(items))
        return items

    await asyncio.gather(*[commits.run(note, n) for n in range(2 * ITEMS_MAX + 5)])

    assert groups == [ITEMS_MAX, ITEMS_MAX, 5]


async def test_each_kind_of_write_runs_once_for_a_group(database):
    """The results come back to those who asked, whatever else was in the group."""
    commits, calls = GroupCommit(database, groups_max=1), []

    async def double(tx, items):
        calls.append(("double", items))
        return [2 * item for item in items]

    async def negate(tx, items):
        calls.append(("negate", items))
        return [-item for item in items]

    asked = [commits.run(double if n % 2 else negate, n) for n in range(6)]

    assert await asyncio.gather(*asked) == [0, 2, -2, 6, -4, 10]
    assert calls == [("negate", [0, 2, 4]), ("double", [1, 3, 5])]


async def test_a_failing_row_fails_alone(commits, database):
    """Ninety-nine customers must not get an error for the hundredth's row."""
    rows = [make_message() for _ in range(20)]
    rows[7] = make_message(campaign_id="cmp_unknown")

    results = await asyncio.gather(
        *[commits.run(write, row) for row in rows], return_exceptions=True
    )

    assert [isinstance(result, IntegrityError) for result in results] == [
        place == 7 for place in range(20)
    ]
    assert await count(database, messages) == 19


@pytest.mark.parametrize("text", ["\ud83d", 7])
async def test_a_row_that_cannot_even_be_encoded_fails_alone(commits, database, text):
    """The driver refuses it before the database sees it: the others are as innocent."""
    rows = [make_message(), make_message(text=text, tries="many"), make_message()]

    first, bad, last = await asyncio.gather(
        *[commits.run(write, row) for row in rows], return_exceptions=True
    )

    assert (first, last) == (rows[0].id, rows[2].id)
    if isinstance(bad, Exception):  # SQLite stores what it is given
        assert not isinstance(bad, StorageUnavailable)
    async with database.read() as tx:
        found = {row.id for row in await tx.execute(messages.select())}
    assert found == {rows[0].id, rows[2].id} | ({bad} if isinstance(bad, str) else set())


async def test_a_programmers_error_reaches_the_one_who_made_it(commits):
    """It must not hang, and must not be taken for the database's fault."""

    async def divide(tx, items):
        return [1 // item for item in items]

    results = await asyncio.gather(
        commits.run(divide, 1), commits.run(divide, 0), return_exceptions=True
    )

    assert results[0] == 1
    assert isinstance(results[1], ZeroDivisionError)


async def test_all_who_wait_hear_that_the_database_is_out_of_reach(tmp_path):
    """Each answers 503, none hangs, and none is told that it was stored."""
    (tmp_path / "a.db").mkdir()
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    commits = GroupCommit(database)

    results = await asyncio.gather(
        *[commits.run(write, make_message()) for _ in range(5)], return_exceptions=True
    )

    await database.close()
    await connections_end()
    assert [type(result) for result in results] == [StorageUnavailable] * 5


async def test_a_waiter_that_is_cancelled_before_its_turn_writes_nothing(database):
    """The client hung up: what was not begun is not done."""
    commits, entered, go_on = GroupCommit(database, groups_max=1), asyncio.Event(), asyncio.Event()

    async def hold(tx, items):
        entered.set()
        await go_on.wait()
        return items

    held = asyncio.create_task(commits.run(hold, 1))
    await entered.wait()
    cancelled = asyncio.create_task(commits.run(write, make_message()))
    kept = make_message()
    waiting = asyncio.create_task(commits.run(write, kept))
    await asyncio.wait([cancelled], timeout=0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    go_on.set()

    assert await asyncio.gather(held, waiting) == [1, kept.id]
    assert await count(database, messages) == 1


async def test_a_waiter_that_is_cancelled_meanwhile_does_not_spoil_its_group(database):
    """Its row may be stored all the same; the others get their answers."""
    commits, entered, go_on = GroupCommit(database, groups_max=1), asyncio.Event(), asyncio.Event()

    async def hold(tx, items):
        entered.set()
        await go_on.wait()
        return items

    one, two = [asyncio.create_task(commits.run(hold, n)) for n in (1, 2)]
    await entered.wait()
    one.cancel()
    go_on.set()

    assert await two == 2
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_drain_returns_when_nothing_waits_any_more(database):
    """A graceful stop loses no write that was asked for."""
    commits = GroupCommit(database)
    asked = [asyncio.create_task(commits.run(write, make_message())) for _ in range(30)]
    await asyncio.wait(asked, timeout=0)

    await commits.drain()

    assert await count(database, messages) == 30
    await asyncio.gather(*asked)


async def test_writes_that_come_one_after_another_are_never_left_waiting(database):
    """A group that ends just as the next write comes must not leave it behind."""
    commits = GroupCommit(database, groups_max=1)

    async def chain():
        for _ in range(20):
            await commits.run(write, make_message())

    async with asyncio.timeout(60):
        await asyncio.gather(*[chain() for _ in range(5)])

    assert await count(database, messages) == 100


async def test_more_than_can_be_written_soon_is_refused_at_once(database):
    """A queue without a bound answers everybody too late; a 503 now is repeated in a second."""
    commits, entered, go_on = GroupCommit(database, groups_max=1), asyncio.Event(), asyncio.Event()

    async def hold(tx, items):
        entered.set()
        await go_on.wait()
        return items

    held = asyncio.create_task(commits.run(hold, 0))
    await entered.wait()
    waiting = [asyncio.create_task(commits.run(hold, n)) for n in range(WAITING_MAX)]
    await asyncio.wait(waiting, timeout=0)

    with pytest.raises(StorageUnavailable, match="overloaded"):
        await commits.run(hold, -1)
    go_on.set()

    assert await asyncio.gather(held, *waiting) == [0, *range(WAITING_MAX)]
    assert await commits.run(hold, 7) == 7
