"""The application: its routes, and every exception as a problem document."""

from collections.abc import Iterable, Iterator
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler, route

from wirephoto.api import (
    campaigns,
    consents,
    conversations,
    doubts,
    endpoints,
    events,
    forecasts,
    health,
    history,
    inbound,
    keys,
    media,
    messages,
    metrics,
    openapi,
    opt_outs,
    pools,
    senders,
    simple,
    webhooks,
)
from wirephoto.api.problems import handle
from wirephoto.api.services import Services
from wirephoto.engine.submission import ROUTE_SIMPLE

_HEALTH = (health.index, health.alive, health.present, health.ready, metrics.metrics)
_ROUTES = (
    *_HEALTH,
    simple.send_mms,
    messages.send,
    messages.send_batch,
    messages.list_page,
    messages.look_up,
    messages.timeline,
    messages.cancel_message,
    doubts.resolve_message,
    events.feed,
    endpoints.list_all,
    endpoints.create,
    endpoints.look_up,
    endpoints.change,
    endpoints.remove,
    endpoints.rotate,
    endpoints.send_test,
    endpoints.replay,
    forecasts.make_forecast,
    pools.list_pools,
    pools.put_pool,
    pools.remove_pool,
    senders.list_page,
    senders.look_up,
    senders.change,
    campaigns.list_page,
    campaigns.look_up,
    campaigns.change,
    opt_outs.list_page,
    opt_outs.add,
    opt_outs.lift,
    opt_outs.import_csv,
    opt_outs.export_csv,
    consents.list_page,
    consents.record,
    consents.standing,
    consents.revoke,
    consents.import_csv,
    consents.export_csv,
    keys.list_page,
    keys.create,
    keys.revoke,
    keys.rotate,
    media.upload,
    media.look_up,
    media.host,
    inbound.list_page,
    inbound.look_up,
    inbound.fetch,
    conversations.read,
    history.read,
    webhooks.status,
    webhooks.inbound,
    openapi.document,
    openapi.docs,
)


def create_app(services: Services | None) -> Litestar:
    """Return the ASGI application over `services`; None is enough to describe its routes.

    A process without the role `api` only tells how it is.
    """
    routes = _ROUTES if services is None or "api" in services.roles else _HEALTH
    return Litestar(
        route_handlers=[*_options(routes), *routes],
        exception_handlers={HTTPException: _handle, Exception: _handle},
        # Litestar's own document would leave out the bodies, and come with pages of its own.
        openapi_config=None,
        state=State({"services": services}),
        logging_config=None,
    )


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    # A wrong method is found out before the route's own handlers are known.
    simple_door = request.scope["path"] == ROUTE_SIMPLE
    return simple.failed(request, error) if simple_door else handle(request, error)


def _options(handlers: Iterable[HTTPRouteHandler]) -> Iterator[HTTPRouteHandler]:
    """Yield handlers for OPTIONS: Litestar's own know only the first method of their path."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    for path, allowed in methods.items():
        yield _allowing(path, ", ".join(sorted(allowed)))


def _allowing(path: str, methods: str) -> HTTPRouteHandler:
    @route(path, http_method=HttpMethod.OPTIONS, status_code=204)
    async def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": methods})

    return options
