"""Whether the gateway is alive, and whether it can do its work."""

from typing import Any, Literal

import msgspec
from litestar import Response, get, head
from litestar.openapi.datastructures import ResponseSpec

from wirephoto.api.answers import JSON
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import Services, services_of
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.senders import stopped_lines

RUNNING = "Wirephoto is running."
TEXT = "text/plain"
Status = Literal["ok", "degraded", "unavailable"]


class Finding(msgspec.Struct):
    """One thing that is wrong: what (`what`), why, and a sentence with the next step."""

    what: str
    reason: str
    detail: str


class Readiness(msgspec.Struct):
    """`ok`, `degraded` (it works, but something does not send or arrive), or `unavailable`."""

    status: Status
    findings: list[Finding]


@get("/", operation_id="running", summary="Running", media_type=TEXT, opt={"open": True})
async def index() -> str:
    """Say that the service is running."""
    return RUNNING


@get("/healthz", operation_id="alive", summary="Alive", media_type=TEXT, opt={"open": True})
async def alive() -> str:
    """Say that the process answers."""
    return "ok"


@head(["/", "/healthz"], opt={"open": True})
async def present() -> None:
    """Say the same to monitors that ask for no body."""


@get(
    "/readyz",
    operation_id="ready",
    summary="Able to work",
    responses={
        200: ResponseSpec(Readiness, description="ok or degraded"),
        503: ResponseSpec(Readiness, description="This process cannot do its roles"),
    },
    opt={"open": True},
)
async def ready(request: AnyRequest) -> Response[Any]:
    """Tell whether this process can do its roles; stopped lines show as `degraded` in a 200."""
    services = services_of(request.app)
    broken = [
        Finding(duty, "failing", "It fails again and again; the log says why.")
        for duty in services.failing_duties()
    ]
    degraded: list[Finding] = []
    try:
        degraded = await _stopped(services)
    except StorageUnavailable as error:
        broken.append(Finding("database", "unavailable", str(error)))
    degraded += _webhooks(services)
    status: Status = "unavailable" if broken else "degraded" if degraded else "ok"
    body = msgspec.json.encode(Readiness(status, broken + degraded))
    return Response(body, status_code=503 if broken else 200, media_type=JSON)


async def _stopped(services: Services) -> list[Finding]:
    async with services.database.read() as tx:
        lines = await stopped_lines(tx)
    return [
        Finding(f"{kind} {line.id}", line.stop.reason, line.stop.detail)
        for kind, line in lines
        if line.stop
    ]


def _webhooks(services: Services) -> list[Finding]:
    if services.webhooks.secrets or services.webhooks.unsigned_loopback:
        return []
    detail = "Set VONAGE_SIGNATURE_SECRET: until then the provider's webhooks are answered 503."
    return [Finding("webhooks", "unconfigured", detail)]
