"""The whole life of a file: prepared, sent, delivered, and at last deleted to the last byte."""

from datetime import timedelta

import pytest

from tests.engine.library_stage import Shelf
from tests.engine.stage import FakeProvider, Halves, make_dispatcher, make_inbound, receipt
from tests.factories import NOW, make_message
from wirephoto.domain.media import NAME_KEPT, Media
from wirephoto.domain.message import MessageState
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.media_modes import Converting, FittingRules
from wirephoto.engine.media_sweep import (
    DELETION_LEASE,
    FINAL_MARGIN,
    MediaSweeper,
)
from wirephoto.engine.moves import cancel
from wirephoto.engine.preparation import Preparation
from wirephoto.errors import StoreUnavailable
from wirephoto.media.store import open_store
from wirephoto.storage.media import StoredFile, plan_deletions
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import (
    files,
    media,
    media_names,
    message_media,
    renditions,
    store_deletions,
)

KEEP = timedelta(days=7)
RULES = FittingRules({"10dlc": 34_000, "fast": 14_000}, "#ffffff")
BYTES = b"\xff\xd8\xff" + b"x" * 40_000


class FailingStore:
    """A store that is away: it deletes nothing, and says so."""

    async def sweep(self, before) -> int:
        return 0

    async def delete(self, keys) -> None:
        raise StoreUnavailable("cleared", "it does not answer")


class Life:
    """A gateway in which one message at a time lives."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.stage = shelf.stage
        self.library = shelf.library()
        self.store = open_store(str(shelf.folder / "media"))
        self.provider = FakeProvider(self.stage.clock)
        self.sweeper = self.sweeping(self.store)

    def sweeping(self, store) -> MediaSweeper:
        return MediaSweeper(self.stage.database, store, self.stage.clock, keep=KEEP)

    async def prepared(self, **changes):
        """Store a message with an upload, and make it ready."""
        original = await self.shelf.uploaded(self.library, BYTES)
        message = make_message(
            state=MessageState.PREPARING,
            media=(Media(upload=original.id),),
            **{"created_at": self.stage.clock.now()} | changes,
        )
        await self.stage.store(message)
        preparation = Preparation(
            database=self.stage.database,
            commits=self.stage.commits,
            prepare=Converting(self.library, RULES),
            clock=self.stage.clock,
            ids=self.stage.ids,
            random=Halves(),
            retry=RetryPolicy(),
        )
        await preparation.turn()
        await preparation.drain()
        return message

    async def sent(self, message):
        """Let a message leave."""
        dispatcher = make_dispatcher(
            self.stage, self.provider, media_url="https://mms.example.com/media/"
        )
        await dispatcher.turn()
        await self.stage.advance(0.1)

    async def delivered(self, message):
        """Let a message arrive."""
        [submission] = self.provider.submitted
        await self.stage.tell(receipt(submission.client_ref, status="delivered"))
        await make_inbound(self.stage).turn()
        assert (await self.stage.message(message)).state is MessageState.DELIVERED

    async def later(self, passed: timedelta) -> None:
        """Let time pass, and the sweeper take its turns until it rests."""
        await self.stage.clock.advance(passed.total_seconds())
        for _ in range(5):
            if await self.sweeper.turn():
                return
        raise AssertionError("the sweeper never rests")

    async def left(self) -> tuple[int, ...]:
        """Return how many needs, names, files and bytes there are."""
        tables = (message_media, media_names, files)
        counts = [await self.stage.count(table) for table in tables]
        return (*counts, len(self.shelf.stored()))


@pytest.fixture
def life(shelf):
    return Life(shelf)


async def test_the_whole_life(life):
    """What was sent goes an hour after it arrived, what was uploaded a week after its last use."""
    message = await life.prepared()
    assert await life.left() == (1, 0, 2, 2)
    await life.sent(message)
    assert await life.left() == (1, 1, 2, 2)
    await life.delivered(message)

    await life.later(FINAL_MARGIN - timedelta(seconds=1))
    assert await life.left() == (1, 1, 2, 2)
    await life.later(timedelta(hours=1))
    assert await life.left() == (0, 0, 1, 1)
    assert await life.stage.count(renditions) == 0

    await life.later(KEEP - timedelta(hours=3))
    assert await life.left() == (0, 0, 1, 1)
    await life.later(timedelta(hours=3))
    assert await life.left() == (0, 0, 0, 0)
    assert await life.stage.count(store_deletions) == 0
    [original] = await life.shelf.rows(media)
    assert original.file_id is None


async def test_an_upload_in_use_is_kept(life):
    """A week after its last use, not after its upload."""
    first = await life.prepared()
    await life.sent(first)
    await life.delivered(first)
    await life.later(KEEP - timedelta(hours=1))

    [original] = await life.shelf.rows(media)
    used = Media(upload=original.id)
    await life.library.original(DEFAULT_TENANT, used, asked_at=NOW)
    await life.later(KEEP - timedelta(hours=1))

    assert await life.left() == (0, 0, 1, 1)


async def test_a_message_that_is_canceled_lets_go_of_its_files(life):
    """Nothing left, so there is nothing to fetch."""
    message = await life.prepared()
    _, canceled = await cancel(
        life.stage.database,
        life.stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        clock=life.stage.clock,
        ids=life.stage.ids,
    )
    assert canceled

    await life.later(timedelta(hours=2))

    assert await life.left() == (0, 0, 1, 1)


async def test_a_message_that_waits_keeps_its_files(life):
    """It is due in a month, and the upload may be long forgotten by then."""
    due_at = NOW + timedelta(days=29)
    message = await life.prepared(
        due_at=due_at, expires_at=due_at + timedelta(hours=24), lease_until=NOW
    )
    assert (await life.stage.message(message)).state is MessageState.QUEUED

    for _ in range(4):
        await life.later(timedelta(days=7))

    assert await life.left() == (1, 0, 1, 1), "what is sent, and no longer what it was made of"
    await life.later(timedelta(days=1))
    await life.sent(message)
    assert await life.left() == (1, 1, 1, 1)


async def test_a_message_that_never_ends_keeps_its_names_for_their_time(life):
    """No receipt came: the provider may have it for as long as it tries, and phones after that."""
    message = await life.prepared()
    await life.sent(message)
    [name] = await life.shelf.rows(media_names)
    assert name.expires_at > message.expires_at + NAME_KEPT

    await life.later(timedelta(hours=26))
    assert await life.left() == (0, 1, 2, 2)
    await life.later(name.expires_at - life.stage.clock.now() - timedelta(seconds=1))
    assert await life.left() == (0, 1, 2, 2)
    await life.later(timedelta(seconds=1))

    assert await life.left() == (0, 0, 1, 1)


async def test_a_crash_between_the_row_and_the_bytes_leaves_no_bytes(life):
    """The row went first, with the note that the bytes are to go."""
    message = await life.prepared()
    await life.sent(message)
    await life.delivered(message)
    await life.stage.clock.advance(2 * FINAL_MARGIN.total_seconds())

    with pytest.raises(StoreUnavailable):
        await life.sweeping(FailingStore()).turn()

    assert await life.left() == (0, 0, 1, 2)
    await life.later(DELETION_LEASE - timedelta(seconds=1))
    assert await life.left() == (0, 0, 1, 2)
    await life.later(timedelta(seconds=1))
    assert await life.left() == (0, 0, 1, 1)


async def test_a_crash_before_the_row_leaves_no_bytes(life):
    """The note that they are to go came before them."""
    file = StoredFile("fil_lost", DEFAULT_TENANT, "ab" * 32, 7)
    async with life.stage.database.transaction() as tx:
        await plan_deletions(tx, [file], due_at=NOW + timedelta(hours=1))
    await life.store.put(file.store_key, b"picture")

    await life.later(timedelta(minutes=59))
    assert len(life.shelf.stored()) == 1
    await life.later(timedelta(minutes=1))

    assert life.shelf.stored() == []
