"""Endpoints: where a customer wants to be told of events, and how well they answer."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wirephoto.domain.address import Network, is_allowed
from wirephoto.domain.delivery import Answer
from wirephoto.domain.url import UrlFault, check_url, parse_url

ENDPOINTS_MAX = 50
"""Endpoints that a tenant may have: each is served by itself."""
DESCRIPTION_CHARS_MAX = 200
SECRET_BYTES = 32
"""Random bytes of a secret; Standard Webhooks asks for 24 to 64."""
FORMER_KEPT = timedelta(hours=24)
"""How long the secret before the last one still signs beside it."""
DOWN_FAILURES = 5
"""Failures in a row after which an endpoint is tried with one event at a time."""
_REST_S_MAX = 300.0
HTTPS_ONLY = "Events go to https addresses; http only into networks that the operator allows."


class DisabledBy(StrEnum):
    """Why an endpoint is told of nothing."""

    OPERATOR = "operator"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a customer, what it wants to hear, and how its last deliveries went.

    `secret` and `former_secret` are sealed. `event_types` is None where it wants everything.
    `failures` are those since the last success, `failing_since` is when the first of them was. It
    is left alone until `rest_until`.
    """

    id: str
    tenant_id: str
    url: str
    description: str | None
    event_types: tuple[str, ...] | None
    secret: str
    created_at: datetime
    former_secret: str | None = None
    former_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_by: DisabledBy | None = None
    failures: int = 0
    failing_since: datetime | None = None
    delivered_at: datetime | None = None
    rest_until: datetime | None = None

    @property
    def is_down(self) -> bool:
        """Tell whether it has failed so often in a row that it is only probed."""
        return self.failures >= DOWN_FAILURES

    def wants(self, event_type: str) -> bool:
        """Tell whether events of a type are for this endpoint."""
        return self.event_types is None or event_type in self.event_types

    def secrets_at(self, now: datetime) -> list[str]:
        """Return the sealed secrets that sign now, the newest first."""
        if self.former_secret and self.former_until and now < self.former_until:
            return [self.secret, self.former_secret]
        return [self.secret]

    def rotated(self, secret: str, now: datetime, *, former: str) -> "Endpoint":
        """Return the endpoint with another secret, beside which the `former` signs for a day."""
        until = now + FORMER_KEPT
        return replace(self, secret=secret, former_secret=former, former_until=until)

    def moved_to(self, url: str) -> "Endpoint":
        """Return the endpoint at another address, which has not failed yet."""
        return self if url == self.url else replace(self._unfailed(), url=url)

    def enabled(self) -> "Endpoint":
        """Return the endpoint as if it had never failed."""
        return replace(self._unfailed(), disabled_at=None, disabled_by=None)

    def disabled(self, by: DisabledBy, now: datetime) -> "Endpoint":
        """Return the endpoint, told of nothing from now on."""
        return replace(self, disabled_at=now, disabled_by=by)

    def answered(self, answer: Answer, now: datetime, *, patience: timedelta) -> "Endpoint":
        """Return the endpoint after one more try, disabled where that was one too many."""
        if answer.is_success:
            return replace(self, failures=0, failing_since=None, delivered_at=now)
        since = self.failing_since or now
        failed = replace(self, failures=self.failures + 1, failing_since=since)
        if answer.is_gone:
            return failed.disabled(DisabledBy.GONE, now)
        return failed.disabled(DisabledBy.FAILING, now) if now - since >= patience else failed

    def resting(self, rest: timedelta, now: datetime) -> "Endpoint":
        """Return the endpoint, left alone for that long from now on."""
        return replace(self, rest_until=now + rest if rest else None)

    def rest_s(self) -> float:
        """Return how long an endpoint that is down is left alone, in seconds."""
        if not self.is_down:
            return 0.0
        return float(min(_REST_S_MAX, 5.0 * 2.0 ** min(self.failures - DOWN_FAILURES, 10)))

    def _unfailed(self) -> "Endpoint":
        return replace(self, failures=0, failing_since=None, rest_until=None)


def make_secret(random: bytes) -> str:
    """Return the secret that random bytes make, as Standard Webhooks spells it."""
    assert len(random) == SECRET_BYTES, "24 to 64 bytes, by the standard"
    return f"whsec_{b64encode(random).decode()}"


def endpoint_url_fault(url: str, allow: Sequence[Network]) -> UrlFault | None:
    """Return what is wrong with the address of an endpoint; nothing is resolved.

    What a name resolves to is looked at with each delivery.
    """
    if fault := check_url(url, allow=allow):
        return fault
    target = parse_url(url, allow=allow)
    assert not isinstance(target, UrlFault), "it has just passed"
    literal_refused = target.literal is not None and not is_allowed(target.literal, allow)
    if target.url.scheme != "https" and (not allow or literal_refused):
        return UrlFault("bad_url", HTTPS_ONLY)
    return None
