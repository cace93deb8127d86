"""Waiting for real processes: the one place that asks again and again, always with a deadline."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from wirephoto.clock import SystemClock

Found = TypeVar("Found")


async def until(
    look: Callable[[], Awaitable[Found | None]],
    what: str,
    *,
    patience_s: float,
    rest_s: float = 0.1,
) -> Found:
    """Return the first thing that `look` finds (anything true).

    Raises:
        TimeoutError: it found nothing within `patience_s` seconds; the text names `what`.
    """
    clock = SystemClock()
    deadline = clock.monotonic() + patience_s
    while clock.monotonic() < deadline:
        if found := await look():
            return found
        await clock.sleep(rest_s)
    raise TimeoutError(f"{what}: not within {patience_s:g} s")
