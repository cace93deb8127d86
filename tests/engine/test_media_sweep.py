"""What was needed until now goes: names, files, and at last their bytes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.factories import NOW, make_attempt, make_message
from tests.library import kept_media, make_media
from wirephoto.domain.channel import Channel
from wirephoto.domain.message import MessageState
from wirephoto.engine.media_sweep import FINAL_MARGIN, HALF_WRITTEN, REST_S, TURN_MAX, MediaSweeper
from wirephoto.storage.hosting import (
    HostedName,
    insert_names,
)
from wirephoto.storage.media import (
    Need,
    insert_needs,
)
from wirephoto.storage.schema import messages
from wirephoto.storage.schema_media import (
    files,
    media,
    media_names,
    message_media,
    store_deletions,
)

HOUR = timedelta(hours=1)
KEEP = timedelta(hours=72)
LONG = timedelta(days=40)


class FakeStore:
    """Notes what is deleted; fails while `broken`."""

    def __init__(self):
        self.deleted = []
        self.swept = []
        self.broken = False

    async def delete(self, keys):
        if self.broken:
            raise OSError("the disk is away")
        self.deleted += keys

    async def sweep(self, before):
        self.swept.append(before)
        return 0


@pytest.fixture
def kept():
    return FakeStore()


@pytest.fixture
def sweeper(stage, kept):
    return MediaSweeper(stage.database, kept, stage.clock, keep=KEEP)


async def prepared(stage, number=1, *, named=True, **changes):
    """Store a message whose file is kept, and a name of it."""
    found = await kept_media(stage.database, number)
    message = make_message(**({"state": MessageState.SUBMITTED} | changes))
    message = replace(message, media=(replace(message.media[0], prepared=found),))
    await stage.store(message)
    tenant = message.tenant_id
    need = Need(message.id, 0, tenant, found.media_id, found.file_id, NOW + HOUR)
    name = HostedName(
        f"n{number}.jpg", tenant, message.id, 1, 0, found.file_id, "image/jpeg", NOW + 50 * HOUR
    )
    async with stage.database.transaction() as tx:
        await insert_needs(tx, [need])
        await insert_names(tx, [name] if named else [])
    return message


async def end(stage, message, at):
    async with stage.database.transaction() as tx:
        await tx.execute(
            update(messages)
            .where(messages.c.id == message.id)
            .values(state="delivered", final_at=at)
        )


async def counts(stage):
    async with stage.database.read() as tx:
        return [
            (await tx.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (message_media, media_names, files, store_deletions)
        ]


async def later(stage, sweeper, time):
    await stage.advance(time.total_seconds())
    for _ in range(3):
        await sweeper.turn()


async def test_a_final_message_lets_go_of_its_names(stage, sweeper):
    """After a margin, for a carrier may fetch a little later than it reports."""
    message = await prepared(stage)
    await end(stage, message, NOW + HOUR)

    await later(stage, sweeper, HOUR + FINAL_MARGIN / 2)
    assert (await counts(stage))[:2] == [1, 1]
    await later(stage, sweeper, HOUR)

    assert (await counts(stage))[:2] == [0, 0]


async def test_a_link_in_a_text_outlives_its_message(stage, sweeper):
    """The message is delivered in seconds, and opened on the way home."""
    message = await prepared(stage, attempts=1)
    await stage.store_attempts(make_attempt(message, channel=Channel.SMS))
    await end(stage, message, NOW)

    await later(stage, sweeper, 40 * HOUR)
    kept_for_long = await counts(stage)
    await later(stage, sweeper, 11 * HOUR)

    assert kept_for_long[:3] == [0, 1, 1]
    assert (await counts(stage))[1] == 0


async def test_bytes_go_when_nothing_needs_them(stage, sweeper, kept):
    """Not before: the original is kept for its own time, and can be used until then."""
    message = await prepared(stage)
    await end(stage, message, NOW)

    await later(stage, sweeper, 4 * HOUR)
    assert (await counts(stage), kept.deleted) == ([0, 0, 1, 0], [])
    await later(stage, sweeper, KEEP)

    assert await counts(stage) == [0, 0, 0, 0]
    (key,) = kept.deleted
    assert key.startswith("tnt_default/fil_1.")
    async with stage.database.read() as tx:
        assert (await tx.execute(select(media.c.file_id))).scalar_one() is None


async def test_what_a_waiting_message_needs_stays(stage, sweeper, kept):
    """It may be scheduled for the end of the month."""
    await prepared(
        stage, state=MessageState.QUEUED, named=False, expires_at=NOW + timedelta(days=30)
    )

    await later(stage, sweeper, timedelta(days=29))

    assert await counts(stage) == [1, 0, 1, 0]
    assert kept.deleted == []


async def test_a_name_lives_for_its_time_where_a_message_never_ends(stage, sweeper, kept):
    """Nobody knows whether it was taken; the provider may fetch as long as it may try."""
    await prepared(stage, state=MessageState.UNCONFIRMED)

    await later(stage, sweeper, 49 * HOUR)
    assert (await counts(stage))[1] == 1
    await later(stage, sweeper, 2 * HOUR)

    assert (await counts(stage))[1] == 0


async def test_a_message_that_never_ends_does_not_hold_its_file_for_ever(stage, sweeper, kept):
    """Once it is too old to be sent again, it needs nothing any more."""
    await prepared(stage, state=MessageState.UNCONFIRMED)

    await later(stage, sweeper, LONG)

    assert await counts(stage) == [0, 0, 0, 0]
    assert len(kept.deleted) == 1


async def test_two_messages_with_one_file_hold_it_both(stage, sweeper, kept):
    """The first one's end is not the file's."""
    first = await prepared(stage)
    async with stage.database.read() as tx:
        row = (await tx.execute(select(message_media))).one()
    other = make_message(expires_at=NOW + LONG)
    await stage.store(other)
    async with stage.database.transaction() as tx:
        need = Need(other.id, 0, row.tenant_id, row.media_id, row.file_id, NOW + HOUR)
        await insert_needs(tx, [need])
    await end(stage, first, NOW)

    await later(stage, sweeper, KEEP + 5 * HOUR)

    assert await counts(stage) == [1, 0, 1, 0]
    assert kept.deleted == []


async def test_bytes_that_cannot_be_deleted_now_are_deleted_later(stage, sweeper, kept):
    """The row is gone, but the note of its bytes is not."""
    message = await prepared(stage)
    await end(stage, message, NOW)
    kept.broken = True
    await stage.advance((KEEP + 5 * HOUR).total_seconds())
    # What it found to be unneeded, it discards in the same turn or in the next.
    failed = [await asyncio.gather(sweeper.turn(), return_exceptions=True) for _ in range(3)]
    assert any(isinstance(result, OSError) for (result,) in failed)
    assert (await counts(stage))[2:] == [0, 1]

    kept.broken = False
    await later(stage, sweeper, HOUR)

    assert len(kept.deleted) == 1
    assert (await counts(stage))[3] == 0


async def test_a_turn_is_bounded(stage, sweeper):
    """A bulk that ends does not hold the database up; the next turn follows at once."""
    for number in range(3):
        await prepared(stage, number)
    assert await sweeper.turn() == REST_S
    async with stage.database.transaction() as tx:
        rows = [
            {"store_key": f"tnt_default/fil_{number}.{'0' * 64}", "tenant_id": "tnt_default"}
            | {"due_at": NOW}
            for number in range(TURN_MAX + 1)
        ]
        await tx.execute(store_deletions.insert().values(rows))

    assert await sweeper.turn() == 0.0
    assert await sweeper.turn() == REST_S


async def test_what_a_crash_left_half_written_is_swept(stage, sweeper, kept):
    """But not what is being written at this moment."""
    await sweeper.turn()

    assert kept.swept == [NOW - HALF_WRITTEN]


async def test_an_upload_that_nobody_used_goes_with_its_bytes(stage, tmp_path):
    """With the real store, from the first byte to the last."""
    parts = make_media(stage.database, stage.clock, tmp_path)
    path = tmp_path / "upload"
    path.write_bytes(b"\xff\xd8\xff picture")
    await parts.library.upload("tnt_default", path, None)
    parts.scratch.close()
    folder = tmp_path / "media" / "tnt_default"
    sweeper = MediaSweeper(stage.database, parts.store, stage.clock, keep=KEEP)
    await later(stage, sweeper, KEEP - HOUR)
    assert len(list(folder.iterdir())) == 1

    await later(stage, sweeper, 3 * HOUR)

    assert list(folder.iterdir()) == []
    assert await counts(stage) == [0, 0, 0, 0]
