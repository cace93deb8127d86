"""One look-up in the Reports API: what to ask, and what the answers say (contract 5.1)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from wirephoto.domain.look_up import LookUp
from wirephoto.domain.outcome import Receipt, ReceiptState
from wirephoto.errors import ReportsUnavailable
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage import wire
from wirephoto.vonage.records import Page, read_records

_log = get_log()

PAGES_MAX = 10
"""A look-up reads so many pages at most: each record costs money, and the question is narrow."""
_TICK = timedelta(milliseconds=1)

_REASON_BY_STATUS = {
    401: "unauthorized",
    # Not in the documents of this product; in others it says that there is no credit.
    402: "forbidden",
    403: "forbidden",
    408: "unreachable",
    429: "rate_limited",
}
_STATES = tuple(ReceiptState)
"""From the least to the most that is known of a message."""


class Inquiry:
    """One look-up, page by page: ask `question` and `take` the page until there is none left."""

    def __init__(self, look_up: LookUp, *, api_key: str) -> None:
        self._look_up = look_up
        self._query = _account(api_key) | _question(look_up)
        self._found: list[Receipt] = []
        self._pages = 0
        self._is_complete = True
        self._is_over = False

    @property
    def question(self) -> Mapping[str, str] | None:
        """The parameters to ask with next, or None when there is nothing more to ask."""
        return None if self._is_over else self._query

    def take(self, page: Page) -> None:
        """Keep what a page says of the attempt."""
        self._pages += 1
        self._found += (each for each in page.receipts if _is_meant(each, self._look_up))
        # Only a question by time has pages. An empty one is the last, whatever it says.
        is_last = not page.following or not page.receipts or "id" in self._query
        is_cut_off = self._pages == PAGES_MAX and not is_last
        self._is_over = is_last or is_cut_off
        self._is_complete = self._is_complete and page.is_complete and not is_cut_off
        self._query = {**self._query, **page.following}

    def answer(self) -> Receipt | None:
        """Return the provider's word on the attempt; None where the records do not have it.

        Raises:
            ReportsUnavailable: records were missing, so that nothing follows.
        """
        if not self._found and not self._is_complete:
            raise ReportsUnavailable("incomplete")
        return _furthest(self._found, self._look_up)


def read_page(body: bytes) -> Page:
    """Return the page in the body of an answer 200.

    Raises:
        ReportsUnavailable: it is none.
    """
    try:
        return read_records(body)
    except wire.WireError as error:
        raise ReportsUnavailable("unreadable", detail=error.reason) from error


def refusal(status: int, headers: Mapping[str, str]) -> ReportsUnavailable:
    """Return what an answer other than 200 means; its body adds nothing that could be acted on."""
    if 200 <= status < 300:
        reason = "unreadable"
    else:
        reason = _REASON_BY_STATUS.get(status, "unreachable" if status >= 500 else "refused")
    return ReportsUnavailable(reason, wire.retry_after_s(headers), detail=f"HTTP {status}")


def _account(api_key: str) -> dict[str, str]:
    """Return the parameters of every question: whose outbound messages are meant."""
    return {"product": "MESSAGES", "account_id": api_key, "direction": "outbound"}


def _question(look_up: LookUp) -> dict[str, str]:
    """Return the narrowest question that has the attempt: there is no filter for `client_ref`."""
    if look_up.provider_message_id is not None:
        return {"id": look_up.provider_message_id}
    return {
        "from": look_up.sender.removeprefix("+"),
        "to": look_up.recipient.removeprefix("+"),
        # The start is compared with a field of whole seconds; the end is exclusive.
        "date_start": _stamp(look_up.since.replace(microsecond=0)),
        "date_end": _stamp(look_up.until + _TICK),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_meant(receipt: Receipt, look_up: LookUp) -> bool:
    """Tell whether a receipt is about the attempt; its id is enough where no reference came."""
    if look_up.provider_message_id is None:
        return receipt.client_ref == look_up.client_ref
    same = receipt.provider_message_id == look_up.provider_message_id
    return same and receipt.client_ref in (None, look_up.client_ref)


def _furthest(found: list[Receipt], look_up: LookUp) -> Receipt | None:
    """Return the receipt that knows most, and the latest of those.

    Several messages with one reference are a picture that was taken twice.
    """
    messages = {receipt.provider_message_id for receipt in found}
    if len(messages) > 1:
        _log.warning(
            LogEvent.RECORDS_DOUBLED, client_ref=look_up.client_ref, messages=len(messages)
        )
    return max(
        found,
        key=lambda receipt: (_STATES.index(receipt.state), receipt.reported_at),
        default=None,
    )
