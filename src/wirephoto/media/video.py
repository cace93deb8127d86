"""A film made small enough by `ffmpeg`, where that is installed.

It is a program of its own that reads files of strangers: it gets one file and a fixed reader for
it, so that no playlist makes it open another, and no longer than the worker that waits for it.
"""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from wirephoto.domain.media import Form, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media import matroska
from wirephoto.media.boxes import measure
from wirephoto.media.fitted import Fitted
from wirephoto.media.formats import REMEDIES
from wirephoto.media.sniff import is_cut_off, sniff

MP4 = "video/mp4"
_READERS = {
    "video/mp4": "mov",
    "video/3gpp": "mov",
    "video/3gpp2": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
}
_EDGES = ((1_400, 1280), (700, 854), (350, 640), (180, 480), (0, 320))
"""From so many kbit/s on the longest edge may have so many pixels."""
_VIDEO_KBITS_MIN, _VIDEO_KBITS_MAX = 64, 4_000
_AUDIO_KBITS, _AUDIO_KBITS_SMALL = 64, 32
_SMALL_BELOW_KBITS = 250
_MARGIN = 0.93
"""What the container takes, and by how much an encoder misses the bit rate that it was given."""
_TRIES = 2
_TRY_SHARE = 0.4
"""Each try may take so much of the worker's time, which is up before the worker's own is."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a film is encoded: kbit/s, and pixels of the longest edge."""

    video_kbits: int
    audio_kbits: int
    edge: int


def can_fit(media_type: str) -> bool:
    """Tell whether a film of this type can be fitted on this machine."""
    return media_type in _READERS and shutil.which("ffmpeg") is not None


def plan(duration_s: float, bytes_max: int) -> Recipe | None:
    """Return how a film of this length fits, or None when one could not bear to look at it."""
    kbits = bytes_max * 8 * _MARGIN / 1000 / duration_s
    audio_kbits = _AUDIO_KBITS if kbits >= _SMALL_BELOW_KBITS else _AUDIO_KBITS_SMALL
    video_kbits = min(int(kbits) - audio_kbits, _VIDEO_KBITS_MAX)
    if video_kbits < _VIDEO_KBITS_MIN:
        return None
    edge = next(edge for from_kbits, edge in _EDGES if video_kbits >= from_kbits)
    return Recipe(video_kbits, audio_kbits, edge)


def seconds_max(bytes_max: int) -> int:
    """Return how long a film may be to fit into so many bytes."""
    return int(bytes_max * 8 * _MARGIN / 1000 / (_VIDEO_KBITS_MIN + _AUDIO_KBITS_SMALL))


def command(
    program: str, source: Path, output: Path, *, media_type: str, recipe: Recipe, cpu_s: float
) -> list[str]:
    """Return the command line: H.264 and AAC in MP4, which every phone plays."""
    within = f"w='min({recipe.edge},iw)':h='min({recipe.edge},ih)'"
    scale = f"scale={within}:force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1"
    return [
        *(program, "-nostdin", "-hide_banner", "-v", "error", "-y"),
        *("-timelimit", str(max(1, int(cpu_s))), "-threads", "1"),
        *("-protocol_whitelist", "file", "-f", _READERS[media_type], "-i", f"file:{source}"),
        *("-map", "0:v:0", "-map", "0:a:0?", "-sn", "-dn"),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-threads", "1"),
        *("-vf", scale, "-fpsmax", "30", "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-preset", "fast", "-profile:v", "main", "-level:v", "3.1"),
        *("-b:v", f"{recipe.video_kbits}k", "-maxrate", f"{recipe.video_kbits}k"),
        *("-bufsize", f"{2 * recipe.video_kbits}k"),
        *("-c:a", "aac", "-b:a", f"{recipe.audio_kbits}k", "-ac", "1", "-ar", "44100"),
        *("-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4", f"file:{output}"),
    ]


def fit_video(
    source: Path, target: Target, output: Path, limits: MediaLimits, *, media_type: str
) -> Fitted:
    """Encode a film so that it fits; `can_fit` has to be true of its type.

    Raises:
        MediaRefused: `too_large`, it is too long for the budget; `too_slow`; `corrupt`;
            `type_mismatch`, it does not tell how long it is.
    """
    recipe = _first_recipe(source.read_bytes(), target, media_type)
    program = shutil.which("ffmpeg")
    assert program is not None
    for _ in range(_TRIES):
        arguments = command(
            program, source, output, media_type=media_type, recipe=recipe, cpu_s=limits.cpu_s
        )
        _run(arguments, limits.wall_s * _TRY_SHARE)
        size_bytes = output.stat().st_size if output.exists() else 0
        if 0 < size_bytes <= target.bytes_max:
            return _fitted(output.read_bytes(), recipe, media_type)
        smaller = recipe.video_kbits * target.bytes_max / max(size_bytes, 1)
        recipe = replace(recipe, video_kbits=max(1, int(smaller * _MARGIN)))
    raise _too_long(target)


def _first_recipe(body: bytes, target: Target, media_type: str) -> Recipe:
    duration_s = duration_of(body, media_type)
    if duration_s is None:
        raise MediaRefused(
            "type_mismatch",
            f"The {media_type} does not tell how long it is. {REMEDIES[target.kind]}",
        )
    recipe = plan(duration_s, target.bytes_max)
    if recipe is None:
        raise _too_long(target)
    return recipe


def duration_of(body: bytes, media_type: str) -> float | None:
    """Return how long a film is, in seconds, or None where it does not say."""
    reader = _READERS.get(media_type)
    if reader == "mov":
        return measure(body).duration_s or None
    if reader == "matroska":
        return matroska.duration_s(body)
    return _avi_duration_s(body) if reader == "avi" else None


def _avi_duration_s(body: bytes) -> float | None:
    # The main header lies first: microseconds per frame, and behind 12 bytes the frames.
    at = body.find(b"avih", 0, 256)
    if at < 0:
        return None
    frame_us = int.from_bytes(body[at + 8 : at + 12], "little")
    frames = int.from_bytes(body[at + 24 : at + 28], "little")
    return frame_us * frames / 1_000_000 or None


def _run(arguments: list[str], timeout_s: float) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and all arguments are ours
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaRefused(
            "too_slow", "The video takes too long to convert: make it shorter or smaller."
        ) from error
    if done.returncode != 0:
        raise _corrupt()


def _fitted(body: bytes, recipe: Recipe, media_type: str) -> Fitted:
    """Return what ffmpeg made, which is looked at like anything from outside."""
    sniffed = sniff(body)
    if sniffed is None or sniffed.media_type != MP4 or is_cut_off(body, MP4):
        raise _corrupt()
    measures = measure(body)
    form = Form(MP4, len(body), measures.width, measures.height, duration_s=measures.duration_s)
    shrink = f"encode at {recipe.video_kbits} kbit/s, longest edge at most {recipe.edge}"
    convert = () if media_type == MP4 else (f"{media_type} to MP4",)
    warning = f"The video was encoded anew to fit, at {recipe.video_kbits} kbit/s."
    return Fitted(form, (*convert, shrink, "metadata removed"), (warning,))


def _too_long(target: Target) -> MediaRefused:
    seconds = seconds_max(target.bytes_max)
    return MediaRefused(
        "too_large",
        f"The video is too long for {target.bytes_max:,} bytes: cut it to {seconds} seconds.",
    )


def _corrupt() -> MediaRefused:
    return MediaRefused(
        "corrupt", "The video cannot be read: upload it again, best as MP4 with H.264 and AAC."
    )
