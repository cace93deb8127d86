"""What a kind of place for bytes has to offer."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

PIECE_BYTES = 131_072
"""The most that is read at once.

A reader that takes nothing holds about four of these (measured: 0.5 MB); twice the size serves a
third more fetches in a second, but each slow one then costs twice the memory.
"""


class Place(Protocol):
    """What a kind of place can do; its failures are OSError and obstore's own.

    FileNotFoundError means that there are no such bytes.
    """

    async def write(self, key: str, source: Path | bytes) -> None:
        """Keep bytes, whole or not at all, and so that they survive a loss of power."""
        ...

    def read(self, key: str, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop` (None: the end) in pieces."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget bytes; what is not there is fine."""
        ...

    async def sweep(self, before: datetime) -> int:
        """Delete what writes left behind that broke off before an instant; return how many."""
        ...
