"""The pipeline's worker side: from a file as it came to the file that goes out.

Runs in a process that may be ended at any time, for its limits are kept from outside.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wirephoto.domain.media import Fitting, Form, MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.animation import fit_animation
from wirephoto.media.fitted import Fitted
from wirephoto.media.passing import pass_on
from wirephoto.media.probe import decoding, probe, read_within
from wirephoto.media.sniff import sniff
from wirephoto.media.stills import fit_still

FIRST_FRAME = "The animation did not fit: it goes out as a still picture of its first frame."

Way = Callable[[Path, Target, Path, MediaLimits], Fitted]


def transform(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitting:
    """Write the file that goes out for `source` to `output`, and return what was done.

    Where `source` itself may go out, nothing is written and the fitting has no steps.

    Raises:
        MediaRefused: it cannot go out; any failure of a decoder is one, as reason `corrupt`.
        MemoryError: the limits of the process are below what the file takes.
    """
    started = time.perf_counter()
    with decoding():
        original = _identify(source, target, limits)
        fitted = _way(original, target)(source, target, output, limits)
    return Fitting(
        original=original,
        sent=fitted.form,
        steps=fitted.steps,
        warnings=fitted.warnings,
        took_ms=round((time.perf_counter() - started) * 1000),
    )


def _identify(source: Path, target: Target, limits: MediaLimits) -> Form:
    if target.kind is MediaKind.IMAGE:
        return probe(source, limits)
    body = read_within(source, limits)
    sniffed = sniff(body)
    media_type = sniffed.media_type if sniffed is not None else "application/octet-stream"
    return Form(media_type, len(body))


def _way(original: Form, target: Target) -> Way:
    """Return how this sort of file is fitted."""
    if target.kind is not MediaKind.IMAGE:
        return pass_on
    return _fit_moving if (original.frames or 1) > 1 else fit_still


def _fit_moving(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitted:
    """Keep an animation moving; where that cannot be, its first frame may have to do."""
    try:
        return fit_animation(source, target, output, limits)
    except MediaRefused as refused:
        if refused.reason != "animation_too_large" or not target.still_allowed:
            raise
    still = fit_still(source, target, output, limits)
    return replace(
        still, steps=("first frame", *still.steps), warnings=(FIRST_FRAME, *still.warnings)
    )
