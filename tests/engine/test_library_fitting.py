"""Uploads, and what is made of files: once, and as it was the first time."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from tests.engine.library_stage import NARROW, PICTURE_BYTES, WIDE
from tests.engine.stage import eventually
from tests.factories import NOW
from tests.storage.writing import add_tenant
from wirephoto.domain.media import Media, MediaKind
from wirephoto.engine.once import LEASE, LEASE_POLL_S
from wirephoto.errors import MediaRefused, StoreUnavailable
from wirephoto.storage.media import find_rendition
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import files, media, renditions, store_deletions, work_leases


async def refusal(awaitable) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        await awaitable
    return caught.value


async def used(library, original, tenant_id=DEFAULT_TENANT):
    return await library.original(tenant_id, Media(upload=original.id), asked_at=NOW)


async def test_an_upload_is_used_by_its_id(shelf):
    """Sent once, shown in any number of messages."""
    library = shelf.library()
    original = await shelf.uploaded(library)

    found = await used(library, original)

    assert found == original
    assert (found.kind, found.media_type) == (MediaKind.IMAGE, "image/jpeg")
    assert (found.size_bytes, found.url) == (len(PICTURE_BYTES), None)
    assert len(shelf.stored()) == 1
    assert await shelf.stage.count(store_deletions) == 0


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("application/x-mystery", "application/x-mystery"),
        (None, "application/octet-stream"),
        ("text\x00/plain", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("text/html; charset=x", "application/octet-stream"),
        ("image/" + "x" * 100, "application/octet-stream"),
        ("a/b\r\nX: y", "application/octet-stream"),
    ],
)
async def test_a_claimed_type_is_kept_where_it_is_one(shelf, claimed, kept):
    """It goes into the database and into headers."""
    path = shelf.folder / "upload"
    path.write_bytes(b"\x00\x01 unknown")

    original = await shelf.library().upload(DEFAULT_TENANT, path, claimed)

    assert (original.kind, original.media_type) == (MediaKind.FILE, kept)


async def test_the_same_upload_twice_is_two_uploads_with_one_file(shelf):
    """Each has its own id; the disk has it once."""
    library = shelf.library()

    one, two = await shelf.uploaded(library), await shelf.uploaded(library)

    assert one.id != two.id
    assert one.file_id == two.file_id
    assert len(shelf.stored()) == 1


async def test_uploads_of_the_same_bytes_at_once(shelf):
    """Two processes that know nothing of each other; the copy that lost is deleted in time."""
    path = shelf.folder / "upload"
    path.write_bytes(PICTURE_BYTES)

    kept = await asyncio.gather(
        *[shelf.library().upload(DEFAULT_TENANT, path, None) for _ in range(4)]
    )

    assert len({original.file_id for original in kept}) == 1
    assert len({original.id for original in kept}) == 4
    lost = await shelf.rows(store_deletions)
    assert len(shelf.stored()) == 1 + len(lost)


async def test_an_upload_of_another_tenant_is_unknown(shelf):
    """Neither its bytes nor that it is there."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    await add_tenant(shelf.stage.database)

    assert (await refusal(used(library, original, "tnt_other"))).reason == "unknown_upload"


async def test_an_upload_that_was_deleted_is_gone(shelf):
    """Its remedy is to upload it again."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    async with shelf.stage.database.transaction() as tx:
        await tx.execute(update(media).values(file_id=None))
        await tx.execute(delete(files))

    failure = await refusal(used(library, original))

    assert (failure.reason, failure.retryable) == ("upload_gone", False)
    assert (await used(library, await shelf.uploaded(library))).file_id is not None


async def test_bytes_that_the_store_lost_come_back_with_the_next_upload(shelf):
    """A lost disk costs the uploads on it, not every later upload of the same picture."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    [path] = shelf.stored()
    path.unlink()

    failure = await refusal(library.prepared(original, NARROW))

    assert (failure.reason, failure.retryable) == ("upload_gone", False)
    assert (await refusal(used(library, original))).reason == "upload_gone"
    again = await shelf.uploaded(library)
    assert (await library.prepared(again, NARROW)).fitting.sent.size_bytes == 50


async def test_fetched_bytes_that_the_store_lost_are_fetched_again(shelf):
    """Also where their server would say that nothing has changed."""
    shelf.headers = {"ETag": '"1"'}
    library = shelf.library()
    original = await shelf.fetched(library)
    [path] = shelf.stored()
    path.unlink()

    failure = await refusal(library.prepared(original, NARROW))

    assert (failure.reason, failure.retryable) == ("unreachable", True)
    again = await shelf.fetched(library, asked_at=NOW)
    assert (await library.prepared(again, NARROW)).media_id == again.id
    assert len(shelf.site.requests) == 2


async def test_what_fits_already_goes_out_as_it_is(shelf):
    """Nothing is kept twice."""
    library = shelf.library()
    original = await shelf.uploaded(library)

    prepared = await library.prepared(original, WIDE)

    assert (prepared.media_id, prepared.file_id) == (original.id, original.file_id)
    assert prepared.fitting.steps == ()
    assert len(shelf.stored()) == 1


async def test_what_is_fitted_is_kept_and_used_again(shelf):
    """A thousand messages cost one fitting; another budget is another fitting."""
    library = shelf.library()
    original = await shelf.uploaded(library)

    made = await asyncio.gather(*[library.prepared(original, NARROW) for _ in range(20)])
    await library.prepared(original, WIDE)

    assert len({prepared.file_id for prepared in made}) == 1
    assert made[0].file_id != original.file_id
    assert made[0].fitting.steps == ("cut off",)
    assert [target for _, target in shelf.fitter.asked] == [NARROW, WIDE]
    assert [body for body, _ in shelf.fitter.asked] == [PICTURE_BYTES] * 2
    assert sorted(path.stat().st_size for path in shelf.stored()) == [50, len(PICTURE_BYTES)]


async def test_two_processes_fit_once(shelf):
    """Decoding is what costs."""
    first, second = shelf.library(), shelf.library()
    original = await shelf.uploaded(first)
    shelf.fitter.open.clear()
    one = asyncio.ensure_future(first.prepared(original, NARROW))
    await eventually(lambda: shelf.fitter.asked)
    two = asyncio.ensure_future(second.prepared(original, NARROW))
    await shelf.stage.advance(LEASE_POLL_S)
    shelf.fitter.open.set()

    made = await one

    async def is_done() -> bool:
        return two.done()

    await shelf.stage.advance_until(is_done, step_s=LEASE_POLL_S, within_s=60)
    assert await two == made
    assert len(shelf.fitter.asked) == 1


async def test_what_another_process_made_just_now_is_not_made_again(shelf):
    """It may end between looking for what it makes and taking its lease."""
    first = shelf.library()
    original = await shelf.uploaded(first)
    overtaken = Overtaken(shelf.stage.database, lambda: first.prepared(original, NARROW))
    second = shelf.library(overtaken)

    made = await second.prepared(original, NARROW)

    assert len(shelf.fitter.asked) == 1
    assert made == await first.prepared(original, NARROW)


class Overtaken:
    """A database on which something happens before the first write of one process."""

    def __init__(self, database, happens) -> None:
        self._database = database
        self._happens = happens
        self.read = database.read

    @asynccontextmanager
    async def transaction(self):
        happens, self._happens = self._happens, None
        if happens:
            await happens()
        async with self._database.transaction() as tx:
            yield tx


async def test_a_process_that_died_over_a_picture_is_replaced(shelf):
    """It had the lease; the bytes may have killed it, and the next one has its own limits."""
    first, second = shelf.library(), shelf.library()
    original = await shelf.uploaded(first)
    shelf.fitter.open.clear()
    dying = asyncio.ensure_future(first.prepared(original, NARROW))
    await eventually(lambda: shelf.fitter.asked)
    waiting = asyncio.ensure_future(second.prepared(original, NARROW))
    await shelf.stage.quiet()
    await shelf.stage.clock.advance(LEASE.total_seconds() - 1)
    await shelf.stage.advance(LEASE_POLL_S)
    assert len(shelf.fitter.asked) == 1

    await shelf.stage.advance(1)
    await eventually(lambda: len(shelf.fitter.asked) == 2)
    shelf.fitter.open.set()

    assert (await waiting).file_id == (await dying).file_id
    assert await shelf.stage.count(work_leases) == 0
    assert await shelf.stage.count(renditions) == 1


async def test_a_refusal_is_remembered(shelf):
    """The same bytes are refused again: a bomb is decoded once, not once for each message."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    shelf.fitter.refusals = [MediaRefused("too_many_pixels", "Send a smaller one.")]

    failures = [await refusal(library.prepared(original, NARROW)) for _ in range(2)]

    said = [(failure.reason, str(failure), failure.retryable) for failure in failures]
    assert said == [("too_many_pixels", "Send a smaller one.", False)] * 2
    assert len(shelf.fitter.asked) == 1


async def test_what_may_pass_later_is_not_remembered(shelf):
    """A worker that was busy says nothing of the picture."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    shelf.fitter.refusals = [MediaRefused("too_slow", "Wait.", retryable=True)]

    assert (await refusal(library.prepared(original, NARROW))).retryable
    assert (await library.prepared(original, NARROW)).file_id

    async with shelf.stage.database.read() as tx:
        assert await find_rendition(tx, DEFAULT_TENANT, original.file_id, NARROW.key)


async def test_a_file_that_is_swept_meanwhile_is_told_as_gone(shelf):
    """Between looking an upload up and fitting it lies time."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    async with shelf.stage.database.transaction() as tx:
        await tx.execute(update(media).values(file_id=None))
        await tx.execute(delete(files))

    assert (await refusal(library.prepared(original, NARROW))).reason == "upload_gone"
    assert shelf.fitter.asked == []


async def test_a_store_that_cannot_be_reached_keeps_nothing(shelf):
    """No row without bytes; what may have been written is deleted in time."""
    (shelf.folder / "media").write_text("a file where the folder should be")

    with pytest.raises(StoreUnavailable):
        await shelf.uploaded(shelf.library())

    assert await shelf.stage.count(files) == await shelf.stage.count(media) == 0
    [planned] = await shelf.rows(store_deletions)
    assert planned.due_at == NOW + timedelta(hours=1)


async def test_a_store_that_fails_while_fitting_says_nothing_of_the_picture(shelf):
    """Nothing is remembered, and the lease is given up."""
    library = shelf.library()
    original = await shelf.uploaded(library)
    (shelf.folder / "media").rename(shelf.folder / "away")
    (shelf.folder / "media").write_text("a file where the folder should be")

    with pytest.raises(StoreUnavailable):
        await library.prepared(original, NARROW)

    (shelf.folder / "media").unlink()
    (shelf.folder / "away").rename(shelf.folder / "media")
    assert (await library.prepared(original, NARROW)).file_id
