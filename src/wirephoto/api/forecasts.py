"""When so many messages would be out."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.forecast import COUNT_MAX, forecast
from wirephoto.domain.message import Priority
from wirephoto.domain.request import AwareInstant


class ForecastRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many messages, from whom, from when on."""

    count: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
    from_: str | None = msgspec.field(name="from", default=None)
    at: AwareInstant | None = None
    priority: Literal["urgent", "normal", "bulk"] = "normal"


class ForecastView(msgspec.Struct):
    """When they would leave, given the rate, the caps and what waits before them."""

    campaign_id: str
    rate: float
    daily_cap: int | None
    ahead: int | None
    first_at: datetime | None
    last_at: datetime | None


_REQUEST = msgspec.json.Decoder(ForecastRequest)


@post(
    "/v1/forecast",
    before_request=Requirement(Scope.READ),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="forecast",
    summary="When messages would be out",
    responses={200: ResponseSpec(ForecastView, description="Nothing is sent")},
    opt={"body": ForecastRequest, "keyed": False, "problems": ("malformed_json", "invalid")},
)
async def make_forecast(request: AnyRequest) -> Response[Any]:
    """Tell when so many messages would leave, if they were accepted now."""
    wanted = read_body(await request.body(), _REQUEST)
    services = services_of(request.app)
    sender = await services.drafting.sender_of(caller_of(request), wanted.from_)
    backlog = await services.outlook.refresh(sender.campaign_id)
    assert backlog is not None, "a sender has a campaign"
    now = services.clock.now()
    found = forecast(
        replace(backlog, stopped=backlog.stopped or sender.paused),
        wanted.count,
        due_at=wanted.at or now,
        now=now,
        priority=Priority[wanted.priority.upper()],
    )
    return json_answer(
        ForecastView(
            campaign_id=sender.campaign_id,
            rate=backlog.rate,
            daily_cap=backlog.daily_cap,
            ahead=found.ahead if found else None,
            first_at=found.first_at if found else None,
            last_at=found.last_at if found else None,
        )
    )
