"""The settings of who hears from us, and when; `Settings` has them with all others."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings

from wirephoto.config import values

_HeldCategories = Annotated[
    tuple[Literal["marketing", "transactional", "conversational"], ...],
    BeforeValidator(values.split_list),
]


def setting(variable: str, default: Any, description: str, **limits: Any) -> Any:
    """Return the field of a setting: its variable, its default, and what it is for."""
    return Field(default, validation_alias=variable, description=description, **limits)


class ComplianceSettings(BaseSettings):
    """Quiet hours, and caps on how often a recipient hears from a brand."""

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
