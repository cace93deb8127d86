"""What phones sent is kept: the sweep takes away what nothing needs, and this is needed."""

from datetime import timedelta

from tests.engine.library_stage import PICTURE_BYTES
from tests.factories import NOW
from tests.inbound import LEASE, make_inbound_message, store_inbound
from wirephoto.engine.media_sweep import MediaSweeper
from wirephoto.media.store import open_store
from wirephoto.storage.inbound_files import claim_inbound_files, record_inbound_file
from wirephoto.storage.media import get_file
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import files

KEEP = timedelta(hours=72)
URL = "https://api-us.nexmo.com/v3/media/a"


async def keep(shelf, content):
    """Keep the bytes of an attachment, as the collector does; return the id of their file."""
    path = shelf.folder / "attachment"
    path.write_bytes(content)
    return (await shelf.library().keep(DEFAULT_TENANT, path, None)).file_id


async def sweep(shelf, store, times):
    sweeper = MediaSweeper(shelf.stage.database, store, shelf.stage.clock, keep=KEEP)
    for _ in range(times):
        await shelf.stage.advance(KEEP.total_seconds())
        await sweeper.turn()


async def test_a_file_that_an_inbound_message_holds_stays(shelf):
    """Its address is long dead: what is deleted here is lost to everybody."""
    await store_inbound(shelf.stage.database, make_inbound_message(1, URL))
    held, loose = await keep(shelf, PICTURE_BYTES), await keep(shelf, b"nobody's")
    async with shelf.stage.database.transaction() as tx:
        [claimed] = await claim_inbound_files(tx, now=NOW, lease_until=NOW + LEASE, limit=1)
        file = claimed.file.stored(held, media_type="image/jpeg", size_bytes=9, now=NOW)
        assert await record_inbound_file(tx, file)
    store = open_store(str(shelf.folder / "media"))

    await sweep(shelf, store, 4)

    assert [row.id for row in await shelf.rows(files)] == [held] != [loose]
    async with shelf.stage.database.read() as tx:
        kept = await get_file(tx, DEFAULT_TENANT, held)
    assert kept is not None
    assert b"".join([piece async for piece in store.read(kept.store_key)]) == PICTURE_BYTES


async def test_bytes_that_no_row_got_are_deleted_in_time(shelf):
    """A process was killed between keeping them and saying so."""
    await store_inbound(shelf.stage.database, make_inbound_message(1, URL))
    await keep(shelf, PICTURE_BYTES)

    await sweep(shelf, open_store(str(shelf.folder / "media")), 4)

    assert await shelf.rows(files) == []
