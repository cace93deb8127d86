"""An animation kept moving within a byte budget.

How large a way of writing it becomes is predicted from a few frames, so that few are written in
full. None is ever held whole: it is decoded again for each try, frame by frame.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops

from wirephoto.domain.media import Form, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.canvas import Canvas, Palette, choose_palette
from wirephoto.media.fitted import Fitted
from wirephoto.media.gif import EDGE_MAX, GifWriter, strip
from wirephoto.media.reel import Reel, open_reel, schedule

Size = tuple[int, int]

GIF = "image/gif"
_BOXES = ((480, 720), (480, 480), (400, 400), (320, 320), (240, 240), (160, 160), (120, 120))
"""What phones show best (facts 4.2: 480x480, up to 480x720), and what is left below."""
_AREA_ADVISED = 480 * 480
_LEVELS = (
    (255, 0, 0.0),
    (255, 8, 0.1),
    (255, 16, 0.35),
    (255, 24, 0.6),
    (128, 24, 0.9),
    (64, 28, 1.4),
    (32, 32, 2.0),
)
"""Colours, how far a pixel may be off before it is drawn again, and what that costs the eye.

Measured: where the source was dithered, which flickers, leaving pixels alone saves far more than
fewer colours do and is seen less.
"""
_LEVEL_SIZES = dict(zip(_LEVELS, (1.0, 0.85, 0.7, 0.55, 0.45, 0.35, 0.25), strict=True))
_STEPS = ((1, 0.0), (2, 1.2), (4, 2.8))
"""Every so manieth frame is kept, and what that costs the eye."""
_SHOWN_MS_MAX = 500
"""Frames are not thinned out beyond two a second: it would no longer move."""
_COST_TO_TELL = 1.0
_WORK_PIXELS_MAX = 60_000_000
"""Above it, for all frames together, a canvas is not tried: it takes too long, and never fits."""
_CANVAS_PIXELS_MAX = 2_000_000
_RUN_FRAMES, _RUNS = 3, 6
_WHOLE_FRAMES = 20
_FRAME_BYTES = 18
_PREDICTIONS_MAX, _TRIES_MAX = 24, 4
_MARGIN = 0.97
_HOPELESS = 2.5


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to write it. `cost` is what it takes from the eye, 1 for half of the area."""

    size: Size
    level: tuple[int, int, float]
    step: int
    cost: float

    @property
    def colours(self) -> int:
        return self.level[0]

    @property
    def rough_size(self) -> float:
        """Return how large it becomes in comparison with other ways."""
        area = self.size[0] * self.size[1]
        return math.pow(area, 0.85) * _LEVEL_SIZES[self.level] / math.pow(self.step, 0.7)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What one look at all frames told. `shots` are the number and start of each that differs.

    `runs` are frames that follow each other, from several places, no larger than is tried.
    """

    shots: tuple[tuple[int, int], ...]
    total_ms: int
    see_through: bool
    runs: tuple[tuple[Image.Image, ...], ...]

    def shown(self, step: int) -> dict[int, int]:
        """Return number and start of the frames that are kept."""
        places = schedule([start for _, start in self.shots], step)
        return dict(self.shots[place] for place in places)


@dataclass(frozen=True, slots=True)
class _Written:
    """How large it became, and the file when that is within the budget."""

    way: _Way
    size_bytes: float
    body: bytes | None
    frames: int


def fit_animation(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitted:
    """Make an animated GIF of at most `target.bytes_max` bytes out of an animation.

    What a decoder raises at broken bytes passes through.

    Raises:
        MediaRefused: `animation_too_large`, it does not fit as long as it moves;
            `too_many_pixels`; `type_mismatch`; `corrupt`.
    """
    reel = open_reel(source, limits)
    survey = _look(reel, target.background)
    if reel.media_type == GIF and not survey.see_through:
        body = source.read_bytes()
        bare = strip(body)
        if len(bare) <= target.bytes_max:
            if bare != body:
                output.write_bytes(bare)
            form = _form(len(bare), reel.size, reel.frames, survey)
            return Fitted(form, ("metadata removed",) if bare != body else (), ())
    written = _Search(reel, survey, target).run()
    if written is None or written.body is None:
        raise MediaRefused(
            "animation_too_large",
            f"The animation does not fit into {target.bytes_max:,} bytes: make it shorter, or "
            "allow a still picture of its first frame.",
        )
    output.write_bytes(written.body)
    form = _form(len(written.body), written.way.size, written.frames, survey)
    return Fitted(form, _steps(reel, survey, written), _warnings(reel, written.way))


def _form(size_bytes: int, size: Size, frames: int, survey: _Survey) -> Form:
    return Form(GIF, size_bytes, *size, frames, survey.total_ms / 1000)


def _look(reel: Reel, background: str) -> _Survey:
    """Decode all frames once: find those that differ, and keep a few to try things with."""
    size = _canvases(reel)[0]
    spans = _sampled(reel.frames)
    runs: list[list[Image.Image]] = [[] for _ in spans]
    shots: list[tuple[int, int]] = []
    total_ms, see_through, before = 0, False, None
    for number, frame in enumerate(reel.play(background)):
        if before is None or ImageChops.difference(frame.picture, before).getbbox() is not None:
            shots.append((number, total_ms))
        before = frame.picture
        see_through |= frame.was_see_through
        total_ms += frame.duration_ms
        for span, run in zip(spans, runs, strict=True):
            if number in span:
                run.append(_resized(frame.picture, size))
    return _Survey(tuple(shots), total_ms, see_through, tuple(map(tuple, runs)))


def _sampled(frames: int) -> list[range]:
    """Return the numbers of the frames to try things with: all of few, else runs from all over."""
    if frames <= _WHOLE_FRAMES:
        return [range(frames)]
    last = frames - _RUN_FRAMES
    starts = (last * run // (_RUNS - 1) for run in range(_RUNS))
    return [range(start, start + _RUN_FRAMES) for start in starts]


def _canvases(reel: Reel) -> list[Size]:
    """Return the sizes worth trying, largest first: the own one, then what phones show best."""
    sizes = [reel.size, *(_within(reel.size, box) for box in _BOXES)]
    distinct = sorted(set(sizes), reverse=True)
    feasible = [
        size
        for size in distinct
        if size[0] * size[1] <= min(_CANVAS_PIXELS_MAX, _WORK_PIXELS_MAX // reel.frames)
        and max(size) <= EDGE_MAX
    ]
    return feasible or distinct[-1:]


def _within(size: Size, box: Size) -> Size:
    share = min(1.0, box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _resized(picture: Image.Image, size: Size) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


class _Search:
    """Finds the way that costs the eye least among those that fit."""

    def __init__(self, reel: Reel, survey: _Survey, target: Target) -> None:
        self._reel = reel
        self._survey = survey
        self._background = target.background
        self._bytes_max = target.bytes_max
        self._shown = {step: survey.shown(step) for step, _ in _STEPS}
        self._palettes: dict[int, Palette] = {}
        self._predicted: dict[_Way, float] = {}
        self._correction = 1.0

    def run(self) -> _Written | None:
        """Return what was written, or None when no way fits; at most `_TRIES_MAX` are written.

        Each result corrects the predictions, so a try may be followed by a better one.
        """
        ways = self._ways()
        best: _Written | None = None
        for turn in range(_TRIES_MAX):
            way = self._choose(ways)
            if way is None and best is None:
                way = min(ways, key=lambda one: one.rough_size, default=None)
            if way is None:
                break
            written = self._write(way)
            self._correction = written.size_bytes / self._predict(way)
            if written.body is not None:
                best = written
                ways = [other for other in ways if other.cost < way.cost]
            elif turn == _TRIES_MAX - 2 and best is None:
                ways = [min(ways, key=lambda one: one.rough_size)]
            else:
                ways.remove(way)
        return best

    def _ways(self) -> list[_Way]:
        ways = [
            _Way(size, level, step, _area_cost(self._reel.size, size) + level[2] + step_cost)
            for size in _canvases(self._reel)
            for level in _LEVELS
            for step, step_cost in _STEPS
            if step == 1 or self._survey.total_ms <= _SHOWN_MS_MAX * len(self._shown[step])
        ]
        return sorted(ways, key=lambda way: way.cost)

    def _choose(self, ways: list[_Way]) -> _Way | None:
        for way in ways:
            if self._guess(way) * self._correction > _HOPELESS * self._bytes_max:
                continue
            if self._predict(way) * self._correction <= _MARGIN * self._bytes_max:
                return way
        return None

    def _guess(self, way: _Way) -> float:
        """Return a size without trying anything, from the last way that was predicted."""
        if way in self._predicted or not self._predicted:
            return 0.0
        known, size_bytes = next(reversed(self._predicted.items()))
        guess = size_bytes * way.rough_size / known.rough_size
        return guess if len(self._predicted) < _PREDICTIONS_MAX else guess * _HOPELESS

    def _predict(self, way: _Way) -> float:
        """Return how large it becomes: its first frame and the mean change of the sampled ones."""
        if way not in self._predicted:
            self._predicted[way] = self._measure(way)
        return self._predicted[way]

    def _measure(self, way: _Way) -> float:
        first: int | None = None
        changes: list[int] = []
        for run in self._survey.runs:
            canvas = self._canvas(way)
            step = min(way.step, len(run) - 1) or 1
            for place, picture in enumerate(run[::step]):
                patch = canvas.draw(_resized(picture, way.size))
                if place and patch is not None:
                    changes.append(len(patch[0]) + _FRAME_BYTES)
                elif first is None and patch is not None:
                    first = len(patch[0]) + 3 * way.colours
        mean = sum(changes) / len(changes) if changes else 0.0
        return (first or 0) + mean * (len(self._shown[way.step]) - 1)

    def _canvas(self, way: _Way) -> Canvas:
        return Canvas(self._palette(way.colours), way.level[1])

    def _palette(self, colours: int) -> Palette:
        if colours not in self._palettes:
            pictures = [picture for run in self._survey.runs for picture in run]
            self._palettes[colours] = choose_palette(pictures, colours)
        return self._palettes[colours]

    def _write(self, way: _Way) -> _Written:
        shown = self._shown[way.step]
        colours = self._palette(way.colours).colours
        writer = GifWriter(way.size, colours, self._reel.repeats)
        patches = self._patches(way, shown)
        for (start, data, box), (end, _, _) in pairwise(patches):
            writer.add(data, box, round(end / 10) - round(start / 10))
            if writer.size_bytes > self._bytes_max:
                done = sum(moment < end for moment in shown.values())
                return _Written(way, writer.size_bytes * len(shown) / done, None, 0)
        return _Written(way, writer.size_bytes, writer.body(), writer.frames)

    def _patches(
        self, way: _Way, shown: dict[int, int]
    ) -> Iterator[tuple[int, bytes, tuple[int, int, int, int]]]:
        """Yield when each patch is shown, and it; at last the end, with nothing to show."""
        canvas = self._canvas(way)
        for number, frame in enumerate(self._reel.play(self._background)):
            if number in shown:
                patch = canvas.draw(_resized(frame.picture, way.size))
                if patch is not None:
                    yield shown[number], *patch
        yield self._survey.total_ms, b"", (0, 0, 0, 0)


def _area_cost(own: Size, size: Size) -> float:
    """Return what a smaller canvas costs the eye; pixels beyond the advised are hardly missed."""
    before, after = own[0] * own[1], size[0] * size[1]
    spare = math.log2(max(before, _AREA_ADVISED) / max(after, _AREA_ADVISED))
    return math.log2(before / after) - 0.7 * spare


def _steps(reel: Reel, survey: _Survey, written: _Written) -> tuple[str, ...]:
    way = written.way
    duplicates = reel.frames - len(survey.shots)
    steps = (
        (f"{reel.media_type} to GIF", reel.media_type != GIF),
        ("flatten", survey.see_through),
        (f"drop {duplicates} duplicate frames", duplicates > 0),
        (f"keep one of {way.step} frames", way.step > 1),
        ("shrink to {} x {}".format(*way.size), way.size != reel.size),
        (f"{way.colours} colours", way.colours < _LEVELS[0][0]),
        ("crop to what changes", written.frames > 1),
    )
    return tuple(step for step, taken in steps if taken)


def _warnings(reel: Reel, way: _Way) -> tuple[str, ...]:
    if way.cost < _COST_TO_TELL:
        return ()
    return (
        f"The animation lost quality to fit: {way.size[0]} x {way.size[1]} pixels of "
        f"{reel.size[0]} x {reel.size[1]}, {way.colours} colours, "
        f"one of {way.step} frames. A shorter one looks better.",
    )
