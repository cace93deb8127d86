"""Records of the provider's Reports API, in our words (contract 5.1). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from wirephoto.domain.outcome import Failure, Receipt, ReceiptState
from wirephoto.vonage import codes, loose
from wirephoto.vonage.wire import WireError

_CODE = re.compile(r"[0-9]{3,5}")
_NETWORK_CODE = re.compile(r"[0-9]{5,6}\b")
_FAILED = (ReceiptState.REJECTED, ReceiptState.UNDELIVERABLE)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records, as receipts.

    `following` are the parameters that lead to the next page, none after the last. `is_complete`
    is false where records are missing, or could not be read: then it proves nothing that
    something is not on the page.
    """

    receipts: tuple[Receipt, ...]
    following: Mapping[str, str]
    is_complete: bool


def read_records(body: bytes) -> Page:
    """Return the records in the body of an answer, whatever is strange about a single one.

    Raises:
        WireError: it is not a page of records.
    """
    fields = loose.mapping(loose.decode(body))
    records = fields.get("records")
    if records is None and ("ids_not_found" in fields or fields.get("items_count") == 0):
        records = []
    if not isinstance(records, list):
        raise WireError("records")
    answered_at = loose.instant(fields.get("received_at"))
    receipts = [_receipt(loose.mapping(record), answered_at) for record in records]
    read = tuple(receipt for receipt in receipts if receipt is not None)
    following = _following(fields)
    # In an answer with another page behind it, the word may mean no more than that page.
    truncated = loose.scalar(fields.get("request_status")) == "TRUNCATED" and not following
    return Page(read, following, is_complete=not truncated and len(read) == len(records))


def _receipt(record: dict[str, Any], answered_at: datetime | None) -> Receipt | None:
    """Return what a record reports, or None where it lacks what makes a receipt.

    A status outside the documents still comes with a message that the provider took.
    """
    identifier = loose.identifier(record.get("message_id"))
    dates = (record.get("date_finalized"), record.get("date_received"))
    reported_at = next(filter(None, map(loose.instant, dates)), answered_at)
    if identifier is None or reported_at is None:
        return None
    try:
        state = ReceiptState((loose.scalar(record.get("status")) or "").lower())
    except ValueError:
        state = ReceiptState.SUBMITTED
    prices = (record.get("total_price"), record.get("estimated_price"))
    return Receipt(
        provider_message_id=identifier,
        client_ref=loose.scalar(record.get("client_ref")),
        state=state,
        reported_at=reported_at,
        failure=_failure(record, state) if state in _FAILED else None,
        price=next(filter(None, map(loose.amount, prices)), None),
        currency=loose.scalar(record.get("currency")),
        network_code=_network_code(record.get("network")),
    )


def _failure(record: dict[str, Any], state: ReceiptState) -> Failure:
    """Classify by `error_code`; the carrier's own code is in another language, so only quoted."""
    code = loose.scalar(record.get("error_code")) or ""
    carrier_code = loose.scalar(record.get("provider_error_code"))
    said = loose.join(
        [
            loose.scalar(record.get("error_code_description")),
            f"carrier's code {carrier_code}" if carrier_code else None,
        ]
    )
    return codes.failure_of(
        code if _CODE.fullmatch(code) else None,
        said,
        handed_on=state is not ReceiptState.UNDELIVERABLE,
    )


def _network_code(value: Any) -> str | None:
    """Return MCC and MNC; a name may stand behind them."""
    match = _NETWORK_CODE.match(loose.scalar(value) or "")
    return match.group() if match else None


def _following(fields: dict[str, Any]) -> dict[str, str]:
    """Return the place of the next page, as the envelope names it or else its link.

    The link itself is not used: it lacks the times of the question, which is then refused, and
    credentials go nowhere but to the configured address.
    """
    link = loose.text(loose.mapping(loose.mapping(fields.get("_links")).get("next")).get("href"))
    try:
        linked = dict(parse_qsl(urlsplit(link or "").query))
    except ValueError:
        linked = {}
    place = {name: loose.text(fields.get(name)) or linked.get(name) for name in ("cursor", "iv")}
    return {name: value for name, value in place.items() if value and place["cursor"]}
