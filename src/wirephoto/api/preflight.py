"""Send a message and answer once its media is ready, or cannot go out."""

from typing import Any

import msgspec
from litestar import Response

from wirephoto.api.answers import JSON, answer, render_message
from wirephoto.api.problems import CODES, MEDIA_TYPE, problem_document
from wirephoto.api.services import Services
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.number_facts import REASONS
from wirephoto.domain.request import MessageRequest
from wirephoto.engine.drafting import Caller
from wirephoto.engine.moves import wait_until
from wirephoto.engine.submission import ROUTE_MESSAGES, Unanswered
from wirephoto.errors import Fault

KEY_MARGIN_S = 5.0
"""How long after the longest wait an idempotency key is still held for its answer, in seconds."""


async def send_preflighted(
    services: Services, caller: Caller, wanted: MessageRequest, *, key: str | None
) -> Response[Any]:
    """Return the answer to a request with `preflight`.

    422 with the reason and the remedy when its media cannot go out, or a look-up says that its
    number cannot receive it: the message has then failed.
    202 when it can, and also when that is not known yet after the wait.
    """
    submitted = await services.submissions.submit_unanswered(
        caller,
        wanted,
        route=ROUTE_MESSAGES,
        key=key,
        running_s=services.sync_wait.total_seconds() + KEY_MARGIN_S,
    )
    if not isinstance(submitted, Unanswered):
        return answer(submitted)
    message = await wait_until(
        services.database,
        services.clock,
        tenant_id=caller.tenant_id,
        message_id=submitted.message_id,
        done=lambda message: message.state is not MessageState.PREPARING,
        patience=services.sync_wait,
    )
    assert message is not None, "a message is not deleted while its request waits"
    status, media_type, body = _outcome(message)
    if submitted.keyed:
        await services.submissions.answer(submitted.keyed, status=status, body=body)
    return Response(body.encode(), status_code=status, media_type=media_type)


def _outcome(message: Message) -> tuple[int, str, str]:
    if message.state is not MessageState.FAILED or message.attempts or not message.reason:
        return 202, JSON, render_message(message)
    detail = message.detail or ""
    is_of_number = message.reason in REASONS
    code, field = ("invalid", "to") if is_of_number else ("media_refused", "media")
    document = problem_document(code, detail, faults=[Fault(field, message.reason, detail)])
    return CODES[code][0], MEDIA_TYPE, msgspec.json.encode(document).decode()
