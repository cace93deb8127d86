import pytest

from wirephoto.simulator.fetching import (
    MEDIA_BYTES_MAX,
    NOT_ACCESSIBLE,
    TOO_LARGE,
    WRONG_TYPE,
    Fetcher,
)
from wirephoto.simulator.outward import Outward


@pytest.mark.parametrize(
    ("kind", "name", "answer", "code"),
    [
        ("image", "a.png", (200, "image/png", b"x"), None),
        ("image", "a.png", (200, "image/png", b"x" * MEDIA_BYTES_MAX), None),
        ("image", "a.png", (200, "image/png", b"x" * (MEDIA_BYTES_MAX + 1)), TOO_LARGE),
        ("image", "a.png", (200, "image/webp", b"x"), WRONG_TYPE),
        ("image", "a.png", (200, "text/html", b"<html>"), WRONG_TYPE),
        ("image", "a.png", (200, "image/png", b""), WRONG_TYPE),
        ("image", "a.GIF", (200, "application/octet-stream", b"x"), None),
        ("image", "a", (200, "application/octet-stream", b"x"), WRONG_TYPE),
        ("image", "a.png", (404, "image/png", b"x"), NOT_ACCESSIBLE),
        ("image", "a.png", (500, "image/png", b"x"), NOT_ACCESSIBLE),
        ("image", "a.png", (302, "image/png", b"x"), NOT_ACCESSIBLE),
        ("vcard", "a.vcf", (200, "text/vcard", b"x"), None),
        ("audio", "a.mp3", (200, "audio/mpeg", b"x"), None),
        ("video", "a.mp4", (200, "video/mp4", b"x"), None),
        ("video", "a.mp4", (200, "audio/mpeg", b"x"), WRONG_TYPE),
        ("file", "a.pdf", (200, "application/pdf", b"x"), None),
    ],
)
async def test_a_file_is_judged_by_status_type_and_size(outside, kind, name, answer, code):
    """The three codes ask for three different remedies (contract 3)."""
    outside.files[name] = answer
    async with Outward() as outward:
        found = await Fetcher(outward).fault_of([(kind, f"{outside.url}/media/{name}")])

    assert found == code


async def test_a_host_that_is_not_there_is_not_accessible(outside, unused_port):
    """No answer is as bad as a wrong one."""
    async with Outward() as outward:
        found = await Fetcher(outward).fault_of([("image", f"http://127.0.0.1:{unused_port}/a")])

    assert found == NOT_ACCESSIBLE


async def test_the_first_bad_file_of_several_decides(outside):
    """One bad attachment spoils the message."""
    good, bad = f"{outside.url}/media/good.jpg", f"{outside.url}/media/none"
    async with Outward() as outward:
        found = await Fetcher(outward).fault_of([("image", good), ("file", bad), ("image", good)])

    assert found == NOT_ACCESSIBLE
    assert outside.fetched == ["good.jpg", "none"]
