"""The application: its routes, and every exception as a problem document."""

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from wirephoto.api import health, messages, openapi, simple, webhooks
from wirephoto.api.problems import handle
from wirephoto.api.services import Services


def create_app(services: Services | None) -> Litestar:
    """Return the ASGI application over `services`; None is enough to describe its routes."""
    return Litestar(
        route_handlers=[
            health.index,
            health.alive,
            health.ready,
            simple.send_mms,
            messages.send,
            messages.send_batch,
            messages.list_page,
            messages.look_up,
            messages.timeline,
            messages.cancel_message,
            webhooks.list_inbound_page,
            webhooks.status,
            webhooks.inbound,
            openapi.document,
            openapi.docs,
        ],
        exception_handlers={HTTPException: handle, Exception: handle},
        # Litestar's own document would leave out the bodies, and come with pages of its own.
        openapi_config=None,
        state=State({"services": services}),
        logging_config=None,
    )
