"""Pools: senders of which one is chosen for each recipient."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import Services, services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.pool import POOL_SENDERS_MAX, is_pool_name
from wirephoto.engine.drafting import Caller
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.pools import Pool, delete_pool, replace_pool

BAD_NAME = "A pool's name begins with a small letter; then come up to 39 of a-z, 0-9, - and _."


class PoolRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The senders of a pool."""

    senders: Annotated[list[str], msgspec.Meta(min_length=1, max_length=POOL_SENDERS_MAX)]


class PoolView(msgspec.Struct):
    """A pool."""

    name: str
    senders: list[str]
    created_at: datetime


class PoolList(msgspec.Struct):
    """Every pool, by name."""

    pools: list[PoolView]


_REQUEST = msgspec.json.Decoder(PoolRequest)


@get(
    "/v1/pools",
    before_request=Requirement(Scope.READ),
    operation_id="list_pools",
    summary="List pools",
    responses={200: ResponseSpec(PoolList, description="All of them")},
)
async def list_pools(request: AnyRequest) -> Response[Any]:
    """Return your pools."""
    pools = await services_of(request.app).directory.pools(caller_of(request).tenant_id)
    return json_answer(PoolList([_view(pool) for pool in pools.values()]))


@put(
    "/v1/pools/{name:str}",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="put_pool",
    summary="Make a pool, or change its senders",
    responses={200: ResponseSpec(PoolView, description="As it stands now")},
    opt={"body": PoolRequest, "keyed": False, "problems": ("malformed_json", "invalid")},
)
async def put_pool(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Store a pool under its name; the messages that it has chosen for keep their senders."""
    wanted = read_body(await request.body(), _REQUEST)
    services, caller = services_of(request.app), caller_of(request)
    numbers = await _checked(services, caller, name, wanted)
    now = services.clock.now()
    pool = Pool(services.ids.new("pool", now), caller.tenant_id, name, numbers, now)
    async with services.database.transaction() as tx:
        pool = await replace_pool(tx, pool)
        entry = _entry(services, caller, "pool.put", pool.id, senders=",".join(numbers))
        await insert_audit(tx, [entry])
    services.directory.forget()
    return json_answer(_view(pool))


@delete(
    "/v1/pools/{name:str}",
    before_request=Requirement(Scope.MANAGE),
    status_code=200,
    operation_id="delete_pool",
    summary="Forget a pool",
    responses={200: ResponseSpec(PoolView, description="What it was; its senders stay")},
)
async def remove_pool(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Forget a pool; what it has chosen stays."""
    services, caller = services_of(request.app), caller_of(request)
    services.directory.forget()
    pool = (await services.directory.pools(caller.tenant_id)).get(name)
    if pool is None:
        return problem("not_found", "There is no such pool.")
    async with services.database.transaction() as tx:
        if await delete_pool(tx, caller.tenant_id, name):
            await insert_audit(tx, [_entry(services, caller, "pool.delete", pool.id)])
    services.directory.forget()
    return json_answer(_view(pool))


async def _checked(
    services: Services, caller: Caller, name: str, wanted: PoolRequest
) -> tuple[str, ...]:
    """Return the senders, each once, in order.

    Raises:
        RequestRefused: the name is none, or a sender is not the caller's.
    """
    faults = [] if is_pool_name(name) else [Fault("name", "invalid", BAD_NAME)]
    numbers: dict[str, None] = {}
    for index, number in enumerate(wanted.senders):
        try:
            numbers[(await services.drafting.sender_of(caller, number)).number] = None
        except RequestRefused as refused:
            fault = refused.faults[0]
            faults.append(Fault(f"senders[{index}]", fault.code, fault.message))
    if faults:
        raise RequestRefused(faults)
    return tuple(sorted(numbers))


def _entry(services: Services, caller: Caller, act: str, object_: str, **detail: str) -> AuditEntry:
    now = services.clock.now()
    return AuditEntry(
        id=services.ids.new("aud", now),
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        act=act,
        object=object_,
        at=now,
        detail=detail,
    )


def _view(pool: Pool) -> PoolView:
    return PoolView(pool.name, list(pool.senders), pool.created_at)
