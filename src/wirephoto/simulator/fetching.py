"""The media fetch after the 202: one GET per file, and what is wrong with it, as a code.

How the provider fetches is not documented (contract 4.5). Assumed here: one GET, no redirects,
15 s, the type told by Content-Type or, where that says nothing, by the name's ending.
"""

import asyncio
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp

from wirephoto.simulator.outward import Outward

MEDIA_BYTES_MAX = 2_000_000
"""Largest file, 2 MB (contract 1.4; stated for images, audio and video, applied to all)."""

NOT_ACCESSIBLE = 1380
TOO_LARGE = 1381
WRONG_TYPE = 1382

_TYPES = MappingProxyType(
    {
        "image": frozenset(
            {"image/jpeg", "image/jpg", "image/png", "image/gif", "image/bmp", "image/x-ms-bmp"}
        ),
        "vcard": frozenset({"text/vcard", "text/x-vcard", "text/directory"}),
        "audio": frozenset(
            {
                *("audio/mpeg", "audio/mp3", "audio/amr", "audio/midi", "audio/x-midi"),
                *("audio/mid", "audio/wav", "audio/x-wav", "audio/wave", "audio/ac3"),
            }
        ),
        "video": frozenset(
            {"video/mp4", "video/3gpp", "video/x-msvideo", "video/avi", "video/mpeg"}
        ),
    }
)
_ENDINGS = MappingProxyType(
    {
        "image": frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp"}),
        "vcard": frozenset({".vcf"}),
        "audio": frozenset({".mp3", ".amr", ".midi", ".mid", ".wav", ".ac3"}),
        "video": frozenset({".mp4", ".3gp", ".avi", ".mpg", ".mpeg"}),
    }
)
_TYPES_WITHOUT_MEANING = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)
_CONCURRENT_MAX = 32
_CHUNK_BYTES = 65_536


class Fetcher:
    """Fetches media as the provider does before it hands a message on; at most 32 at a time."""

    def __init__(self, outward: Outward) -> None:
        self._outward = outward
        self._slots = asyncio.Semaphore(_CONCURRENT_MAX)

    async def fault_of(self, media: list[tuple[str, str]]) -> int | None:
        """Return the code of the first file (kind, address) that is not good, or None."""
        for kind, url in media:
            async with self._slots:
                code = await self._fault_of_one(kind, url)
            if code is not None:
                return code
        return None

    async def _fault_of_one(self, kind: str, url: str) -> int | None:
        try:
            async with self._outward.session.get(
                url, allow_redirects=False, timeout=_TIMEOUT
            ) as answer:
                if answer.status != 200:
                    return NOT_ACCESSIBLE
                if not _fits(kind, answer.content_type, url):
                    return WRONG_TYPE
                return await _fault_of_size(answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return NOT_ACCESSIBLE


async def _fault_of_size(answer: aiohttp.ClientResponse) -> int | None:
    if (answer.content_length or 0) > MEDIA_BYTES_MAX:
        return TOO_LARGE
    size = 0
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > MEDIA_BYTES_MAX:
            return TOO_LARGE
    return None if size else WRONG_TYPE


def _fits(kind: str, content_type: str, url: str) -> bool:
    if kind not in _TYPES:
        return True
    if content_type.lower() in _TYPES_WITHOUT_MEANING:
        return PurePosixPath(urlsplit(url).path).suffix.lower() in _ENDINGS[kind]
    return content_type.lower() in _TYPES[kind]
