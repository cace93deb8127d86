"""GET /v1/10dlc/...: brands, their campaigns and the campaigns' numbers (contract 5.5).

Verified in the document of the 10DLC API (1.0.1): paths, paging, where lists stand and Basic
credentials. The figures of carriers are spelt as in later sample answers. Comments say what is
assumed.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import msgspec
from aiohttp import web

from wirephoto.simulator.authentication import Caller
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.problems import NOT_FOUND, UNAUTHORIZED, InvalidParameter, Problem
from wirephoto.simulator.registration import SimulatedBrand, SimulatedCampaign
from wirephoto.simulator.settings import SimulatorSettings
from wirephoto.simulator.switches import LookUpFault, SwitchBoard

_BRANDS = "/v1/10dlc/brands"
_PAGE_MAX = 1_000_000


class _NotFoundError(Exception):
    """There is nothing under the address."""


class _PageRefusedError(Exception):
    """A page that cannot be asked for; the parameter's name is the text."""


class TenDlcRoutes:
    """The reading half of the 10DLC API."""

    def __init__(self, *, settings: SimulatorSettings, board: SwitchBoard, gate: Gate) -> None:
        self._settings = settings
        self._board = board
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        campaigns = _BRANDS + "/{brand_id}/campaigns"
        paths = (
            _BRANDS,
            _BRANDS + "/{brand_id}",
            campaigns,
            campaigns + "/{campaign_id}",
            campaigns + "/{campaign_id}/numbers",
        )
        return [web.get(path, self.get, allow_head=False) for path in paths]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return what stands under an address."""
        if (down := self._gate.outage(request)) is not None:
            return down
        caller = self._gate.admit(request)
        if not isinstance(caller, Caller):
            return caller
        if caller.application_id is not None:
            return self._gate.refuse(UNAUTHORIZED)
        fault = self._board.now.tendlc_fault
        if (failed := self._gate.fail(request, fault)) is not None:
            return failed
        try:
            body = msgspec.json.encode(self._answer(request))
        except _NotFoundError:
            return self._gate.refuse(NOT_FOUND)
        except _PageRefusedError as refused:
            return self._gate.refuse(_invalid(str(refused)))
        if fault is LookUpFault.TRUNCATED:
            body = body[: len(body) // 2]
        return self._gate.answer(200, body)

    def _answer(self, request: web.Request) -> dict[str, Any]:
        of_brand = request.match_info.get("brand_id")
        if of_brand is None:
            brands = [_shown_brand(brand) for brand in self._settings.brands]
            return self._page(request, "brands", brands)
        brand = self._brand(of_brand)
        parts = request.path.removeprefix(_BRANDS).strip("/").split("/")
        if len(parts) == 1:
            return _shown_brand(brand)
        if len(parts) == 2:
            campaigns = [_shown_campaign(campaign, brand) for campaign in brand.campaigns]
            return self._page(request, "campaigns", campaigns)
        campaign = _campaign(brand, request.match_info["campaign_id"])
        if len(parts) == 3:
            return _shown_campaign(campaign, brand)
        numbers = [
            {"number": number, "country": "US", "status": "ACTIVE"} for number in campaign.numbers
        ]
        return self._page(request, "numbers", numbers)

    def _brand(self, brand_id: str) -> SimulatedBrand:
        for brand in self._settings.brands:
            if brand.brand_id == brand_id:
                return brand
        raise _NotFoundError

    def _page(
        self, request: web.Request, name: str, items: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a page of a list, however long a page the client would like (assumed)."""
        most = self._board.now.tendlc_page_items
        size = min(_number(request, "page_size", most), most)
        number = _number(request, "page", 1)
        # Assumed: a list without items has one page, for the document knows no fewer.
        pages = max(1, ceil(len(items) / size))
        start = (number - 1) * size
        return {
            "page_size": size,
            "page": number,
            "total_pages": pages,
            "total_items": len(items),
            "_embedded": {name: items[start : start + size]},
            "_links": {"self": {"href": str(request.url)}},
        }


def _campaign(brand: SimulatedBrand, campaign_id: str) -> SimulatedCampaign:
    for campaign in brand.campaigns:
        if campaign.campaign_id == campaign_id:
            return campaign
    raise _NotFoundError


def _shown_brand(brand: SimulatedBrand) -> dict[str, Any]:
    return {
        "brand_id": brand.brand_id,
        "display_name": brand.display_name,
        "company_name": brand.display_name,
        "identity_status": "VERIFIED",
    }


def _shown_campaign(campaign: SimulatedCampaign, brand: SimulatedBrand) -> dict[str, Any]:
    att: dict[str, Any] = {
        "network_id": "10017",
        "mno": "AT&T",
        "status": "APPROVED",
        "mno_support": True,
        "qualify": True,
        "att_msg_class": campaign.att_msg_class,
        "att_tpm": campaign.att_tpm,
    }
    if campaign.att_mms_tpm is not None:
        att["att_mms_tpm"] = campaign.att_mms_tpm
    tmobile: dict[str, Any] = {
        "network_id": "10035",
        "mno": "T-Mobile",
        "status": "APPROVED",
        "mno_support": True,
        "qualify": True,
        "tmo_brand_tier": campaign.tmo_brand_tier,
    }
    if campaign.tmo_tpd is not None:
        tmobile["tmo_tpd"] = campaign.tmo_tpd
    return {
        "brand_id": brand.brand_id,
        "campaign_id": campaign.campaign_id,
        "label": campaign.label,
        "status": campaign.status,
        "traffic_enabled": campaign.traffic_enabled,
        "usecase": "MIXED",
        "mno_metadata": [att, tmobile],
    }


def _number(request: web.Request, name: str, default: int) -> int:
    typed = request.query.get(name, str(default))
    plausible = typed.isascii() and typed.isdigit() and len(typed) < 9
    if not plausible or not 1 <= int(typed) <= _PAGE_MAX:
        raise _PageRefusedError(name)
    return int(typed)


def _invalid(name: str) -> Problem:
    """Return the 400 of this API; its words are assumed."""
    parameter = InvalidParameter(name, "must be a whole number from 1 on")
    return Problem(400, "Bad Request", "bad-request", f"`{name}` is invalid.", (parameter,))
