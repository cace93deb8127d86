"""The provider's webhooks: verify, store, answer 200; they are applied later."""

import asyncio
import hashlib
from datetime import datetime
from typing import Any

from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from wirephoto.api.patience import RequestTooSlow
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import WebhookSettings, services_of
from wirephoto.engine.inbound import INBOUND, STATUS
from wirephoto.errors import StorageUnavailable, WebhookUnverified
from wirephoto.storage.webhooks import Webhook, store_webhooks
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage.signature import verify

_log = get_log()

BODY_BYTES_MAX = 256_000
STORE_S_MAX = 10.0
"""The provider waits 15 s for an answer, and repeats what is answered 503 (contract 2.1)."""
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_STORED = ResponseSpec(None, description="Stored; it is applied later")
_OPT = {
    "open": True,
    "body": Any,
    "problems": ("too_large", "webhook_unverified", "unavailable"),
}


@post(
    "/webhooks/status",
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="take_receipt",
    summary="Receipts of the provider",
    responses={200: _STORED},
    opt=_OPT,
)
async def status(request: AnyRequest) -> Response[Any]:
    """Take a receipt. What cannot be verified gets 503, so that the provider repeats it."""
    return await _take(request, STATUS)


@post(
    "/webhooks/inbound",
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="take_inbound",
    summary="Messages from phones",
    responses={200: _STORED},
    opt=_OPT,
)
async def inbound(request: AnyRequest) -> Response[Any]:
    """Take a message from a phone. What cannot be verified gets 503, so that it is repeated."""
    return await _take(request, INBOUND)


async def _take(request: AnyRequest, kind: str) -> Response[Any]:
    services = services_of(request.app)
    try:
        body = await request.body()
        now = services.clock.now()
        jti = _verified_jti(request, body, services.webhooks, now)
    except (WebhookUnverified, RequestTooSlow) as error:
        reason = error.reason if isinstance(error, WebhookUnverified) else "too_slow"
        _log.warning(LogEvent.WEBHOOK_REFUSED, kind=kind, reason=reason)
        # A 4xx would lose a genuine webhook for good (contract 2.4).
        detail = "The webhook cannot be verified; repeat it signed."
        return problem("webhook_unverified", detail)
    webhook = Webhook(
        tenant_id=services.webhooks.tenant_id,
        account_id=services.webhooks.account_id,
        kind=kind,
        jti=_storable(f"{kind}:{jti}"),
        body=_storable(body.decode("utf-8", "replace")),
        received_at=now,
    )
    try:
        async with asyncio.timeout(STORE_S_MAX):
            if kind == INBOUND:
                await services.replies.take(webhook)
            else:
                await services.commits.run(store_webhooks, webhook)
    except TimeoutError as error:
        # It may be stored after all: the repeat is then known by its `jti`.
        raise StorageUnavailable("database: it does not answer in time") from error
    return Response(b"", status_code=200, media_type="text/plain")


def _storable(text: str) -> str:
    """Return `text` without null characters: PostgreSQL cannot hold them, JSON has no bare one."""
    return text.replace("\x00", "\ufffd")


def _verified_jti(
    request: AnyRequest, body: bytes, settings: WebhookSettings, now: datetime
) -> str:
    authorization = request.headers.get("authorization")
    client = request.client.host if request.client else ""
    # Behind a proxy on this machine everybody would seem to be on it.
    from_here = client in _LOOPBACK and "x-forwarded-for" not in request.headers
    if settings.unsigned_loopback and authorization is None and from_here:
        return "unsigned-" + hashlib.sha256(body).hexdigest()
    return verify(
        authorization,
        body,
        secrets=settings.secrets,
        api_key=settings.api_key,
        application_id=settings.application_id,
        now=now,
    ).jti
