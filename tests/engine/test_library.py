"""What addresses hold is fetched once, and again when it may have changed."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from tests.egress_site import raw_server
from tests.engine.library_stage import PICTURE_BYTES, WIDE
from tests.engine.stage import eventually
from tests.factories import NOW
from wirephoto.domain.media import MediaKind
from wirephoto.engine.once import LEASE, LEASE_POLL_S
from wirephoto.errors import MediaRefused
from wirephoto.storage.leases import take_lease
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import files, media, work_leases

SECOND = timedelta(seconds=1)


async def refusal(awaitable) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        await awaitable
    return caught.value


async def test_an_address_that_many_ask_for_is_fetched_once(shelf):
    """A thousand messages of a campaign show one picture; its server must not notice more."""
    library = shelf.library()

    originals = await asyncio.gather(*[shelf.fetched(library) for _ in range(50)])

    assert len(shelf.site.requests) == 1
    assert {original.id for original in originals} == {originals[0].id}
    assert await shelf.stage.count(media) == await shelf.stage.count(files) == 1


async def test_what_was_fetched_is_known(shelf):
    """Type and size are what the bytes are, whatever the server says."""
    shelf.headers = {"Content-Type": "text/html", "ETag": '"1"', "Last-Modified": "Wed"}

    original = await shelf.fetched(shelf.library())

    assert (original.kind, original.media_type) == (MediaKind.IMAGE, "image/jpeg")
    assert (original.size_bytes, original.url) == (len(PICTURE_BYTES), shelf.site.url())
    assert (original.etag, original.last_modified) == ('"1"', "Wed")
    assert (original.checked_at, original.fresh_until) == (NOW, NOW + 60 * SECOND)


@pytest.mark.parametrize(
    ("cache_control", "after_s", "requests"),
    [
        (None, 59, 1),
        (None, 60, 2),
        ("max-age=600", 599, 1),
        ("max-age=600", 600, 2),
        ("no-cache", 1, 2),
        ("no-store", 1, 2),
        ("max-age=864000", 3600, 2),
    ],
)
async def test_a_picture_is_used_again_while_its_server_lets_it_be(
    shelf, cache_control, after_s, requests
):
    """Customers replace a picture under its address, and mean the new one from then on."""
    shelf.headers = {"Cache-Control": cache_control} if cache_control else {}
    library = shelf.library()
    await shelf.fetched(library)
    await shelf.stage.clock.advance(after_s)

    await shelf.fetched(library)

    assert len(shelf.site.requests) == requests


async def test_what_was_fetched_after_it_was_asked_for_is_never_stale(shelf):
    """The messages of one campaign wait their turn: that a fetch took long makes it no older."""
    shelf.headers = {"Cache-Control": "no-store"}
    library = shelf.library()
    await shelf.stage.clock.advance(5)
    await shelf.fetched(library)
    await shelf.stage.clock.advance(3600)

    await shelf.fetched(library, asked_at=NOW + 5 * SECOND)
    assert len(shelf.site.requests) == 1

    await shelf.fetched(library, asked_at=NOW + 6 * SECOND)
    assert len(shelf.site.requests) == 2


async def test_a_picture_that_has_not_changed_is_not_sent_again(shelf):
    """Its server says so (304), and that counts as a fetch."""
    shelf.headers = {"ETag": '"1"', "Cache-Control": "max-age=10"}
    library = shelf.library()
    first = await shelf.fetched(library)
    await shelf.stage.clock.advance(10)

    second = await shelf.fetched(library)
    await shelf.stage.clock.advance(9)
    await shelf.fetched(library)

    asked = [request.headers.get("If-None-Match") for request in shelf.site.requests]
    assert asked == [None, '"1"']
    assert (second.id, second.file_id) == (first.id, first.file_id)
    assert second.checked_at == NOW + 10 * SECOND


async def test_a_picture_that_has_changed_is_another_one(shelf):
    """Messages under way keep the one that they have."""
    library = shelf.library()
    first = await shelf.fetched(library)
    await shelf.stage.clock.advance(60)
    shelf.content += b"changed"

    second = await shelf.fetched(library)

    assert second.id != first.id
    assert second.file_id != first.file_id
    assert (await shelf.fetched(library)).id == second.id
    assert len(shelf.site.requests) == 2


async def test_a_picture_whose_file_was_deleted_is_fetched_whole(shelf):
    """A server that is asked whether it changed would say no, and nobody had it then."""
    shelf.headers = {"ETag": '"1"'}
    library = shelf.library()
    await shelf.fetched(library)
    async with shelf.stage.database.transaction() as tx:
        await tx.execute(update(media).values(file_id=None))
        await tx.execute(delete(files))

    again = await shelf.fetched(library)

    assert again.file_id is not None
    assert "If-None-Match" not in shelf.site.requests[1].headers


async def test_two_processes_fetch_once(shelf):
    """The second waits for what the first brings."""
    shelf.open.clear()
    first = asyncio.ensure_future(shelf.fetched(shelf.library()))
    await eventually(lambda: shelf.site.requests)
    second = asyncio.ensure_future(shelf.fetched(shelf.library()))
    await shelf.stage.advance(LEASE_POLL_S)
    assert not second.done()

    shelf.open.set()
    found = await first
    await eventually_advanced(shelf, second)

    assert (await second).id == found.id
    assert len(shelf.site.requests) == 1
    assert await shelf.stage.count(work_leases) == 0


async def eventually_advanced(shelf, waiting) -> None:
    async def is_done() -> bool:
        return waiting.done()

    await shelf.stage.advance_until(is_done, step_s=LEASE_POLL_S, within_s=60)


async def test_a_process_that_died_holds_an_address_up_for_a_while_only(shelf):
    """Its lease runs out, and another fetches."""
    library = shelf.library()
    known = await shelf.fetched(library)
    async with shelf.stage.database.transaction() as tx:
        key = f"fetch:{DEFAULT_TENANT}:{known.url_hash}"
        later = NOW + timedelta(hours=1)
        await take_lease(tx, DEFAULT_TENANT, key, holder="dead", now=later, until=later + LEASE)
    await shelf.stage.clock.advance(3600)

    waiting = asyncio.ensure_future(shelf.fetched(library))
    await shelf.stage.advance(1)
    assert not waiting.done()
    await shelf.stage.clock.advance(LEASE.total_seconds())
    await eventually_advanced(shelf, waiting)

    assert (await waiting).checked_at >= NOW + timedelta(hours=1) + LEASE
    assert len(shelf.site.requests) == 2


async def test_a_failure_is_shared_by_those_who_waited_for_it_and_then_forgotten(shelf):
    """A server that is away for a minute must hold up neither the others nor what comes later."""
    shelf.status = 503
    library = shelf.library()
    shelf.open.clear()
    waiting = [asyncio.ensure_future(shelf.fetched(library)) for _ in range(20)]
    await eventually(lambda: shelf.site.requests)
    await shelf.stage.quiet()
    shelf.open.set()

    failures = await asyncio.gather(*waiting, return_exceptions=True)

    assert {(failure.reason, failure.retryable) for failure in failures} == {("unreachable", True)}
    assert len(shelf.site.requests) == 1
    shelf.status = 200
    assert (await shelf.fetched(library)).file_id
    assert await shelf.stage.count(work_leases) == 0


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [(404, "unreachable", False), (500, "unreachable", True)],
)
async def test_why_an_address_gives_nothing_is_told(shelf, status, reason, retryable):
    """What never will be fails at once, what may be later is tried again."""
    shelf.status = status

    failure = await refusal(shelf.fetched(shelf.library()))

    assert (failure.reason, failure.retryable) == (reason, retryable)


async def test_a_file_above_the_limit_is_refused_and_not_kept(shelf):
    """And nothing of it stays in the store."""
    shelf.content = b"x" * 100_001

    failure = await refusal(shelf.fetched(shelf.library()))

    assert (failure.reason, failure.retryable) == ("too_large", False)
    assert shelf.stored() == []


async def test_an_empty_file_is_refused(shelf):
    """There is nothing to show."""
    shelf.content = b""

    assert (await refusal(shelf.fetched(shelf.library()))).reason == "corrupt"


async def test_the_same_bytes_at_two_addresses_are_kept_and_fitted_once(shelf):
    """Content delivery networks have many names for one picture."""
    library = shelf.library()
    one, two = [await shelf.fetched(library, path) for path in ("/a.jpg", "/b.jpg")]

    prepared = [await library.prepared(original, WIDE) for original in (one, two)]

    assert one.id != two.id
    assert one.file_id == two.file_id
    assert [ready.media_id for ready in prepared] == [one.id, two.id]
    assert len(shelf.fitter.asked) == len(shelf.stored()) == 1


async def test_a_header_that_no_column_can_hold_costs_nobody_the_picture(shelf):
    """Strangers' servers send what they like: bytes that are no text, types that are none."""
    body = b"\x00\x01 unknown"
    head = b'HTTP/1.1 200 OK\r\nETag: "\xff"\r\nContent-Type: im\xffage/x\r\nContent-Length: %d\r\n'

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head % len(body) + b"\r\n" + body)
        await writer.drain()

    async with raw_server(talk) as port:
        shelf.site.url = lambda _path: f"http://127.0.0.1:{port}/cat"
        original = await shelf.fetched(shelf.library())

    assert (original.etag, original.media_type) == (None, "application/octet-stream")
    assert original.kind is MediaKind.FILE


async def test_use_is_written_down_now_and_then(shelf):
    """A picture in use for weeks is not deleted, and a campaign does not write for each message."""
    library = shelf.library()
    shelf.headers = {"Cache-Control": "max-age=3600"}
    await shelf.fetched(library)

    await shelf.stage.clock.advance(600)
    await shelf.fetched(library)
    [row] = await shelf.rows(media)
    assert row.used_at == NOW
    await shelf.stage.clock.advance(1)
    await shelf.fetched(library)

    [row] = await shelf.rows(media)
    assert row.used_at == NOW + 601 * SECOND
    assert (await shelf.fetched(library)).used_at == row.used_at
