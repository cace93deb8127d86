"""Colour profiles for the corpus, made from published primaries; and what they mean, in numpy.

The conversions here share nothing with the code under test: they are what its colours are held
against.
"""

import struct

import numpy as np

# Matrices from linear RGB to XYZ under D50, as the profile connection space wants them.
SRGB = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
DISPLAY_P3 = (
    (0.51512, 0.29198, 0.15710),
    (0.24120, 0.69225, 0.06657),
    (-0.00105, 0.04189, 0.78407),
)
ADOBE_RGB = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
D50 = (0.9642, 1.0, 0.8249)
GAMMA = 2.2
GREY_GAMMA = 1.4


def rgb_profile(matrix) -> bytes:
    """Return an ICC profile (version 2, matrix and curve) with these primaries and gamma 2.2."""
    columns = np.array(matrix).T
    curve = _curve(GAMMA)
    tags = {b"wtpt": _xyz(D50)}
    for name, column in zip(b"rgb", columns, strict=True):
        tags[bytes([name]) + b"XYZ"] = _xyz(column)
        tags[bytes([name]) + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def grey_profile() -> bytes:
    """Return an ICC profile for grey of an unusual gamma."""
    return _profile(b"GRAY", {b"wtpt": _xyz(D50), b"kTRC": _curve(GREY_GAMMA)})


def in_space(rgb, matrix):
    """Return sRGB pixels (0 to 255) as values of a profile made by `rgb_profile`."""
    xyz = _linear(rgb) @ np.array(SRGB).T
    linear = xyz @ np.linalg.inv(np.array(matrix)).T
    return _bytes(np.clip(linear, 0, 1) ** (1 / GAMMA))


def in_grey(rgb):
    """Return the luminance of sRGB pixels as values of `grey_profile`."""
    luminance = _linear(rgb) @ np.array(SRGB)[1]
    return _bytes(luminance ** (1 / GREY_GAMMA))


def luminance(rgb):
    """Return sRGB pixels without colour, of the same luminance."""
    linear = _linear(rgb) @ np.array(SRGB)[1]
    grey = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.repeat(_bytes(grey)[..., None], 3, axis=-1)


def _linear(rgb):
    scaled = np.asarray(rgb, dtype=np.float64) / 255
    return np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)


def _bytes(values):
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65_536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """ICC.1:2001-04, section 6: header, tag table, tags on multiples of four bytes."""
    name = b"Corpus"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(82)} | tags
    at = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, at + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    size = at + len(content)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, b"mntr", space, b"XYZ ")
    header += (
        bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(v * 65_536) for v in D50))
    )
    return header.ljust(128, b"\0") + table + content
