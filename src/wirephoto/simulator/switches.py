"""What can be changed while the simulator runs: delays, limits, and every way to misbehave."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, Any

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
Rate = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
Slack = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class HttpFault(StrEnum):
    """One way in which a request goes wrong; `accepts` tells whether the message goes out."""

    THROTTLED = "throttled"
    """429: surely not accepted (contract 1.8)."""
    ERROR_ACCEPTED = "error_accepted"
    """500, and yet the message goes out."""
    ERROR_REFUSED = "error_refused"
    """500, and the message is not accepted."""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page of HTML, as an edge proxy answers; not accepted."""
    DROPPED_UNREAD = "dropped_unread"
    """The connection is closed before the request counts as read; not accepted."""
    DROPPED_ACCEPTED = "dropped_accepted"
    """The request is read and accepted, then the connection is closed without an answer."""
    DROPPED_REFUSED = "dropped_refused"
    """The request is read, not accepted, and the connection is closed without an answer."""
    DELAYED = "delayed"
    """The message is accepted at once; its 202 comes after `Switches.answer_delay_s`."""
    TRUNCATED = "truncated"
    """The message is accepted; the JSON of its 202 stops half way."""
    UNAUTHORIZED = "unauthorized"
    """401 in spite of good credentials."""
    LOW_BALANCE = "low_balance"
    """402."""
    INVALID_SENDER = "invalid_sender"
    """422 of the sender."""

    @property
    def accepts(self) -> bool:
        """Whether the message is accepted although its answer is spoilt."""
        return self in {
            HttpFault.ERROR_ACCEPTED,
            HttpFault.DROPPED_ACCEPTED,
            HttpFault.DELAYED,
            HttpFault.TRUNCATED,
        }


class AccountFault(StrEnum):
    """Why the provider refuses every request of the account (contract 1.8)."""

    UNAUTHORIZED = "unauthorized"
    UNPROVISIONED = "unprovisioned"
    LOW_BALANCE = "low-balance"
    FORBIDDEN = "forbidden"
    ACCOUNT_SUSPENDED = "account-suspended"
    APPLICATION_SUSPENDED = "application-suspended"
    INVALID_IP = "invalid-ip"
    NOT_FOUND = "not-found"


class Outage(StrEnum):
    """How the provider is down."""

    UNAVAILABLE = "unavailable"
    """Every request gets 503 and a page of HTML."""
    DROP = "drop"
    """Every connection is closed without an answer."""


class LookUpFault(StrEnum):
    """How one kind of look-up goes wrong, while messages are accepted as ever."""

    THROTTLED = "throttled"
    """429."""
    FORBIDDEN = "forbidden"
    """403: the account has not paid for this product (contract 5.1), or may not ask."""
    ERROR = "error"
    """500."""
    UNAVAILABLE = "unavailable"
    """503 and a page of HTML."""
    DROP = "drop"
    """The connection is closed without an answer."""
    TRUNCATED = "truncated"
    """The JSON of the answer stops half way."""


class ProblemHost(StrEnum):
    """Whose pages the problem types point to; both are seen in the wild (contract 1.8)."""

    VONAGE = "developer.vonage.com"
    NEXMO = "developer.nexmo.com"


class ErrorNumbers(StrEnum):
    """Which numbers HTTP errors carry: their own, or those of webhooks (contract 1.8)."""

    OWN = "11xx"
    WEBHOOK = "14xx"


class ErrorTitle(StrEnum):
    """The shape of a receipt's `error`: all three are in official test data (contract 2.2)."""

    STRING = "string"
    NUMBER = "number"
    NESTED = "nested"


@dataclass(frozen=True, slots=True)
class Switches:
    """One setting of everything that can be changed while the simulator runs.

    `rate_per_s` is the account's limit over a sliding window (30 is the provider's default,
    contract 4.1), `rate_slack` what is let through above it, None switches the limit off.
    """

    rate_per_s: Rate | None = 30.0
    rate_slack: Slack = 0
    retry_after: bool = True
    """Whether a 429 carries `Retry-After` and the rate headers; they are optional by contract."""
    problem_host: ProblemHost = ProblemHost.VONAGE
    error_numbers: ErrorNumbers = ErrorNumbers.OWN
    account_fault: AccountFault | None = None
    outage: Outage | None = None
    fault_rates: Mapping[HttpFault, Chance] = field(default_factory=dict)
    """The chance of each fault for any message, from the seeded source; together at most 1."""
    answer_delay_s: Seconds = 20.0
    """How late the 202 of a `delayed` message comes."""

    fetch_media: bool = True
    submitted_delay_s: Seconds = 0.2
    """From acceptance (and the media fetch) to the receipt `submitted`."""
    final_delay_s: Seconds = 1.0
    """From `submitted` to the final receipt."""

    receipts_doubled: bool = False
    receipts_disordered: bool = False
    receipts_final: bool = True
    """Off: no message ever gets a final receipt."""
    webhooks_signed: bool = True
    webhook_hash_right: bool = True
    webhook_iat_skew_s: Annotated[float, msgspec.Meta(ge=-604_800, le=604_800)] = 0.0
    webhook_retry_any: bool = False
    """Retry after any answer but 2xx, as an older page says (contract 2.1: 429 and 5xx only)."""
    error_title: ErrorTitle = ErrorTitle.STRING
    content_repeats_first: bool = True
    """Whether `content` of an inbound message repeats the first attachment (contract 2.3)."""

    inbound_media_secured: bool = True
    """Whether files that phones sent are given to holders of a token alone (contract 2.3)."""

    reports_delay_s: Seconds = 30.0
    """How long after its acceptance a message shows up in the records; not documented (5.1)."""
    reports_page_items: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    """How many records a page has at most; not documented."""
    reports_fault: LookUpFault | None = None
    numbers_fault: LookUpFault | None = None
    insights_fault: LookUpFault | None = None
    tendlc_fault: LookUpFault | None = None
    tendlc_page_items: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    """How many brands, campaigns or numbers a page of 10DLC has at most; not documented."""


class SwitchBoard:
    """Holds the present `Switches` for everyone who obeys them."""

    def __init__(self, switches: Switches) -> None:
        self.now = switches

    def flip(self, changes: Mapping[str, Any]) -> Switches:
        """Change the named switches, all or none, and return the new setting.

        Raises:
            ValueError: a name that no switch has, or a value out of its range; the text says which.
        """
        values: dict[str, Any] = {
            field.name: getattr(self.now, field.name) for field in fields(Switches)
        }
        unknown = sorted(changes.keys() - values.keys())
        if unknown:
            raise ValueError(f"no such switch: {', '.join(unknown)}")
        switches = msgspec.convert(msgspec.to_builtins({**values, **changes}), Switches)
        if sum(switches.fault_rates.values()) > 1:
            raise ValueError("fault_rates add up to more than 1")
        self.now = switches
        return switches
