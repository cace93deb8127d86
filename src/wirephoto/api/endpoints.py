"""Endpoints: where customers want to be told of events."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, feed_cursor, feed_cursor_text, is_id
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.delivery import Answer
from wirephoto.domain.endpoint import DESCRIPTION_CHARS_MAX, DisabledBy
from wirephoto.domain.event import EVENT_TYPES
from wirephoto.domain.url import URL_CHARS_MAX
from wirephoto.engine.endpoints import Endpoints, Made, Wanted
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.endpoints import OwnEndpoint

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARS_MAX)]
Description = Annotated[str, msgspec.Meta(max_length=DESCRIPTION_CHARS_MAX)]
EventTypes = Annotated[list[str], msgspec.Meta(max_length=len(EVENT_TYPES))]


class EndpointRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where you want to be told of events, and of which."""

    url: Url
    description: Description | None = None
    event_types: EventTypes | None = None
    enabled: bool = True


class EndpointChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be different; what is left out stays."""

    url: Url | None = None
    description: Description | None = None
    event_types: EventTypes | None = None
    enabled: bool | None = None


class ReplayRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From when, or from which place of the feed, events are told again."""

    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    cursor: str | None = None


class EndpointView(msgspec.Struct):
    """An endpoint, and how its deliveries go."""

    id: str
    url: str
    description: str | None
    event_types: list[str]
    enabled: bool
    disabled_at: datetime | None
    disabled_by: DisabledBy | None
    failures: int
    failing_since: datetime | None
    delivered_at: datetime | None
    waiting: int
    cursor: str
    former_secret_until: datetime | None
    created_at: datetime


class EndpointList(msgspec.Struct):
    """Every endpoint, the newest first."""

    endpoints: list[EndpointView]


class EndpointSecret(msgspec.Struct):
    """An endpoint with its new secret, which is shown this once."""

    endpoint: EndpointView
    secret: str


class EndpointTest(msgspec.Struct):
    """How an endpoint answered a test."""

    delivered: bool
    status: int | None
    reason: str | None


_REQUEST = msgspec.json.Decoder(EndpointRequest)
_CHANGE = msgspec.json.Decoder(EndpointChange)
_REPLAY = msgspec.json.Decoder(ReplayRequest)
_BODY_PROBLEMS = ("malformed_json", "too_large", "invalid")
ONE_BEGINNING = "Name either `since` or `cursor`."


@get(
    "/v1/endpoints",
    before_request=Requirement(Scope.MANAGE),
    operation_id="list_endpoints",
    summary="List endpoints",
    responses={200: ResponseSpec(EndpointList, description="All of them, the newest first")},
)
async def list_all(request: AnyRequest) -> Response[Any]:
    """Return your endpoints; there are at most 50."""
    found = await endpoints_of(request).all()
    return json_answer(EndpointList([endpoint_view(own) for own in found]))


@post(
    "/v1/endpoints",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    operation_id="create_endpoint",
    summary="Make an endpoint",
    responses={201: ResponseSpec(EndpointSecret, description="It, and its secret, this once")},
    opt={"body": EndpointRequest, "keyed": False, "problems": _BODY_PROBLEMS},
)
async def create(request: AnyRequest) -> Response[Any]:
    """Make an endpoint: it is told of what happens from now on."""
    asked = read_body(await request.body(), _REQUEST)
    made = await endpoints_of(request).create(
        Wanted(asked.url, asked.description, asked.event_types, asked.enabled)
    )
    answer = json_answer(_secret_view(made))
    answer.status_code = 201
    return answer


@get(
    "/v1/endpoints/{endpoint_id:str}",
    before_request=Requirement(Scope.MANAGE),
    operation_id="get_endpoint",
    summary="Look up an endpoint",
    responses={200: ResponseSpec(EndpointView, description="As it stands now")},
)
async def look_up(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Return one of your endpoints."""
    own = await endpoints_of(request).get(endpoint_id) if is_id(endpoint_id) else None
    return json_answer(endpoint_view(own)) if own else _no_endpoint()


@patch(
    "/v1/endpoints/{endpoint_id:str}",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="change_endpoint",
    summary="Change an endpoint",
    responses={200: ResponseSpec(EndpointView, description="As it stands now")},
    opt={"body": EndpointChange, "keyed": False, "problems": _BODY_PROBLEMS},
)
async def change(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Change an endpoint; one that is enabled again goes on where it was, and skips nothing."""
    asked = read_body(await request.body(), _CHANGE)
    if not is_id(endpoint_id):
        return _no_endpoint()
    own = await endpoints_of(request).change(
        endpoint_id, Wanted(asked.url, asked.description, asked.event_types, asked.enabled)
    )
    return json_answer(endpoint_view(own)) if own else _no_endpoint()


@delete(
    "/v1/endpoints/{endpoint_id:str}",
    before_request=Requirement(Scope.MANAGE),
    status_code=200,
    operation_id="delete_endpoint",
    summary="Forget an endpoint",
    responses={200: ResponseSpec(EndpointView, description="What it was")},
)
async def remove(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Forget an endpoint, and what waits for it; the feed keeps its events."""
    own = await endpoints_of(request).delete(endpoint_id) if is_id(endpoint_id) else None
    return json_answer(endpoint_view(own)) if own else _no_endpoint()


@post(
    "/v1/endpoints/{endpoint_id:str}/rotate",
    before_request=Requirement(Scope.MANAGE),
    status_code=200,
    operation_id="rotate_endpoint_secret",
    summary="Give an endpoint another secret",
    responses={200: ResponseSpec(EndpointSecret, description="It, and its secret, this once")},
)
async def rotate(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Give an endpoint another secret; for 24 hours the one until now signs beside it."""
    made = await endpoints_of(request).rotate(endpoint_id) if is_id(endpoint_id) else None
    return json_answer(_secret_view(made)) if made else _no_endpoint()


@post(
    "/v1/endpoints/{endpoint_id:str}/test",
    before_request=Requirement(Scope.MANAGE),
    status_code=200,
    operation_id="test_endpoint",
    summary="Send an endpoint a test",
    responses={200: ResponseSpec(EndpointTest, description="How it answered")},
)
async def send_test(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Send an endpoint one signed event of the type `endpoint.test`, and wait for its answer."""
    answer = await endpoints_of(request).test(endpoint_id) if is_id(endpoint_id) else None
    return json_answer(answer_view(answer)) if answer else _no_endpoint()


@post(
    "/v1/endpoints/{endpoint_id:str}/replay",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="replay_events",
    summary="Tell an endpoint again",
    responses={200: ResponseSpec(EndpointView, description="As it stands now")},
    opt={"body": ReplayRequest, "keyed": False, "problems": _BODY_PROBLEMS},
)
async def replay(request: AnyRequest, endpoint_id: FromPath[str]) -> Response[Any]:
    """Tell an endpoint again what happened since a time, or behind a cursor of the feed."""
    asked = read_body(await request.body(), _REPLAY)
    if (asked.since is None) == (asked.cursor is None):
        raise RequestRefused([Fault("since", "one_of", ONE_BEGINNING)])
    if not is_id(endpoint_id):
        return _no_endpoint()
    place = None if asked.cursor is None else feed_cursor(asked.cursor)
    since = None if asked.since is None else _in_utc(asked.since)
    own = await endpoints_of(request).replay(endpoint_id, since=since, place=place)
    return json_answer(endpoint_view(own)) if own else _no_endpoint()


def endpoints_of(request: AnyRequest) -> Endpoints:
    """Return the endpoints in the hands of whoever asks."""
    services, caller = services_of(request.app), caller_of(request)
    return Endpoints(
        services.database,
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
        courier=services.courier,
    )


def endpoint_view(own: OwnEndpoint) -> EndpointView:
    """Return what is told of an endpoint."""
    endpoint = own.endpoint
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        event_types=list(endpoint.event_types or ()),
        enabled=endpoint.disabled_at is None,
        disabled_at=endpoint.disabled_at,
        disabled_by=endpoint.disabled_by,
        failures=endpoint.failures,
        failing_since=endpoint.failing_since,
        delivered_at=endpoint.delivered_at,
        waiting=own.waiting,
        cursor=feed_cursor_text(own.place),
        former_secret_until=endpoint.former_until,
        created_at=endpoint.created_at,
    )


def answer_view(answer: Answer) -> EndpointTest:
    """Return what is told of a test."""
    return EndpointTest(answer.is_success, answer.status, answer.reason)


def _in_utc(since: datetime) -> datetime:
    try:
        return since.astimezone(UTC)
    except OverflowError as error:
        message = "In UTC this is no time of the years 1 to 9999."
        raise RequestRefused([Fault("since", "invalid", message)]) from error


def _secret_view(made: Made) -> EndpointSecret:
    return EndpointSecret(endpoint_view(made.endpoint), made.secret)


def _no_endpoint() -> Response[Any]:
    return problem("not_found", "There is no such endpoint.")
