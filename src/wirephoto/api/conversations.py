"""What was said to and by one phone."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.inbound_views import Conversation, conversation_entry
from wirephoto.api.messages import PAGE_MAX
from wirephoto.api.queries import AnyRequest, check_query, page_cursor, phone_number, sender_number
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.storage.conversations import list_conversation
from wirephoto.storage.inbound_files import list_inbound_files


@get(
    "/v1/conversations/{recipient:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_conversation",
    summary="A conversation",
    responses={200: ResponseSpec(Conversation, description="A page, the newest first")},
)
async def read(
    request: AnyRequest,
    recipient: FromPath[str],
    sender: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """Return what was sent to a phone and what it said, with one of your senders or with all."""
    check_query(request, ("sender", "cursor", "limit"))
    phone = phone_number("recipient", recipient)
    assert phone, "the path has one"
    ours, before_id = sender_number("sender", sender), page_cursor(cursor)
    tenant_id = caller_of(request).tenant_id
    async with services_of(request.app).database.read() as tx:
        found = await list_conversation(
            tx, tenant_id, phone, sender=ours, before_id=before_id, limit=limit + 1
        )
        page, more = found[:limit], len(found) > limit
        files = await list_inbound_files(tx, tenant_id, [entry.id for entry in page])
    entries = [conversation_entry(entry, files.get(entry.id, ())) for entry in page]
    return json_answer(Conversation(phone, entries, page[-1].id if more else None))
