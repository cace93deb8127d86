"""The feed of events: what happened to all messages, for whoever keeps up by asking."""

from typing import Annotated

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.types import ASGIApp

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.event_stream import MEDIA_TYPE, StreamAnswer
from wirephoto.api.messages import PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, feed_cursor, feed_cursor_text
from wirephoto.api.services import services_of
from wirephoto.api.views import Feed, feed_event_view
from wirephoto.domain.api_key import Scope
from wirephoto.storage.feed import FeedPosition, read_feed


@get(
    "/v1/events",
    before_request=Requirement(Scope.READ),
    operation_id="read_feed",
    summary="Read the feed of events",
    responses={200: ResponseSpec(Feed, description="The events behind `cursor`, in order")},
    opt={"streams": MEDIA_TYPE, "problems": ("streams_full",)},
)
async def feed(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 100,
) -> ASGIApp:
    """Return what happened behind `cursor`, or from the beginning; no event is ever left out.

    With `Accept: text/event-stream` it is a stream that goes on, and `Last-Event-ID` a cursor.
    """
    check_query(request, ("cursor", "limit"))
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return _stream(request, feed_cursor(request.headers.get("last-event-id") or cursor))
    after, tenant_id = feed_cursor(cursor), caller_of(request).tenant_id
    async with services_of(request.app).database.read() as tx:
        found = await read_feed(tx, tenant_id, after=after, limit=limit + 1)
    page = found[:limit]
    told = Feed(
        [feed_event_view(event) for _, event in page],
        feed_cursor_text(page[-1][0] if page else after),
        len(found) > limit,
    )
    return json_answer(told).to_asgi_response(app=None, request=request)


def _stream(request: AnyRequest, after: FeedPosition) -> ASGIApp:
    if services_of(request.app).streams.has_room:
        return StreamAnswer(request, after)
    refused = problem("streams_full", "Ask for pages, or try another process.")
    return refused.to_asgi_response(app=None, request=request)
