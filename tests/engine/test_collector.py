"""Attachments of phones are fetched while their addresses live, and kept."""

import asyncio
from datetime import timedelta
from random import Random

import pytest
from aiohttp import web

from tests.engine.library_stage import PICTURE_BYTES
from tests.engine.stage import eventually, logged
from tests.factories import NOW
from tests.inbound import file_rows, make_inbound_message, store_inbound
from wirephoto.domain.inbound_file import ADDRESS_LIFE
from wirephoto.engine.collector import LEASE, REST_S, TURN_MAX, Collector
from wirephoto.errors import StorageUnavailable, StoreUnavailable
from wirephoto.media.scratch import Scratch
from wirephoto.storage.schema_media import files, media

BYTES_MAX = 10_000
TOKEN = {"Authorization": "Bearer ours"}


class Half(Random):
    """Draws a half: waits are half of the longest."""

    def random(self):
        return 0.5


@pytest.fixture
def make_collector(shelf, tmp_path):
    """Give a maker of collectors, each as in a process of its own."""
    scratches = []

    def make(library=None, credentials=lambda _url: TOKEN):
        scratches.append(Scratch(tmp_path))
        return Collector(
            database=shelf.stage.database,
            library=library or shelf.library(),
            scratch=scratches[-1],
            egress=shelf.egress,
            credentials=credentials,
            clock=shelf.stage.clock,
            random=Half(),
            file_bytes_max=BYTES_MAX,
        )

    yield make
    for scratch in scratches:
        scratch.close()


@pytest.fixture
def collector(make_collector):
    """Give the collector of one process."""
    return make_collector()


async def ask(shelf, number=1, *paths):
    """Store a message with attachments of the site."""
    urls = [shelf.site.url(path) for path in paths or ("/v3/media/a",)]
    await store_inbound(shelf.stage.database, make_inbound_message(number, *urls))


async def only_row(shelf):
    [row] = await file_rows(shelf.stage.database)
    return row


async def test_an_attachment_is_fetched_and_kept(shelf, collector):
    """What it is, its bytes tell; and who we are, its server."""
    shelf.headers = {"Content-Type": "text/html"}
    await ask(shelf)

    with logged() as lines:
        assert await collector.turn() == REST_S

    row = await only_row(shelf)
    assert (row.state, row.media_type) == ("stored", "image/jpeg")
    assert (row.size_bytes, row.settled_at) == (len(PICTURE_BYTES), NOW)
    [request] = shelf.site.requests
    assert request.headers["Authorization"] == "Bearer ours"
    assert [line["event"] for line in lines] == ["inbound_file_stored"]
    [file] = await shelf.rows(files)
    assert (file.id, file.size_bytes) == (row.file_id, len(PICTURE_BYTES))


async def test_every_kind_of_file_is_kept(shelf, collector):
    """What phones send is not ours to choose: the type that came with it is told, if it is one."""

    async def answer(request: web.Request) -> web.Response:
        kind = request.query.get("type", "")
        return web.Response(body=b"\x00\x01nothing that is known", headers={"Content-Type": kind})

    shelf.site.answer = answer
    types = ["text/vcard", "audio/amr", "application/pdf", "none"]
    await ask(shelf, 1, *[f"/v3/media/{n}?type={kind}" for n, kind in enumerate(types)])

    await collector.turn()

    rows = await file_rows(shelf.stage.database)
    assert [row.state for row in rows] == ["stored"] * 4
    assert [row.media_type for row in rows] == [*types[:3], "application/octet-stream"]
    assert len({row.file_id for row in rows}) == 1


async def test_the_same_bytes_are_kept_once(shelf, collector):
    """A sticker that a thousand phones send costs the space of one."""
    for number in range(1, 4):
        await ask(shelf, number, f"/v3/media/{number}")

    await collector.turn()

    assert len({row.file_id for row in await file_rows(shelf.stage.database)}) == 1
    assert (await shelf.stage.count(files), await shelf.stage.count(media)) == (1, 0)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_what_may_work_later_is_tried_until_the_address_is_dead(shelf, collector, status):
    """A provider that is down for a day must not cost a picture; nor a key that can be mended."""
    shelf.status = status
    await ask(shelf)
    waits = []
    while (row := await only_row(shelf)).state == "waiting":
        await shelf.stage.advance((row.due_at - shelf.stage.clock.now()).total_seconds())
        await collector.turn()
        waits.append(shelf.stage.clock.now())

    assert waits[0] == NOW
    assert NOW + ADDRESS_LIFE - timedelta(hours=1) < waits[-1] < NOW + ADDRESS_LIFE
    assert 100 < len(shelf.site.requests) == row.tries < 300
    assert (row.reason, row.file_id) == (
        {401: "unauthorized", 403: "unauthorized", 404: "not_there"}.get(status, "unreachable"),
        None,
    )
    assert row.detail


async def test_it_is_had_as_soon_as_it_can_be(shelf, collector):
    """The failures before are forgotten."""
    shelf.status = 503
    await ask(shelf)
    await collector.turn()
    shelf.status = 200
    await shelf.stage.advance(5)

    await collector.turn()

    row = await only_row(shelf)
    assert (row.state, row.tries, row.reason, row.detail) == ("stored", 2, None, None)


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [(410, b"", "not_there"), (400, b"", "unreachable"), (200, b"x" * 10_001, "too_large")],
)
async def test_what_never_works_is_gone_at_once(shelf, collector, status, content, reason):
    """And says why, in the log as well: somebody may ask the sender for it again."""
    shelf.status, shelf.content = status, content
    await ask(shelf)

    with logged() as lines:
        await collector.turn()

    row = await only_row(shelf)
    assert (row.state, row.reason, row.tries, row.settled_at) == ("gone", reason, 1, NOW)
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("inbound_file_gone", "error")
    ]
    assert await shelf.stage.count(files) == 0


async def test_an_internal_address_is_not_fetched(shelf, collector):
    """Whoever forges a webhook must not reach what only we can."""
    message = make_inbound_message(1, "http://169.254.169.254/latest/meta-data/")
    await store_inbound(shelf.stage.database, message)

    await collector.turn()

    row = await only_row(shelf)
    assert (row.state, row.reason) == ("gone", "blocked_address")


async def test_an_empty_file_is_asked_for_again(shelf, collector):
    """The provider may tell of it before it has it."""
    shelf.content = b""
    await ask(shelf)

    await collector.turn()

    row = await only_row(shelf)
    assert (row.state, row.reason) == ("waiting", "corrupt")


async def test_one_that_fails_does_not_hold_up_the_others(shelf, collector):
    """Half of a message is better than nothing of it."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=410 if request.path.endswith("b") else 200, body=PICTURE_BYTES)

    shelf.site.answer = answer
    await ask(shelf, 1, "/a", "/b", "/c")

    await collector.turn()

    states = [row.state for row in await file_rows(shelf.stage.database)]
    assert states == ["stored", "gone", "stored"]


async def test_a_turn_is_bounded_and_the_next_follows_at_once(shelf, collector):
    """A storm of pictures must neither fill the memory nor wait for a rest between turns."""
    await ask(shelf, 1, *[f"/v3/media/{number}" for number in range(TURN_MAX + 1)])

    assert await collector.turn() == 0.0
    assert len(shelf.site.requests) == TURN_MAX
    assert await collector.turn() == REST_S
    assert len(shelf.site.requests) == TURN_MAX + 1


async def test_each_is_fetched_by_one_process(shelf, make_collector):
    """However many there are: the provider counts what we ask."""
    await ask(shelf, 1, *[f"/v3/media/{number}" for number in range(TURN_MAX)])

    await asyncio.gather(*[make_collector().turn() for _ in range(3)])

    assert len(shelf.site.requests) == TURN_MAX
    assert {row.state for row in await file_rows(shelf.stage.database)} == {"stored"}


async def test_what_a_killed_process_had_begun_is_done_by_another(shelf, make_collector):
    """Its lease runs out; nothing else is needed."""
    await ask(shelf)
    shelf.open.clear()
    killed = asyncio.create_task(make_collector().turn())
    await eventually(lambda: shelf.site.requests)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    shelf.open.set()
    other = make_collector()

    await other.turn()
    assert (await only_row(shelf)).state == "waiting"
    await shelf.stage.advance(LEASE.total_seconds())
    await other.turn()

    row = await only_row(shelf)
    assert (row.state, row.tries) == ("stored", 2)


@pytest.mark.parametrize("error", [StoreUnavailable("written", "it is full"), ValueError("a bug")])
async def test_a_fault_of_ours_costs_a_try_not_the_file(shelf, make_collector, error):
    """The store may be full over night."""
    library = shelf.library()
    collector = make_collector(library)
    keep, library.keep = library.keep, failing(error)
    await ask(shelf)

    with logged() as lines:
        await collector.turn()
    assert (await only_row(shelf)).state == "waiting"
    assert "error" in {line["log_level"] for line in lines}
    library.keep = keep
    await shelf.stage.advance(5)
    await collector.turn()

    assert (await only_row(shelf)).state == "stored"


async def test_a_database_that_is_away_ends_the_turn(shelf, make_collector):
    """Whoever repeats turns tells of it, and rests; what came is fetched again."""
    library = shelf.library()
    library.keep = failing(StorageUnavailable("away"))
    await ask(shelf)

    with pytest.raises(StorageUnavailable):
        await make_collector(library).turn()

    assert (await only_row(shelf)).state == "waiting"


def failing(error):
    async def keep(*_):
        raise error

    return keep


async def test_nothing_under_way_is_left(shelf, collector, tmp_path):
    """A disk that fills up with halves would stop everything else."""
    shelf.status = 500
    await ask(shelf)

    await collector.turn()

    assert list(tmp_path.glob("wirephoto-media-*/*")) == []
    assert await shelf.stage.count(files) == 0
