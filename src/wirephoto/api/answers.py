"""Answers that several routes give."""

from typing import Any

import msgspec
from litestar import Response

from wirephoto.api.problems import MEDIA_TYPE, problem
from wirephoto.api.views import message_view
from wirephoto.domain.message import Message
from wirephoto.engine.submission import Answered, KeyConflict, Submitted

JSON = "application/json"
_ENCODER = msgspec.json.Encoder()


def render_message(message: Message) -> str:
    """Return the JSON that tells of a message."""
    return _ENCODER.encode(message_view(message)).decode()


def answer(submitted: Submitted) -> Response[Any]:
    """Return the HTTP answer for what became of a request."""
    if isinstance(submitted, Answered):
        headers = {"Idempotent-Replayed": "true"} if submitted.replayed else None
        return Response(
            submitted.body.encode(),
            status_code=submitted.status,
            media_type=MEDIA_TYPE if submitted.status >= 400 else JSON,
            headers=headers,
        )
    return problem(*conflict(submitted))


def conflict(submitted: Submitted) -> tuple[str, str]:
    """Return the code and the sentence for a request whose key is taken."""
    if isinstance(submitted, KeyConflict) and submitted.reused:
        return "key_reused", "This Idempotency-Key came with another body before. Use a new one."
    return "key_in_use", "Wait for the first request with this Idempotency-Key, then ask again."


def json_answer(view: msgspec.Struct) -> Response[Any]:
    """Return a 200 with a body."""
    return Response(_ENCODER.encode(view), status_code=200, media_type=JSON)


def not_found() -> Response[Any]:
    """Return a 404 that tells nothing of other tenants' messages."""
    return problem("not_found", "There is no such message.")
