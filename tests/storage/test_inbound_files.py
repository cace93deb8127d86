"""Attachments belong to one process at a time, and only who has one records what came of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.factories import NOW
from tests.inbound import LEASE, file_rows, make_inbound_message, store_inbound
from tests.library import kept_media
from wirephoto.domain.inbound_file import FileState
from wirephoto.errors import MediaRefused
from wirephoto.storage.inbound_files import (
    claim_inbound_files,
    get_inbound_file,
    list_inbound_files,
    record_inbound_file,
)
from wirephoto.storage.schema import DEFAULT_TENANT

A, B = "https://api-us.nexmo.com/v3/media/a", "https://api-us.nexmo.com/v3/media/b"
REFUSED = MediaRefused("unreachable", "It does not answer.", retryable=True)


async def claim(database, *, now=NOW, limit=10):
    async with database.transaction() as tx:
        return await claim_inbound_files(tx, now=now, lease_until=now + LEASE, limit=limit)


async def record(database, file):
    async with database.transaction() as tx:
        return await record_inbound_file(tx, file)


async def test_an_attachment_is_claimed_with_its_address(database):
    """The address stands in the message, once."""
    await store_inbound(database, make_inbound_message(1, A, B))

    claimed = await claim(database)

    assert {(each.file.position, each.media.url) for each in claimed} == {(0, A), (1, B)}
    assert [each.file.tries for each in claimed] == [1, 1]


async def test_nobody_else_gets_it_before_the_lease_has_run_out(database):
    """A process that was killed must not keep it for ever, and a living one has it alone."""
    await store_inbound(database, make_inbound_message(1, A))
    await claim(database)

    assert await claim(database, now=NOW + LEASE - timedelta(seconds=1)) == []
    [again] = await claim(database, now=NOW + LEASE)

    assert again.file.tries == 2


async def test_processes_that_claim_at_once_share(database):
    """Each attachment is fetched by one of them."""
    await store_inbound(database, *[make_inbound_message(n, A, B) for n in range(1, 6)])

    shares = await asyncio.gather(*[claim(database, limit=3) for _ in range(5)])

    got = [(each.file.inbound_id, each.file.position) for share in shares for each in share]
    rest = await claim(database, limit=10)
    got += [(each.file.inbound_id, each.file.position) for each in rest]
    assert len(got) == len(set(got)) == 10


async def test_the_oldest_go_first_up_to_the_limit(database):
    """Their addresses die first."""
    later = make_inbound_message(1, A, at=NOW + timedelta(seconds=1))
    await store_inbound(database, later, make_inbound_message(2, B))

    [first] = await claim(database, now=NOW + timedelta(hours=1), limit=1)

    assert first.media.url == B


async def test_who_was_overtaken_records_nothing(database):
    """Its lease has run out, and another one has stored the file already."""
    await store_inbound(database, make_inbound_message(1, A))
    kept = await kept_media(database)
    [slow] = await claim(database)
    [quick] = await claim(database, now=NOW + LEASE)
    stored = quick.file.stored(kept.file_id, media_type="image/jpeg", size_bytes=9, now=NOW)

    assert not await record(database, slow.file.failed(REFUSED, jitter=0.5, now=NOW))
    assert await record(database, stored)
    assert not await record(database, replace(stored, state=FileState.GONE))

    [row] = await file_rows(database)
    assert (row.state, row.file_id, row.due_at) == ("stored", kept.file_id, None)


async def test_a_failed_try_is_due_again_at_its_time(database):
    """Not before, or a provider that is down would be asked without a rest."""
    await store_inbound(database, make_inbound_message(1, A))
    [claimed] = await claim(database)
    assert await record(database, claimed.file.failed(REFUSED, jitter=0.5, now=NOW))

    assert await claim(database, now=NOW + timedelta(seconds=4)) == []
    assert await claim(database, now=NOW + timedelta(seconds=5))


async def test_what_became_of_attachments_can_be_read(database):
    """By message for a list, and one by one with its place in the store."""
    await store_inbound(database, make_inbound_message(1, A, B), make_inbound_message(2))
    kept = await kept_media(database)
    claimed = {each.file.position: each.file for each in await claim(database)}
    await record(
        database,
        claimed[1].stored(kept.file_id, media_type="image/jpeg", size_bytes=40_000, now=NOW),
    )

    first, second = (make_inbound_message(number).id for number in (1, 2))
    async with database.read() as tx:
        listed = await list_inbound_files(tx, DEFAULT_TENANT, [first, second])
        waits = await get_inbound_file(tx, DEFAULT_TENANT, first, 0)
        stored = await get_inbound_file(tx, DEFAULT_TENANT, first, 1)
        nothing = await get_inbound_file(tx, DEFAULT_TENANT, second, 0)

    assert {id_: [file.state for file in files] for id_, files in listed.items()} == {
        first: [FileState.WAITING, FileState.STORED]
    }
    assert waits == (listed[first][0], None)
    assert nothing is None
    assert stored is not None
    assert stored[1] is not None
    assert (stored[0], stored[1].id) == (listed[first][1], kept.file_id)
