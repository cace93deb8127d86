"""Nights and days of recipients, for tests of the engine."""

from datetime import datetime
from zoneinfo import ZoneInfo

from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.frequency import parse_caps
from wirephoto.domain.quiet_hours import QuietHours, parse_policy
from wirephoto.domain.quiet_rules import standard_rules


def hours(policy: str = "federal") -> QuietHours:
    """Return quiet hours by a policy, over the rules that come with this version."""
    return QuietHours(parse_policy(policy), standard_rules())


def rules(policy: str = "federal", caps: str | None = None) -> DepartureRules:
    """Return these quiet hours, with frequency caps."""
    return DepartureRules(hours(policy), parse_caps(caps) if caps else {})


def at(text: str, zone: str = "America/New_York") -> datetime:
    """Return the instant when clocks in `zone` show `text`."""
    there = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return there.astimezone(ZoneInfo("UTC"))
