"""Take a file in: the body itself, or the first file of a form. It streams to disk as it comes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from wirephoto.api.queries import AnyRequest
from wirephoto.errors import Fault, RequestRefused

FORM = "multipart/form-data"
FIELDS_MAX = 16
"""Fields that a form may have; all but its first file are passed over."""

Write = Callable[[bytes], object]


async def receive_upload(request: AnyRequest, path: Path) -> str | None:
    """Write the file of a request to `path`; return the media type that the caller gave it.

    Raises:
        RequestRefused: a form without a file, one that breaks off, or no body.
        RequestTooSlow: it does not come on.
    """
    essence, options = parse_options_header(request.headers.get("content-type", ""))
    with path.open("wb") as file:
        if essence == FORM:
            boundary = options.get("boundary", "")
            claimed = await _receive_form(request.stream(), boundary, file.write)
        else:
            claimed = essence or None
            async for chunk in request.stream():
                file.write(chunk)
        if not file.tell():
            raise _refused("required", "There is no file in the request: send its bytes.")
    return claimed


async def _receive_form(chunks: AsyncIterator[bytes], boundary: str, write: Write) -> str | None:
    """Pass the bytes of the first file of a form on; return its media type."""
    form = _FirstFile(write)
    try:
        with PushMultipartParser(boundary, max_segment_count=FIELDS_MAX) as parser:
            async for chunk in chunks:
                if parser.closed:
                    continue
                for event in parser.parse(chunk):
                    form.take(event)
    except MultipartError as error:
        raise _refused("malformed", "The form is not whole, or not one: send it again.") from error
    return form.claimed


class _FirstFile:
    """What a form's parser says, as far as it is about the first file."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._inside = False
        self._found = False
        self.claimed: str | None = None

    def take(self, event: MultipartSegment | bytearray | bytes | None) -> None:
        """Take a segment's head, a piece of its body, or its end (None)."""
        if isinstance(event, MultipartSegment):
            self._inside = event.filename is not None and not self._found
            if self._inside:
                self._found = True
                self.claimed = (event.content_type or "").lower() or None
        elif event is not None and self._inside:
            self._write(bytes(event))


def _refused(code: str, message: str) -> RequestRefused:
    return RequestRefused([Fault("file", code, message)])
