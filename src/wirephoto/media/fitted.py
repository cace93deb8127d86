"""What one way of fitting made of a file."""

from dataclasses import dataclass

from wirephoto.domain.media import Form


@dataclass(frozen=True, slots=True)
class Fitted:
    """What goes out, and how it came to be.

    `steps` empty and no output file written means that the source goes out untouched.
    """

    form: Form
    steps: tuple[str, ...]
    warnings: tuple[str, ...]
