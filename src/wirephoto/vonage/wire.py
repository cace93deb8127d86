"""The provider's JSON, both ways: requests out; answers, receipts and inbound messages in.

Pure: bytes and numbers in, our own words out. What the provider's codes mean is in `codes`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from wirephoto.domain.channel import Channel
from wirephoto.domain.media import Attachment
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import (
    Failure,
    Inbound,
    InboundMedia,
    Outcome,
    Receipt,
    ReceiptState,
    Verdict,
)
from wirephoto.errors import WirephotoError
from wirephoto.telemetry import mask_phone, redact_text
from wirephoto.vonage import codes, loose

TTL_S: Mapping[Channel, tuple[int, int]] = MappingProxyType(
    {Channel.MMS: (300, 259_200), Channel.SMS: (20, 604_800)}
)
"""The least and the most that the provider takes as time to live (contract 1.4 and 1.5)."""
RETRY_AFTER_S_MAX = 3600
"""A longer wish is taken for a mistake: the provider mixes its units (contract 1.8)."""
_DIGITS = re.compile(r"\+?([0-9]{3,15})")
_SHORT_CODE_DIGITS_MAX = 6
_MEDIA_KINDS = ("image", "video", "audio", "vcard", "file")
_MEDIA_MAX = 100
_SHOWN_CHARS_MAX = 1000
_FAILED = (ReceiptState.REJECTED, ReceiptState.UNDELIVERABLE)


class WireError(WirephotoError):
    """A body of the provider's that is not what it should be; `reason` names field or fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"body not understood: {reason}")
        self.reason = reason


# Requests


def request_body(submission: Submission) -> bytes:
    """Return the JSON of one submission (contract 1.3 to 1.5): compact, in UTF-8.

    The submission has a text or an attachment at least, and an SMS a text alone. Its `ttl_s` is
    brought into the provider's range.
    """
    assert submission.text or submission.media, "nothing to send"
    assert submission.channel is Channel.MMS or not submission.media, "an SMS is a text"
    return msgspec.json.encode(_request(submission))


def request_shown(submission: Submission) -> str:
    """Return what a submission asks, to be kept and shown: numbers, text and secrets masked."""
    text = f"[{len(submission.text)} characters]" if submission.text else None
    shown = _request(
        replace(
            submission,
            text=text,
            media=tuple([Attachment(_url_shown(each.url), each.kind) for each in submission.media]),
        )
    )
    shown |= {"to": mask_phone(submission.recipient), "from": mask_phone(submission.sender)}
    return msgspec.json.encode(shown).decode()[:_SHOWN_CHARS_MAX]


def _url_shown(url: str) -> str:
    """Return an address without its query: that of a signed one is a credential."""
    address, mark, _ = url.partition("?")
    return redact_text(address) + (mark and "?[redacted]")


def _request(submission: Submission) -> dict[str, Any]:
    ttl_s_min, ttl_s_max = TTL_S[submission.channel]
    return {
        "to": submission.recipient.removeprefix("+"),
        "from": submission.sender.removeprefix("+"),
        "channel": submission.channel.value,
        "ttl": min(max(submission.ttl_s, ttl_s_min), ttl_s_max),
        "client_ref": submission.client_ref,
        "webhook_version": "v1",
        **_payload(submission.text, submission.media),
    }


def _payload(text: str | None, media: tuple[Attachment, ...]) -> dict[str, Any]:
    """Return the message type and its field; an empty caption would be invalid (contract 1.4)."""
    if not media:
        return {"message_type": "text", "text": text}
    first = media[0]
    caption = {"caption": text} if text else {}
    if len(media) == 1:
        return {"message_type": first.kind.value, first.kind.value: {"url": first.url, **caption}}
    items = [{"type": item.kind.value, "url": item.url} for item in media]
    # Assumed: each item may have a caption, and the provider does not say which one a phone shows
    # as the message's text. The first can come only once and stands where readers begin.
    items[0].update(caption)
    return {"message_type": "content", "content": items}


# Answers


class _Accepted(msgspec.Struct):
    message_uuid: str


@dataclass(frozen=True, slots=True)
class _Problem:
    """The error body (RFC 7807), as far as it could be read."""

    fragment: str = ""
    title: str = ""
    fields: frozenset[str] = frozenset()
    words: str | None = None


_ACCEPTED = msgspec.json.Decoder(_Accepted)


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Return what an answer means: by its status first, by its title second (contract 1.8, 6.2).

    A body that cannot be read never makes a refusal doubtful: every 4xx says that nothing was
    taken (RFC 9110, section 15.5).
    """
    if 200 <= status < 300:
        return _read_accepted(status, body)
    problem = _read_problem(body)
    answer = codes.ANSWERS[_reason(status, problem)]
    return replace(
        answer,
        detail=codes.with_words(answer.detail, problem.words),
        http_status=status,
        provider_code=problem.fragment or None,
        retry_after_s=retry_after_s(headers) if answer.verdict is Verdict.RETRY else None,
        answer=_answer_shown(status, body),
    )


def _answer_shown(status: int, body: bytes) -> str:
    words = redact_text(body.decode("utf-8", "replace").replace("\x00", "\ufffd"))
    return f"{status} {words[:_SHOWN_CHARS_MAX]}".rstrip()


def broken_connection(*, written: bool, detail: str, timed_out: bool = False) -> Outcome:
    """Return what it means that no answer came (contract 6.2).

    `written` tells whether the request's first byte may have left; `timed_out` whether we gave up
    waiting, rather than the connection.
    """
    broken = "timed_out" if timed_out else "connection_lost"
    answer = codes.ANSWERS[broken if written else "connection_failed"]
    return replace(answer, detail=f"{answer.detail} ({loose.line(detail)})")


def _read_accepted(status: int, body: bytes) -> Outcome:
    """Read a 202; another 2xx with an identifier says the same."""
    try:
        identifier = loose.identifier(_ACCEPTED.decode(body).message_uuid)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        identifier = None
    if identifier is None:
        unreadable = codes.ANSWERS["answer_unreadable"]
        return replace(unreadable, http_status=status, answer=_answer_shown(status, body))
    answer = codes.ANSWERS["accepted"]
    return Outcome(
        Verdict.ACCEPTED,
        answer.reason,
        answer.detail,
        provider_message_id=identifier,
        http_status=status,
        answer=_answer_shown(status, body),
    )


def _reason(status: int, problem: _Problem) -> str:
    """Return our word for a status other than 2xx.

    A 301, 307 or 308 asks for the same request elsewhere, so this one was not acted on; 302 and
    303 are also used to answer a request that was (RFC 9110, section 15.4), and like every
    status outside the documents they leave us in doubt.
    """
    if status == 401:
        return _reason_of_401(problem)
    if status in (400, 422):
        return _reason_of_422(problem)
    if status in codes.REASON_BY_STATUS:
        return codes.REASON_BY_STATUS[status]
    if 400 <= status < 500:
        return "request_refused"
    return "gateway_error" if status >= 500 else "answer_unreadable"


def _reason_of_401(problem: _Problem) -> str:
    if problem.fragment == "unprovisioned" or "no access" in problem.title.lower():
        return "unprovisioned"
    return "unauthorized"


def _reason_of_422(problem: _Problem) -> str:
    title = problem.title.lower()
    by_title = (reason for words, reason in codes.REFUSAL_TITLES if words in title)
    by_number = codes.REFUSAL_HINTS.get(problem.fragment or title, "request_refused")
    reason = next(by_title, by_number)
    if reason == "invalid_parameters" and problem.fields == {"from"}:
        # The sender alone is at fault: the next message from it would fare no better.
        return "invalid_sender"
    return reason


def _read_problem(body: bytes) -> _Problem:
    try:
        fields = _object(body)
    except WireError:
        return _Problem()
    title = loose.scalar(fields.get("title")) or ""
    wrong = [
        item for item in loose.array(fields.get("invalid_parameters")) if isinstance(item, dict)
    ]
    names = [
        (loose.scalar(item.get("name")) or "?", loose.scalar(item.get("reason"))) for item in wrong
    ]
    said = [title, loose.scalar(fields.get("detail"))]
    said += [f"{name}: {reason}" if reason else name for name, reason in names]
    return _Problem(
        fragment=loose.fragment(fields.get("type")),
        title=title,
        fields=frozenset(name for name, _ in names),
        words=loose.join(said),
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds asked for, if they are a plausible integer; a date is ignored (1.8)."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            digits = value.strip()
            plausible = digits.isascii() and digits.isdigit() and len(digits) < 6
            seconds = int(digits) if plausible else 0
            return float(seconds) if 0 < seconds <= RETRY_AFTER_S_MAX else None
    return None


# Receipts and inbound messages


def read_status(body: bytes, *, received_at: datetime | None = None) -> Receipt:
    """Return the receipt in a status webhook's body (contract 2.2), however it is spelled.

    `received_at` stands in for a timestamp that is missing or unreadable.

    Raises:
        WireError: it is not a status, or lacks what makes one.
    """
    fields = _object(body)
    try:
        state = ReceiptState((loose.scalar(fields.get("status")) or "").lower())
    except ValueError as error:
        raise WireError("status") from error
    usage = loose.mapping(fields.get("usage"))
    return Receipt(
        provider_message_id=_identifier(fields),
        client_ref=loose.scalar(fields.get("client_ref")),
        state=state,
        reported_at=_instant(fields.get("timestamp"), received_at),
        failure=_failure(fields.get("error"), state) if state in _FAILED else None,
        price=loose.amount(usage.get("price")),
        currency=loose.scalar(usage.get("currency")),
        network_code=_network_code(fields.get("destination")),
    )


def read_inbound(body: bytes, *, received_at: datetime | None = None) -> Inbound:
    """Return the message in an inbound webhook's body (contract 2.3).

    The caption of the first attachment that has one is the text where there is no other.
    `received_at` stands in for a timestamp that is missing or unreadable.

    Raises:
        WireError: it is not an inbound message, or lacks what makes one.
    """
    fields = _object(body)
    if "status" in fields or not loose.scalar(fields.get("message_type")):
        raise WireError("message_type")
    items = list(_attachments(fields))[:_MEDIA_MAX]
    captions = (loose.text(item.get("caption")) for _, item in items)
    return Inbound(
        provider_message_id=_identifier(fields),
        sender=_number(fields, "from"),
        recipient=_number(fields, "to"),
        channel=loose.scalar(fields.get("channel")) or "mms",
        text=loose.text(fields.get("text")) or next(filter(None, captions), None),
        media=_media(items),
        sent_at=_instant(fields.get("timestamp"), received_at),
        network_code=_network_code(fields.get("origin")),
    )


def _failure(error: Any, state: ReceiptState) -> Failure:
    """Read the error object: a code as text or number, a text, or nested (contract 2.2)."""
    fields = loose.mapping(error)
    fields = loose.mapping(fields.get("error")) or fields
    title = loose.scalar(fields.get("title")) or loose.scalar(error)
    candidates = (loose.fragment(fields.get("type")), title, loose.scalar(fields.get("code")))
    code = next((code for code in candidates if code and re.fullmatch("[0-9]{3,5}", code)), None)
    said = loose.join([None if title == code else title, loose.scalar(fields.get("detail"))])
    return codes.failure_of(code, said, handed_on=state is not ReceiptState.UNDELIVERABLE)


def _attachments(fields: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield kind and object of each attachment: the message type's own field, then `content`."""
    for kind in _MEDIA_KINDS:
        if isinstance(fields.get(kind), dict):
            yield kind, fields[kind]
    for item in loose.array(fields.get("content")):
        if isinstance(item, dict):
            kind = loose.scalar(item.get("type")) or ""
            yield kind if kind in _MEDIA_KINDS else "file", item


def _media(items: list[tuple[str, dict[str, Any]]]) -> tuple[InboundMedia, ...]:
    """Return each address once: whether `content` repeats the first is not documented (2.3)."""
    found: dict[str, InboundMedia] = {}
    for kind, item in items:
        url = loose.text(item.get("url"))
        if url:
            found.setdefault(url, InboundMedia(kind, url, loose.scalar(item.get("name"))))
    return tuple(found.values())


def _identifier(fields: dict[str, Any]) -> str:
    identifier = loose.identifier(fields.get("message_uuid"))
    if identifier is None:
        raise WireError("message_uuid")
    return identifier


def _number(fields: dict[str, Any], name: str) -> str:
    """Return E.164 with `+`; short codes, and the names that some carriers send, as they are."""
    number = loose.scalar(fields.get(name))
    if not number:
        raise WireError(name)
    digits = _DIGITS.fullmatch(number)
    if digits is None or len(digits[1]) <= _SHORT_CODE_DIGITS_MAX:
        return number.removeprefix("+") if digits else number
    return "+" + digits[1]


def _instant(value: Any, fallback: datetime | None) -> datetime:
    instant = loose.instant(value) or fallback
    if instant is None:
        raise WireError("timestamp")
    return instant


def _network_code(place: Any) -> str | None:
    return loose.scalar(loose.mapping(place).get("network_code"))


def _object(body: bytes) -> dict[str, Any]:
    value = loose.decode(body)
    if not isinstance(value, dict):
        raise WireError("json")
    return value
