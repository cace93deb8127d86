from datetime import UTC, datetime

import msgspec
import pytest

from wirephoto.simulator.inbound import InboundOrder, inbound_body

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
A, B, C = "https://m.example/a.jpg", "https://m.example/b.vcf", "https://m.example/c.pdf"


def build(repeats_first=True, **order):
    wanted = InboundOrder(sender="12125550123", to="12015550100", **order)
    return inbound_body(wanted, message_uuid="id", at=AT, repeats_first=repeats_first)


def test_a_text_is_an_sms_with_the_common_fields():
    """What a STOP looks like."""
    assert build(text="STOP") == {
        "channel": "sms",
        "message_uuid": "id",
        "to": "12015550100",
        "from": "12125550123",
        "timestamp": "2026-03-02T15:00:00Z",
        "message_type": "text",
        "text": "STOP",
    }


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (A, "image"),
        (B, "vcard"),
        ("https://m.example/a.MP3?x=1", "audio"),
        ("https://m.example/a.3gp", "video"),
        (C, "file"),
        ("https://m.example/3f2a", "file"),
    ],
)
def test_one_attachment_stands_in_the_field_of_its_type(url, kind):
    """Each type has a field of its own (contract 2.3)."""
    body = build(media=(url,))

    assert (body["channel"], body["message_type"]) == ("mms", kind)
    assert body[kind]["url"] == url
    assert "content" not in body


@pytest.mark.parametrize(("repeats_first", "listed"), [(True, [A, B]), (False, [B])])
def test_several_attachments_are_listed_too(repeats_first, listed):
    """Whether the first is repeated is open, so a receiver must stand both (contract 2.3)."""
    body = build(repeats_first, media=(A, B))

    assert body["image"]["url"] == A
    assert [item["url"] for item in body["content"]] == listed


def test_text_is_the_caption_of_whatever_can_have_one():
    """Only images and files have captions."""
    body = build(text="look", media=(B, A))

    assert body["image"] == {"url": A, "name": "a.jpg", "caption": "look"}


@pytest.mark.parametrize(
    "order", [{}, {"text": "x", "media": (B,)}, {"media": (A,), "channel": "sms"}]
)
def test_an_order_that_contradicts_itself_is_refused(order):
    """The simulator never makes up what the provider would not send."""
    with pytest.raises(ValueError, match=r"text|media"):
        build(**order)


@pytest.mark.parametrize(
    "order",
    [
        {"from": "+12125550123", "to": "12015550100", "text": "x"},
        {"from": "12125550123", "text": "x"},
        {"from": "12125550123", "to": "12015550100", "text": "x", "pictures": []},
        {"from": "12125550123", "to": "12015550100", "media": ["ftp://m.example/a"]},
    ],
)
def test_an_order_with_wrong_fields_is_refused(order):
    """A typing error must not pass for a message without that field."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(order, InboundOrder)
