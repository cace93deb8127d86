"""What the simulated account has: numbers, and brands with their 10DLC campaigns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulatedNumber:
    """A number of the account; `linked` to the one application or to none."""

    msisdn: str
    type: str = "mobile-lvn"
    features: tuple[str, ...] = ("SMS", "VOICE", "MMS")
    linked: bool = True
    country: str = "US"


@dataclass(frozen=True, slots=True)
class SimulatedCampaign:
    """A 10DLC campaign; `att_mms_tpm` and `tmo_tpd` are left out of answers where they are None."""

    campaign_id: str
    label: str
    numbers: tuple[str, ...]
    status: str = "ACTIVE"
    traffic_enabled: bool = True
    att_msg_class: str = "A"
    att_tpm: int = 4500
    att_mms_tpm: int | None = None
    tmo_brand_tier: str = "TOP"
    tmo_tpd: int | None = None


@dataclass(frozen=True, slots=True)
class SimulatedBrand:
    """A brand and its campaigns."""

    brand_id: str
    display_name: str
    campaigns: tuple[SimulatedCampaign, ...]


SAMPLE_NUMBERS = (
    SimulatedNumber("12025550100"),
    SimulatedNumber("12025550101", features=("SMS", "VOICE")),
    SimulatedNumber("12025550102"),
    SimulatedNumber("18005550100", type="landline-toll-free"),
)
"""The demo's sender, one without MMS, one of a campaign that is not active, and a toll-free one."""
SAMPLE_BRANDS = (
    SimulatedBrand(
        "B1CA7A1",
        "Cats and Co",
        (
            SimulatedCampaign("CA7F001", "Pictures of cats", ("12025550100", "12025550101")),
            SimulatedCampaign(
                "CA7F002",
                "Not approved yet",
                ("12025550102",),
                traffic_enabled=False,
                att_msg_class="E",
                att_tpm=240,
            ),
        ),
    ),
)
"""The brand of the demo's sender, with a campaign of AT&T's class A and one without traffic."""
