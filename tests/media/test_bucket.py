"""A bucket, over HTTP: what it is asked, what it costs, and what its failures are called."""

import traceback
from contextlib import aclosing

import pytest

from tests.cloud_server import ADDRESSES, BUCKET, SECRET, open_cloud
from wirephoto.errors import StoreUnavailable
from wirephoto.media.store import open_store

KEY = f"tnt_default/{'0' * 64}"
PICTURE = bytes(600_000)


@pytest.fixture
async def s3(monkeypatch):
    """Give a bucket that the environment points at."""
    async with open_cloud("s3", monkeypatch) as made:
        yield made


@pytest.fixture
def store(s3):
    """Give the store in a part of the bucket."""
    return open_store(ADDRESSES["s3"])


async def test_a_picture_costs_one_request_in_and_one_out(s3, store):
    """Requests are what object stores charge for, and what fetchers wait for."""
    await store.put(KEY, PICTURE)
    async with aclosing(store.read(KEY, 0, len(PICTURE))) as pieces:
        assert b"".join([piece async for piece in pieces]) == PICTURE

    path = f"/{BUCKET}/kept/{KEY}"
    assert s3.requests == [f"PUT {path}", f"GET {path} bytes=0-599999"]


async def test_a_reader_that_stops_early_fetches_no_more(s3, store):
    """Whoever goes away in the middle costs no more traffic."""
    await store.put(KEY, bytes(2_000_000))
    async with aclosing(store.read(KEY)) as pieces:
        await anext(pieces)

    assert [line.split()[0] for line in s3.requests] == ["PUT", "GET"]


async def test_a_hiccup_is_ridden_out(s3, store):
    """S3 answers 503 now and then, by design, and wants to be asked again."""
    s3.faults = [503, 500]

    await store.put(KEY, PICTURE)

    assert s3.objects[f"kept/{KEY}"] == PICTURE
    assert len(s3.requests) == 3


async def test_a_refusal_is_named_without_secrets(s3, store):
    """The sentence is shown to people and logged with its cause: neither may hold the secret."""
    s3.faults = [403]

    with pytest.raises(StoreUnavailable, match="these credentials may not do that") as refused:
        await store.check()

    assert SECRET not in "".join(traceback.format_exception(refused.value))


async def test_a_wrong_bucket_is_found_at_the_start(s3):
    """The check writes, so it cannot be taken for a picture that is missing."""
    store = open_store(f"s3://{BUCKET}-typo")

    with pytest.raises(StoreUnavailable, match="no such folder or bucket"):
        await store.check()


async def test_a_bucket_that_does_not_answer_is_unavailable(s3, store):
    """Nothing is known then: a picture may be there."""
    await s3.server.close()

    with pytest.raises(StoreUnavailable, match="does not answer"):
        await anext(store.read(KEY))


async def test_plain_http_needs_the_word_of_the_operator(s3, monkeypatch):
    """Pictures and signatures do not travel in the clear by accident."""
    monkeypatch.delenv("AWS_ALLOW_HTTP")

    with pytest.raises(StoreUnavailable):
        await open_store(f"s3://{BUCKET}").check()

    assert s3.requests == []
