"""Settings of who may be written to and when, and how people who write back are answered."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings

from wirephoto.config import values
from wirephoto.config.declaring import setting

_HeldCategories = Annotated[
    tuple[Literal["marketing", "transactional", "conversational"], ...],
    BeforeValidator(values.split_list),
]


class ComplianceSettings(BaseSettings):
    """The part of the settings that `docs/opt-outs.md` and `docs/quiet-hours.md` explain."""

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
