"""Idempotency keys: both spellings of the header, and equal requests have equal fingerprints."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.idempotency import fingerprint, parse_key
from wirephoto.errors import RequestRefused

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))

KEYS = [
    ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ("a", "a"),
    ('"a"', "a"),
    (" \tabc ", "abc"),
    (' "abc"\t', "abc"),
    (r'"say \"hi\""', None),
    (r'"say-\"hi\""', 'say-"hi"'),
    (r'"back\\slash"', "back\\slash"),
    ("back\\slash", "back\\slash"),
    ("order:17/retry,1;x=~{}", "order:17/retry,1;x=~{}"),
    ("x" * 255, "x" * 255),
    ('"' + "x" * 255 + '"', "x" * 255),
    ('"' + r"\"" * 255 + '"', '"' * 255),
    ("", None),
    (" ", None),
    ('""', None),
    ('"', None),
    ('"abc', None),
    ('abc"', None),
    ('a"b', None),
    ('"a"b"', None),
    ('"abc";p=1', None),
    (r'"a\b"', None),
    ('"a\\"', None),
    ("two words", None),
    ('"two words"', None),
    ("a, b", None),
    ("a\nb", None),
    ("abc\n", None),
    ("a\x00b", None),
    ("a\x7fb", None),
    ("clé", None),
    ('"clé"', None),
    ("\u00a0abc", None),
    ("x" * 256, None),
    ('"' + "x" * 256 + '"', None),
]


@pytest.mark.parametrize(("header", "key"), [(h, k) for h, k in KEYS if k is not None])
def test_a_key_is_read_with_and_without_quotes(header, key):
    """The draft wants quotes, many clients leave them out: both must mean the same request."""
    assert parse_key(header) == key


@pytest.mark.parametrize("header", [h for h, k in KEYS if k is None])
def test_a_malformed_key_is_refused_by_name(header):
    """A key that is quietly cut or changed would let a request run twice."""
    with pytest.raises(RequestRefused) as refused:
        parse_key(header)

    [fault] = refused.value.faults
    assert (fault.field, fault.code) == ("Idempotency-Key", "malformed")
    assert "255" in fault.message


@given(st.text(alphabet=VISIBLE, min_size=1, max_size=255))
def test_every_visible_key_survives_quoting(key):
    """What a client with a structured-field library sends is what is stored."""
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'

    assert parse_key(quoted) == key


@given(st.text(max_size=300))
def test_any_header_gives_a_visible_key_or_a_refusal(header):
    """A header is never a reason for an error of ours."""
    try:
        key = parse_key(header)
    except RequestRefused:
        return
    assert 1 <= len(key) <= 255
    assert set(key) <= set(VISIBLE)


BODY = {
    "to": "+12125550123",
    "text": "Grüße 🎉",
    "media": [{"url": "https://example.com/a.jpg"}, {"url": "https://example.com/b.jpg"}],
    "metadata": {"order": "17", "shop": "north"},
}


def test_members_may_come_in_any_order_and_spacing():
    """A client that builds its JSON anew for the retry must not be told that it differs."""
    turned = {name: BODY[name] for name in reversed(BODY)}
    turned["metadata"] = {"shop": "north", "order": "17"}

    assert fingerprint(json.loads(json.dumps(turned, indent=4))) == fingerprint(BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Grüße 🎊"},
        {"text": "Grüße 🎉 "},
        {"text": None},
        {"to": "+12125550124"},
        {"media": BODY["media"][::-1]},
        {"media": BODY["media"][:1]},
        {"metadata": {"order": 17, "shop": "north"}},
        {"priority": "urgent"},
    ],
)
def test_any_other_difference_is_another_request(change):
    """The same key for another picture must be refused, not answered with the first one."""
    assert fingerprint({**BODY, **change}) != fingerprint(BODY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ab": "c"}, {"a": "bc"}),
        (["ab"], ["a", "b"]),
        ({"a": None}, {}),
        ("1", 1),
        (1, True),
        ([], {}),
        ({"a": '","b":"'}, {"a": "", "b": ""}),
    ],
)
def test_values_that_look_alike_are_told_apart(one, other):
    """No two different bodies may share one canonical text."""
    assert fingerprint(one) != fingerprint(other)


def test_a_structure_and_its_json_have_one_fingerprint():
    """Whether the body is kept as decoded or as parsed must not matter."""

    class Item(msgspec.Struct):
        url: str
        kind: str

    item = Item(url="https://example.com/a.jpg", kind="image")

    assert fingerprint(item) == fingerprint({"kind": "image", "url": "https://example.com/a.jpg"})


def test_the_fingerprint_stays_the_same_over_releases():
    """Stored fingerprints outlive an upgrade."""
    expected = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"

    assert fingerprint({"b": 2, "a": 1}) == expected
