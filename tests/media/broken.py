"""Files made to break decoders: bombs, cut-off files, files with bytes changed."""

import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache

from PIL import Image

from tests.media.corpus import drawing, exif, png_chunk, saved, scene, sheer
from tests.media.heic import heic


@cache
def wholes() -> dict[str, bytes]:
    """Return a small sound file of each format."""
    picture = scene(160, 120)
    return {
        "JPEG": saved(picture, "JPEG", quality=85, exif=exif()),
        "progressive JPEG": saved(picture, "JPEG", quality=85, progressive=True),
        "PNG": saved(sheer(picture), "PNG", exif=exif()),
        "palette PNG": saved(drawing(320, 240).quantize(32), "PNG", transparency=0),
        "GIF": saved(drawing(320, 240).quantize(32), "GIF"),
        "WebP": saved(picture, "WEBP", exif=exif(6)),
        "HEIC": heic(picture, exif=exif(6).tobytes()),
        "AVIF": saved(picture, "AVIF", speed=10, exif=exif(6)),
        "TIFF": saved(picture, "TIFF", compression="tiff_lzw", exif=exif(6)),
        "BMP": saved(picture, "BMP"),
        "MPO": saved(picture, "MPO", save_all=True, append_images=[picture]),
    }


def cut_off(body: bytes, cuts: int = 24) -> Iterator[bytes]:
    """Yield the file's beginning in many lengths."""
    for cut in range(cuts):
        yield body[: len(body) * cut // cuts]
    yield body[:-1]


def mutated(body: bytes, seed: int, count: int = 40) -> Iterator[bytes]:
    """Yield the file with some bytes changed, most of them in its head."""
    dice = random.Random(seed)
    for _ in range(count):
        changed = bytearray(body)
        for _ in range(dice.choice((1, 2, 8, 40))):
            end = min(len(changed), dice.choice((64, 700, len(changed))))
            changed[dice.randrange(end)] = dice.randrange(256)
        yield bytes(changed)


def png_bomb(width: int, height: int) -> bytes:
    """Return a PNG of nothing but zeros, a thousandth of what it decodes to."""
    row = bytes(1 + width)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return _png(width, height, packed)


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG whose head tells of far more pixels than it has."""
    return _png(width, height, zlib.compress(bytes(1000)))


def gif_of_frames(frames: int, width: int = 16, height: int = 16) -> bytes:
    """Return a GIF that shows one pixel many times, on a canvas of any size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\x00"
    return head + frame * frames + b";"


def jpeg_that_claims(width: int, height: int) -> bytes:
    """Return a JPEG whose head tells of far more pixels than it has."""
    body = saved(scene(64, 48), "JPEG")
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">HH", height, width) + body[at + 4 :]


def _png(width: int, height: int, packed: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def noise(width: int, height: int) -> Image.Image:
    """Return what no encoder can make small."""
    dice = random.Random(1)
    return Image.frombytes("RGB", (width, height), dice.randbytes(width * height * 3))
