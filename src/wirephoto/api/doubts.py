"""Settle a message of which nobody knows whether it left."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from wirephoto.api.answers import json_answer, not_found
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, is_id
from wirephoto.api.services import services_of
from wirephoto.api.views import MessageView, message_view
from wirephoto.domain.api_key import Scope
from wirephoto.domain.doubt import Resolution
from wirephoto.domain.message import Message, MessageState
from wirephoto.engine.moves import resolve
from wirephoto.errors import Fault, RequestRefused

_MESSAGE_UUID = re.compile(r"[0-9A-Za-z_.-]{1,100}")


class ResolveRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What somebody found out, or decided, about a message in doubt."""

    outcome: Resolution
    attempt: Annotated[int, msgspec.Meta(ge=1)] | None = None
    message_uuid: str | None = None


_REQUEST = msgspec.json.Decoder(ResolveRequest)


@post(
    "/v1/messages/{message_id:str}/resolve",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="resolve_message",
    summary="Settle a message in doubt",
    responses={200: ResponseSpec(MessageView, description="Settled")},
    opt={
        "body": ResolveRequest,
        "keyed": False,
        "problems": ("malformed_json", "too_large", "invalid", "not_resolvable"),
    },
)
async def resolve_message(request: AnyRequest, message_id: FromPath[str]) -> Response[Any]:
    """Settle an `unconfirmed` message: `sent`, `not_sent` (it is sent again) or `abandon`.

    409 when it is no longer in doubt, for a receipt may have settled it, or when another attempt
    than `attempt` is. Who did it is kept in the audit trail.
    """
    wanted = read_body(await request.body(), _REQUEST)
    _check(wanted)
    if not is_id(message_id):
        return not_found()
    services, caller = services_of(request.app), caller_of(request)
    message, settled = await resolve(
        services.database,
        services.commits,
        tenant_id=caller.tenant_id,
        message_id=message_id,
        resolution=wanted.outcome,
        attempt_number=wanted.attempt,
        provider_message_id=wanted.message_uuid,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
    )
    if message is None:
        return not_found()
    if not settled:
        return problem("not_resolvable", _why_not(message))
    return json_answer(message_view(message))


def _why_not(message: Message) -> str:
    if message.state is MessageState.UNCONFIRMED:
        return f"Attempt {message.attempts} is in doubt now, not the one that was looked at."
    return f"The message is {message.state}, not in doubt."


def _check(wanted: ResolveRequest) -> None:
    if wanted.message_uuid is None:
        return
    if wanted.outcome is not Resolution.SENT:
        raise _refused("only_sent", "Only a message that was sent has the provider's id.")
    if not _MESSAGE_UUID.fullmatch(wanted.message_uuid):
        raise _refused("invalid", "Hand in the `message_uuid` that the provider gave.")


def _refused(code: str, message: str) -> RequestRefused:
    return RequestRefused([Fault("message_uuid", code, message)])
