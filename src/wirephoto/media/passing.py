"""Films, sounds, contacts and other files: checked, freed of metadata, and passed on."""

from dataclasses import dataclass
from pathlib import Path

from wirephoto.domain.media import Form, MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media import sound
from wirephoto.media.boxes import measure, without_metadata
from wirephoto.media.fitted import Fitted
from wirephoto.media.formats import FORMATS, REMEDIES
from wirephoto.media.sniff import is_cut_off, sniff
from wirephoto.media.video import can_fit, duration_of, fit_video

UNKNOWN_TYPE = "application/octet-stream"
_BOXED = frozenset({"video/mp4", "video/3gpp"})
_TIMED = (
    "The video has a track beside picture and sound, which may tell where it was taken: "
    "export it anew if that matters."
)


@dataclass(frozen=True, slots=True)
class _Passed:
    body: bytes
    media_type: str
    steps: tuple[str, ...] = ()


def pass_on(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitted:
    """Check a file and pass it on: untouched, or a film without its metadata.

    Where `ffmpeg` is installed, a film that is too large or of a format that the provider does
    not take is encoded so that it fits.

    Raises:
        MediaRefused: `type_mismatch`, `corrupt`, `too_large`, and what `fit_video` refuses.
    """
    body = _read(source, limits)
    media_type = _type_of(body)
    wanted = _is_taken(target.kind, media_type)
    filmable = target.kind is MediaKind.VIDEO and can_fit(media_type)
    if not wanted and not filmable:
        raise _mismatch(target.kind, media_type)
    if is_cut_off(body, media_type):
        raise MediaRefused(
            "corrupt", f"The file is a cut-off {media_type}: upload it again, whole."
        )
    if filmable and (not wanted or len(body) > target.bytes_max):
        return fit_video(source, target, output, limits, media_type=media_type)
    if len(body) > target.bytes_max:
        raise _too_large(target, len(body))
    passed = _stripped(body, media_type)
    if passed.steps:
        output.write_bytes(passed.body)
    return _fitted(passed)


def _read(source: Path, limits: MediaLimits) -> bytes:
    size_bytes = source.stat().st_size
    if size_bytes > limits.source_bytes_max:
        raise MediaRefused(
            "too_large",
            f"The file has {size_bytes:,} bytes, more than the {limits.source_bytes_max:,} that "
            "are read here: make it smaller.",
        )
    if not size_bytes:
        raise MediaRefused("corrupt", "The file is empty: upload it again.")
    return source.read_bytes()


def _type_of(body: bytes) -> str:
    sniffed = sniff(body)
    return sniffed.media_type if sniffed is not None else UNKNOWN_TYPE


def _is_taken(kind: MediaKind, media_type: str) -> bool:
    formats = FORMATS.get(kind)
    return formats is None or media_type in formats


def _mismatch(kind: MediaKind, media_type: str) -> MediaRefused:
    known = "has no type that is known here" if media_type == UNKNOWN_TYPE else f"is {media_type}"
    return MediaRefused("type_mismatch", f"The file {known}. {REMEDIES[kind]}")


def _too_large(target: Target, size_bytes: int) -> MediaRefused:
    shorter = target.kind in (MediaKind.VIDEO, MediaKind.AUDIO)
    return MediaRefused(
        "too_large",
        f"The file has {size_bytes:,} bytes, and {target.bytes_max:,} are left for it: "
        + ("cut it, or encode it smaller." if shorter else "make it smaller, or send a link."),
    )


def _stripped(body: bytes, media_type: str) -> _Passed:
    """Free a film of what tells where and with what it was taken."""
    if media_type not in _BOXED:
        return _Passed(body, media_type)
    bare = without_metadata(body)
    return _Passed(bare, media_type, () if bare == body else ("metadata removed",))


def _fitted(passed: _Passed) -> Fitted:
    body, media_type = passed.body, passed.media_type
    if media_type in _BOXED:
        found = measure(body)
        form = Form(media_type, len(body), found.width, found.height, duration_s=found.duration_s)
        return Fitted(form, passed.steps, (_TIMED,) if found.has_timed_metadata else ())
    duration_s = sound.duration_s(body, media_type)
    if duration_s is None:
        duration_s = duration_of(body, media_type)
    return Fitted(Form(media_type, len(body), duration_s=duration_s), passed.steps, ())
