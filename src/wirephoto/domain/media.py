"""What a file is, what it has to become so that phones can show it, and what was done to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from wirephoto.domain.phone import SenderKind

OVERHEAD_BYTES = 4_000
"""What caption, layout and headers take of a message's budget (facts 4.1: 2 to 4 KB)."""
NAME_KEPT = timedelta(hours=48)
"""How long a hosted file can be fetched after the provider may no longer try (contract 4.5 advises
a day more than that, receipts are repeated for another)."""
SHARE_BYTES_MIN = 10_000
"""A picture that gets less than this of a budget is not worth sending."""
FRESH_BY_DEFAULT = timedelta(seconds=60)
"""How long a fetched file is used again where its server does not say."""
FRESH_MAX = timedelta(hours=1)
"""How long at most, whatever the server says: the customer may have replaced the picture."""


class MediaKind(StrEnum):
    """What an attachment is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VCARD = "vcard"
    FILE = "file"


class Profile(StrEnum):
    """How large a message may be: as its sender's kind allows, or small where time matters."""

    STANDARD = "standard"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is: type and size in bytes, and what of the rest is known.

    Sizes are in pixels, upright; `frames` is 1 for a still picture.
    """

    media_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a file has to become.

    `background` is the colour below what is transparent, as `#rrggbb`. Where `still_allowed`, an
    animation that does not fit may become a still picture of its first frame.
    """

    kind: MediaKind
    bytes_max: int
    background: str = "#ffffff"
    still_allowed: bool = False

    @property
    def key(self) -> str:
        """Return a text that is the same for all that are fitted alike."""
        still = "still" if self.still_allowed else "moving"
        return f"{self.kind}-{self.bytes_max}-{self.background.removeprefix('#')}-{still}"


@dataclass(frozen=True, slots=True)
class Fitting:
    """What the pipeline made of a file.

    `steps` are what was done, in order, each a few words; none when the file goes out untouched.
    `warnings` are sentences for people, as where quality had to suffer.
    """

    original: Form
    sent: Form
    steps: tuple[str, ...]
    warnings: tuple[str, ...]
    took_ms: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that is ready to be sent: which stored one it is, and how it came to be."""

    media_id: str
    file_id: str
    fitting: Fitting


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file as the provider is told of it: where to fetch it, and what it is."""

    url: str
    kind: MediaKind = MediaKind.IMAGE


@dataclass(frozen=True, slots=True)
class Media:
    """What a customer attached: where it can be fetched or which upload it is, and what it is.

    One of `url` and `upload` is given. `prepared` is there once the gateway hosts it itself.
    """

    url: str | None = None
    kind: MediaKind = MediaKind.IMAGE
    upload: str | None = None
    profile: Profile = Profile.STANDARD
    still_allowed: bool = False
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What a file may take to decode; above it, it is refused.

    Measured (facts 4.4): an 86 KB PNG held 88 million pixels, a 460 KB GIF 250 frames of one
    million. `pixels_max` is for one picture, `animation_pixels_max` for all frames together.
    `worker_bytes_max` is address space, `cpu_s` processor time, `wall_s` time on the clock.
    """

    source_bytes_max: int = 25_000_000
    pixels_max: int = 50_000_000
    animation_pixels_max: int = 250_000_000
    frames_max: int = 1_000
    worker_bytes_max: int = 1_500_000_000
    cpu_s: float = 30.0
    wall_s: float = 60.0


def extension(media_type: str) -> str:
    """Return how the name of a file of this type ends, with its dot.

    Who fetches a file may go by its name (contract 1.4 and 4.5); an unknown type gets `.bin`.
    """
    return _EXTENSIONS.get(media_type, ".bin")


def budget_bytes(budgets: Mapping[str, int], *, sender: SenderKind, profile: Profile) -> int:
    """Return how many bytes all attachments of a message may have together.

    `budgets` has a total for each kind of sender, and one for `fast`; the smaller one holds.
    """
    total = budgets[sender.value]
    if profile is Profile.FAST:
        total = min(total, budgets[Profile.FAST.value])
    return total - OVERHEAD_BYTES


def share_budget(total_bytes: int, sizes: Sequence[int], fixed: Sequence[bool]) -> list[int] | None:
    """Return what each attachment may have of a message's budget, or None when it cannot be shared.

    What is `fixed` cannot be made smaller and takes its size. Of the rest, each that needs less
    than an even share keeps its size, and the others share what is left evenly.
    """
    left = total_bytes - sum(size for size, kept in zip(sizes, fixed, strict=True) if kept)
    if left < 0:
        return None
    shares = list(sizes)
    hungry = [place for place, kept in enumerate(fixed) if not kept]
    while hungry:
        even = left // len(hungry)
        modest = [place for place in hungry if sizes[place] <= even]
        if not modest:
            if even < SHARE_BYTES_MIN:
                return None
            for place in hungry:
                shares[place] = even
            break
        left -= sum(sizes[place] for place in modest)
        hungry = [place for place in hungry if place not in modest]
    return shares


def fresh_until(cache_control: str | None, *, fetched_at: datetime) -> datetime:
    """Return until when a fetched file may be used again without asking its server.

    RFC 9111, sections 5.2.2 and 4.2: `no-store` and `no-cache` mean not at all, `max-age` so many
    seconds; a server that says nothing leaves it to us.
    """
    directives = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (part.partition("=") for part in (cache_control or "").split(","))
    }
    if directives.keys() & {"no-store", "no-cache"}:
        return fetched_at
    seconds = directives.get("max-age", "")
    if not (seconds.isascii() and seconds.isdigit()):
        return fetched_at + FRESH_BY_DEFAULT
    return fetched_at + min(timedelta(seconds=min(int(seconds), 86_400)), FRESH_MAX)


_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "image/jpeg": ".jpg",
        "image/png": ".png",
        "image/gif": ".gif",
        "image/bmp": ".bmp",
        "video/mp4": ".mp4",
        "video/3gpp": ".3gp",
        "video/x-msvideo": ".avi",
        "video/mpeg": ".mpg",
        "audio/mpeg": ".mp3",
        "audio/amr": ".amr",
        "audio/midi": ".midi",
        "audio/wav": ".wav",
        "audio/ac3": ".ac3",
        "text/vcard": ".vcf",
        "text/calendar": ".ics",
        "text/plain": ".txt",
        "application/pdf": ".pdf",
    }
)
