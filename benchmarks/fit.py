"""How many 12-megapixel photographs a core brings to 600,000 bytes a second, and how they look."""

import io
import multiprocessing
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyvips
from PIL import Image, ImageOps
from ssimulacra2 import compute_ssimulacra2

from benchmarks.photographs import photograph
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.media.transform import transform

RUNS = 5
BYTES_MAX = 600_000
SCENES = ((1, 0.3), (2, 1.0), (3, 1.7), (4, 0.6))
"""Seed and detail of each photograph: from smooth to busier than most."""
EDGE = 1600
"""The longest edge of the plain way's pictures, and of the references."""

Way = Callable[[Path, Path], None]


@dataclass(slots=True)
class Measured:
    """Seconds of processor time of each run over all photographs, and a score of each picture."""

    cpu_s: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        per_s = len(SCENES) / statistics.median(self.cpu_s)
        mean = statistics.mean(self.scores)
        each = ", ".join(
            f"{score:.1f} ({size})" for score, size in zip(self.scores, self.sizes, strict=True)
        )
        return f"fit, {name:22} {per_s:6.2f} /s   SSIMULACRA2 {mean:.2f}: {each}"


def measure() -> None:
    """Print pictures a second of processor time, and how much of the original is left to see."""
    ways: dict[str, Way] = {"wirephoto": ours, "Pillow, the plain way": plain} | _vips_way()
    results = {name: Measured() for name in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs = [folder / f"{seed}.jpg" for seed, _ in SCENES]
        for path, (seed, detail) in zip(photographs, SCENES, strict=True):
            path.write_bytes(photograph(seed, detail))
        for _ in range(RUNS):
            for name, way in ways.items():
                results[name].cpu_s.append(_run(way, photographs, folder / "out.jpg"))
        peak_mb = _peak_mb(photographs, folder / "out.jpg")
        for photo in photographs:
            reference = _reference(photo)
            for name, way in ways.items():
                _judge(results[name], way, photo, reference, folder)
    for name, measured in results.items():
        print(measured.line(name))
    ratio = statistics.median(
        theirs / mine
        for mine, theirs in zip(
            results["wirephoto"].cpu_s, results["Pillow, the plain way"].cpu_s, strict=True
        )
    )
    print(
        f"fit, {ratio:.2f} times the plain way; peak memory of a process {peak_mb:.0f} MB "
        f"({RUNS} runs in turn, medians; scored at {EDGE} px against the original made as small "
        "by Lanczos, larger pictures brought down likewise)"
    )


def ours(source: Path, output: Path) -> None:
    """Fit a picture as the gateway does."""
    transform(source, Target(MediaKind.IMAGE, BYTES_MAX), output, MediaLimits())


def plain(source: Path, output: Path) -> None:
    """Fit a picture as most programs do: upright, RGB, 1600 pixels, and try qualities downwards."""
    picture = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
    picture.thumbnail((EDGE, EDGE))
    for quality in range(95, 0, -5):
        target = io.BytesIO()
        picture.save(target, "JPEG", quality=quality)
        if target.tell() <= BYTES_MAX:
            break
    output.write_bytes(target.getvalue())


def vips_command(source: Path, output: Path) -> None:
    """Fit a picture with vips' command line: one call for each quality that is tried."""
    for quality in range(95, 0, -5):
        saver = f"{output}[Q={quality},keep=none]"
        size = f"{EDGE}x{EDGE}>"
        command = ["vipsthumbnail", source, "--size", size, "--output-profile", "srgb", "-o", saver]
        subprocess.run(command, check=True)
        if output.stat().st_size <= BYTES_MAX:
            break


def magick_command(source: Path, output: Path) -> None:
    """Fit a picture with ImageMagick's command line, which searches the quality itself."""
    steps = ["-auto-orient", "-thumbnail", f"{EDGE}x{EDGE}>", "-colorspace", "sRGB"]
    extent = ["-define", f"jpeg:extent={BYTES_MAX}B"]
    subprocess.run(["magick", source, *steps, *extent, output], check=True)


def vips_library(source: Path, output: Path) -> None:
    """Fit a picture with vips as a library, shrinking while decoding."""
    picture = pyvips.Image.thumbnail(str(source), EDGE, height=EDGE, size="down").copy_memory()
    for quality in range(95, 0, -5):
        body = picture.jpegsave_buffer(Q=quality, keep="none")
        if len(body) <= BYTES_MAX:
            break
    output.write_bytes(body)


def _vips_way() -> dict[str, Way]:
    found: dict[str, Way] = {}
    if shutil.which("vipsthumbnail"):
        found["vips, command line"] = vips_command
    if shutil.which("magick"):
        found["ImageMagick"] = magick_command
    if not found:
        print("fit, neither vips nor ImageMagick is on the PATH: vips as a library stands in")
        found["vips, as a library"] = vips_library
    return found


def _run(way: Way, photographs: list[Path], output: Path) -> float:
    started = _cpu_s()
    for photo in photographs:
        way(photo, output)
    return _cpu_s() - started


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_mb(photographs: list[Path], output: Path) -> float:
    """Return the most memory that a fresh process had at any time while it fitted them all."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_fit_all, (photographs, output)) / 1024


def _fit_all(photographs: list[Path], output: Path) -> int:
    for photo in photographs:
        ours(photo, output)
    # getrusage() would count what the parent had before it started this process.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)


def _reference(photo: Path) -> Image.Image:
    with Image.open(photo) as picture:
        size = round(picture.width * EDGE / max(picture.size)), EDGE * 3 // 4
        return picture.resize(size, Image.Resampling.LANCZOS)


def _judge(measured: Measured, way: Way, photo: Path, reference: Image.Image, folder: Path) -> None:
    output, original, shown = folder / "out.jpg", folder / "original.png", folder / "shown.png"
    way(photo, output)
    assert output.stat().st_size <= BYTES_MAX
    with Image.open(output) as picture:
        measured.sizes.append(f"{picture.width} px")
        if picture.size == reference.size:
            picture.save(shown)
        else:
            picture.resize(reference.size, Image.Resampling.LANCZOS).save(shown)
    reference.save(original)
    measured.scores.append(compute_ssimulacra2(str(original), str(shown)))
