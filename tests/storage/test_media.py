"""Files are kept once, deletions are taken back only in time, fetches are written down bounded."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.factories import NOW, make_message
from tests.race import race
from tests.storage.stored_media import (
    PLANNED_AT,
    keep,
    kept_file,
    make_file,
    make_name,
    make_need,
    make_original,
    store_need,
    store_original,
)
from tests.storage.writing import add_tenant, count, store
from wirephoto.domain.media import Fitting, Form
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.hosting import (
    FETCHES_KEPT,
    MediaFetch,
    find_name,
    insert_names,
    list_fetches,
    record_fetches,
)
from wirephoto.storage.media import (
    Rendition,
    claim_mark,
    find_rendition,
    get_file,
    get_original,
    insert_original,
    insert_rendition,
    keep_file,
    latest_of_url,
    list_renditions,
    plan_deletions,
    reserve_file,
    touch_original,
)
from wirephoto.storage.media_sweep import lease_deletions
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import (
    files,
    media_fetches,
    media_names,
    message_media,
    store_deletions,
)

SECOND = timedelta(seconds=1)


async def keep_apart(database, file):
    async with database.transaction() as tx:
        return await keep(tx, file)


async def planned(database):
    async with database.read() as tx:
        return {row.store_key for row in await tx.execute(select(store_deletions))}


async def test_the_same_bytes_are_kept_once(database):
    """A picture that a thousand customers' messages show takes its room once."""
    first = await kept_file(database, 1)

    kept_as = await keep_apart(database, make_file(2))

    assert kept_as == first.id
    assert await count(database, files) == 1
    assert await planned(database) == {make_file(2).store_key}


async def test_tenants_share_no_bytes(database):
    """Else whoever guesses a file could learn that somebody else has it."""
    await add_tenant(database)
    await kept_file(database, 1)

    kept_as = await keep_apart(database, make_file(2, tenant_id="tnt_other"))

    assert kept_as == "fil_2"
    assert await planned(database) == set()


@pytest.mark.parametrize("late", [timedelta(), SECOND])
async def test_bytes_that_may_be_deleted_are_not_kept(database, late):
    """A process that was suspended for an hour must not promise what the sweeper takes away."""
    file = make_file()
    async with database.transaction() as tx:
        await plan_deletions(tx, [file], due_at=PLANNED_AT)

    with pytest.raises(StorageUnavailable):
        async with database.transaction() as tx:
            await keep_file(
                tx, file, planned_at=PLANNED_AT, now=PLANNED_AT + late, look_at=PLANNED_AT
            )

    assert await count(database, files) == 0
    assert await planned(database) == {file.store_key}


@pytest.mark.parametrize("now", [NOW, PLANNED_AT + SECOND], ids=["slow clock", "same clock"])
async def test_bytes_that_are_being_deleted_are_not_kept(database, now):
    """Whoever deletes them puts their time off: that must not look like time enough."""
    file = make_file()
    async with database.transaction() as tx:
        await plan_deletions(tx, [file], due_at=PLANNED_AT)
        await lease_deletions(tx, now=PLANNED_AT, lease=timedelta(minutes=10), limit=9)

    with pytest.raises(StorageUnavailable):
        async with database.transaction() as tx:
            await keep_file(tx, file, planned_at=PLANNED_AT, now=now, look_at=now)

    assert await count(database, files) == 0


async def test_bytes_whose_deletion_is_done_are_not_kept(database):
    """The row would be a promise without bytes."""
    with pytest.raises(StorageUnavailable):
        async with database.transaction() as tx:
            await keep_file(tx, make_file(), planned_at=PLANNED_AT, now=NOW, look_at=NOW)

    assert await count(database, files) == 0


@pytest.mark.parametrize("undone", [False, True], ids=["first commits", "first is undone"])
async def test_two_processes_keep_the_same_bytes_at_once(postgres, undone):
    """One row, and the bytes of the one that lost are deleted as planned."""
    kept_as = await race(
        postgres,
        lambda tx: keep(tx, make_file(1)),
        lambda: keep_apart(postgres, make_file(2)),
        first_is_undone=undone,
    )

    assert kept_as == ("fil_2" if undone else "fil_1")
    assert await count(postgres, files) == 1
    assert await planned(postgres) == (set() if undone else {make_file(2).store_key})


async def test_a_file_that_is_there_is_left_alone_for_a_while(database):
    """Between finding it and storing who needs it, the sweeper must not take it."""
    file = await kept_file(database)

    async with database.transaction() as tx:
        found = await reserve_file(tx, DEFAULT_TENANT, file.digest, look_at=NOW + 9 * SECOND)

    assert found == file
    async with database.read() as tx:
        look_at = (await tx.execute(select(files.c.look_at))).scalar_one()
        assert await get_file(tx, DEFAULT_TENANT, file.id) == file
    assert look_at == NOW + 9 * SECOND


async def test_a_need_of_a_file_that_is_not_there_is_refused(database):
    """The database itself sees to it that no message waits for bytes that are gone."""
    message, file = make_message(), await kept_file(database)
    await store(database, message)
    await store_original(database, make_original(file))

    with pytest.raises(IntegrityError):
        await store_need(database, make_need(message.id, make_file(9)))

    assert await count(database, message_media) == 0


async def test_an_original_is_found_by_its_address_and_by_its_id(database):
    """The newest one counts: the address holds something else by now."""
    file = await kept_file(database)
    older = make_original(
        file,
        url="https://x.test/a",
        url_hash="hash",
        etag='"1"',
        last_modified="Wed",
        fresh_until=NOW + SECOND,
    )
    newer = replace(older, id="med_2", etag=None)
    await store_original(database, newer)
    await store_original(database, older)

    async with database.read() as tx:
        assert await latest_of_url(tx, DEFAULT_TENANT, "hash") == newer
        assert await latest_of_url(tx, DEFAULT_TENANT, "other") is None
        assert await get_original(tx, DEFAULT_TENANT, older.id) == older
        assert await get_original(tx, DEFAULT_TENANT, "med\x001") is None


async def test_that_an_original_is_used_is_written_down(database):
    """Its bytes live for a while after the last use; asking again also says that it is unchanged.

    One that is not there cannot be used.
    """
    file = await kept_file(database)
    await store_original(database, make_original(file))

    async with database.transaction() as tx:
        used = await touch_original(tx, DEFAULT_TENANT, "med_1", used_at=NOW + SECOND)
        again = await touch_original(
            tx,
            DEFAULT_TENANT,
            "med_1",
            used_at=NOW + SECOND,
            checked_at=NOW + SECOND,
            fresh_until=NOW + 2 * SECOND,
        )
        missing = await touch_original(tx, DEFAULT_TENANT, "med_9", used_at=NOW)

    assert (used, again, missing) == (True, True, False)
    async with database.read() as tx:
        original = await get_original(tx, DEFAULT_TENANT, "med_1")
    assert original is not None
    assert (original.used_at, original.checked_at) == (NOW + SECOND, NOW + SECOND)
    assert original.fresh_until == NOW + 2 * SECOND


async def test_what_was_made_of_a_file_is_kept_with_its_report(database):
    """A refusal too: the same bytes will be refused again, and nobody needs to decode them."""
    file, fitted = await kept_file(database, 1), await kept_file(database, 2, "fitted")
    form = Form("image/jpeg", 7, 40, 30, 1, None)
    fitting = Fitting(form, replace(form, size_bytes=5), ("cut",), ("It was cut.",), 12)
    made = Rendition(file.id, "a", DEFAULT_TENANT, NOW, fitted.id, fitting)
    refused = Rendition(file.id, "b", DEFAULT_TENANT, NOW, reason="corrupt", detail="Send another.")

    async with database.transaction() as tx:
        await insert_rendition(tx, refused)
        await insert_rendition(tx, made)
        await insert_rendition(tx, replace(made, file_id=file.id))

    async with database.read() as tx:
        assert await find_rendition(tx, DEFAULT_TENANT, file.id, "a") == made
        assert await list_renditions(tx, DEFAULT_TENANT, file.id) == [made, refused]
        assert await find_rendition(tx, DEFAULT_TENANT, file.id, "c") is None


async def test_a_name_is_served_until_it_expires(database):
    """From then on it is as if it had never been."""
    message, file = make_message(), await kept_file(database)
    await store(database, message)
    name = make_name(message.id, file, expires_at=NOW + SECOND)
    async with database.transaction() as tx:
        await insert_names(tx, [name])

    async with database.read() as tx:
        hosted = await find_name(tx, name.name, now=NOW)
        assert hosted is not None
        assert (hosted.name, hosted.file) == (name, file)
        for missing in ("other.jpg", "name\x00.jpg", ""):
            assert await find_name(tx, missing, now=NOW) is None
        assert await find_name(tx, name.name, now=NOW + SECOND) is None


async def test_fetches_are_counted_and_the_first_are_written_down(database):
    """Whoever fetches a picture a million times must not fill the disk; evidence are the first."""
    message, file = make_message(), await kept_file(database)
    await store(database, message)
    one, two = make_name(message.id, file), make_name(message.id, file, name="b.jpg", position=1)
    async with database.transaction() as tx:
        await insert_names(tx, [one, two])

    def fetch(name, agent=None):
        return MediaFetch(
            name.name, DEFAULT_TENANT, message.id, 1, name.position, "GET", agent, NOW
        )

    gone = replace(fetch(one), name="gone.jpg")
    for _ in range(2):
        async with database.transaction() as tx:
            rows = [fetch(two, "phone"), gone, *[fetch(one)] * (FETCHES_KEPT - 10)]
            assert await record_fetches(tx, rows) == [None] * len(rows)

    async with database.read() as tx:
        listed = await list_fetches(tx, DEFAULT_TENANT, message.id)
        found = await tx.execute(select(media_names.c.fetches).order_by(media_names.c.name))
        counted = [row.fetches for row in found]
    assert counted == [2, 2 * (FETCHES_KEPT - 10)]
    assert await count(database, media_fetches) == FETCHES_KEPT + 2
    assert listed.count(fetch(two, "phone")) == 2
    assert gone not in listed


async def test_two_processes_count_fetches_of_the_same_names(postgres):
    """Neither waits for the other for ever, whatever order the fetches came in."""
    message, file = make_message(), await kept_file(postgres)
    await store(postgres, message)
    names = [make_name(message.id, file, name=name) for name in ("a.jpg", "b.jpg")]
    async with postgres.transaction() as tx:
        await insert_names(tx, names)
    rows = [
        MediaFetch(name.name, DEFAULT_TENANT, message.id, 1, 0, "GET", None, NOW) for name in names
    ]

    async def second():
        async with postgres.transaction() as tx:
            await record_fetches(tx, rows[::-1])

    await race(postgres, lambda tx: record_fetches(tx, rows), second)

    assert await count(postgres, media_fetches) == 4


async def test_the_store_has_one_mark(database):
    """The first process decides, and the others compare."""
    async with database.transaction() as tx:
        assert await claim_mark(tx, "first") == "first"
    async with database.transaction() as tx:
        assert await claim_mark(tx, "second") == "first"


async def test_an_original_without_its_file_is_refused(database):
    """Found bytes that are swept at the same moment are fetched again, not dreamt of."""
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await insert_original(tx, make_original(make_file()))
