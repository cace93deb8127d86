"""The words in which the provider tells what an account has (contract 5.4, 5.5).

Verified in the documents of the Numbers API (1.0.20) and the 10DLC API (1.0.1): where lists stand,
how pages are counted, the names of the fields of numbers and brands. The figures of carriers in a
campaign are in two spellings, those of 1.0.1 and those of later answers. Unknown fields are
ignored; comments say what is assumed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wirephoto.domain.phone import sender_kind
from wirephoto.domain.registration import OwnedNumber, RegisteredBrand, RegisteredCampaign
from wirephoto.errors import AccountUnavailable
from wirephoto.vonage import loose

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list: `count` items stood on it, `items` are those that could be read.

    `total` is how many numbers there are, or how many pages of a 10DLC list.
    """

    items: list[Item]
    count: int
    total: int


def read_body(body: bytes, asked: str) -> dict[str, Any]:
    """Return the object in an answer's body.

    Raises:
        AccountUnavailable: there is none; to take that for an empty list would be a lie.
    """
    decoded = loose.decode(body)
    if not isinstance(decoded, dict):
        raise AccountUnavailable(asked, "unreadable", detail="no JSON object")
    return decoded


def read_numbers(body: dict[str, Any]) -> Page[OwnedNumber]:
    """Return a page of the account's numbers; where there are none, both keys are missing."""
    listed = loose.array(body.get("numbers"))
    items = [number for each in listed if (number := _read_number(loose.mapping(each)))]
    return Page(items, len(listed), _count(body.get("count")) or 0)


def _read_number(fields: dict[str, Any]) -> OwnedNumber | None:
    number = _e164(fields.get("msisdn"))
    if number is None:
        return None
    features = {(loose.scalar(each) or "").upper() for each in loose.array(fields.get("features"))}
    application_id = loose.identifier(fields.get("app_id"))
    if application_id is None and fields.get("messagesCallbackType") == "app":
        application_id = loose.identifier(fields.get("messagesCallbackValue"))
    return OwnedNumber(
        number=number,
        sends_mms="MMS" in features,
        application_id=application_id.lower() if application_id else None,
    )


def read_list(body: dict[str, Any], name: str, read: Callable[[Any], Item | None]) -> Page[Item]:
    """Return a page of a 10DLC list; one without a count of pages is the only one (assumed)."""
    listed = loose.array(loose.mapping(body.get("_embedded")).get(name))
    items = [item for each in listed if (item := read(each)) is not None]
    return Page(items, len(listed), _count(body.get("total_pages")) or 1)


def read_brand(value: Any) -> RegisteredBrand | None:
    """Return a brand, or nothing where it has no id."""
    fields = loose.mapping(value)
    id_ = loose.identifier(fields.get("brand_id"))
    if id_ is None:
        return None
    name = loose.scalar(fields.get("display_name")) or loose.scalar(fields.get("company_name"))
    return RegisteredBrand(id_, name or id_)


def read_campaign(value: Any) -> RegisteredCampaign | None:
    """Return a campaign, or nothing where it has no id; its numbers stand elsewhere."""
    fields = loose.mapping(value)
    id_ = loose.identifier(fields.get("campaign_id"))
    if id_ is None:
        return None
    carriers = [loose.mapping(each) for each in loose.array(fields.get("mno_metadata"))]
    enabled = fields.get("traffic_enabled")
    return RegisteredCampaign(
        id=id_,
        brand_id=loose.identifier(fields.get("brand_id")) or "",
        name=loose.scalar(fields.get("label")) or loose.scalar(fields.get("usecase")) or id_,
        status=loose.scalar(fields.get("status")) or "UNKNOWN",
        traffic_enabled=enabled if isinstance(enabled, bool) else None,
        att_class=_first(carriers, "att_msg_class", "msg_class"),
        # `tpm` and `att_tpm` are of SMS and so say nothing (assumed, contract 5.5).
        att_mms_per_minute=_first_count(carriers, "att_mms_tpm"),
        tmobile_tier=_first(carriers, "tmo_brand_tier", "brand_tier"),
        tmobile_per_day=_first_count(carriers, "tmo_tpd"),
        refused_by=tuple(name for each in carriers if (name := _refusing(each))),
    )


def read_campaign_number(value: Any) -> str | None:
    """Return a number of a campaign."""
    return _e164(loose.mapping(value).get("number"))


def _refusing(carrier: dict[str, Any]) -> str | None:
    """Return the carrier's name where it does not take the campaign's messages."""
    if carrier.get("qualify") is not False and carrier.get("mno_support") is not False:
        return None
    return (
        loose.scalar(carrier.get("mno")) or loose.scalar(carrier.get("network_id")) or "A carrier"
    )


def _first(carriers: list[dict[str, Any]], *names: str) -> str | None:
    """Return the first word under one of `names`: only the carrier that has it gives it."""
    said = (loose.scalar(each.get(name)) for name in names for each in carriers)
    return next((word for word in said if word), None)


def _first_count(carriers: list[dict[str, Any]], name: str) -> int | None:
    return next((count for each in carriers if (count := _count(each.get(name)))), None)


def _count(value: Any) -> int | None:
    """Return a whole number above 0, as a number or in digits; zero stands for "not told"."""
    digits = loose.scalar(value) or ""
    return int(digits) or None if digits.isascii() and digits.isdigit() else None


def _e164(value: Any) -> str | None:
    """Return a number as senders are stored: with `+`, and a short code as it is."""
    digits = (loose.scalar(value) or "").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return None
    return digits if sender_kind(digits) else f"+{digits}"
