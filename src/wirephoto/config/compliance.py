"""Settings of who may be written to and when, and how people who write back are answered."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import BaseSettings

from wirephoto.config import values
from wirephoto.config.declaring import setting

_HeldCategories = Annotated[
    tuple[Literal["marketing", "transactional", "conversational"], ...],
    BeforeValidator(values.split_list),
]

_RefusedKinds = Annotated[
    tuple[Literal["landline", "invalid", "unassigned", "virtual"], ...],
    BeforeValidator(values.split_list),
]


class ComplianceSettings(BaseSettings):
    """Whom one may write to, and when: opt-outs, consents and quiet hours."""

    brand: str | None = setting(
        "WIREPHOTO_BRAND",
        None,
        "The name by which people know you, in answers to STOP, START and HELP; without it nobody"
        " is answered",
        max_length=40,
    )
    contact: str = setting(
        "WIREPHOTO_CONTACT",
        "",
        "An address, a number or a page for people, in the answer to HELP",
        max_length=40,
    )
    opt_out_scope: Literal["sender", "brand", "tenant"] = setting(
        "WIREPHOTO_OPT_OUT_SCOPE",
        "brand",
        "How far a STOP reaches: the sender that it was sent to, all of its brand, or everything",
    )
    without_consent: Literal["refuse", "warn", "allow"] = setting(
        "WIREPHOTO_WITHOUT_CONSENT",
        "refuse",
        "What becomes of `marketing` to recipients without a consent on record: refused, accepted"
        " with a warning, or accepted",
    )
    double_opt_in: bool = setting(
        "WIREPHOTO_DOUBLE_OPT_IN",
        False,
        "Whether a web form's consent counts only when its recipient has confirmed it by a reply",
    )
    opt_out_wording: Literal["monthly", "always", "first", "off"] = setting(
        "WIREPHOTO_OPT_OUT_WORDING",
        "monthly",
        "How often `marketing` tells how to opt out, from the first message to a recipient on",
    )
    language: Literal["en", "es", "fr"] = setting(
        "WIREPHOTO_LANGUAGE", "en", "Language of that wording: English, Spanish or French"
    )
    answerers: Annotated[Mapping[str, str], BeforeValidator(values.answerers)] = setting(
        "WIREPHOTO_ANSWERERS",
        {},
        "Who answers STOP, START and HELP, where not as [opt-outs.md](opt-outs.md) says: a"
        " comma list such as `10dlc=provider`",
    )
    quiet_hours: str = setting(
        "WIREPHOTO_QUIET_HOURS",
        "state",
        "Whose hours count: `off`, `federal`, `state`, `strictest`, your own, or both, as"
        " [quiet-hours.md](quiet-hours.md) says",
    )
    quiet_hours_rules: str | None = setting(
        "WIREPHOTO_QUIET_HOURS_RULES",
        None,
        "A file of rules that correct those which come with this version",
    )
    quiet_hours_also: _HeldCategories = setting(
        "WIREPHOTO_QUIET_HOURS_ALSO",
        (),
        "Categories that are held as `marketing` is: a comma list of `transactional` and"
        " `conversational`",
    )
    conversation_min: float = setting(
        "WIREPHOTO_CONVERSATION_MIN",
        15.0,
        "Minutes after a recipient's own message in which an answer leaves at any hour; 0 never",
        ge=0,
        le=1440,
    )
    frequency_caps: str | None = setting(
        "WIREPHOTO_FREQUENCY_CAPS",
        None,
        "How often one recipient hears from a brand: a comma list such as"
        " `marketing=3/day,marketing=10/week`",
    )
    look_up: Literal["off", "on"] = setting(
        "WIREPHOTO_LOOK_UP",
        "off",
        "Whether numbers are looked up before their first message is queued, with Vonage's Identity"
        " Insights (a paid product): [numbers.md](numbers.md)",
    )
    look_up_refuses: _RefusedKinds = setting(
        "WIREPHOTO_LOOK_UP_REFUSES",
        ("landline", "invalid"),
        "Kinds of numbers to which a message fails: a comma list of `landline`, `invalid`,"
        " `unassigned` and `virtual`",
    )
    look_up_keep_d: float = setting(
        "WIREPHOTO_LOOK_UP_KEEP_D",
        30.0,
        "Days after which a number is looked up again",
        ge=1,
        le=365,
    )
    look_up_day_max: int = setting(
        "WIREPHOTO_LOOK_UP_DAY_MAX",
        1000,
        "Look-ups that are paid for in a day (UTC), all processes together; messages beyond them go"
        " on unasked",
        ge=0,
        le=100_000_000,
    )
    look_up_url: Annotated[str, AfterValidator(values.base_url)] | None = setting(
        "VONAGE_INSIGHTS_URL",
        None,
        "Where numbers are looked up. Unset: Vonage's host for it, or what stands in for Vonage",
    )
