"""A question to the provider about one attempt, long after it was made."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LookUp:
    """Which attempt is meant, and when the provider may have received its request.

    `since` and `until` bound that time from both sides; neither lies in the future and they are
    less than a day apart, because the provider answers no wider question. Numbers are E.164 with
    `+`; a sender may be a short code.
    """

    client_ref: str
    provider_message_id: str | None
    sender: str
    recipient: str
    since: datetime
    until: datetime
