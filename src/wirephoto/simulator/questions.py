"""What may be asked of the records, and how (contract 5.1): parameters in, a question out.

Which parameters there are, and which of them go with `id`, is in the document of the Reports API
(3.1.4); the 24 hours and that the call for a window needs its start are of its pages of 2021 and
of others who call it. The order of the checks and their words are assumed.
"""

import base64
import binascii
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from multidict import MultiMapping

from wirephoto.simulator.problems import InvalidParameter

_IDS_MAX = 20
_WINDOW_MAX = timedelta(hours=24)
_BY_ID = frozenset({"product", "account_id", "direction", "id", "include_message"})
_FILTERS = ("from", "to", "status", "provider")
_BY_TIME = _BY_ID - {"id"} | {"date_start", "date_end", "cursor", "iv", *_FILTERS}
_PROVIDERS = frozenset(
    {"whatsapp", "sms", "mms", "messenger", "viber_service_msg", "instagram", "rcs", "email"}
)
# The two forms of the document: an offset with its colon, or Z; milliseconds are optional.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
_IS_REQUIRED = "is required."


class QuestionRefused(Exception):
    """The question breaks a rule of one `parameter`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.parameter = InvalidParameter(name, reason)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know: some `ids`; or a time and filters, from a message on."""

    ids: tuple[str, ...]
    since: datetime
    until: datetime
    filters: dict[str, str]
    after: str | None
    with_message: bool


def read_question(query: MultiMapping[str], now: datetime) -> Question:
    """Return the question in a query.

    Raises:
        QuestionRefused: a parameter is missing, unknown here, or out of its range.
    """
    _check_names(query)
    ids = tuple(query["id"].split(",")) if "id" in query else ()
    if len(ids) > _IDS_MAX or not all(ids):
        raise QuestionRefused("id", f"must be 1 to {_IDS_MAX} UUIDs with commas between them.")
    with_message = query.get("include_message", "false").lower()
    if with_message not in {"true", "false"}:
        raise QuestionRefused("include_message", "must be true or false.")
    since, until = (now, now) if ids else _read_window(query, now)
    return Question(
        ids=ids,
        since=since,
        until=until,
        filters={name: query[name] for name in _FILTERS if name in query},
        after=_read_place(query),
        with_message=with_message == "true",
    )


def _check_names(query: MultiMapping[str]) -> None:
    for name in ("product", "account_id", "direction"):
        if not query.get(name):
            raise QuestionRefused(name, _IS_REQUIRED)
    allowed = _BY_ID if "id" in query else _BY_TIME
    for name in query:
        if name not in allowed:
            raise QuestionRefused(name, "is not accepted here.")
        if len(query.getall(name)) > 1:
            raise QuestionRefused(name, "is given more than once.")
    if query["product"] != "MESSAGES":
        raise QuestionRefused("product", "must be MESSAGES: nothing else is simulated.")
    if query["direction"] != "outbound":
        raise QuestionRefused("direction", "must be outbound: nothing else is simulated.")
    if query.get("provider", "mms") not in _PROVIDERS:
        raise QuestionRefused("provider", f"must be one of {', '.join(sorted(_PROVIDERS))}.")


def _read_window(query: MultiMapping[str], now: datetime) -> tuple[datetime, datetime]:
    # By the document a missing start is seven days ago, which its own 24 hours rule out; others
    # report that it is refused, as is a start in the future.
    since = _read_instant(query, "date_start")
    until = _read_instant(query, "date_end") if "date_end" in query else now
    if since > now:
        raise QuestionRefused("date_start", "must be in the past.")
    if not since < until:
        raise QuestionRefused("date_end", "must be after date_start.")
    if until - since > _WINDOW_MAX:
        raise QuestionRefused("date_end", "must be within 24 hours of date_start.")
    return since, until


def _read_instant(query: MultiMapping[str], name: str) -> datetime:
    if name not in query:
        raise QuestionRefused(name, _IS_REQUIRED)
    text = query[name]
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise QuestionRefused(name, "must be yyyy-mm-ddThh:mm:ss[.sss] with ±hh:mm or Z behind it.")


def _read_place(query: MultiMapping[str]) -> str | None:
    """Return behind which message the page begins; a cursor is good with its own `iv` only."""
    cursor = query.get("cursor")
    if cursor is None:
        if "iv" in query:
            raise QuestionRefused("cursor", _IS_REQUIRED)
        return None
    if query.get("iv") != _iv_of(cursor):
        raise QuestionRefused("iv", "does not belong to the cursor.")
    try:
        return base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise QuestionRefused("cursor", "cannot be read.") from error


def place_behind(message_uuid: str) -> dict[str, str]:
    """Return the parameters that make the next page begin behind a message.

    They are opaque by the document. This cursor has signs that a query must escape.
    """
    cursor = base64.b64encode(message_uuid.encode()).decode()
    return {"cursor": cursor, "iv": _iv_of(cursor)}


def _iv_of(cursor: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, cursor))
