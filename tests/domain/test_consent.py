"""Consents: what proves one, how long it counts, and what needs it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, RECIPIENT
from wirephoto.domain.consent import (
    Consent,
    ConsentClass,
    ConsentMethod,
    ConsentPolicy,
    Revocation,
    WithoutConsent,
    consent_faults,
    judge_consent,
    kept_until,
    known_place,
)
from wirephoto.domain.message import Category

MARKETING, INFORMATIONAL = ConsentClass.MARKETING, ConsentClass.INFORMATIONAL
DAY = timedelta(days=1)


def consent(*, days_ago=10, **changes):
    fields = {
        "id": f"con_{days_ago}",
        "recipient": RECIPIENT,
        "brand_id": "brand_a",
        "consent_class": MARKETING,
        "method": ConsentMethod.WEB_FORM,
        "given_at": NOW - days_ago * DAY,
        "disclosure": "I agree to get pictures by text from Acme.",
        "page_url": "https://acme.example.com/join",
    }
    return Consent(**(fields | changes))


def revocation(days_ago, consent_class=None):
    return Revocation(NOW - days_ago * DAY, consent_class)


def verdict(category, consents=(), revocations=(), **policy):
    return judge_consent(category, consents, revocations, policy=ConsentPolicy(**policy), now=NOW)


def judged(category, consents=(), revocations=(), **policy):
    found = verdict(category, consents, revocations, **policy)
    return found.allowed, found.reason


@pytest.mark.parametrize(
    ("category", "consents", "expected"),
    [
        ("marketing", [consent()], (True, "recorded")),
        ("marketing", [], (False, "missing")),
        ("marketing", [consent(consent_class=INFORMATIONAL)], (False, "missing")),
        ("transactional", [consent(consent_class=INFORMATIONAL)], (True, "recorded")),
        ("transactional", [consent()], (True, "recorded")),
        ("transactional", [], (True, "implied")),
        ("conversational", [], (True, "not_needed")),
        ("emergency", [], (True, "not_needed")),
    ],
)
def test_the_category_decides_what_is_needed(category, consents, expected):
    """Advertising needs a written consent; a receipt for a purchase does not (facts 1.4)."""
    assert judged(Category(category), consents) == expected


@pytest.mark.parametrize(
    ("without", "allowed", "warned"),
    [
        (WithoutConsent.REFUSE, False, False),
        (WithoutConsent.WARN, True, True),
        (WithoutConsent.ALLOW, True, False),
    ],
)
def test_advertising_without_a_record_is_the_operators_to_decide(without, allowed, warned):
    """Some keep their consents elsewhere."""
    found = verdict(Category.MARKETING, without=without)

    assert (found.allowed, found.warned, found.reason) == (allowed, warned, "missing")


@pytest.mark.parametrize("category", [Category.MARKETING, Category.TRANSACTIONAL])
@pytest.mark.parametrize("without", list(WithoutConsent))
def test_a_revocation_is_nobodys_to_decide(category, without):
    """It is the recipient's own word."""
    found = judged(category, [consent()], [revocation(5)], without=without)

    assert found == (False, "revoked")


def test_who_consents_again_is_heard_again():
    """The last word counts, and its record is the proof."""
    found = verdict(
        Category.MARKETING, [consent(days_ago=10), consent(days_ago=1)], [revocation(5)]
    )

    assert (found.allowed, found.consent_id) == (True, "con_1")


def test_in_the_same_instant_the_revocation_wins():
    """A false refusal costs a message, a false consent a lawsuit."""
    assert judged(Category.MARKETING, [consent(days_ago=5)], [revocation(5)]) == (False, "revoked")


def test_advertising_can_be_revoked_alone():
    """Whoever is tired of offers still wants to know where their parcel is."""
    records = [consent()], [revocation(5, MARKETING)]

    assert judged(Category.MARKETING, *records) == (False, "revoked")
    assert judged(Category.TRANSACTIONAL, *records) == (True, "implied")


@pytest.mark.parametrize(("days", "reason"), [(1, "recorded"), (0, "expired"), (-1, "expired")])
def test_a_consent_counts_until_it_expires(days, reason):
    """A raffle's consent ends with the raffle."""
    found = judged(Category.MARKETING, [consent(expires_at=NOW + days * DAY)])

    assert found == (reason == "recorded", reason)


def test_an_expired_consent_after_a_revocation_is_expired():
    """The last word was a yes, so the operator's setting applies again."""
    records = [consent(days_ago=9), consent(days_ago=3, expires_at=NOW - DAY)], [revocation(5)]

    assert judged(Category.MARKETING, *records) == (False, "expired")


def test_a_form_counts_once_a_reply_confirms_it():
    """Anybody can type somebody else's number into a form."""
    form = consent(days_ago=2)
    reply = consent(days_ago=1, method=ConsentMethod.KEYWORD, inbound_id="inb_1")

    assert judged(Category.MARKETING, [form], double_opt_in=True) == (False, "unconfirmed")
    assert judged(Category.MARKETING, [form, reply], double_opt_in=True) == (True, "recorded")
    assert judged(Category.MARKETING, [form], double_opt_in=False) == (True, "recorded")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"days_ago": -1}, ["given_at"]),
        ({"expires_at": NOW - 20 * DAY}, ["expires_at"]),
        ({"days_ago": 36_526}, ["given_at"]),
        ({"expires_at": NOW + 36_526 * DAY}, ["expires_at"]),
        ({"page_url": None}, ["page_url"]),
        ({"disclosure": ""}, ["disclosure"]),
        ({"disclosure": "", "consent_class": INFORMATIONAL}, []),
        ({"method": ConsentMethod.KEYWORD}, ["inbound_id"]),
        ({"method": ConsentMethod.KEYWORD, "inbound_id": "inb_1"}, []),
        ({"method": ConsentMethod.IMPORT}, ["imported_by"]),
        ({"method": ConsentMethod.VERBAL}, ["method"]),
        ({"method": ConsentMethod.VERBAL, "consent_class": INFORMATIONAL}, []),
        ({"method": ConsentMethod.PAPER}, []),
    ],
)
def test_a_record_that_proves_nothing_is_refused(changes, fields):
    """It is written once and read in court."""
    assert [field for field, _ in consent_faults(consent(**changes), NOW)] == fields


def test_the_latest_record_tells_where_the_recipient_lives():
    """Quiet hours are theirs, and numbers move with people."""
    records = [
        consent(days_ago=9, zone="America/Denver", state="CO"),
        consent(days_ago=2, state="TX"),
        consent(days_ago=1),
    ]

    assert known_place(records) == (None, "TX")
    assert known_place([consent()]) == (None, None)


def test_a_consent_is_kept_four_years_after_the_last_message():
    """That is how long somebody may sue (facts 1.4)."""
    assert kept_until(consent(days_ago=10), NOW) == NOW + timedelta(days=1461)
    assert kept_until(consent(days_ago=10), None) == NOW + timedelta(days=1451)


CONSENTS = st.builds(
    consent, days_ago=st.integers(0, 9), consent_class=st.sampled_from(list(ConsentClass))
)
REVOCATIONS = st.builds(
    revocation, st.integers(0, 9), st.sampled_from([None, MARKETING, INFORMATIONAL])
)


@given(st.lists(CONSENTS, max_size=4), st.lists(REVOCATIONS, max_size=4), st.randoms())
def test_the_order_of_the_records_does_not_matter(consents, revocations, random):
    """Imports and webhooks come in any order."""
    before = [judged(category, consents, revocations) for category in Category]
    random.shuffle(consents)
    random.shuffle(revocations)

    assert [judged(category, consents, revocations) for category in Category] == before


@given(st.lists(CONSENTS, max_size=4), st.sampled_from(list(WithoutConsent)))
def test_who_revoked_everything_last_gets_no_advertising(consents, without):
    """Whatever came before, and whatever the operator set."""
    found = judged(Category.MARKETING, consents, [revocation(0)], without=without)

    assert found == (False, "revoked")
