"""Pictures as people have them, drawn and encoded here, each with what it must look like.

Every class of the corpus is a function that yields specimens; all come from one seed.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.media import profiles
from tests.media.heic import heic

PLACE = b"GPS-48.8583N-2.2945E"
"""What must never be found in a file that goes out: it stands in all metadata of the corpus."""
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Specimen:
    """A file, and the picture that a phone must show of it."""

    name: str
    body: bytes
    reference: Image.Image


def scene(width: int = 480, height: int = 360, seed: int = 1) -> Image.Image:
    """Return something like a photograph, different in each corner."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for cell_px, strength in ((160, 40), (60, 22), (16, 9), (5, 5)):
        shape = max(2, height // cell_px), max(2, width // cell_px), 3
        noise = (rng.standard_normal(shape) * 40 + 128).clip(0, 255).astype(np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(layer, np.float32) - 128) * (strength / 40)
    pixels += np.linspace(170, 90, height)[:, None, None] + np.array([20, 0, -20])
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width // 10, height // 10, width // 3, height // 2), fill=(200, 60, 50))
    draw.rectangle((width // 2, height // 2, width * 0.9, height * 0.8), fill=(50, 120, 190))
    draw.line((0, height - 10, width, height // 2), fill=(240, 230, 120), width=6)
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def drawing(width: int = 640, height: int = 480) -> Image.Image:
    """Return flat art: few colours, hard edges."""
    picture = Image.new("RGB", (width, height), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    for number in range(14):
        colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
        left = 20 + number * (width - 60) // 14
        draw.rectangle((left, 40 + number * 9, left + 30, height - 40), fill=colour)
        draw.text((left, 10), f"No {number}", fill=(0, 0, 0))
    return picture


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    """Return `picture` as a file."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """Return metadata as cameras write it: place, maker, and how to turn the picture."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = PLACE.decode()
    tags.get_ifd(0x8825)[29] = PLACE.decode()
    return tags


def xmp() -> bytes:
    """Return a packet of XMP with a place."""
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><place>' + PLACE + b"</place></x:xmpmeta>"


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def with_chunk(png: bytes, chunk: bytes) -> bytes:
    """Return a PNG with one chunk more behind its head."""
    return png[:33] + chunk + png[33:]


def orientations() -> Iterator[Specimen]:
    """Yield the eight ways to hold a camera, as the formats say it."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = scene()
    for orientation in range(1, 9):
        turn = turns.get(orientation)
        stored = upright if turn is None else upright.transpose(turn)
        tags = exif(orientation)
        for kind, options in (
            ("JPEG", {"quality": 92}),
            ("PNG", {}),
            ("TIFF", {}),
            ("WEBP", {"quality": 92, "method": 1}),
        ):
            body = saved(stored, kind, exif=tags, **options)
            yield Specimen(f"{kind} orientation {orientation}", body, upright)
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    body = saved(upright.transpose(turns[6]), "JPEG", quality=92, xmp=packet)
    yield Specimen("JPEG orientation in XMP", body, upright)
    late = saved(upright.transpose(turns[6]), "PNG")
    late = late[:-12] + png_chunk(b"eXIf", exif(6).tobytes()[6:]) + late[-12:]
    yield Specimen("PNG orientation behind the pixels", late, upright)
    for turns_left in range(4):
        stored = upright.rotate(-90 * turns_left, expand=True)
        body = heic(stored, quarter_turns=turns_left, exif=exif(6).tobytes())
        yield Specimen(f"HEIC turned {turns_left} times, with a tag that lies", body, upright)
    avif = saved(upright.transpose(turns[6]), "AVIF", quality=85, speed=10, exif=exif(6))
    yield Specimen("AVIF orientation", avif, upright)


def colour_profiles() -> Iterator[Specimen]:
    """Yield pictures whose numbers mean other colours than those of sRGB."""
    picture = scene()
    rgb = np.asarray(picture)
    for name, matrix in (
        ("sRGB", profiles.SRGB),
        ("Display P3", profiles.DISPLAY_P3),
        ("Adobe RGB", profiles.ADOBE_RGB),
    ):
        stored = Image.fromarray(profiles.in_space(rgb, matrix))
        profile = profiles.rgb_profile(matrix)
        jpeg = saved(stored, "JPEG", quality=94, subsampling=0, icc_profile=profile)
        yield Specimen(f"JPEG {name}", jpeg, picture)
        yield Specimen(f"PNG {name}", saved(stored, "PNG", icc_profile=profile), picture)
        sheer = stored.copy()
        sheer.putalpha(Image.new("L", stored.size, 255))
        yield Specimen(f"RGBA {name}", saved(sheer, "PNG", icc_profile=profile), picture)
    grey = Image.fromarray(profiles.in_grey(rgb))
    shown = Image.fromarray(profiles.luminance(rgb))
    profile = profiles.grey_profile()
    yield Specimen("JPEG grey", saved(grey, "JPEG", quality=94, icc_profile=profile), shown)
    broken = saved(picture, "JPEG", quality=94, icc_profile=b"no profile at all" * 20)
    yield Specimen("JPEG with a broken profile", broken, picture)
    wrong = saved(picture, "PNG", icc_profile=profile)
    yield Specimen("PNG with the profile of another mode", wrong, picture)


def jpegs() -> Iterator[Specimen]:
    """Yield what cameras, programs and printers write as JPEG."""
    picture = scene()
    grey = picture.convert("L")
    for name, stored, options in (
        ("baseline", picture, {}),
        ("progressive", picture, {"progressive": True}),
        ("4:4:4", picture, {"subsampling": 0}),
        ("grey", grey, {}),
        ("with restarts", picture, {"restart_marker_blocks": 4}),
        ("with metadata", picture, {"exif": exif(), "xmp": xmp(), "comment": PLACE}),
        ("large", scene(2600, 1700, seed=3), {"exif": exif()}),
        ("a line", scene(3000, 9), {"subsampling": 0}),
        ("tiny", scene(3, 2), {"quality": 100, "subsampling": 0}),
    ):
        options = {"quality": 93} | options
        yield Specimen(f"JPEG {name}", saved(stored, "JPEG", **options), stored.convert("RGB"))
    yield Specimen("JPEG CMYK, inverted", saved(inks(picture), "JPEG", quality=94), picture)
    second = scene(seed=9)
    stereo = saved(picture, "MPO", quality=93, save_all=True, append_images=[second])
    yield Specimen("MPO", stereo, picture)
    motion = saved(picture, "JPEG", quality=93) + b"\0\0\0\x18ftypmp42" + PLACE
    yield Specimen("JPEG with a film behind it", motion, picture)


def inks(picture: Image.Image) -> Image.Image:
    """Return an RGB picture in CMYK, without black ink."""
    cyan, magenta, yellow = (band.point(lambda value: 255 - value) for band in picture.split())
    return Image.merge("CMYK", (cyan, magenta, yellow, Image.new("L", picture.size)))


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture as it looks on white paper, computed with plain arithmetic."""
    pixels = np.asarray(picture.convert("RGBA"), np.float64)
    alpha = pixels[..., 3:] / 255
    return Image.fromarray((pixels[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8))


def sheer(picture: Image.Image) -> Image.Image:
    """Return a picture that fades away to the right."""
    fading = Image.linear_gradient("L").rotate(90).resize(picture.size)
    return Image.merge("RGBA", (*picture.convert("RGB").split(), fading))


def png_modes() -> Iterator[Specimen]:
    """Yield the modes of PNG, with and without transparency."""
    picture, flat = scene(), drawing()
    grey = picture.convert("L")
    for bits in (1, 2, 4, 8):
        palette = picture.quantize(2**bits, dither=Image.Dither.NONE)
        body = saved(palette, "PNG", bits=bits)
        yield Specimen(f"PNG palette, {bits} bits", body, palette.convert("RGB"))
    black_and_white = grey.point(lambda value: 255 * (value > 128), mode="1")
    yield Specimen("PNG 1 bit", saved(black_and_white, "PNG"), black_and_white.convert("RGB"))
    yield Specimen("PNG grey", saved(grey, "PNG"), grey.convert("RGB"))
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    yield Specimen("PNG 16 bit grey", saved(deep, "PNG"), grey.convert("RGB"))
    yield Specimen("PNG RGB, 16 bit", _png_16_bit(picture), picture)
    yield Specimen("PNG RGBA", saved(sheer(picture), "PNG"), on_white(sheer(picture)))
    grey_alpha = sheer(picture).convert("LA")
    yield Specimen("PNG grey and alpha", saved(grey_alpha, "PNG"), on_white(grey_alpha))
    palette = flat.quantize(64)
    holes = saved(palette, "PNG", transparency=0)
    yield Specimen("PNG palette with holes", holes, on_white(Image.open(io.BytesIO(holes))))
    keyed = saved(flat, "PNG", transparency=(250, 250, 245))
    yield Specimen("PNG colour key", keyed, on_white(Image.open(io.BytesIO(keyed))))
    yield Specimen("PNG drawing", saved(flat, "PNG"), flat)
    noted = with_chunk(saved(flat, "PNG"), png_chunk(b"tEXt", b"Comment\0" + PLACE))
    yield Specimen("PNG with a comment", noted, flat)
    located = saved(picture, "PNG", exif=exif())
    yield Specimen("PNG with a place", located, picture)


def other_formats() -> Iterator[Specimen]:
    """Yield what phones cannot show, and people send all the same."""
    picture, flat = scene(), drawing()
    fading = sheer(picture)
    gif = flat.quantize(64)
    yield Specimen("GIF", saved(gif, "GIF"), gif.convert("RGB"))
    yield Specimen("GIF with a comment", saved(gif, "GIF", comment=PLACE), gif.convert("RGB"))
    holes = saved(gif, "GIF", transparency=0)
    yield Specimen("GIF with holes", holes, on_white(Image.open(io.BytesIO(holes))))
    for name, stored, kind, options in (
        ("WebP", picture, "WEBP", {"quality": 92, "exif": exif(), "xmp": xmp()}),
        ("WebP lossless", picture, "WEBP", {"lossless": True, "method": 0}),
        ("WebP with alpha", fading, "WEBP", {"quality": 92}),
        ("AVIF", picture, "AVIF", {"quality": 85, "speed": 10, "exif": exif(), "xmp": xmp()}),
        ("AVIF with alpha", fading, "AVIF", {"quality": 85, "speed": 10}),
        ("TIFF", picture, "TIFF", {"exif": exif()}),
        ("TIFF LZW", picture, "TIFF", {"compression": "tiff_lzw"}),
        ("TIFF with alpha", fading, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF JPEG", picture, "TIFF", {"compression": "jpeg", "quality": 93}),
        ("TIFF pages", picture, "TIFF", {"save_all": True, "append_images": [scene(seed=7)]}),
        ("BMP", picture, "BMP", {}),
    ):
        yield Specimen(name, saved(stored, kind, **options), on_white(stored))
    yield Specimen("HEIC", heic(picture, exif=exif().tobytes()), picture)
    yield Specimen("TIFF CMYK", saved(inks(picture), "TIFF"), picture)
    grey = picture.convert("L")
    shown = grey.convert("RGB")
    values = np.asarray(grey)
    for name, deep in (
        ("TIFF 16 bit", Image.fromarray(values.astype(np.uint16) * 257)),
        ("TIFF 32 bit", Image.fromarray(values.astype(np.int32) * 257)),
        ("TIFF floating", Image.fromarray(values.astype(np.float32) / 255)),
    ):
        yield Specimen(name, saved(deep, "TIFF"), shown)
    palette = flat.quantize(16)
    yield Specimen("BMP palette", saved(palette, "BMP"), palette.convert("RGB"))


def _png_16_bit(picture: Image.Image) -> bytes:
    """Return a PNG with 16 bits a channel, which Pillow reads and does not write."""
    pixels = (np.asarray(picture, np.uint16) * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", *picture.size, 16, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


CLASSES = (orientations, colour_profiles, jpegs, png_modes, other_formats)
"""The corpus: each class must keep its colours by itself."""
