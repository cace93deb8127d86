"""What nothing needs any more goes; what something needs stays, also at the same moment."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.factories import NOW, make_message
from tests.race import race
from tests.storage.stored_media import (
    kept_file,
    make_file,
    make_name,
    make_need,
    make_original,
    store_need,
    store_original,
)
from tests.storage.writing import count, store
from wirephoto.domain.message import MessageState
from wirephoto.storage.hosting import (
    insert_names,
)
from wirephoto.storage.media import (
    Rendition,
    get_original,
    insert_needs,
    insert_rendition,
    plan_deletions,
)
from wirephoto.storage.media_sweep import (
    delete_expired_names,
    discard_files,
    forget_deletions,
    lease_deletions,
    release_needs,
)
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import (
    files,
    media,
    media_names,
    message_media,
    renditions,
    store_deletions,
)

HOUR = timedelta(hours=1)
LATER = NOW + 2 * HOUR
LEASE = timedelta(minutes=10)


async def discard(database, *, used_before=NOW, limit=9, now=LATER):
    async with database.transaction() as tx:
        return await discard_files(
            tx, now=now, used_before=used_before, look_at=now + HOUR, limit=limit
        )


async def release(database, *, limit=9, now=LATER):
    async with database.transaction() as tx:
        return await release_needs(
            tx, now=now, final_before=now - HOUR, look_at=now + HOUR, limit=limit
        )


async def look_ats(database, table):
    async with database.read() as tx:
        return [row.look_at for row in await tx.execute(select(table.c.look_at))]


async def message_with_file(database, **changes):
    """Store a message that needs a file, whose original nobody used lately, and has a name."""
    message, file = make_message(**changes), await kept_file(database)
    await store(database, message)
    await store_original(database, make_original(file, used_at=NOW - HOUR))
    await store_need(database, make_need(message.id, file))
    async with database.transaction() as tx:
        await insert_names(tx, [make_name(message.id, file)])
    return message, file


async def test_a_file_that_nothing_needs_goes_with_what_was_made_of_it(database):
    """And its bytes are to be deleted; the original stays, as the record that it is gone."""
    file, fitted = await kept_file(database, 1), await kept_file(database, 2, "fitted")
    await store_original(database, make_original(file, used_at=NOW))
    async with database.transaction() as tx:
        await insert_rendition(tx, Rendition(file.id, "a", DEFAULT_TENANT, NOW, fitted.id))

    assert await discard(database) == 2

    assert await count(database, files) == await count(database, renditions) == 0
    async with database.transaction() as tx:
        original = await get_original(tx, DEFAULT_TENANT, "med_1")
        keys = await lease_deletions(tx, now=LATER, lease=LEASE, limit=9)
    assert original is not None
    assert original.file_id is None
    assert keys == [file.store_key, fitted.store_key]


async def test_what_was_made_goes_before_its_original(database):
    """It can be made again while the upload is kept for its next use."""
    file, fitted = await kept_file(database, 1), await kept_file(database, 2, "fitted")
    await store_original(database, make_original(file))
    async with database.transaction() as tx:
        await insert_rendition(tx, Rendition(file.id, "a", DEFAULT_TENANT, NOW, fitted.id))

    await discard(database, used_before=NOW - HOUR)

    assert await count(database, files) == await count(database, media) == 1
    assert await count(database, renditions) == 0
    assert await look_ats(database, files) == [LATER + HOUR]


@pytest.mark.parametrize("what", ["a need", "a name", "an original used since"])
async def test_a_file_that_something_needs_stays(database, what):
    """A phone may fetch it in the next moment."""
    message, file = make_message(), await kept_file(database)
    await store(database, message)
    used_at = NOW if what.startswith("an original") else NOW - 2 * HOUR
    await store_original(database, make_original(file, used_at=used_at))
    async with database.transaction() as tx:
        if what == "a need":
            await insert_needs(tx, [make_need(message.id, file)])
        if what == "a name":
            await insert_names(tx, [make_name(message.id, file)])

    assert await discard(database, used_before=NOW - HOUR) == 1

    assert await count(database, files) == 1
    assert await discard(database, used_before=NOW - HOUR) == 0, "it is left alone for a while"


async def test_a_file_is_looked_at_when_it_is_due(database):
    """A file that was just kept has nobody yet who needs it."""
    await kept_file(database)

    assert await discard(database, now=NOW) == 0

    assert await count(database, files) == 1


async def test_a_turn_over_files_is_bounded(database):
    """And the next one takes those that are left."""
    for number in range(3):
        await kept_file(database, number, str(number))

    assert [await discard(database, limit=2) for _ in range(2)] == [2, 1]

    assert await count(database, files) == 0


@pytest.mark.parametrize("final_for", [HOUR, HOUR - timedelta(seconds=1)])
async def test_the_needs_of_a_final_message_end_after_the_margin(database, final_for):
    """A carrier may fetch the picture once more right after the receipt."""
    ended = final_for == HOUR
    await message_with_file(
        database, state=MessageState.DELIVERED, final_at=LATER - final_for, attempts=1
    )

    assert await release(database) == 1

    assert await count(database, message_media) == await count(database, media_names) == 1 - ended
    if ended:
        assert await look_ats(database, files) == [LATER], "it is looked at at once"
    else:
        assert await look_ats(database, message_media) == [LATER + HOUR]


async def test_the_needs_of_a_message_that_never_ends_end_with_its_time(database):
    """Its names live on for theirs: a phone may still fetch what is submitted."""
    await message_with_file(
        database, state=MessageState.SUBMITTED, expires_at=LATER - HOUR, attempts=1
    )

    await release(database)

    assert await count(database, message_media) == 0
    assert await count(database, media_names) == 1
    await discard(database)
    assert await count(database, files) == 1, "the name still needs it"


async def test_needs_are_looked_at_in_turn(database):
    """A bounded number at a time, the longest due first."""
    message, file = await message_with_file(database)
    await store_need(
        database, make_need(message.id, file, position=1, look_at=NOW - timedelta(seconds=1))
    )

    assert await release(database, limit=1) == 1

    assert sorted(await look_ats(database, message_media)) == [NOW, LATER + HOUR]
    assert [await release(database) for _ in range(2)] == [1, 0]


async def test_names_go_when_their_time_is_over(database):
    """And their file is looked at at once."""
    message, file = await message_with_file(database)
    async with database.transaction() as tx:
        names = [
            make_name(message.id, file, name=str(number), expires_at=NOW) for number in range(3)
        ]
        await insert_names(tx, names)

    async with database.transaction() as tx:
        assert await delete_expired_names(tx, now=NOW, limit=2) == 2
        assert await delete_expired_names(tx, now=NOW, limit=2) == 1

    assert await count(database, media_names) == 1
    assert await look_ats(database, files) == [NOW]


async def test_bytes_are_one_sweepers_to_delete(database):
    """And the next one's when that one died, until they are known to be gone."""
    due, early = make_file(1), make_file(2)
    async with database.transaction() as tx:
        await plan_deletions(tx, [due], due_at=NOW)
        await plan_deletions(tx, [early], due_at=NOW + HOUR)

    async def lease(now):
        async with database.transaction() as tx:
            return await lease_deletions(tx, now=now, lease=LEASE, limit=9)

    assert await lease(NOW) == [due.store_key]
    assert await lease(NOW) == []
    assert await lease(NOW + LEASE) == [due.store_key]
    async with database.transaction() as tx:
        await forget_deletions(tx, [due.store_key])
    assert await count(database, store_deletions) == 1


async def make_swept(database):
    """Store a message and a file that is to be swept; return the message's need of it."""
    message, file = make_message(), await kept_file(database)
    await store(database, message)
    await store_original(database, make_original(file, used_at=NOW - 2 * HOUR))
    return make_need(message.id, file)


@pytest.mark.parametrize("undone", [False, True], ids=["first commits", "first is undone"])
async def test_a_need_of_a_file_that_is_being_swept_waits_and_is_refused(postgres, undone):
    """Or comes through, where the sweeper gave up: never a message that needs what is gone."""
    need = await make_swept(postgres)

    async def needs_it():
        try:
            await store_need(postgres, need)
        except IntegrityError:
            return False
        return True

    stored = await race(
        postgres,
        lambda tx: discard_files(
            tx, now=LATER, used_before=NOW - HOUR, look_at=LATER + HOUR, limit=9
        ),
        needs_it,
        first_is_undone=undone,
    )

    assert stored is undone
    assert await count(postgres, files) == await count(postgres, message_media) == int(undone)


async def test_a_file_that_is_being_needed_is_not_swept(postgres):
    """The sweeper passes over it, and does not wait for those who send."""
    need = await make_swept(postgres)

    async with postgres.transaction() as tx:
        await insert_needs(tx, [need])
        assert await discard(postgres, used_before=NOW - HOUR) == 0

    assert await count(postgres, files) == await count(postgres, message_media) == 1


async def test_two_sweepers_share_the_files(postgres):
    """Each file is swept once, whoever comes first."""
    await make_swept(postgres)
    await kept_file(postgres, 2, "other")

    async with postgres.transaction() as tx:
        swept = await discard_files(
            tx, now=LATER, used_before=NOW - HOUR, look_at=LATER + HOUR, limit=1
        )
        assert await discard(postgres, used_before=NOW - HOUR) == 1

    assert swept == 1
    assert await count(postgres, files) == 0


async def test_an_original_that_is_used_meanwhile_does_not_lose_its_file(postgres):
    """Between looking at a file and deleting it, an upload may be used for the first time in weeks.

    Either the note of its use is late, and the original says that it is gone, or the file stays.
    """
    need = await make_swept(postgres)

    async def use():
        async with postgres.transaction() as tx:
            used = update(media).where(media.c.id == need.media_id).values(used_at=LATER)
            await tx.execute(used)

    await race(
        postgres,
        lambda tx: discard_files(
            tx, now=LATER, used_before=NOW - HOUR, look_at=LATER + HOUR, limit=9
        ),
        use,
    )

    async with postgres.read() as tx:
        original = await get_original(tx, DEFAULT_TENANT, need.media_id)
    assert original is not None
    assert (original.file_id, original.used_at) == (None, LATER)
    with pytest.raises(IntegrityError):
        await store_need(postgres, replace(need))
