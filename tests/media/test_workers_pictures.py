"""Media workers with the real pipeline: the largest picture, and the memory that it takes."""

import resource

import pytest
from PIL import Image

from tests.media.pool import TARGET, pool
from wirephoto.domain.media import MediaLimits
from wirephoto.errors import MediaRefused
from wirephoto.media.workers import WORKER

LIMITS = MediaLimits()
EDGE_MAX = int(LIMITS.pixels_max**0.5)


@pytest.fixture(scope="module")
def largest(tmp_path_factory):
    """Give a picture of as many pixels as are taken, of the costliest mode there is."""
    path = tmp_path_factory.mktemp("largest") / "largest.png"
    Image.new("RGBA", (EDGE_MAX, EDGE_MAX), (0, 128, 128, 90)).save(path, compress_level=1)
    return path


async def test_the_largest_picture_is_fitted_in_the_memory_that_a_worker_has(largest, tmp_path):
    """A limit on pixels that did not fit the limit on memory would refuse what it promises."""
    async with pool(LIMITS, command=WORKER) as workers:
        fitting = await workers.fit(largest, TARGET, tmp_path / "out")

    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    assert fitting.sent.size_bytes <= TARGET.bytes_max
    assert peak_bytes < LIMITS.worker_bytes_max


async def test_a_picture_that_needs_more_memory_is_refused(largest, tmp_path):
    """By name, and in the worker: neither the gateway nor the machine runs out."""
    limits = MediaLimits(worker_bytes_max=250_000_000)
    async with pool(limits, command=WORKER) as workers:
        with pytest.raises(MediaRefused, match="250 MB") as refused:
            await workers.fit(largest, TARGET, tmp_path / "out")

    assert refused.value.reason == "too_many_pixels"
