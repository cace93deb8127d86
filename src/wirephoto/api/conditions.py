"""Which part of a file an HTTP request asks for, if any: preconditions and ranges (RFC 9110)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

CONDITIONS = ("if-match", "if-none-match", "if-range", "range")
"""The header fields that decide, beside the method. A file that never changes has no dates."""

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Return how many bytes that is."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of the answer, and what of the file belongs to it."""

    status: int
    span: Span


def judge(asked: Mapping[str, str], *, method: str, etag: str, size_bytes: int) -> Verdict:
    """Return what to answer a GET or HEAD whose `CONDITIONS` are `asked` (names in lower case).

    In the order of RFC 9110, section 13.2.2. `etag` is a strong one, with its quotes.
    """
    nothing, whole = Span(0, 0), Span(0, size_bytes)
    if "if-match" in asked and not _matches(asked["if-match"], etag, weakly=False):
        return Verdict(412, nothing)
    if "if-none-match" in asked and _matches(asked["if-none-match"], etag, weakly=True):
        return Verdict(304, nothing)
    # Section 14.2: ranges are for GET alone. Section 13.1.5: another version is sent whole.
    if method != "GET" or asked.get("if-range", etag) != etag:
        return Verdict(200, whole)
    span = parse_range(asked.get("range", ""), size_bytes)
    if span is None:
        return Verdict(200, whole)
    return Verdict(206 if span.length else 416, span)


def parse_range(text: str, size_bytes: int) -> Span | None:
    """Return the part that a Range field asks for; an empty one where there is nothing to have.

    None is the whole file: for what is malformed, in another unit, or several parts at once, which
    RFC 9110 (section 14.2) allows to ignore. No fetcher of pictures wants several.
    """
    unit, _, listed = text.partition("=")
    parts = [part.strip(" \t") for part in listed.split(",") if part.strip(" \t")]
    match = _RANGE.fullmatch(parts[0]) if len(parts) == 1 else None
    if unit.strip(" \t").lower() != "bytes" or match is None or match[0] == "-":
        return None
    first, last = match.groups()
    if not first:
        return Span(max(0, size_bytes - int(last)), size_bytes)
    if last and int(last) < int(first):
        return None
    stop = min(size_bytes, int(last) + 1) if last else size_bytes
    return Span(int(first), stop) if int(first) < size_bytes else Span(0, 0)


def _matches(listed: str, etag: str, *, weakly: bool) -> bool:
    """Compare as section 8.8.3.2 says: strongly, a weak tag equals nothing."""
    if listed.strip(" \t") == "*":
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in _ENTITY_TAG.findall(listed))
