"""Requests against the official SDK's models, and what answers mean, as a table."""

import json

import pytest
from vonage_messages import models as sdk
from vonage_messages.models.mms import (
    MmsContentItemAudio,
    MmsContentItemFile,
    MmsContentItemImage,
    MmsContentItemVcard,
    MmsContentItemVideo,
)

from wirephoto.domain.channel import Channel
from wirephoto.domain.media import Attachment, MediaKind
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Verdict
from wirephoto.vonage import codes, wire

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
IMAGE = Attachment("https://media.example/a.jpg")
CAPTIONS = ["Your picture 📸👩‍👩‍👧", "שלום, התמונה שלך", "مرحبا 🎉", 'quotes " and \\ and \n lines']
ALL_KINDS = tuple(Attachment(f"https://media.example/{kind}", kind) for kind in MediaKind)
SDK_MODELS = {
    MediaKind.IMAGE: sdk.MmsImage,
    MediaKind.VIDEO: sdk.MmsVideo,
    MediaKind.AUDIO: sdk.MmsAudio,
    MediaKind.VCARD: sdk.MmsVcard,
    MediaKind.FILE: sdk.MmsFile,
}
SDK_ITEMS = {
    MediaKind.IMAGE: MmsContentItemImage,
    MediaKind.VIDEO: MmsContentItemVideo,
    MediaKind.AUDIO: MmsContentItemAudio,
    MediaKind.VCARD: MmsContentItemVcard,
    MediaKind.FILE: MmsContentItemFile,
}
SDK_COMMON = {
    "to": "12125550123",
    "from_": "14155550100",
    "ttl": 600,
    "client_ref": "ref-1",
    "webhook_version": "v1",
}


def make_submission(
    *, text="Hello", media=(IMAGE,), ttl_s=600, sender="+14155550100", channel=Channel.MMS
):
    return Submission(
        client_ref="ref-1",
        sender=sender,
        recipient="+12125550123",
        text=text,
        media=media,
        ttl_s=ttl_s,
        channel=channel,
    )


def sdk_dump(model):
    return model.model_dump(by_alias=True, exclude_none=True)


def body_of(submission):
    return json.loads(wire.request_body(submission))


@pytest.mark.parametrize("text", [None, "", *CAPTIONS])
@pytest.mark.parametrize("kind", MediaKind)
def test_one_attachment_is_asked_for_as_the_official_sdk_does(kind, text):
    """The SDK's models are the nearest thing to a second reading of the provider's document."""
    url = f"https://media.example/{kind}"
    resource = {"url": url, "caption": text or None}
    expected = sdk_dump(SDK_MODELS[kind](**SDK_COMMON, **{kind.value: resource}))

    body = body_of(make_submission(text=text, media=(Attachment(url, kind),)))

    assert body == expected


@pytest.mark.parametrize("text", CAPTIONS)
def test_a_text_alone_is_asked_for_as_the_official_sdk_does(text):
    """It travels as SMS, in the encoding that the provider finds by itself (contract 1.5)."""
    expected = sdk_dump(sdk.Sms(**SDK_COMMON, text=text))

    assert body_of(make_submission(text=text, media=(), channel=Channel.SMS)) == expected


@pytest.mark.parametrize("text", CAPTIONS)
def test_a_text_that_was_accepted_as_mms_leaves_as_such(text):
    """Earlier releases queued texts so; they keep the slot and the channel that they were given."""
    expected = sdk_dump(sdk.MmsText(**SDK_COMMON, text=text))

    assert body_of(make_submission(text=text, media=())) == expected


@pytest.mark.parametrize("text", [None, *CAPTIONS])
def test_several_attachments_are_asked_for_as_the_official_sdk_does(text):
    """All kinds in one message; the caption rides on the first."""
    items = [SDK_ITEMS[media.kind](url=media.url) for media in ALL_KINDS]
    items[0].caption = text
    expected = sdk_dump(sdk.MmsContent(**SDK_COMMON, content=items))

    assert body_of(make_submission(text=text, media=ALL_KINDS)) == expected


def test_the_sdk_given_plain_dicts_is_no_oracle_for_several_attachments():
    """Its dump then calls every item an image, as `type` is an alias on output only (7.1)."""
    dicts = [{"type": media.kind.value, "url": media.url} for media in ALL_KINDS]

    dump = sdk_dump(sdk.MmsContent(**SDK_COMMON, content=dicts))

    assert [item["type"] for item in dump["content"]] == ["image"] * len(ALL_KINDS)


@pytest.mark.parametrize("text", CAPTIONS)
def test_a_caption_leaves_byte_for_byte(text):
    """Emoji and right-to-left texts are sent as UTF-8, never as escapes or replacements."""
    body = wire.request_body(make_submission(text=text))

    spelled = json.dumps(text, ensure_ascii=False).encode()
    assert spelled in body
    assert b'": ' not in body.replace(spelled, b"")


def test_a_short_code_stays_what_it_is():
    """Short codes are digits without a country."""
    assert body_of(make_submission(sender="12345"))["from"] == "12345"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(-5, 300), (299, 300), (300, 300), (86_400, 86_400), (259_200, 259_200), (10**9, 259_200)],
)
def test_the_time_to_live_is_brought_into_the_range(asked, sent):
    """Outside 300..259200 the provider refuses the message (contract 1.4)."""
    assert body_of(make_submission(ttl_s=asked))["ttl"] == sent


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(-5, 20), (19, 20), (20, 20), (299, 299), (604_800, 604_800), (10**9, 604_800)],
)
def test_the_time_to_live_of_a_text_has_a_range_of_its_own(asked, sent):
    """20..604800 seconds (contract 1.5)."""
    text = make_submission(ttl_s=asked, media=(), channel=Channel.SMS)

    assert body_of(text)["ttl"] == sent


def problem(title="", fragment="", host="vonage", **more):
    url = f"https://developer.{host}.com/api-errors{fragment}"
    return json.dumps({"type": url, "title": title, "instance": "bf0ca0bf", **more}).encode()


V = Verdict
PARAMS = {"invalid_parameters": [{"name": "image.url", "reason": "is required."}]}
FROM = {"invalid_parameters": [{"name": "from", "reason": "is invalid."}]}
ANSWERS = [  # status, body, verdict, reason; each block names its section
    # 1.7: success; 6.2: taken, but the identifier cannot be read
    (202, json.dumps({"message_uuid": UUID}).encode(), V.ACCEPTED, "accepted"),
    (202, json.dumps({"message_uuid": UUID, "new": 1}).encode(), V.ACCEPTED, "accepted"),
    (200, json.dumps({"message_uuid": UUID}).encode(), V.ACCEPTED, "accepted"),
    (202, b"", V.UNKNOWN, "answer_unreadable"),
    (202, b"{", V.UNKNOWN, "answer_unreadable"),
    (202, b"[]", V.UNKNOWN, "answer_unreadable"),
    (202, b"<html>ok</html>", V.UNKNOWN, "answer_unreadable"),
    (202, b'{"message_uuid":null}', V.UNKNOWN, "answer_unreadable"),
    (202, b'{"message_uuid":""}', V.UNKNOWN, "answer_unreadable"),
    (202, b'{"message_uuid":"a\\u0000b"}', V.UNKNOWN, "answer_unreadable"),
    (202, b"[" * 60_000, V.UNKNOWN, "answer_unreadable"),
    (204, b"", V.UNKNOWN, "answer_unreadable"),
    # 1.8: account
    (401, problem("Unauthorized", "#unathorized"), V.STOP_LINE, "unauthorized"),
    (401, problem("Unauthorized", "/#unauthorized", "nexmo"), V.STOP_LINE, "unauthorized"),
    (401, b"", V.STOP_LINE, "unauthorized"),
    (401, problem("Unauthorized", "#unprovisioned"), V.STOP_LINE, "unprovisioned"),
    (401, problem("The credentials have no access to the product"), V.STOP_LINE, "unprovisioned"),
    (402, problem("Low balance", "/#low-balance"), V.STOP_LINE, "low_balance"),
    (402, b"", V.STOP_LINE, "low_balance"),
    (403, problem("Forbidden", "#forbidden"), V.STOP_LINE, "forbidden"),
    (403, problem("Account suspended", "#account-suspended"), V.STOP_LINE, "forbidden"),
    (403, problem("Invalid IP", "#invalid-ip"), V.STOP_LINE, "forbidden"),
    (404, problem("Not Found", "#not-found"), V.STOP_LINE, "not_found"),
    (404, b"<html>nginx</html>", V.STOP_LINE, "not_found"),
    # 1.8: 422 by title, in both spellings of the type and with both sets of numbers
    (422, problem("The request body did not contain valid JSON"), V.FAIL, "invalid_json"),
    (422, problem("Unsupported channel", "/messages#1100"), V.FAIL, "unsupported_channel"),
    (422, problem("Unsupported channel", "/messages#1400"), V.FAIL, "unsupported_channel"),
    (422, problem("Invalid channel parameters", "/messages#1110"), V.FAIL, "invalid_parameters"),
    (422, problem("Invalid sender", "/messages#1120"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Invalid sender", "/#1120", "nexmo"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Invalid sender", "/messages#1420"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Sender invalid for the channel"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Invalid recipient", "/messages#110"), V.FAIL, "invalid_recipient"),
    (422, problem("Invalid recipient", "/messages#1130"), V.FAIL, "invalid_recipient"),
    (422, problem("Invalid recipient", "/messages#1430"), V.FAIL, "invalid_recipient"),
    (422, problem("Invalid message type", "/messages#1140"), V.FAIL, "invalid_message_type"),
    (422, problem("Unprocessable Entity", "#invalid-json"), V.FAIL, "invalid_json"),
    (422, problem("Invalid params", "/messages#1150", **PARAMS), V.FAIL, "invalid_parameters"),
    (422, problem("Invalid params", "/messages#1020", **PARAMS), V.FAIL, "invalid_parameters"),
    (422, problem("Invalid client reference", "/messages#1060"), V.FAIL, "invalid_client_ref"),
    (422, problem("Invalid client reference", "/messages#1450"), V.FAIL, "invalid_client_ref"),
    # 1.8: the title decides against the number, and the number alone is a hint
    (422, problem("Invalid TTL", "/messages#1130"), V.FAIL, "invalid_parameters"),
    (422, problem("Invalid recipient", "/messages#1120"), V.FAIL, "invalid_recipient"),
    (422, problem("Unprocessable Entity", "/messages#1120"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Unprocessable Entity", "/messages#1420"), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, json.dumps({"title": 1430}).encode(), V.FAIL, "invalid_recipient"),
    (422, problem("Invalid params", **FROM), V.PAUSE_CAMPAIGN, "invalid_sender"),
    (422, problem("Invalid params", invalid_parameters="no list"), V.FAIL, "invalid_parameters"),
    (422, problem("Something new", "/messages#1999"), V.FAIL, "request_refused"),
    (422, b"", V.FAIL, "request_refused"),
    (422, b"\xff\xfe", V.FAIL, "request_refused"),
    (400, problem("Invalid params", "#1150"), V.FAIL, "invalid_parameters"),
    (400, b"<html>400</html>", V.FAIL, "request_refused"),
    # 1.8: 429 and 500 share a fragment; the status decides
    (429, problem("Rate Limit Hit", "/messages#1000"), V.RETRY, "rate_limited"),
    (429, problem("Rate Limit Hit", "#throttled", "nexmo"), V.RETRY, "rate_limited"),
    (429, b"slow down", V.RETRY, "rate_limited"),
    (500, problem("Internal error", "/messages#1000"), V.UNKNOWN, "server_error"),
    (500, problem("Rate Limit Hit", "/messages#1000"), V.UNKNOWN, "server_error"),
    (500, b"", V.UNKNOWN, "server_error"),
    (502, b"<html>Bad Gateway</html>", V.UNKNOWN, "gateway_error"),
    (503, b"", V.UNKNOWN, "gateway_error"),
    (504, problem("Invalid sender"), V.UNKNOWN, "gateway_error"),
    (599, b"", V.UNKNOWN, "gateway_error"),
    # Outside the contract: RFC 9110
    (301, b"", V.STOP_LINE, "redirected"),
    (307, b"", V.STOP_LINE, "redirected"),
    (308, b"", V.STOP_LINE, "redirected"),
    (302, b"", V.UNKNOWN, "answer_unreadable"),
    (303, b"", V.UNKNOWN, "answer_unreadable"),
    (405, b"", V.STOP_LINE, "not_found"),
    (407, b"", V.STOP_LINE, "forbidden"),
    (408, b"", V.RETRY, "connection_failed"),
    (413, b"", V.FAIL, "request_refused"),
    (415, b"", V.STOP_LINE, "not_found"),
    (418, b"", V.FAIL, "request_refused"),
    (425, b"", V.RETRY, "connection_failed"),
    (999, b"", V.UNKNOWN, "gateway_error"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "verdict", "reason"), ANSWERS)
def test_an_answer_means_what_the_contract_says(status, body, verdict, reason):
    """One wrong row and a picture goes out twice, or a good message is given up."""
    outcome = wire.read_answer(status, {}, body)

    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.http_status == status
    assert outcome.detail
    assert (outcome.provider_message_id == UUID) is (verdict is V.ACCEPTED)
    assert outcome.throttled is (reason == "rate_limited")


@pytest.mark.parametrize("status", range(400, 500))
def test_no_refusal_leaves_a_message_in_doubt(status):
    """A 4xx says that nothing was taken, however broken its body is (RFC 9110, 15.5)."""
    assert wire.read_answer(status, {}, b"\0").verdict not in (V.UNKNOWN, V.ACCEPTED)


@pytest.mark.parametrize("status", range(500, 600))
def test_every_server_error_leaves_a_message_in_doubt(status):
    """Whether a 5xx can follow an accepted message is not documented (contract 6.2)."""
    assert wire.read_answer(status, {}, b"").verdict is V.UNKNOWN


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        (" 60 ", 60.0),
        ("3600", 3600.0),
        ("0", None),
        ("-1", None),
        ("3601", None),
        ("1700000000000", None),
        ("1.5", None),
        ("٣", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_a_wish_to_wait_is_honoured_only_if_plausible(name, value, seconds):
    """The provider mixes units in its rate headers (contract 1.8)."""
    assert wire.read_answer(429, {name: value}, b"").retry_after_s == seconds


def test_the_providers_own_words_reach_the_customer():
    """Hidden error bodies are the first complaint about the official SDKs (contract 7.3)."""
    outcome = wire.read_answer(422, {}, problem("Invalid params", "/messages#1150", **PARAMS))

    assert outcome.detail.endswith("Provider: Invalid params; image.url: is required.")
    assert outcome.provider_code == "1150"


def test_words_of_the_provider_are_one_short_line():
    """They end up in logs and databases: no control characters, no megabytes."""
    outcome = wire.read_answer(422, {}, problem("Bad\n\0thing", detail="x" * 10_000))

    assert "Bad thing" in outcome.detail
    assert outcome.detail.isprintable()
    assert len(outcome.detail) < 1000


@pytest.mark.parametrize(
    ("written", "timed_out", "verdict", "reason"),
    [
        (False, False, V.RETRY, "connection_failed"),
        (False, True, V.RETRY, "connection_failed"),
        (True, False, V.UNKNOWN, "connection_lost"),
        (True, True, V.UNKNOWN, "timed_out"),
    ],
)
def test_a_broken_connection_is_judged_by_its_first_byte(written, timed_out, verdict, reason):
    """Before the first byte it is safe to repeat, after it never (contract 6.2)."""
    outcome = wire.broken_connection(written=written, detail="reset", timed_out=timed_out)

    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.detail.endswith("(reset)")


def test_every_reason_an_answer_can_have_is_in_the_table():
    """A missing row would be a crash in front of a message that may have been taken."""
    named = {reason for _, reason in codes.REFUSAL_TITLES}
    named |= set(codes.REFUSAL_HINTS.values()) | set(codes.REASON_BY_STATUS.values())

    assert named <= set(codes.ANSWERS)
