"""The provider's error bodies (contract 1.8): what is wrong, and how that is written down."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from wirephoto.simulator.switches import AccountFault, ErrorNumbers, HttpFault, Switches


@dataclass(frozen=True, slots=True)
class InvalidParameter:
    """One parameter that breaks a rule, named by its path in the body."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused. `kind` is a number of the Messages list or a generic word.

    `media_type` is named where it is not that of the Messages API.
    """

    status: int
    title: str
    kind: int | str
    detail: str
    invalid_parameters: tuple[InvalidParameter, ...] = ()
    media_type: str | None = None

    @property
    def content_type(self) -> str:
        """The media type: the Messages API sends 422 as plain JSON (contract 1.8)."""
        if self.media_type is not None:
            return self.media_type
        return "application/json" if self.status == 422 else "application/problem+json"


UNSUPPORTED_CHANNEL = 1100
INVALID_CHANNEL_PARAMETERS = 1110
INVALID_SENDER = 1120
INVALID_RECIPIENT = 1130
INVALID_MESSAGE_TYPE = 1140
INVALID_PARAMS = 1150
INVALID_CLIENT_REF = 1060

_WEBHOOK_NUMBERS = MappingProxyType(
    {
        UNSUPPORTED_CHANNEL: 1400,
        INVALID_CHANNEL_PARAMETERS: 1410,
        INVALID_SENDER: 1420,
        INVALID_RECIPIENT: 1430,
        INVALID_MESSAGE_TYPE: 1440,
        INVALID_PARAMS: 1020,
        INVALID_CLIENT_REF: 1450,
    }
)
"""The numbers under which webhooks report what HTTP errors call 11xx (contract 1.8, trap 1)."""

UNAUTHORIZED = Problem(
    401,
    "You did not provide correct credentials.",
    "unathorized",
    "Check the credentials and that the application they belong to exists.",
)
"""Missing or wrong credentials; the misspelt fragment is the provider's own (contract 1.8)."""
TOKEN_EXPIRED = Problem(
    401, "Unauthorized", "jwt-expired", "The token has expired, or a clock is wrong."
)
MULTIPLE_AUTH_METHODS = Problem(
    401, "Unauthorized", "multiple-auth-methods", "Give one kind of credentials, not several."
)
LOW_BALANCE = Problem(
    402, "Low balance", "low-balance", "The account has no credit left for this request."
)
NOT_FOUND = Problem(404, "Not Found", "not-found", "There is nothing under this address.")
INVALID_JSON = Problem(
    422,
    "The request body did not contain valid JSON",
    "invalid-json",
    "The body must be one JSON object.",
)
BAD_SENDER = Problem(
    422,
    "Invalid sender",
    INVALID_SENDER,
    "The `from` parameter is invalid for the given channel.",
)
RATE_LIMIT_HIT = Problem(
    429, "Rate Limit Hit", 1000, "Too many requests in a second: wait, then try again."
)
INTERNAL_ERROR = Problem(500, "Internal error", 1000, "There was an error within the platform.")
OPERATION_NOT_SUPPORTED = Problem(
    422,
    "Operation not supported",
    "operation-not-supported",
    "Messages of this channel cannot be changed once they are sent.",
)
"""PATCH of an MMS or SMS (contract 1.9); the fragment is assumed."""

ACCOUNT_PROBLEMS = MappingProxyType(
    {
        AccountFault.UNAUTHORIZED: UNAUTHORIZED,
        AccountFault.UNPROVISIONED: Problem(
            401,
            "Unauthorized",
            "unprovisioned",
            "The credentials have no access to this product.",
        ),
        AccountFault.LOW_BALANCE: LOW_BALANCE,
        AccountFault.FORBIDDEN: Problem(
            403, "Forbidden", "forbidden", "The account may not do this."
        ),
        AccountFault.ACCOUNT_SUSPENDED: Problem(
            403, "Account suspended", "account-suspended", "The account is suspended."
        ),
        AccountFault.APPLICATION_SUSPENDED: Problem(
            403, "Application suspended", "application-suspended", "The application is suspended."
        ),
        AccountFault.INVALID_IP: Problem(
            403, "Invalid IP", "invalid-ip", "Requests from this address are not allowed."
        ),
        AccountFault.NOT_FOUND: NOT_FOUND,
    }
)
"""What every request gets while the account has a fault."""

FAULT_PROBLEMS = MappingProxyType(
    {
        HttpFault.THROTTLED: RATE_LIMIT_HIT,
        HttpFault.ERROR_ACCEPTED: INTERNAL_ERROR,
        HttpFault.ERROR_REFUSED: INTERNAL_ERROR,
        HttpFault.UNAUTHORIZED: UNAUTHORIZED,
        HttpFault.LOW_BALANCE: LOW_BALANCE,
        HttpFault.INVALID_SENDER: BAD_SENDER,
    }
)
"""The faults that are answered with a problem body."""


def problem_type(kind: int | str, switches: Switches) -> str:
    """Return the address that names a problem: a number's page, or the generic list."""
    base = f"https://{switches.problem_host}/api-errors"
    return f"{base}/messages#{kind}" if isinstance(kind, int) else f"{base}#{kind}"


def problem_body(problem: Problem, switches: Switches, instance: str) -> bytes:
    """Return `problem` as JSON, spelt as `switches` ask for; `instance` is its trace id."""
    kind = problem.kind
    if problem.status == 422 and switches.error_numbers is ErrorNumbers.WEBHOOK:
        kind = _WEBHOOK_NUMBERS.get(kind, kind) if isinstance(kind, int) else kind
    body: dict[str, Any] = {
        "type": problem_type(kind, switches),
        "title": problem.title,
        "detail": problem.detail,
        "instance": instance,
    }
    if problem.invalid_parameters:
        body["invalid_parameters"] = problem.invalid_parameters
    return msgspec.json.encode(body)
