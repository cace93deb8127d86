"""`wirephoto media`: try on a local file what the gateway does to what it sends."""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from wirephoto.cli.keys import Json
from wirephoto.domain.media import Fitting, Form, MediaKind, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.sniff import sniff
from wirephoto.media.workers import Workers
from wirephoto.telemetry import configure_logging

app = typer.Typer(help="Try what becomes of pictures.", no_args_is_help=True)

HEAD_BYTES = 4_096
"""How much of a file tells what it is."""


@app.callback()
def media() -> None:
    """Try what becomes of pictures."""


@app.command("fit")
def fit(
    file: Annotated[Path, typer.Argument(help="The file as it is.", metavar="FILE")],
    budget: Annotated[int, typer.Option(help="How many bytes it may have at most.", min=1)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where the result goes; replaced if it exists.")
    ],
    kind: Annotated[
        MediaKind | None, typer.Option(help="What it is; else its first bytes decide.")
    ] = None,
    background: Annotated[
        str, typer.Option(help="The colour below what is transparent.", metavar="#RRGGBB")
    ] = "#ffffff",
    still: Annotated[
        bool, typer.Option("--still", help="An animation may become a still picture.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit a file into a number of bytes, as the gateway does, and print what was done.

    Where it can go out as it is, the result is a copy. Where it cannot go out, the exit code is 1.

    Example: wirephoto media fit holiday.heic --budget 600000 -o holiday.jpg
    """
    _check(file, out, background)
    # What a decoder says while it fails is for the gateway's log; here the refusal is the answer.
    configure_logging(level="error")
    target = Target(kind or _kind_of(file), budget, background.lower(), still_allowed=still)
    try:
        with Console(stderr=True).status("fitting the file"):
            fitting = asyncio.run(_fit(file, target, out))
    except MediaRefused as refused:
        print(f"{refused.reason}: {refused}", file=sys.stderr)
        raise typer.Exit(1) from refused
    except OSError as error:
        print(f"{out} cannot be written: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps(_public(fitting, out)))
    else:
        _print(fitting)


def _check(file: Path, out: Path, background: str) -> None:
    if not file.is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="FILE")
    if not os.access(file, os.R_OK):
        raise typer.BadParameter(f"{file} may not be read", param_hint="FILE")
    if out.is_dir():
        raise typer.BadParameter(f"{out} is a folder", param_hint="--out")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent}", param_hint="--out")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", background):
        raise typer.BadParameter("must be written as #rrggbb", param_hint="--background")


def _kind_of(file: Path) -> MediaKind:
    """Return what a file is; one that is nothing known is refused as a picture, by name."""
    with file.open("rb") as opened:
        sniffed = sniff(opened.read(HEAD_BYTES))
    return sniffed.kind if sniffed else MediaKind.IMAGE


async def _fit(file: Path, target: Target, out: Path) -> Fitting:
    """Write the result to `out`, whole or not at all, and return what was done."""
    workers = Workers(count=1)
    try:
        with tempfile.TemporaryDirectory(prefix=".wirephoto-", dir=out.parent) as folder:
            fitted, copy = Path(folder, "fitted"), Path(folder, "copy")
            fitting = await workers.fit(file, target, fitted)
            # A copy in any case: what a worker writes is for its user's eyes only.
            shutil.copyfile(fitted if fitting.steps else file, copy)
            os.replace(copy, out)
            return fitting
    finally:
        await workers.close()


def _print(fitting: Fitting) -> None:
    print(f"original  {_described(fitting.original)}")
    print(f"sent      {_described(fitting.sent)}")
    print(f"steps     {', '.join(fitting.steps) or 'none: it goes out as it is'}")
    print(f"time      {fitting.took_ms / 1000:.2f} s")
    for warning in fitting.warnings:
        print(f"warning   {warning}")


def _described(form: Form) -> str:
    """Return what a file is, as far as it is known."""
    parts = [form.media_type, f"{form.size_bytes:,} bytes"]
    if form.width is not None and form.height is not None:
        parts.append(f"{form.width} x {form.height}")
    if form.frames is not None and form.frames > 1:
        parts.append(f"{form.frames} frames")
    if form.duration_s is not None:
        parts.append(f"{form.duration_s:.1f} s")
    return ", ".join(parts)


def _public(fitting: Fitting, out: Path) -> dict[str, object]:
    return {"file": str(out), **msgspec.to_builtins(fitting)}
