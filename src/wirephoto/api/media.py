"""Uploads, what was made of them, and the files that we host for phones."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.handlers import route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.types import ASGIApp

from wirephoto.api.answers import JSON, json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.file_answers import HostedFile, file_answer
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, is_id
from wirephoto.api.services import Services, services_of
from wirephoto.api.uploads import receive_upload
from wirephoto.api.views import MediaDetail, media_detail
from wirephoto.domain.api_key import Scope
from wirephoto.domain.request import NOT_HOSTED
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.hosting import (
    Hosted,
    MediaFetch,
    find_name,
    record_fetches,
)
from wirephoto.storage.media import (
    get_original,
    list_renditions,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

UPLOAD_BYTES_MAX = 25_000_000
"""The largest file that is taken (DESIGN, section 4)."""
_FORM_BYTES = 65_536
"""What a form may add to its file."""
USER_AGENT_CHARS_MAX = 200
NAME_CHARS_MAX = 40


@post(
    "/v1/media",
    before_request=Requirement(Scope.SEND),
    request_max_body_size=UPLOAD_BYTES_MAX + _FORM_BYTES,
    status_code=201,
    operation_id="upload_media",
    summary="Upload a file",
    responses={201: ResponseSpec(MediaDetail, description="Kept; name it as `upload`")},
    opt={"problems": ("invalid", "too_large", "not_hosted"), "takes_file": True},
)
async def upload(request: AnyRequest) -> Response[Any]:
    """Keep a file for messages to come: its bytes as the body, or a form with one file."""
    services = services_of(request.app)
    media = services.media
    if not media.hosts:
        return problem("not_hosted", NOT_HOSTED)
    with media.scratch.path() as path:
        claimed = await receive_upload(request, path)
        if path.stat().st_size > UPLOAD_BYTES_MAX:
            raise HTTPException(status_code=413)
        original = await media.library.upload(caller_of(request).tenant_id, path, claimed)
    body = msgspec.json.encode(media_detail(original, ()))
    return Response(body, status_code=201, media_type=JSON)


@get(
    "/v1/media/{media_id:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_media",
    summary="What was made of a file",
    responses={200: ResponseSpec(MediaDetail, description="The original, and its renditions")},
)
async def look_up(request: AnyRequest, media_id: FromPath[str]) -> Response[Any]:
    """Return an upload or a fetched file, and what the pipeline made of it."""
    tenant_id = caller_of(request).tenant_id
    original, renditions = None, []
    if is_id(media_id):
        async with services_of(request.app).database.read() as tx:
            original = await get_original(tx, tenant_id, media_id)
            if original and original.file_id:
                renditions = await list_renditions(tx, tenant_id, original.file_id)
    if original is None:
        return problem("not_found", "There is no such media.")
    return json_answer(media_detail(original, renditions))


@route(
    "/media/{name:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id="fetch_hosted",
    summary="A hosted file",
    opt={"open": True, "gives_file": True, "problems": ("not_found", "unavailable")},
)
async def host(request: AnyRequest, name: FromPath[str]) -> ASGIApp:
    """Give out a file to whoever knows its name, and note who fetched it."""
    services = services_of(request.app)
    hosted = None
    if len(name) <= NAME_CHARS_MAX:
        async with services.database.read() as tx:
            hosted = await find_name(tx, name, now=services.clock.now())
    if hosted is None:
        answer = problem("not_found", "There is no such file, or its time is over.")
        return answer.to_asgi_response(app=None, request=request)
    await _note(services, hosted, request)
    file = HostedFile(hosted.file.store_key, hosted.name.media_type, hosted.file.size_bytes)
    return await file_answer(request, file, services.media.store)


async def _note(services: Services, hosted: Hosted, request: AnyRequest) -> None:
    """Write the fetch down; a phone gets its picture all the same where that cannot be."""
    name = hosted.name
    agent = request.headers.get("user-agent")
    fetch = MediaFetch(
        name=name.name,
        tenant_id=name.tenant_id,
        message_id=name.message_id,
        attempt=name.attempt,
        position=name.position,
        method=request.method,
        user_agent=agent[:USER_AGENT_CHARS_MAX].replace("\x00", "") if agent else None,
        at=services.clock.now(),
    )
    try:
        await services.commits.run(record_fetches, fetch)
    except StorageUnavailable as error:
        _log.warning(LogEvent.DATABASE_UNAVAILABLE, path="/media", error=str(error))
