"""Campaigns: their rates, what stops them, what waits, and whoever steers them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX, PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, storable
from wirephoto.api.senders import Reason, operator_of
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.line import Proof, Stop
from wirephoto.domain.registration import parse_rate
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.campaigns import Campaign


class CampaignChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What becomes of a campaign; what is left out stays."""

    rate: float | str | None = None
    paused: bool | None = None
    reason: Reason | None = None


class StopView(msgspec.Struct):
    """Why a campaign does not send."""

    reason: str
    detail: str
    since: datetime
    ended_by: Proof


class BrandView(msgspec.Struct):
    """A brand, and how much of its day is used."""

    id: str
    name: str
    provider_id: str | None
    daily_cap: int | None
    sent_today: int


class CampaignView(msgspec.Struct):
    """A campaign: its senders share its rate."""

    id: str
    name: str
    provider_id: str | None
    att_class: str | None
    rate: float
    share: float
    paused: bool
    stop: StopView | None
    queued: int
    senders: list[str]
    brand: BrandView


class CampaignList(msgspec.Struct):
    """A page of campaigns, by id."""

    campaigns: list[CampaignView]
    next_cursor: str | None


_CHANGE = msgspec.json.Decoder(CampaignChange)


@get(
    "/v1/campaigns",
    before_request=Requirement(Scope.READ),
    operation_id="list_campaigns",
    summary="List campaigns",
    responses={200: ResponseSpec(CampaignList, description="A page of them, by id")},
)
async def list_page(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 100,
) -> Response[Any]:
    """Return your campaigns. What waits for each is counted, which takes a moment for a million."""
    check_query(request, ("cursor", "limit"))
    after_id = storable("cursor", cursor)
    found = await operator_of(request).campaigns(after_id=after_id, limit=limit + 1)
    page = found[:limit]
    following = page[-1].line.id if len(found) > limit else None
    now = services_of(request.app).clock.now()
    return json_answer(CampaignList([campaign_view(each, now) for each in page], following))


@get(
    "/v1/campaigns/{campaign_id:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_campaign",
    summary="Look up a campaign",
    responses={200: ResponseSpec(CampaignView, description="As it stands now")},
)
async def look_up(request: AnyRequest, campaign_id: FromPath[str]) -> Response[Any]:
    """Return one of your campaigns."""
    return _answer(request, await operator_of(request).campaign(campaign_id))


@patch(
    "/v1/campaigns/{campaign_id:str}",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="change_campaign",
    summary="Change a campaign's rate, pause it, or let it go on",
    responses={200: ResponseSpec(CampaignView, description="As it stands now")},
    opt={
        "body": CampaignChange,
        "keyed": False,
        "problems": ("malformed_json", "too_large", "invalid"),
    },
)
async def change(request: AnyRequest, campaign_id: FromPath[str]) -> Response[Any]:
    """Set a campaign's rate, pause it, or let it go on whatever stopped it.

    A pause by hand lasts until somebody ends it: no receipt and no delivery does.
    """
    wanted = read_body(await request.body(), _CHANGE)
    if wanted == CampaignChange():
        raise RequestRefused([Fault("body", "empty", "Say what to change: `rate` or `paused`.")])
    campaign = await operator_of(request).change_campaign(
        campaign_id,
        rate=None if wanted.rate is None else parse_rate(wanted.rate),
        paused=wanted.paused,
        reason=wanted.reason,
    )
    services_of(request.app).directory.forget()
    return _answer(request, campaign)


def campaign_view(campaign: Campaign, now: datetime) -> CampaignView:
    """Return what is told of a campaign."""
    line, brand = campaign.line, campaign.brand
    return CampaignView(
        id=line.id,
        name=campaign.name,
        provider_id=campaign.provider_id,
        att_class=campaign.att_class,
        rate=line.pace.rate,
        share=round(line.slowing.share_at(now), 3),
        paused=line.stop is not None,
        stop=_stop_view(line.stop) if line.stop else None,
        queued=campaign.queued,
        senders=list(campaign.senders),
        brand=BrandView(
            id=brand.id,
            name=brand.name,
            provider_id=brand.provider_id,
            daily_cap=brand.daily_cap,
            sent_today=brand.sent_today,
        ),
    )


def _stop_view(stop: Stop) -> StopView:
    return StopView(stop.reason, stop.detail, since=stop.since, ended_by=stop.proof)


def _answer(request: AnyRequest, campaign: Campaign | None) -> Response[Any]:
    if campaign is None:
        return problem("not_found", "There is no such campaign.")
    return json_answer(campaign_view(campaign, services_of(request.app).clock.now()))
