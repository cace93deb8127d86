"""The rules of a request: what is taken, and which field and rule each refusal names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import msgspec
import pytest

from tests.factories import NOW, PICTURE, SENDER, send_request
from wirephoto.domain.media import Media, MediaKind
from wirephoto.domain.message import Category, Priority
from wirephoto.domain.origin import Origins
from wirephoto.domain.request import MessageRequest, RequestRules, check_request
from wirephoto.errors import RequestRefused

REAL = "+12127365000"
FICTIONAL = "+12125550123"
OTHER_SENDER = "+12025550101"
RULES = RequestRules(
    default_sender=SENDER,
    default_category=Category.TRANSACTIONAL,
    expires_after=timedelta(hours=24),
    real_provider=True,
)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


def check(rules=RULES, senders=(SENDER,), live=True, categories=tuple(Category), **changes):
    request = msgspec.convert(send_request(**({"to": REAL} | changes)), MessageRequest)
    return check_request(
        request,
        rules,
        origins=Origins(senders, {}),
        categories=categories,
        uploads={},
        live=live,
        now=NOW,
    )


def faults(**changes):
    with pytest.raises(RequestRefused) as refused:
        check(**changes)
    assert all(fault.message.endswith(".") for fault in refused.value.faults)
    return [(fault.field, fault.code) for fault in refused.value.faults]


def test_a_request_that_keeps_the_rules_becomes_a_draft():
    """The forms of a caller end here: from now on there are only our own."""
    draft = check(
        to="(212) 736-5000",
        text="Füße 🐈 مرحبا",
        media=[{"url": PICTURE}, {"url": "https://example.com/a.mp4", "kind": "video"}],
        category="marketing",
        priority="urgent",
        metadata={"order": "7"},
        reference="r-1",
    )

    assert (draft.recipient, draft.sender, draft.text) == (REAL, SENDER, "Füße 🐈 مرحبا")
    assert draft.media == (Media(PICTURE), Media("https://example.com/a.mp4", MediaKind.VIDEO))
    assert (draft.category, draft.priority) == (Category.MARKETING, Priority.URGENT)
    assert (draft.metadata, draft.reference) == ({"order": "7"}, "r-1")


def test_what_is_left_out_has_defaults():
    """One number and one picture are a whole request."""
    draft = check(text=None)

    assert (draft.text, draft.category, draft.priority) == (
        None,
        Category.TRANSACTIONAL,
        Priority.NORMAL,
    )
    assert (draft.due_at, draft.expires_at) == (NOW, NOW + DAY)
    assert (draft.metadata, draft.reference) == ({}, None)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("", "not_a_number"),
        ("hello", "not_a_number"),
        ("+1212736500", "too_short"),
        ("+121273650000", "too_long"),
        ("+442079460000", "not_us"),
        ("+18005550199", "toll_free"),
        ("12345", "short_code"),
        ("+12127365000\x00", "not_a_number"),
    ],
)
def test_a_recipient_that_cannot_be_reached_is_named(to, code):
    """The reason decides what the customer does next."""
    assert ("to", code) in faults(to=to)


@pytest.mark.parametrize(
    ("live", "real_provider", "taken"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
)
def test_made_up_numbers_are_refused_where_they_would_reach_phones(live, real_provider, taken):
    """The demo and every sample use 555-01xx; the real provider must never be asked for one."""
    given = {"to": FICTIONAL, "rules": replace(RULES, real_provider=real_provider), "live": live}

    if taken:
        assert check(**given).recipient == FICTIONAL
    else:
        assert faults(**given) == [("to", "fictional")]


def test_our_own_sender_is_no_recipient():
    """Two gateways that write to each other's numbers would never stop."""
    assert faults(to=REAL, senders=[SENDER, REAL]) == [("to", "own_number")]


@pytest.mark.parametrize(
    ("from_", "senders", "default", "sender"),
    [
        (None, [SENDER], SENDER, SENDER),
        (None, [SENDER, OTHER_SENDER], SENDER, SENDER),
        (None, [OTHER_SENDER], None, OTHER_SENDER),
        (None, [OTHER_SENDER], SENDER, OTHER_SENDER),
        ("202-555-0101", [SENDER, OTHER_SENDER], SENDER, OTHER_SENDER),
        ("12345", ["12345", SENDER], SENDER, "12345"),
    ],
)
def test_the_sender_is_the_one_named_the_default_or_the_only_one(from_, senders, default, sender):
    """With one number nobody should have to name it; with several nobody should guess."""
    draft = check(rules=replace(RULES, default_sender=default), senders=senders, **{"from": from_})

    assert draft.sender == sender


@pytest.mark.parametrize(
    ("from_", "senders", "default", "code"),
    [
        (None, [], SENDER, "required"),
        (None, [SENDER, OTHER_SENDER], None, "required"),
        (None, [SENDER, OTHER_SENDER], "+12025550109", "required"),
        (OTHER_SENDER, [SENDER], SENDER, "unknown_sender"),
        ("", [SENDER], SENDER, "not_a_number"),
        ("me", [SENDER], SENDER, "not_a_number"),
    ],
)
def test_a_sender_that_is_not_ours_or_not_clear_is_refused(from_, senders, default, code):
    """A default of another tenant must not send for this one."""
    found = faults(rules=replace(RULES, default_sender=default), senders=senders, **{"from": from_})

    assert found == [("from", code)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"text": None, "media": None}, ("media", "required")),
        ({"text": "", "media": []}, ("media", "required")),
        ({"text": "x" * 3001}, ("text", "too_long")),
        ({"text": "a\x00b"}, ("text", "null_character")),
        ({"media": [{"url": PICTURE}] * 11}, ("media", "too_many")),
        ({"media": [{"url": ""}]}, ("media[0].url", "bad_url")),
        ({"media": [{"url": "not a url"}]}, ("media[0].url", "bad_url")),
        ({"media": [{"url": "ftp://example.com/a.jpg"}]}, ("media[0].url", "bad_url")),
        ({"media": [{"url": "https://example.com/\x00"}]}, ("media[0].url", "bad_url")),
        (
            {"media": [{"url": PICTURE}, {"url": "http://127.0.0.1/a.jpg"}]},
            ("media[1].url", "blocked_address"),
        ),
        ({"reference": ""}, ("reference", "length")),
        ({"reference": "x" * 201}, ("reference", "length")),
        ({"reference": "a\x00"}, ("reference", "null_character")),
        ({"metadata": {f"k{n}": "v" for n in range(21)}}, ("metadata", "too_many")),
        ({"metadata": {"": "v"}}, ("metadata", "length")),
        ({"metadata": {"k" * 41: "v"}}, ("metadata", "length")),
        ({"metadata": {"k": "v" * 501}}, ("metadata", "length")),
        ({"metadata": {"k\x00": "v"}}, ("metadata", "null_character")),
        ({"metadata": {"k": "\x00"}}, ("metadata", "null_character")),
    ],
)
def test_each_broken_rule_names_its_field(changes, fault):
    """Whoever reads the refusal must find the line of theirs that caused it."""
    assert faults(**changes) == [fault]


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "x" * 3000},
        {"text": "caption only", "media": None},
        {"media": [{"url": PICTURE}] * 10},
        {"reference": "x" * 200},
        {"metadata": {f"k{n}": "v" for n in range(20)}},
        {"metadata": {"k" * 40: "v" * 500}},
        {"metadata": {'sp ace."dot"': ""}},
    ],
)
def test_what_is_just_within_the_bounds_is_taken(changes):
    """A bound that is off by one refuses what the documentation promises."""
    assert check(**changes)


def test_an_address_inside_is_taken_where_the_operator_allows_it():
    """Tests and internal picture hosts live on private addresses."""
    allowed = replace(RULES, egress_allow=(ip_network("127.0.0.0/8"),))

    assert check(rules=allowed, media=[{"url": "http://127.0.0.1/a.jpg"}])


@pytest.mark.parametrize(
    ("send_at", "expires_at", "due", "expires"),
    [
        (None, None, NOW, NOW + DAY),
        (NOW - timedelta(hours=1), None, NOW, NOW + DAY),
        (NOW + DAY, None, NOW + DAY, NOW + 2 * DAY),
        (NOW + 29.5 * DAY, None, NOW + 29.5 * DAY, NOW + 30 * DAY),
        (None, NOW + MOMENT, NOW, NOW + MOMENT),
        (None, NOW + 30 * DAY, NOW, NOW + 30 * DAY),
        (NOW + DAY, NOW + DAY + MOMENT, NOW + DAY, NOW + DAY + MOMENT),
    ],
)
def test_times_say_when_it_may_leave_and_when_it_is_too_old(send_at, expires_at, due, expires):
    """A clock that is a little slow means now; no message waits for longer than a month."""
    draft = check(send_at=send_at, expires_at=expires_at)

    assert (draft.due_at, draft.expires_at) == (due, expires)


@pytest.mark.parametrize(
    ("send_at", "expires_at", "found"),
    [
        (NOW - timedelta(hours=1) - MOMENT, None, [("send_at", "past")]),
        (NOW + 30 * DAY, None, [("send_at", "too_far")]),
        (NOW + 31 * DAY, NOW + DAY, [("send_at", "too_far")]),
        (None, NOW, [("expires_at", "too_soon")]),
        (NOW + DAY, NOW + DAY, [("expires_at", "too_soon")]),
        (None, NOW + 30 * DAY + MOMENT, [("expires_at", "too_far")]),
        (datetime.min.replace(tzinfo=UTC), None, [("send_at", "past")]),
        (None, datetime.max.replace(tzinfo=UTC), [("expires_at", "too_far")]),
    ],
)
def test_times_that_make_no_sense_are_refused(send_at, expires_at, found):
    """A message that can never leave must be refused now, not expire in silence."""
    assert faults(send_at=send_at, expires_at=expires_at) == found


def test_times_are_kept_in_utc():
    """An answer made before the message was stored must read like the one made after."""
    draft = check(send_at="2026-03-05T10:00:00-05:00")

    assert draft.due_at.isoformat() == "2026-03-05T15:00:00+00:00"


def test_all_faults_are_named_at_once():
    """Nobody wants to correct a form ten times."""
    found = faults(
        to="hello",
        text="\x00",
        media=[{"url": "x"}],
        reference="",
        metadata={"": ""},
        send_at=NOW - DAY,
        expires_at=NOW - DAY,
        **{"from": "nobody"},
    )

    assert found == [
        ("to", "not_a_number"),
        ("from", "not_a_number"),
        ("text", "null_character"),
        ("media[0].url", "bad_url"),
        ("reference", "length"),
        ("metadata", "length"),
        ("send_at", "past"),
        ("expires_at", "too_soon"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"too": REAL},
        {"priority": "later"},
        {"category": "spam"},
        {"send_at": "2026-03-05T10:00:00"},
        {"media": [{"url": PICTURE, "caption": "x"}]},
        {"media": [{"url": PICTURE, "kind": "gif"}]},
        {"metadata": {"k": 1}},
        {"text": 7},
    ],
)
def test_what_has_the_wrong_shape_is_not_read(body):
    """A misspelt name that were ignored would be a message sent at the wrong time."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(dict(send_request()) | body, MessageRequest)


def test_where_the_recipient_is_may_be_told():
    """People keep their numbers when they move; their caller knows better than an area code."""
    draft = check(recipient_zone="America/Denver", recipient_state="az")

    assert (draft.recipient_zone, draft.recipient_state) == ("America/Denver", "AZ")
    assert (check().recipient_zone, check().recipient_state) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient_zone": "Mars/Base"},
        {"recipient_zone": ""},
        {"recipient_zone": "../etc/passwd"},
        {"recipient_zone": "x" * 5000},
        {"recipient_zone": "America/\x00"},
        {"recipient_state": "ZZ"},
        {"recipient_state": "Texas"},
        {"recipient_state": ""},
    ],
)
def test_a_place_that_is_none_is_refused(fields):
    """A zone that were ignored would be a message at the wrong hour."""
    assert faults(**fields) == [(next(iter(fields)), "unknown")]
