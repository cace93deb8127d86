"""What the gateway and its media workers say to each other: one line of JSON each.

gateway                          worker
                          <──    Ready      once, as soon as the decoders are loaded
Job                       ──>
                          <──    Taken      from here on what happens is the job's doing
                          <──    Fitted, Refused, Exhausted or Failed
"""

import msgspec

from wirephoto.domain.media import Fitting, MediaLimits, Target

LINE_BYTES_MAX = 65_536
"""Longest line that is read: answers are a few hundred bytes, whatever the file."""


class Job(msgspec.Struct, frozen=True):
    """A file to fit. Paths are bytes, as a file's name need not be text."""

    source: bytes
    target: Target
    output: bytes
    limits: MediaLimits


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker waits for its first job."""


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """The worker has read the job and begins."""


class Fitted(msgspec.Struct, frozen=True, tag="fitted"):
    """The file can go out."""

    fitting: Fitting


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The file cannot go out: the parts of a `MediaRefused`."""

    reason: str
    sentence: str
    retryable: bool = False


class Exhausted(msgspec.Struct, frozen=True, tag="exhausted"):
    """The file needs more memory than a worker may have; this one ends now."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The worker failed where no file should make it fail; `error` is for the log."""

    error: str


Outcome = Fitted | Refused | Exhausted | Failed
Answer = Ready | Taken | Outcome


def to_line(said: Job | Answer) -> bytes:
    """Return a job or an answer as a line."""
    return msgspec.json.encode(said) + b"\n"


def read_job(line: bytes) -> Job:
    """Return the job in a line."""
    return msgspec.json.decode(line, type=Job)


def read_answer(line: bytes) -> Answer:
    """Return the answer in a line.

    Raises:
        msgspec.DecodeError: it holds none.
    """
    answer: Answer = msgspec.json.decode(line, type=Answer)
    return answer
