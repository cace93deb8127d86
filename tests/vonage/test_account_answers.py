"""The provider's words for numbers, brands and campaigns, as documents and samples have them."""

import pytest

from wirephoto.domain.registration import OwnedNumber, RegisteredBrand
from wirephoto.vonage.account_answers import (
    read_brand,
    read_campaign,
    read_campaign_number,
    read_list,
    read_numbers,
)

APP = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
NUMBER = {
    "country": "US",
    "msisdn": "12025550100",
    "moHttpUrl": "https://example.com/inbound",
    "type": "mobile-lvn",
    "features": ["VOICE", "SMS", "MMS"],
}


@pytest.mark.parametrize(
    ("more", "application_id"),
    [
        ({}, None),
        ({"app_id": APP.upper()}, APP),
        ({"messagesCallbackType": "app", "messagesCallbackValue": APP}, APP),
        ({"messagesCallbackType": "http", "messagesCallbackValue": "x"}, None),
        ({"app_id": None}, None),
    ],
)
def test_a_number_names_its_application_in_two_ways(more, application_id):
    """Both are in the document of the Numbers API (contract 5.4)."""
    page = read_numbers({"count": 1, "numbers": [NUMBER | more]})

    assert page.items == [OwnedNumber("+12025550100", True, application_id)]
    assert (page.count, page.total) == (1, 1)


@pytest.mark.parametrize(
    ("body", "total"),
    [({}, 0), ({"count": 3, "numbers": None}, 3), ({"numbers": [7, {}, {"msisdn": "cat"}]}, 0)],
)
def test_what_is_no_number_is_left_out(body, total):
    """One odd entry must not hide the others."""
    page = read_numbers(body)

    assert (page.items, page.total) == ([], total)


def test_features_may_be_missing():
    """Then it has no MMS, as far as anybody said."""
    (number,) = read_numbers({"numbers": [{"msisdn": "72345"}]}).items

    assert number == OwnedNumber("72345", sends_mms=False)


@pytest.mark.parametrize(
    ("value", "brand"),
    [
        ({"brand_id": "BLQKOPK", "display_name": "Cats"}, RegisteredBrand("BLQKOPK", "Cats")),
        ({"brand_id": "BLQKOPK", "company_name": "Co"}, RegisteredBrand("BLQKOPK", "Co")),
        ({"brand_id": "BLQKOPK"}, RegisteredBrand("BLQKOPK", "BLQKOPK")),
        ({"display_name": "Cats"}, None),
        ({"brand_id": "../x"}, None),
        ("BLQKOPK", None),
    ],
)
def test_a_brand_needs_an_id_only(value, brand):
    """The id becomes part of an address, so it must be one."""
    assert read_brand(value) == brand


CAMPAIGN = {"campaign_id": "C1DEB87", "brand_id": "BLQKOPK", "usecase": "MIXED", "status": "ACTIVE"}
ATT = {"mno": "AT&T", "qualify": True, "mno_support": True}


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ([ATT | {"msg_class": "A", "tpm": 4500}, {"brand_tier": "LOW"}], ("A", None, "LOW", None)),
        (
            [ATT | {"att_msg_class": "E", "att_tpm": 240, "att_mms_tpm": 150}],
            ("E", 150, None, None),
        ),
        ([{"tmo_brand_tier": "TOP", "tmo_tpd": 200000}], (None, None, "TOP", 200_000)),
        ([{"tmo_brand_tier": "LOW", "tmo_tpd": 0, "att_mms_tpm": "0"}], (None, None, "LOW", None)),
        ([], (None, None, None, None)),
        ("none", (None, None, None, None)),
        ([None, 3, {"att_msg_class": {}}], (None, None, None, None)),
    ],
)
def test_carriers_figures_are_found_in_both_spellings(metadata, told):
    """The document of 2021 has one, sample answers of later versions the other (contract 5.5)."""
    read = read_campaign(CAMPAIGN | {"mno_metadata": metadata})

    assert told == (
        read.att_class,
        read.att_mms_per_minute,
        read.tmobile_tier,
        read.tmobile_per_day,
    )


def test_a_carrier_that_does_not_take_a_campaign_is_named():
    """The campaign is active, and yet nothing arrives there."""
    metadata = [ATT | {"qualify": False}, {"network_id": 10035, "mno_support": False}, ATT]
    read = read_campaign(CAMPAIGN | {"mno_metadata": metadata})

    assert read.refused_by == ("AT&T", "10035")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ("MIXED", "ACTIVE", None)),
        ({"label": "Cats", "traffic_enabled": False}, ("Cats", "ACTIVE", False)),
        ({"usecase": None, "status": None}, ("C1DEB87", "UNKNOWN", None)),
        ({"traffic_enabled": "yes"}, ("MIXED", "ACTIVE", None)),
    ],
)
def test_a_campaign_has_a_name_and_a_status_in_any_case(changes, told):
    """A status that nobody told is not an active one."""
    read = read_campaign(CAMPAIGN | changes)

    assert (read.name, read.status, read.traffic_enabled) == told


def test_lists_stand_where_the_document_has_them():
    """Another envelope is an empty page, and the last."""
    listed = {"_embedded": {"numbers": [{"number": "x"}, {"number": "12025550100"}]}}
    page = read_list(listed, "numbers", read_campaign_number)

    assert (page.items, page.count, page.total) == (["+12025550100"], 2, 1)
    assert read_list({"numbers": []}, "numbers", read_campaign_number).count == 0
    assert read_campaign({"brand_id": "B"}) is None
