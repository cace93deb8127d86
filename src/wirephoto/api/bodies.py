"""Read JSON bodies: what cannot be read is refused with the field and the rule."""

import re
from typing import TypeVar

import msgspec

from wirephoto.errors import Fault, RequestRefused, WirephotoError

T = TypeVar("T")
_AT = re.compile(r"^(?P<rule>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`$")
_NAMED = (
    (_UNKNOWN, "unknown_field", "There is no such field here."),
    (_MISSING, "required", "This field is required."),
)


class MalformedJson(WirephotoError):
    """A body that is not JSON at all."""


def read_body(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the decoded body.

    Raises:
        MalformedJson: it is not valid UTF-8 JSON, or nested deeper than anybody means.
        RequestRefused: it is JSON, but not what the route takes; the field is named.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestRefused([fault_of(error)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson("The body is not valid JSON in UTF-8.") from error
    except RecursionError as error:
        raise MalformedJson("The body is nested too deeply.") from error


def fault_of(error: msgspec.ValidationError) -> Fault:
    """Return the field and the rule that msgspec's error speaks of."""
    said = str(error)
    match = _AT.match(said)
    rule, path = (match["rule"], match["path"].lstrip(".")) if match else (said, "")
    for pattern, code, message in _NAMED:
        if named := pattern.search(rule):
            field = f"{path}.{named['name']}" if path else named["name"]
            return Fault(field, code, message)
    return Fault(path or "body", "invalid_type", rule + ".")
