"""What phones said, and the files that they sent."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.enums import HttpMethod
from litestar.handlers import route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.types import ASGIApp

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.file_answers import HostedFile, file_answer
from wirephoto.api.inbound_views import InboundList, InboundView, inbound_view
from wirephoto.api.messages import PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, is_id, page_cursor, phone_number
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.inbound_file import FileState, InboundFile
from wirephoto.storage.inbound_files import get_inbound_file, list_inbound_files
from wirephoto.storage.webhooks import get_inbound, list_inbound

PLACE_CHARS_MAX = 2
"""A message has at most a hundred attachments."""
NOT_FETCHED = "The attachment is still being fetched from the provider: ask again later."


@get(
    "/v1/inbound",
    before_request=Requirement(Scope.READ),
    operation_id="list_inbound",
    summary="List what phones said",
    responses={200: ResponseSpec(InboundList, description="A page, the newest first")},
)
async def list_page(
    request: AnyRequest,
    sender: Annotated[str | None, QueryParameter(name="from")] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """List inbound messages, by the phone that sent them."""
    check_query(request, ("from", "cursor", "limit"))
    number, before_id = phone_number("from", sender), page_cursor(cursor)
    tenant_id = caller_of(request).tenant_id
    async with services_of(request.app).database.read() as tx:
        found = await list_inbound(
            tx, tenant_id, sender=number, before_id=before_id, limit=limit + 1
        )
        page, more = found[:limit], len(found) > limit
        files = await list_inbound_files(tx, tenant_id, [message.id for message in page])
    views = [inbound_view(message, files.get(message.id, ())) for message in page]
    return json_answer(InboundList(views, page[-1].id if more else None))


@get(
    "/v1/inbound/{inbound_id:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_inbound",
    summary="What a phone said",
    responses={200: ResponseSpec(InboundView, description="The message and its attachments")},
)
async def look_up(request: AnyRequest, inbound_id: FromPath[str]) -> Response[Any]:
    """Return one inbound message, with what became of its attachments."""
    tenant_id = caller_of(request).tenant_id
    found, files = None, {}
    if is_id(inbound_id):
        async with services_of(request.app).database.read() as tx:
            found = await get_inbound(tx, tenant_id, inbound_id)
            files = await list_inbound_files(tx, tenant_id, [inbound_id])
    if found is None:
        return problem("not_found", "There is no such inbound message.")
    return json_answer(inbound_view(found, files.get(inbound_id, ())))


@route(
    "/v1/inbound/{inbound_id:str}/media/{attachment:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    before_request=Requirement(Scope.READ),
    operation_id="fetch_inbound_media",
    summary="A file that a phone sent",
    opt={"gives_file": True},
)
async def fetch(
    request: AnyRequest, inbound_id: FromPath[str], attachment: FromPath[str]
) -> ASGIApp:
    """Give out an attachment of an inbound message, once it is kept."""
    services = services_of(request.app)
    found = None
    if is_id(inbound_id) and _is_place(attachment):
        async with services.database.read() as tx:
            tenant_id = caller_of(request).tenant_id
            found = await get_inbound_file(tx, tenant_id, inbound_id, int(attachment))
    file, kept = found or (None, None)
    if file is None or kept is None:
        answer = problem("not_found", _why_not(file), headers={"Cache-Control": "no-store"})
        return answer.to_asgi_response(app=None, request=request)
    assert file.media_type, "it is known of whatever is kept"
    hosted = HostedFile(kept.store_key, file.media_type, kept.size_bytes, public=False)
    return await file_answer(request, hosted, services.media.store)


def _is_place(typed: str) -> bool:
    return typed.isascii() and typed.isdecimal() and len(typed) <= PLACE_CHARS_MAX


def _why_not(file: InboundFile | None) -> str:
    if file is None:
        return "There is no such attachment."
    if file.state is FileState.GONE:
        return f"The attachment could not be fetched. {file.detail}"
    return NOT_FETCHED
