"""The provider's numbers and titles, and what each means to us: data, and three look-ups.

The same numbers mean different things on the two surfaces (contract 1.8), so there are two tables:
`ANSWERS` for the HTTP answer to a submission and `RECEIPT_CODES` for the error of a receipt.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from wirephoto.domain.outcome import Failure, FailureClass, Outcome, Verdict

_V = Verdict
_RESENT = "Nothing was sent; the message is tried again by itself."
_KEPT = "Nothing was sent; the message stays queued."
_IN_DOUBT = (
    "The message may or may not have been taken, so it is not sent again on its own: "
    "wait for a receipt, or settle it with `resolve`."
)

ANSWERS: Mapping[str, Outcome] = MappingProxyType(
    {
        answer.reason: answer
        for answer in (
            Outcome(_V.ACCEPTED, "accepted", "The provider took the message."),
            Outcome(
                _V.RETRY,
                "rate_limited",
                "The provider's rate limit was hit; sending slows down. " + _RESENT,
                throttled=True,
            ),
            Outcome(
                _V.STOP_LINE,
                "low_balance",
                "The provider account has no credit. " + _KEPT + " Top the balance up.",
            ),
            Outcome(
                _V.STOP_LINE,
                "unauthorized",
                "The provider refused our credentials. " + _KEPT + " Check VONAGE_APPLICATION_ID, "
                "the private key that belongs to it, and this machine's clock.",
            ),
            Outcome(
                _V.STOP_LINE,
                "unprovisioned",
                "The provider application may not use the Messages API. " + _KEPT + " Switch the "
                "Messages capability on for VONAGE_APPLICATION_ID in the provider's dashboard.",
            ),
            Outcome(
                _V.STOP_LINE,
                "forbidden",
                "The provider forbids this account, application or address to send. " + _KEPT + " "
                "Look for a suspension or an address allow-list in the provider's dashboard.",
            ),
            Outcome(
                _V.STOP_LINE,
                "not_found",
                "There is no Messages API at the configured address. " + _KEPT + " "
                "Check VONAGE_BASE_URL.",
            ),
            Outcome(
                _V.STOP_LINE,
                "redirected",
                "The configured address redirects elsewhere, which is not followed. " + _KEPT + " "
                "Set VONAGE_BASE_URL to the final address, with https.",
            ),
            Outcome(
                _V.PAUSE_CAMPAIGN,
                "invalid_sender",
                "The provider does not let this sender send MMS. " + _KEPT + " Check that the "
                "number is owned, can do MMS and is linked to the application.",
            ),
            Outcome(
                _V.FAIL,
                "invalid_recipient",
                "The provider does not accept the recipient's number. Correct it and send anew.",
            ),
            Outcome(
                _V.FAIL,
                "invalid_parameters",
                "The provider refused a field of the message. Correct it and send anew.",
            ),
            Outcome(
                _V.FAIL,
                "invalid_json",
                "The provider could not read our request as JSON. Please report this as a bug.",
            ),
            Outcome(
                _V.FAIL,
                "unsupported_channel",
                "The provider does not offer MMS for this message. Check the account's channels.",
            ),
            Outcome(
                _V.FAIL,
                "invalid_message_type",
                "The provider does not accept this kind of attachment. Send another kind.",
            ),
            Outcome(
                _V.FAIL,
                "invalid_client_ref",
                "The provider refused our reference for the attempt. Please report this as a bug.",
            ),
            Outcome(
                _V.FAIL,
                "request_refused",
                "The provider refused the request for a reason outside its documents. "
                "See its words, correct the message and send anew.",
            ),
            Outcome(_V.UNKNOWN, "server_error", "The provider had an internal error. " + _IN_DOUBT),
            Outcome(
                _V.UNKNOWN,
                "gateway_error",
                "A machine in front of the provider answered in its place. " + _IN_DOUBT,
            ),
            Outcome(
                _V.UNKNOWN,
                "answer_unreadable",
                "The provider's answer could not be read. " + _IN_DOUBT,
            ),
            Outcome(_V.RETRY, "connection_failed", "The provider could not be reached. " + _RESENT),
            Outcome(
                _V.UNKNOWN,
                "connection_lost",
                "The connection broke after the request had begun to leave. " + _IN_DOUBT,
            ),
            Outcome(
                _V.UNKNOWN, "timed_out", "No answer came within the time allowed. " + _IN_DOUBT
            ),
        )
    }
)
"""What an answer, or its absence, means, by our reason (contract 1.8 and 6.2)."""

REASON_BY_STATUS: Mapping[int, str] = MappingProxyType(
    {
        301: "redirected",
        307: "redirected",
        308: "redirected",
        402: "low_balance",
        403: "forbidden",
        404: "not_found",
        # Not in the contract. These speak of the address or the way to it, not of this message.
        405: "not_found",
        406: "not_found",
        407: "forbidden",
        410: "not_found",
        415: "not_found",
        421: "not_found",
        426: "not_found",
        451: "forbidden",
        # The server did not receive, or would not yet act on, the request: safe to repeat
        # (RFC 9110, section 15.5.9; RFC 8470, section 5.2).
        408: "connection_failed",
        425: "connection_failed",
        429: "rate_limited",
        500: "server_error",
    }
)
"""What a status says by itself (contract 1.8); `wire` reads the title of 400, 401 and 422."""

REFUSAL_TITLES: tuple[tuple[str, str], ...] = (
    ("json", "invalid_json"),
    ("sender", "invalid_sender"),
    ("recipient", "invalid_recipient"),
    ("message type", "invalid_message_type"),
    ("client ref", "invalid_client_ref"),
    ("channel param", "invalid_parameters"),
    ("channel", "unsupported_channel"),
    ("param", "invalid_parameters"),
    ("ttl", "invalid_parameters"),
)
"""Words of a 400's or 422's title, in the order to look for them (contract 1.8)."""

REFUSAL_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "invalid-json": "invalid_json",
        "1100": "unsupported_channel",
        "1400": "unsupported_channel",
        "1110": "invalid_parameters",
        "1410": "invalid_parameters",
        "1120": "invalid_sender",
        "1420": "invalid_sender",
        "110": "invalid_recipient",  # the provider's own document prints 1130 so
        "1130": "invalid_recipient",
        "1430": "invalid_recipient",
        "1140": "invalid_message_type",
        "1440": "invalid_message_type",
        "1150": "invalid_parameters",
        "1010": "invalid_parameters",
        "1020": "invalid_parameters",
        "1060": "invalid_client_ref",
        "1450": "invalid_client_ref",
    }
)
"""Numbers and words in the `type` of a 400 or 422, used when its title says nothing (1.8)."""


_R = FailureClass.RETRY
_P = FailureClass.RECIPIENT
_M = FailureClass.MESSAGE
_S = FailureClass.SENDER
_A = FailureClass.ACCOUNT
_U = FailureClass.UNKNOWN
_F = Failure

RECEIPT_CODES: Mapping[str, Failure] = MappingProxyType(
    {
        failure.code: failure
        for failure in (
            _F("1000", "capacity_exceeded", "The provider is at capacity.", _R, throttled=True),
            _F("1010", "parameters_missing", "The request lacked a field; correct it.", _M),
            _F("1020", "parameters_invalid", "A field of the request was wrong; correct it.", _M),
            _F("1030", "platform_error", "The provider's platform had an internal error.", _R),
            _F("1040", "not_processable", "The message cannot be processed; check the number.", _M),
            _F("1050", "recipient_barred", "The recipient's number is barred.", _P),
            _F("1060", "account_barred", "The provider barred the account; ask its support.", _A),
            _F("1070", "quota_exceeded", "The account has no credit left; top it up.", _A),
            _F("1080", "account_not_enabled", "The account may not use the API; enable it.", _A),
            _F("1090", "message_too_long", "The message is too long; shorten it.", _M),
            _F("1100", "communication_failed", "The message did not reach the carrier.", _R),
            _F("1120", "sender_illegal", "Local rules forbid this sender; use another.", _S),
            _F("1130", "ttl_invalid", "The time to live was not accepted.", _M),
            _F("1140", "facility_not_allowed", "The account may not send MMS; enable it.", _A),
            _F("1150", "message_class_invalid", "The message class was not accepted.", _M),
            # The account's fault, but only trial accounts have it, and it concerns one number.
            _F(
                "1160",
                "recipient_not_allowed_in_trial",
                "A trial account only reaches its listed numbers; list the number or upgrade.",
                _P,
            ),
            _F("1170", "recipient_invalid", "The recipient's number is invalid; check it.", _P),
            _F("1180", "recipient_unavailable", "The recipient cannot be reached just now.", _R),
            _F("1190", "subscriber_absent", "The subscriber is gone for good.", _P),
            _F("1200", "portability_error", "The number was ported and cannot be found.", _P),
            _F(
                "1210",
                "spam_rejected",
                "The carrier took the message for spam; review text, links and consent.",
                _M,
                counts_against_sender=True,
            ),
            _F("1220", "handset_busy", "The recipient's phone was busy.", _R),
            _F("1230", "network_failure", "The carrier's network failed for a time.", _R),
            _F(
                "1240",
                "opted_out",
                "The recipient sent STOP; only the recipient can undo that.",
                _P,
                opted_out=True,
            ),
            _F(
                "1241",
                "too_many_requests",
                "Too many requests to this number; sending slows down.",
                _R,
                counts_against_sender=True,
                throttled=True,
            ),
            _F("1242", "number_pool_missing", "The number pool does not exist; check it.", _A),
            _F("1250", "unroutable", "No route leads to the recipient's number.", _P),
            _F("1251", "route_forbidden", "Routing rules forbid the recipient's number.", _P),
            # The contract allows one retry before giving the recipient up: the attempts' own
            # bound ends it.
            _F("1260", "destination_unreachable", "The recipient could not be reached.", _R),
            _F("1270", "age_restricted", "An age restriction keeps the message away.", _P),
            _F(
                "1280",
                "carrier_blocked",
                "The carrier blocks MMS for this recipient.",
                _P,
                picture_refused=True,
            ),
            _F(
                "1282",
                "content_rejected",
                "The carrier's policy refused the content; review it.",
                _M,
                counts_against_sender=True,
            ),
            _F("1290", "recipient_credit", "The recipient's prepaid credit is used up.", _P),
            _F("1300", "not_a_subscriber", "The number is no mobile subscriber's.", _P),
            _F(
                "1310",
                "device_unsuitable",
                "The recipient's phone cannot take MMS.",
                _P,
                picture_refused=True,
            ),
            _F("1320", "already_sent", "Something downstream says that it was sent already.", _U),
            _F("1330", "delivery_failed", "Delivery failed for good; check the number.", _P),
            _F("1331", "carrier_silent", "The carrier did not respond.", _R),
            _F("1360", "ttl_expired", "The message's time ran out before it was delivered.", _M),
            _F(
                "1380",
                "media_unreachable",
                "The provider could not fetch the attachment; check that PUBLIC_URL is reachable.",
                _M,
            ),
            _F(
                "1381",
                "media_too_large",
                "The attachment is too large; send a smaller one.",
                _M,
                picture_refused=True,
            ),
            _F("1382", "media_unsupported", "The attachment's type is not supported.", _M),
            _F("1400", "channel_unsupported", "The channel is not supported.", _M),
            _F("1410", "channel_parameters_invalid", "A field of the channel was wrong.", _M),
            _F(
                "1420",
                "sender_invalid",
                "The sender cannot send MMS; check its features and its application.",
                _S,
            ),
            _F("1430", "recipient_missing", "The recipient's number is missing or invalid.", _P),
            _F("1431", "several_recipients", "Several recipients are not supported.", _M),
            _F("1440", "message_type_invalid", "The kind of message is not supported.", _M),
            _F("1450", "client_ref_invalid", "Our reference was refused; report a bug.", _M),
            # The contract pauses the sender until midnight, but for this one carrier alone: the
            # message waits for it, and the messages to other carriers go on.
            _F(
                "1460",
                "daily_limit",
                "The brand's daily limit is used up; it starts anew at midnight Pacific time.",
                _R,
                daily_cap=True,
            ),
            # Fraud rules are the account's, but each concerns one prefix, country or network: a
            # single number must not stop the whole line.
            _F("1470", "fraud_prefix", "A fraud rule blocks the prefix; review the rules.", _P),
            _F("1472", "fraud_burst", "A fraud rule limits bursts.", _R, throttled=True),
            _F("1473", "fraud_traffic", "Protection against inflated traffic blocked it.", _P),
            _F("1474", "fraud_country", "A fraud rule blocks the country; review the rules.", _P),
            _F("1475", "fraud_network", "A fraud rule blocks the network; review the rules.", _P),
            _F("1476", "sender_not_originating", "The sender is on a do-not-originate list.", _S),
            _F("1480", "entity_filtered", "The registered entity was not accepted.", _S),
            _F("1481", "header_filtered", "The registered header was not accepted.", _S),
            _F("1482", "content_filtered", "The content was not accepted.", _M),
            _F("1483", "consent_filtered", "The recipient's consent was not accepted.", _M),
            _F("1484", "not_registered", "The sender's 10DLC registration is incomplete.", _S),
            _F("1490", "receipts_timed_out", "The carrier's reports did not come in time.", _U),
            _F(
                "2001",
                "provider_fraud",
                "The provider's fraud protection stopped the message; review its content.",
                _M,
                counts_against_sender=True,
            ),
        )
    }
)
"""What the code of a rejected or undeliverable receipt asks of us (contract 3)."""

_UNREACHED = Failure(
    "", "provider_unreachable", "The provider could not hand the message on.", FailureClass.RETRY
)
_UNEXPLAINED = Failure("", "unexplained", "The provider gave no reason.", FailureClass.UNKNOWN)
_UNLISTED = "The provider reported a code that is not in its documents."


def failure_of(code: str | None, said: str | None, *, handed_on: bool) -> Failure:
    """Return why a receipt says that a message was not delivered; `said` is the provider's words.

    Without a code, `handed_on` tells whether the message got beyond the provider: if not, a later
    retry is worth while (contract 2.2, `undeliverable`).
    """
    if code is None:
        failure = _UNEXPLAINED if handed_on else _UNREACHED
    else:
        unlisted = Failure(code, "unlisted_code", _UNLISTED, FailureClass.UNKNOWN)
        failure = RECEIPT_CODES.get(code, unlisted)
    return replace(failure, detail=with_words(failure.detail, said))


def with_words(sentence: str, said: str | None) -> str:
    """Return our sentence, followed by the provider's own words where it used any."""
    return f"{sentence} Provider: {said}" if said else sentence
