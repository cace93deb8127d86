"""API keys: listed, made, replaced and revoked by whoever has the scope `admin`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import JSON, json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX, PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, in_utc, is_id, page_cursor
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import NAME_CHARS_MAX, SAFE_CATEGORIES, KeyMode, Scope
from wirephoto.domain.message import Category
from wirephoto.domain.request import AwareInstant
from wirephoto.engine.keyring import (
    OVERLAP,
    OVERLAP_MAX,
    SENDERS_MAX,
    Crowded,
    Issued,
    Keyring,
    Wanted,
)
from wirephoto.storage.keys import ApiKey


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key to make."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)] = (Scope.SEND, Scope.READ)
    senders: Annotated[list[str], msgspec.Meta(max_length=SENDERS_MAX)] = []
    categories: Annotated[tuple[Category, ...], msgspec.Meta(min_length=1)] = tuple(
        sorted(SAFE_CATEGORIES)
    )
    expires_at: AwareInstant | None = None


class RotateRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How long the replaced key goes on."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=int(OVERLAP_MAX.total_seconds()))] = int(
        OVERLAP.total_seconds()
    )


class KeyView(msgspec.Struct):
    """A key, but for the key itself."""

    id: str
    name: str
    hint: str
    mode: KeyMode
    scopes: Sequence[Scope]
    senders: Sequence[str]
    categories: Sequence[Category]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    family: str


class IssuedKey(msgspec.Struct):
    """A new key, shown this once."""

    key: str
    api_key: KeyView


class KeyList(msgspec.Struct):
    """A page of keys, the newest first."""

    api_keys: list[KeyView]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(KeyRequest)
_ROTATION = msgspec.json.Decoder(RotateRequest)
_PROBLEMS = ("malformed_json", "too_large", "invalid")


@get(
    "/v1/api-keys",
    before_request=Requirement(Scope.ADMIN),
    operation_id="list_api_keys",
    summary="List API keys",
    responses={200: ResponseSpec(KeyList, description="A page of them, the newest first")},
)
async def list_page(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """Return your API keys, those too that have expired or been revoked."""
    check_query(request, ("cursor", "limit"))
    found = await _keyring(request).keys(before_id=page_cursor(cursor), limit=limit + 1)
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return json_answer(KeyList([key_view(key) for key in page], following))


@post(
    "/v1/api-keys",
    before_request=Requirement(Scope.ADMIN),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=201,
    operation_id="create_api_key",
    summary="Make an API key",
    responses={201: ResponseSpec(IssuedKey, description="The key, shown this once")},
    opt={"body": KeyRequest, "keyed": False, "problems": _PROBLEMS},
)
async def create(request: AnyRequest) -> Response[Any]:
    """Make a key; only its hash is kept."""
    wanted = read_body(await request.body(), _REQUEST)
    expires_at = wanted.expires_at and in_utc("expires_at", wanted.expires_at)
    issued = await _keyring(request).create(
        Wanted(
            name=wanted.name,
            scopes=list(dict.fromkeys(wanted.scopes)),
            senders=wanted.senders,
            categories=wanted.categories,
            expires_at=expires_at,
        )
    )
    return _issued(issued)


@delete(
    "/v1/api-keys/{key_id:str}",
    before_request=Requirement(Scope.ADMIN),
    status_code=200,
    operation_id="revoke_api_key",
    summary="Revoke an API key",
    responses={200: ResponseSpec(KeyView, description="As it stands now")},
)
async def revoke(request: AnyRequest, key_id: FromPath[str]) -> Response[Any]:
    """Revoke a key; within five seconds no process takes it any more. Again changes nothing."""
    if await _own_key(request, key_id) is None:
        return _not_found()
    keyring = _keyring(request)
    await keyring.revoke(key_id)
    services_of(request.app).keys.forget()
    revoked = await keyring.key(key_id)
    assert revoked is not None, "keys are not deleted"
    return json_answer(key_view(revoked))


@post(
    "/v1/api-keys/{key_id:str}/rotate",
    before_request=Requirement(Scope.ADMIN),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=201,
    operation_id="rotate_api_key",
    summary="Replace an API key",
    responses={201: ResponseSpec(IssuedKey, description="Its successor, shown this once")},
    opt={"body": RotateRequest, "keyed": False, "problems": (*_PROBLEMS, "not_rotatable")},
)
async def rotate(request: AnyRequest, key_id: FromPath[str]) -> Response[Any]:
    """Make a key with the same rights; the old one goes on for a while, so that nothing fails.

    At most two keys of a family live at a time.
    """
    wanted = read_body(await request.body(), _ROTATION)
    if await _own_key(request, key_id) is None:
        return _not_found()
    overlap = timedelta(seconds=wanted.overlap_s)
    issued = await _keyring(request).rotate(key_id, overlap=overlap)
    if isinstance(issued, Issued):
        services_of(request.app).keys.forget()
        return _issued(issued)
    if isinstance(issued, Crowded):
        return problem("not_rotatable", crowded_text(issued))
    return problem("not_rotatable", "The key has expired or been revoked: make another.")


def crowded_text(crowded: Crowded) -> str:
    """Return why a key was not replaced, and what to do."""
    return f"Two of its family live already, {' and '.join(crowded.live)}: revoke one first."


def key_view(key: ApiKey) -> KeyView:
    """Return what is told of a key."""
    return KeyView(
        id=key.id,
        name=key.name,
        hint=key.hint,
        mode=KeyMode(key.mode),
        scopes=[Scope(scope) for scope in key.scopes],
        senders=key.senders,
        categories=[Category(category) for category in key.categories],
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
        family=key.family or key.id,
    )


async def _own_key(request: AnyRequest, key_id: str) -> ApiKey | None:
    return await _keyring(request).key(key_id) if is_id(key_id) else None


def _keyring(request: AnyRequest) -> Keyring:
    services, caller = services_of(request.app), caller_of(request)
    return Keyring(
        services.database,
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
    )


def _issued(issued: Issued) -> Response[Any]:
    body = msgspec.json.encode(IssuedKey(issued.key, key_view(issued.stored)))
    # Nobody in between may keep what is shown once.
    return Response(body, status_code=201, media_type=JSON, headers={"Cache-Control": "no-store"})


def _not_found() -> Response[Any]:
    return problem("not_found", "There is no such key.")
