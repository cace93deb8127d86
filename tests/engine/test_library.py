"""Each file is fetched once and fitted once, over all processes, and kept by content."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import func, select

from tests.egress_site import LOOPBACK, open_site
from tests.factories import NOW
from tests.library import FakeFitter, make_media
from wirephoto.domain.media import FRESH_BY_DEFAULT, Media, MediaKind, Target
from wirephoto.egress import Egress
from wirephoto.engine.once import LEASE, LEASE_POLL_S
from wirephoto.errors import MediaRefused
from wirephoto.media.scratch import PREFIX
from wirephoto.storage.leases import take_lease
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import files, media, renditions

TARGET = Target(MediaKind.IMAGE, 1000)
LARGE = b"\xff\xd8\xff" + bytes(2000)
SMALL = b"\xff\xd8\xff" + bytes(20)


@pytest.fixture
async def site():
    """Give a site that serves one file, and says what it knows of it."""
    async with open_site() as made:
        serve(made, LARGE)
        yield made


def serve(site, body, **headers):
    async def answer(request):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if headers.get("ETag") and request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=sent)
        return web.Response(body=body, headers={"Content-Type": "image/jpeg"} | sent)

    site.answer = answer


@pytest.fixture
def parts(stage, tmp_path):
    """Give a maker of processes over one database and one store."""
    made = []

    def make(fitter=None):
        egress = Egress(stage.clock, allow=LOOPBACK)
        part = make_media(
            stage.database,
            stage.clock,
            tmp_path,
            fitter=fitter,
            egress=egress,
            seed=len(made) + 1,
        )
        made.append(part)
        return part

    yield make
    # Whatever went wrong, no file under way was left behind.
    left = {path.name for folder in tmp_path.glob(f"{PREFIX}*") for path in folder.iterdir()}
    for part in made:
        part.scratch.close()
    assert left == set()
    assert not list(tmp_path.glob(f"{PREFIX}*"))


async def original(part, site, *, asked_at=NOW, path="/cat.jpg"):
    return await part.library.original(DEFAULT_TENANT, Media(site.url(path)), asked_at=asked_at)


async def upload(part, tmp_path, body=LARGE, claimed=None):
    path = tmp_path / "upload"
    path.write_bytes(body)
    try:
        return await part.library.upload(DEFAULT_TENANT, path, claimed)
    finally:
        path.unlink()


async def count(stage, table):
    async with stage.database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


async def test_one_address_asked_for_by_many_is_fetched_once(stage, parts, site):
    """A bulk of one picture must not hammer its server."""
    part = parts()

    found = await asyncio.gather(*[original(part, site) for _ in range(20)])

    assert len(site.requests) == 1
    assert len({each.id for each in found}) == 1
    assert (found[0].kind, found[0].media_type) == (MediaKind.IMAGE, "image/jpeg")
    assert await count(stage, files) == 1


async def test_two_processes_fetch_and_fit_once(stage, parts, site):
    """They share nothing but the database and the store."""
    fitters = [FakeFitter(), FakeFitter()]
    first, second = (parts(fitter) for fitter in fitters)

    both = asyncio.gather(original(first, site), original(second, site))
    await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
    while not both.done():
        await stage.advance(LEASE_POLL_S)
    ours, theirs = await both
    making = asyncio.gather(
        first.library.prepared(ours, TARGET), second.library.prepared(theirs, TARGET)
    )
    while not making.done():
        await stage.advance(LEASE_POLL_S)
    prepared = await making

    assert len(site.requests) == 1
    assert len(fitters[0].asked) + len(fitters[1].asked) == 1
    assert prepared[0].file_id == prepared[1].file_id
    assert await count(stage, renditions) == 1


async def test_a_process_that_died_over_a_fetch_does_not_hold_it_for_ever(stage, parts, site):
    """Its lease runs out, and another fetches."""
    part, url = parts(), site.url()
    (found,) = [await original(part, site)]
    async with stage.database.transaction() as tx:
        await take_lease(
            tx,
            DEFAULT_TENANT,
            f"fetch:{DEFAULT_TENANT}:{found.url_hash}",
            holder="somebody who died",
            now=NOW,
            until=NOW + LEASE,
        )
    later = NOW + timedelta(hours=2)
    await stage.advance(7200 - LEASE.total_seconds() / 2)
    asking = asyncio.create_task(original(part, site, asked_at=later))
    await stage.advance(LEASE.total_seconds())

    assert (await asking).url == url
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("cache_control", "after_s", "fetches"),
    [
        (None, FRESH_BY_DEFAULT.total_seconds() - 1, 1),
        (None, FRESH_BY_DEFAULT.total_seconds() + 1, 2),
        ("max-age=600", 599, 1),
        ("no-cache", 1, 2),
    ],
)
async def test_a_file_is_used_again_while_it_is_fresh(
    stage, parts, site, cache_control, after_s, fetches
):
    """As long as its server lets it be, and a minute where that says nothing."""
    serve(site, LARGE, **({"Cache_Control": cache_control} if cache_control else {}))
    part = parts()
    await original(part, site)
    await stage.advance(after_s)

    await original(part, site, asked_at=stage.clock.now())

    assert len(site.requests) == fetches


async def test_a_message_from_before_the_fetch_never_fetches_again(stage, parts, site):
    """Ten thousand that were accepted together may take an hour to prepare."""
    serve(site, LARGE, Cache_Control="no-store")
    part = parts()
    await original(part, site)
    await stage.advance(3600)

    await original(part, site, asked_at=NOW - timedelta(seconds=1))

    assert len(site.requests) == 1


async def test_a_file_that_has_not_changed_is_not_sent_again(stage, parts, site):
    """Its server says so, and what was made of it is used on."""
    serve(site, LARGE, ETag='"v1"', Cache_Control="max-age=10")
    part = parts()
    first = await original(part, site)
    await stage.advance(11)

    second = await original(part, site, asked_at=stage.clock.now())

    assert site.requests[1].headers["If-None-Match"] == '"v1"'
    assert (second.id, second.file_id) == (first.id, first.file_id)
    assert second.fresh_until == stage.clock.now() + timedelta(seconds=10)
    assert await count(stage, media) == 1


async def test_a_file_that_has_changed_is_another_one(stage, parts, site):
    """The messages before keep theirs."""
    serve(site, LARGE, ETag='"v1"', Cache_Control="no-cache")
    part = parts()
    first = await original(part, site)
    serve(site, SMALL, ETag='"v2"')
    await stage.advance(1)

    second = await original(part, site, asked_at=stage.clock.now())

    assert second.id != first.id
    assert second.file_id != first.file_id


async def test_the_same_bytes_at_two_addresses_are_fitted_once(stage, parts, site):
    """Shops have one picture under many names."""
    fitter = FakeFitter()
    part = parts(fitter)
    first, second = [await original(part, site, path=path) for path in ("/a.jpg", "/b.jpg")]

    prepared = [await part.library.prepared(each, TARGET) for each in (first, second)]

    assert first.file_id == second.file_id
    assert len(fitter.asked) == 1
    assert [each.media_id for each in prepared] == [first.id, second.id]
    assert prepared[0].fitting.sent.size_bytes == 1000


async def test_an_original_that_fits_is_sent_itself(stage, parts, tmp_path):
    """It is not stored twice."""
    part = parts()
    small = await upload(part, tmp_path, SMALL)

    prepared = await part.library.prepared(small, TARGET)

    assert prepared.file_id == small.file_id
    assert await count(stage, files) == 1


async def test_each_budget_has_its_own_fitting(parts, tmp_path):
    """A toll-free number takes less than a long one."""
    fitter = FakeFitter()
    part = parts(fitter)
    large = await upload(part, tmp_path)

    prepared = [
        await part.library.prepared(large, replace(TARGET, bytes_max=size))
        for size in (1000, 500, 1000)
    ]

    assert [each.fitting.sent.size_bytes for each in prepared] == [1000, 500, 1000]
    assert len(fitter.asked) == 2


async def test_what_cannot_be_fitted_is_refused_again_without_another_try(parts, tmp_path):
    """A thousand messages with one broken picture cost one worker's turn."""
    fitter = FakeFitter()
    fitter.refusals = [MediaRefused("corrupt", "Save it anew.")]
    part = parts(fitter)
    broken = await upload(part, tmp_path)

    for _ in range(3):
        with pytest.raises(MediaRefused, match="Save it anew") as refused:
            await part.library.prepared(broken, TARGET)

    assert (refused.value.reason, refused.value.retryable) == ("corrupt", False)
    assert len(fitter.asked) == 1


async def test_what_may_be_fitted_later_is_tried_again(parts, tmp_path):
    """Nothing is remembered of a worker that somebody killed."""
    fitter = FakeFitter()
    fitter.refusals = [MediaRefused("check_failed", "Later.", retryable=True)]
    part = parts(fitter)
    large = await upload(part, tmp_path)
    with pytest.raises(MediaRefused):
        await part.library.prepared(large, TARGET)

    assert (await part.library.prepared(large, TARGET)).fitting.sent.size_bytes == 1000


@pytest.mark.parametrize(
    ("status", "reason", "retryable"), [(404, "unreachable", False), (503, "unreachable", True)]
)
async def test_a_failed_fetch_is_named_and_not_remembered(parts, site, status, reason, retryable):
    """The file may be there in a minute."""

    async def answer(_request):
        return web.Response(status=status)

    site.answer = answer
    part = parts()
    with pytest.raises(MediaRefused) as refused:
        await original(part, site)
    serve(site, LARGE)

    assert (refused.value.reason, refused.value.retryable) == (reason, retryable)
    assert (await original(part, site)).size_bytes == len(LARGE)


@pytest.mark.parametrize(("body", "reason"), [(b"", "corrupt"), (bytes(100_001), "too_large")])
async def test_what_is_no_file_is_refused(parts, site, body, reason):
    """By name, before anything is stored."""
    serve(site, body)

    with pytest.raises(MediaRefused) as refused:
        await original(parts(), site)

    assert refused.value.reason == reason


async def test_an_upload_is_found_by_its_own_tenant_alone(stage, parts, tmp_path):
    """An id is no secret."""
    part = parts()
    mine = await upload(part, tmp_path, b"unknown", "text/calendar")

    found = await part.library.original(DEFAULT_TENANT, Media(upload=mine.id), asked_at=NOW)
    with pytest.raises(MediaRefused) as refused:
        await part.library.original("tnt_other", Media(upload=mine.id), asked_at=NOW)

    assert (found, found.media_type, found.kind) == (mine, "text/calendar", MediaKind.FILE)
    assert refused.value.reason == "unknown_upload"


async def test_use_is_noted(stage, parts, tmp_path):
    """What nobody uses is deleted; what is used is not."""
    part = parts()
    mine = await upload(part, tmp_path)
    await stage.advance(3600)

    await part.library.original(DEFAULT_TENANT, Media(upload=mine.id), asked_at=NOW)

    async with stage.database.read() as tx:
        assert (await tx.execute(select(media.c.used_at))).scalar_one() == stage.clock.now()


async def test_bytes_that_somebody_deleted_are_no_other_picture(stage, parts, tmp_path):
    """The customer hears what to do, and the same file can be uploaded again."""
    part = parts()
    large = await upload(part, tmp_path)
    async with stage.database.read() as tx:
        row = (await tx.execute(select(files))).one()
    await part.store.delete([f"{row.tenant_id}/{row.id}.{row.digest}"])

    with pytest.raises(MediaRefused) as refused:
        await part.library.prepared(large, TARGET)
    again = await upload(part, tmp_path)

    assert refused.value.reason == "upload_gone"
    assert await count(stage, renditions) == 0
    assert (await part.library.prepared(again, TARGET)).fitting.sent.size_bytes == 1000


async def test_fetched_bytes_that_were_lost_are_fetched_again(stage, parts, site):
    """Nobody has to do anything about it."""
    part = parts()
    found = await original(part, site)
    async with stage.database.read() as tx:
        row = (await tx.execute(select(files))).one()
    await part.store.delete([f"{row.tenant_id}/{row.id}.{row.digest}"])
    with pytest.raises(MediaRefused) as refused:
        await part.library.prepared(found, TARGET)

    again = await original(part, site)

    assert (refused.value.reason, refused.value.retryable) == ("unreachable", True)
    assert (await part.library.prepared(again, TARGET)).fitting.sent.size_bytes == 1000
    assert len(site.requests) == 2


async def test_a_server_that_fails_costs_those_who_wait_one_try(stage, parts, site):
    """A thousand messages that wait thirty seconds each, one after the other, take all night."""

    async def answer(_request):
        return web.Response(status=503)

    site.answer = answer
    part = parts()

    results = await asyncio.gather(
        *[original(part, site) for _ in range(20)], return_exceptions=True
    )

    assert {result.reason for result in results} == {"unreachable"}
    assert len(site.requests) == 1
    with pytest.raises(MediaRefused):
        await original(part, site)
    assert len(site.requests) == 2


@pytest.mark.parametrize("claimed", ["text/html; charset=x", "a\r\nb: c", "x" * 500, "", None])
async def test_a_type_that_is_none_is_not_passed_on(parts, tmp_path, claimed):
    """It would be a header of ours one day."""
    kept = await upload(parts(), tmp_path, b"unknown", claimed)

    assert kept.media_type == "application/octet-stream"
