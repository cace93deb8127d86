"""The courier: carries one event to one endpoint, signed, once."""

import contextlib
from collections.abc import Sequence

import msgspec

from wirephoto.clock import Clock
from wirephoto.domain.address import Network
from wirephoto.domain.delivery import Answer, signed_headers
from wirephoto.domain.endpoint import Endpoint
from wirephoto.domain.event import Event, told
from wirephoto.domain.sealing import Sealing
from wirephoto.egress import Egress, EgressLimits
from wirephoto.errors import EgressRefused, SecretUnreadable

LIMITS = EgressLimits(first_byte_s=15.0, total_s=15.0, concurrent=512)
"""An endpoint has 15 s to answer: the least that Standard Webhooks asks for."""
_ENCODER = msgspec.json.Encoder()


class Courier:
    """Carries events; `allow` names the operator's own networks that it may enter."""

    def __init__(
        self, egress: Egress, sealing: Sealing, clock: Clock, *, allow: Sequence[Network] = ()
    ) -> None:
        self.sealing = sealing
        self.allow = tuple(allow)
        self._egress = egress
        self._clock = clock

    def secrets_of(self, endpoint: Endpoint) -> list[str]:
        """Return what signs an endpoint's events now, the newest first.

        A former secret that cannot be opened is left out: whoever rotates has the newest one.

        Raises:
            SecretUnreadable: it was sealed under a secret that the settings have no more.
        """
        newest, *former = endpoint.secrets_at(self._clock.now())
        secrets = [self.sealing.open(newest, owner=endpoint.id)]
        for sealed in former:
            with contextlib.suppress(SecretUnreadable):
                secrets.append(self.sealing.open(sealed, owner=endpoint.id))
        return secrets

    async def carry(self, endpoint: Endpoint, event: Event) -> Answer:
        """Return how the endpoint answered, or why it could not be asked.

        Raises:
            SecretUnreadable: the event cannot be signed.
        """
        now, secrets = self._clock.now(), self.secrets_of(endpoint)
        body = _ENCODER.encode(told(event))
        headers = signed_headers(event.id, body.decode(), secrets=secrets, at=now)
        try:
            posted = await self._egress.post(endpoint.url, body=body, headers=headers)
        except EgressRefused as refused:
            return Answer(reason=refused.reason)
        return Answer(posted.status, retry_after_s=posted.retry_after_s)

    async def close(self) -> None:
        """Break off what is under way."""
        await self._egress.close()
