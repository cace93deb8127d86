"""From what is registered at the provider to senders, paces and caps: nobody types the figures.

Carriers meter a 10DLC campaign (AT&T) and a brand's day (T-Mobile). What the registration itself
says counts; where it is silent, the figures below do, and of two sources the stricter one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from wirephoto.domain.phone import SenderKind, sender_kind
from wirephoto.errors import Fault, RequestRefused

ATT_MMS_PER_MINUTE: Mapping[str, int] = MappingProxyType(
    dict.fromkeys("ABKSX", 2400) | dict.fromkeys("CDP", 1200) | dict.fromkeys("EFT", 50)
)
"""What AT&T takes from a campaign of each class, MMS a minute (facts 6.1; contract 4.2).

For E and F the sources disagree: 150 by one (contract 4.2), 50 by the other ("all others", facts
6.1). It is 50 here, and more only where the registration itself says so. Others take AT&T's
figure for Verizon too (contract 4.2), so it paces all traffic.
"""
ATT_MMS_PER_MINUTE_MIN = 50
"""What every other class has, and a campaign whose class is not known (facts 6.1)."""
TMOBILE_MESSAGES_PER_DAY: Mapping[str, int] = MappingProxyType(
    {
        "LOW": 2_000,
        "LOW_MID": 10_000,
        "LOWER_MID": 10_000,
        "HIGH_MID": 40_000,
        "UPPER_MID": 40_000,
        "TOP": 200_000,
        "HIGH": 200_000,
    }
)
"""What T-Mobile takes from a brand of each tier a day (contract 4.2, facts 6.1).

The figures have sources; of the words only LOW and TOP have (contract 4.2). The others are
assumed, in the spellings under which registrars write of four tiers.
"""
TOLL_FREE_RATE = 1.0
"""Messages a second of a toll-free number: the provider's own figure is not known (contract 4.3).

Others give from 6 a minute to 3 a second (facts 6.1, contract 4.3).
"""
SHORT_CODE_RATE = 10.0
"""Messages a second of a short code: the provider's own figure is not known (contract 4.3).

Others give 100. This is a tenth, and below the 30 requests a second that an account may make
without an agreement (contract 4.1): whoever has a contract for more sets it by hand.
"""
PRESETS: Mapping[str, float] = MappingProxyType(
    {
        "low": 0.25,
        "low-most": 2.0,
        "standard": 4.5,
        "standard-most": 15.0,
        "high": 60.0,
        "high-most": 240.0,
    }
    | {f"att-{name.lower()}": per_minute / 60 for name, per_minute in ATT_MMS_PER_MINUTE.items()}
    | {"toll-free": TOLL_FREE_RATE, "short-code": SHORT_CODE_RATE}
)
"""Messages a second by name, for whoever sets a campaign's rate by hand.

`low`, `standard` and `high` are trust tiers of 10DLC: 0.25 to 2, 4.5 to 15 and 60 to 240 messages
a second over all carriers, the least and the `most` of each (figures of the requirements, without
a carrier's page behind them). `att-a` and so on are AT&T's classes.
"""
RATE_MIN, RATE_MAX = 0.01, 240.0
"""The rates that may be set by hand: beyond them it is a mistyped number."""
_RATE = re.compile(r"(?P<count>[0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/(?P<unit>s|min))?", re.ASCII)
_RATE_WRITTEN = (
    'Write messages a second (4.5), messages a minute ("50/min") or a preset: '
    + ", ".join(PRESETS)
    + "."
)
_ACTIVE = frozenset({"ACTIVE", "APPROVED"})


def parse_rate(said: float | str) -> float:
    """Return messages a second, from a number, `4.5/s`, `50/min` or the name of a preset.

    Raises:
        RequestRefused: it is none of these, or beyond what a campaign can have.
    """
    rate = _read_rate(said.strip().lower()) if isinstance(said, str) else said
    if rate is None:
        raise RequestRefused([Fault("rate", "invalid", _RATE_WRITTEN)])
    if not RATE_MIN <= rate <= RATE_MAX:
        message = f"A rate is {RATE_MIN:g} to {RATE_MAX:g} messages a second; this is {rate:g}."
        raise RequestRefused([Fault("rate", "out_of_range", message)])
    return rate


def _read_rate(text: str) -> float | None:
    if text in PRESETS:
        return PRESETS[text]
    written = _RATE.fullmatch(text)
    return float(written["count"]) / (60 if written["unit"] == "min" else 1) if written else None


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number of the account: E.164 with `+`, or a short code's digits.

    `application_id` is the application that it is linked to, if any.
    """

    number: str
    sends_mms: bool
    application_id: str | None = None


@dataclass(frozen=True, slots=True)
class RegisteredBrand:
    """A brand at the provider."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RegisteredCampaign:
    """A 10DLC campaign at the provider, with the figures that its registration tells.

    `traffic_enabled` is None where it is not told. `refused_by` names carriers that do not take
    its messages. `att_mms_per_minute` and `tmobile_per_day` are the registration's own figures.
    """

    id: str
    brand_id: str
    name: str
    status: str
    numbers: frozenset[str] = frozenset()
    traffic_enabled: bool | None = None
    att_class: str | None = None
    att_mms_per_minute: int | None = None
    tmobile_tier: str | None = None
    tmobile_per_day: int | None = None
    refused_by: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Tell whether the carriers take its messages now."""
        return self.status.upper() in _ACTIVE and self.traffic_enabled is not False


@dataclass(frozen=True, slots=True)
class ProposedBrand:
    """A brand as it should be stored; a cap of None says nothing about the stored one."""

    provider_id: str
    name: str
    daily_cap: int | None


@dataclass(frozen=True, slots=True)
class ProposedCampaign:
    """A campaign as it should be stored: `rate` in messages a second, over all its senders.

    A toll-free number or a short code is a campaign of its own, under its number and of no
    registered brand.
    """

    provider_id: str
    name: str
    rate: float
    att_class: str | None = None
    brand: ProposedBrand | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What should become of a number.

    `obstacles` are sentences that say why it cannot send; where there are some, nothing of it is
    to be stored. `remarks` say what somebody should know of the figures.
    """

    number: str
    kind: SenderKind | None
    campaign: ProposedCampaign | None
    obstacles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """Every sentence about the number, the obstacles first."""
        return self.obstacles + self.remarks

    @property
    def may_send(self) -> bool:
        """Tell whether the number can be a sender."""
        return self.campaign is not None and not self.obstacles


def propose(
    numbers: Sequence[OwnedNumber],
    campaigns: Sequence[RegisteredCampaign],
    brands: Sequence[RegisteredBrand],
    *,
    application_id: str | None,
) -> list[Proposal]:
    """Return what should become of each number, in order of the numbers.

    `application_id` is the application that sends; None leaves open whether numbers are linked.
    """
    # Where two campaigns have a number, the one that carriers take wins.
    in_order = sorted(campaigns, key=lambda campaign: (campaign.is_active, campaign.id))
    campaign_of = {number: campaign for campaign in in_order for number in campaign.numbers}
    proposed_brands = {
        brand.id: _propose_brand(brand, campaigns)
        for brand in (*_unlisted_brands(campaigns), *brands)
    }
    return [
        _propose_number(
            number,
            campaign_of.get(number.number),
            brands=proposed_brands,
            application_id=application_id,
        )
        for number in sorted(numbers, key=lambda number: number.number)
    ]


def _unlisted_brands(campaigns: Sequence[RegisteredCampaign]) -> Iterator[RegisteredBrand]:
    """Yield a brand for every campaign, for those whose brand is missing from the list."""
    for campaign in campaigns:
        yield RegisteredBrand(campaign.brand_id, campaign.brand_id)


def _propose_brand(
    brand: RegisteredBrand, campaigns: Sequence[RegisteredCampaign]
) -> ProposedBrand:
    """Return a brand with the lowest cap that its campaigns tell: they share it (contract 4.2)."""
    caps = [
        cap
        for campaign in campaigns
        if campaign.brand_id == brand.id and (cap := tmobile_cap(campaign)) is not None
    ]
    return ProposedBrand(brand.id, brand.name, min(caps, default=None))


def tmobile_cap(campaign: RegisteredCampaign) -> int | None:
    """Return T-Mobile's daily cap of the campaign's brand, and None where nothing tells it.

    A tier that we have no figure for has the lowest one.
    """
    if campaign.tmobile_per_day is not None:
        return campaign.tmobile_per_day
    if campaign.tmobile_tier is None:
        return None
    lowest = TMOBILE_MESSAGES_PER_DAY["LOW"]
    return TMOBILE_MESSAGES_PER_DAY.get(_word(campaign.tmobile_tier), lowest)


def att_rate(campaign: RegisteredCampaign) -> float:
    """Return the messages a second that AT&T takes from a campaign (contract 4.2, facts 6.1)."""
    per_minute = campaign.att_mms_per_minute
    if per_minute is None:
        class_ = _word(campaign.att_class or "")
        per_minute = ATT_MMS_PER_MINUTE.get(class_, ATT_MMS_PER_MINUTE_MIN)
    return per_minute / 60


def _propose_number(
    number: OwnedNumber,
    campaign: RegisteredCampaign | None,
    *,
    brands: Mapping[str, ProposedBrand],
    application_id: str | None,
) -> Proposal:
    kind = sender_kind(number.number)
    obstacles = tuple(_obstacles(number, kind, campaign, application_id))
    match kind:
        case SenderKind.TEN_DLC if campaign:
            proposed: ProposedCampaign | None = ProposedCampaign(
                provider_id=campaign.id,
                name=campaign.name,
                rate=att_rate(campaign),
                att_class=_word(campaign.att_class or "") or None,
                brand=brands[campaign.brand_id],
            )
            remarks = tuple(_remarks(campaign))
        case SenderKind.TOLL_FREE:
            proposed = ProposedCampaign(number.number, number.number, TOLL_FREE_RATE)
            remarks = (f"A toll-free number must be verified; its rate is assumed: {_assumed(1)}.",)
        case SenderKind.SHORT_CODE:
            proposed = ProposedCampaign(number.number, number.number, SHORT_CODE_RATE)
            remarks = (f"A short code's rate is in its contract; assumed: {_assumed(10)}.",)
        case _:
            proposed, remarks = None, ()
    return Proposal(number.number, kind, proposed, obstacles, remarks)


def _assumed(rate: int) -> str:
    return f"{rate} message{'' if rate == 1 else 's'} a second"


def _obstacles(
    number: OwnedNumber,
    kind: SenderKind | None,
    campaign: RegisteredCampaign | None,
    application_id: str | None,
) -> Iterator[str]:
    """Yield why a number cannot send (contract 4.2, 4.3, 5.4)."""
    if kind is None:
        yield "It is no US or Canadian number and no short code: no MMS from it."
        return
    if not number.sends_mms:
        yield "It has no MMS."
    if application_id is not None and number.application_id != application_id:
        linked = "another application" if number.application_id else "no application"
        yield f"It is linked to {linked}: link it to the one that sends."
    if kind is not SenderKind.TEN_DLC:
        return
    if campaign is None:
        yield "It is in no 10DLC campaign: carriers block it."
    elif not campaign.is_active:
        why = (
            "its traffic is not enabled"
            if campaign.traffic_enabled is False
            else f"its status is {campaign.status}"
        )
        yield f"Its campaign {campaign.id} is not active: {why}."


def _remarks(campaign: RegisteredCampaign) -> Iterator[str]:
    """Yield where the figures of a campaign come from, if not from known words."""
    class_ = _word(campaign.att_class or "")
    strict = f"{ATT_MMS_PER_MINUTE_MIN} a minute"
    if campaign.att_mms_per_minute is None:
        if not class_:
            yield f"The registration tells no AT&T class: the lowest rate, {strict}."
        elif class_ not in ATT_MMS_PER_MINUTE:
            yield f"Its AT&T class {class_} is unknown: the lowest rate, {strict}."
        elif class_ in "EF":
            yield f"Sources disagree on AT&T class {class_} (150 or 50): the lower, {strict}."
    tier = _word(campaign.tmobile_tier or "")
    if campaign.tmobile_per_day is None:
        if not tier:
            yield "The registration tells no T-Mobile tier: the daily cap stays as it is."
        elif tier not in TMOBILE_MESSAGES_PER_DAY:
            lowest = TMOBILE_MESSAGES_PER_DAY["LOW"]
            yield f"Its T-Mobile tier {tier} is unknown: the lowest daily cap, {lowest:,}."
    for carrier in campaign.refused_by:
        yield f"{carrier} does not take its campaign's messages."


def _word(said: str) -> str:
    """Return a class or a tier in the spelling of the tables."""
    return said.strip().upper().replace(" ", "_").replace("-", "_")
