"""From a registration to senders, rates and caps: the tables, and what is said of each number."""

from dataclasses import replace

import pytest

from wirephoto.domain.phone import SenderKind
from wirephoto.domain.registration import (
    PRESETS,
    RATE_MAX,
    RATE_MIN,
    OwnedNumber,
    RegisteredBrand,
    RegisteredCampaign,
    att_rate,
    parse_rate,
    propose,
    tmobile_cap,
)
from wirephoto.errors import RequestRefused

APP = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
NUMBER = OwnedNumber("+12025550100", sends_mms=True, application_id=APP)
BRAND = RegisteredBrand("B1", "Cats and Co")
CAMPAIGN = RegisteredCampaign(
    id="C1",
    brand_id="B1",
    name="Cats",
    status="ACTIVE",
    numbers=frozenset({NUMBER.number}),
    traffic_enabled=True,
    att_class="A",
    tmobile_tier="TOP",
)


def proposal(number=NUMBER, campaigns=(CAMPAIGN,), brands=(BRAND,), application_id=APP):
    (only,) = propose([number], campaigns, brands, application_id=application_id)
    return only


@pytest.mark.parametrize(
    ("classes", "per_minute"), [("ABKSX", 2400), ("CDP", 1200), ("EFT", 50), ("GUWZ", 50)]
)
def test_a_class_has_its_rate(classes, per_minute):
    """AT&T queues out of sight what is faster, and what is slower was paid for in vain."""
    rates = {att_rate(replace(CAMPAIGN, att_class=each)) for each in classes}

    assert rates == {per_minute / 60}


@pytest.mark.parametrize(
    ("changes", "per_minute"),
    [
        ({"att_class": "E", "att_mms_per_minute": 150}, 150),
        ({"att_class": "A", "att_mms_per_minute": 600}, 600),
        ({"att_class": None, "att_mms_per_minute": 3000}, 3000),
        ({"att_class": None}, 50),
        ({"att_class": " a "}, 2400),
    ],
    ids=str,
)
def test_what_the_registration_says_comes_before_the_table(changes, per_minute):
    """It is what the carrier approved; the table is what others wrote about it."""
    assert att_rate(replace(CAMPAIGN, **changes)) == per_minute / 60


@pytest.mark.parametrize(
    ("changes", "cap"),
    [
        ({"tmobile_tier": "LOW"}, 2_000),
        ({"tmobile_tier": "LOW_MID"}, 10_000),
        ({"tmobile_tier": "lower mid"}, 10_000),
        ({"tmobile_tier": "UPPER-MID"}, 40_000),
        ({"tmobile_tier": "HIGH_MID"}, 40_000),
        ({"tmobile_tier": "TOP"}, 200_000),
        ({"tmobile_tier": "PLATINUM"}, 2_000),
        ({"tmobile_tier": None}, None),
        ({"tmobile_tier": "LOW", "tmobile_per_day": 5_000}, 5_000),
    ],
    ids=str,
)
def test_a_tier_has_its_daily_cap(changes, cap):
    """T-Mobile rejects what is above it; an unknown word must not open the door."""
    assert tmobile_cap(replace(CAMPAIGN, **changes)) == cap


def test_presets_have_the_figures_of_their_tiers():
    """Whoever sets a rate by hand names a tier, and need not know the figure."""
    names = ("low", "low-most", "standard", "standard-most", "high", "high-most")

    assert [PRESETS[name] for name in names] == [0.25, 2, 4.5, 15, 60, 240]
    assert (PRESETS["att-a"], PRESETS["att-c"], PRESETS["toll-free"]) == (40, 20, 1)


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        (4.5, 4.5),
        (RATE_MIN, 0.01),
        (RATE_MAX, 240),
        ("4.5", 4.5),
        (" 4.5/s ", 4.5),
        ("50/min", 50 / 60),
        ("0.6/min", 0.01),
        ("Standard", 4.5),
        ("att-c", 20),
    ],
)
def test_a_rate_is_written_as_its_owner_knows_it(said, rate):
    """Registrations speak of minutes, tiers and classes; nobody should have to reckon."""
    assert parse_rate(said) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        *[(said, "out_of_range") for said in (0, -1, 0.009, 240.1, 1e300, "0", "300", "14401/min")],
        *[(said, "invalid") for said in ("", "fast", "4,5", "50 / min", "5/h", "-1", "nan", "1e2")],
        *[(said, "invalid") for said in ("\u0661", "9" * 99, "standard\x00")],
    ],
)
def test_a_mistyped_rate_is_refused_by_its_rule(said, code):
    """A figure too high is filtered by carriers; one too low looks like a stopped line."""
    with pytest.raises(RequestRefused) as refused:
        parse_rate(said)

    [fault] = refused.value.faults
    assert (fault.field, fault.code) == ("rate", code)


def test_a_number_of_an_active_campaign_becomes_its_sender():
    """With the rate of its campaign and the cap of its brand, and nothing left to say."""
    proposed = proposal()

    assert proposed.may_send
    assert proposed.kind is SenderKind.TEN_DLC
    assert (proposed.campaign.provider_id, proposed.campaign.att_class) == ("C1", "A")
    assert proposed.campaign.rate == 40
    assert (proposed.campaign.brand.name, proposed.campaign.brand.daily_cap) == (
        "Cats and Co",
        200_000,
    )
    assert proposed.findings == ()


@pytest.mark.parametrize(
    ("number", "kind", "rate", "said"),
    [
        ("+18005550100", SenderKind.TOLL_FREE, 1.0, "must be verified"),
        ("72345", SenderKind.SHORT_CODE, 10.0, "in its contract"),
    ],
)
def test_other_kinds_are_campaigns_of_their_own(number, kind, rate, said):
    """Carriers meter them by number; the provider's figures are not known, so ours say so."""
    proposed = proposal(replace(NUMBER, number=number))

    assert (proposed.may_send, proposed.kind) == (True, kind)
    assert (proposed.campaign.provider_id, proposed.campaign.rate) == (number, rate)
    assert proposed.campaign.brand is None
    assert said in proposed.remarks[0]


@pytest.mark.parametrize(
    ("number", "campaign", "said"),
    [
        (replace(NUMBER, sends_mms=False), CAMPAIGN, "It has no MMS."),
        (replace(NUMBER, application_id=None), CAMPAIGN, "linked to no application"),
        (replace(NUMBER, application_id="x"), CAMPAIGN, "linked to another application"),
        (NUMBER, replace(CAMPAIGN, numbers=frozenset()), "in no 10DLC campaign"),
        (NUMBER, replace(CAMPAIGN, status="EXPIRED"), "its status is EXPIRED"),
        (NUMBER, replace(CAMPAIGN, traffic_enabled=False), "traffic is not enabled"),
        (replace(NUMBER, number="+447700900123"), CAMPAIGN, "no US or Canadian number"),
    ],
)
def test_a_number_that_cannot_send_says_why(number, campaign, said):
    """Each of these would be rejections in production; here it is a sentence before."""
    proposed = proposal(number, [campaign])

    assert not proposed.may_send
    assert [said in sentence for sentence in proposed.obstacles] == [True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"att_class": "Q"}, "class Q is unknown"),
        ({"att_class": None}, "tells no AT&T class"),
        ({"att_class": "F"}, "Sources disagree"),
        ({"tmobile_tier": "ODD"}, "tier ODD is unknown"),
        ({"tmobile_tier": None}, "tells no T-Mobile tier"),
        ({"refused_by": ("T-Mobile",)}, "T-Mobile does not take"),
    ],
    ids=str,
)
def test_a_figure_that_is_not_certain_says_so(changes, said):
    """It is stored all the same, at its strictest, and somebody can look into it."""
    proposed = proposal(campaigns=[replace(CAMPAIGN, **changes)])

    assert proposed.may_send
    assert [said in sentence for sentence in proposed.remarks] == [True]


def test_without_an_application_links_are_left_open():
    """The account's key alone is enough to read the registration."""
    assert proposal(replace(NUMBER, application_id=None), application_id=None).may_send


def test_a_campaign_without_the_flag_is_active():
    """It came in October 2024; older answers lack it (contract 5.5)."""
    assert proposal(campaigns=[replace(CAMPAIGN, traffic_enabled=None)]).may_send


def test_campaigns_of_a_brand_share_its_lowest_cap():
    """The cap is the brand's, over all its campaigns (contract 4.2)."""
    other = replace(CAMPAIGN, id="C2", numbers=frozenset(), tmobile_tier="LOW")

    assert proposal(campaigns=[CAMPAIGN, other]).campaign.brand.daily_cap == 2_000


def test_of_two_campaigns_the_active_one_counts():
    """A number that moved may be listed in both for a while."""
    ended = replace(CAMPAIGN, id="C9", status="EXPIRED")

    assert proposal(campaigns=[CAMPAIGN, ended]).campaign.provider_id == "C1"


def test_a_brand_that_is_not_listed_has_its_id_for_a_name():
    """A campaign tells its brand; a list that lacks it is no reason to fail."""
    assert proposal(brands=[]).campaign.brand.name == "B1"
