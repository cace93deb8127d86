"""Signed webhooks: how they are sealed, posted and, where the answer asks for it, repeated."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import msgspec

from wirephoto.clock import Clock
from wirephoto.simulator.chores import Chores
from wirephoto.simulator.outward import Outward
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import SwitchBoard

_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 900.0
_LAST_DOUBLED_WAIT_S = 640.0
_GIVE_UP_AFTER_S = 24 * 3600.0
# 3 s to connect and 15 s for the answer (contract 2.1).
_TIMEOUT = aiohttp.ClientTimeout(total=18, sock_connect=3, sock_read=15)


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook as it goes out, again and again the same: address, body and seal."""

    url: str
    body: bytes
    token: str | None


def retry_waits() -> Iterator[float]:
    """Yield the seconds before each repetition: doubling from 5, then 900, for 24 h (2.1)."""
    wait, total = _FIRST_WAIT_S, 0.0
    while total + wait <= _GIVE_UP_AFTER_S:
        yield wait
        total += wait
        wait = wait * 2 if wait < _LAST_DOUBLED_WAIT_S else _LONGEST_WAIT_S


class Postbox:
    """Posts webhooks; each is repeated on its own, so their order is not kept (contract 2.1).

    Whether a repetition is sealed anew is not documented: here it keeps its token.
    """

    def __init__(
        self,
        *,
        settings: SimulatorSettings,
        clock: Clock,
        board: SwitchBoard,
        outward: Outward,
        chores: Chores,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board
        self._outward = outward
        self._chores = chores
        self._ids = seeded_source(settings.seed, "webhooks")
        self.delivered = 0
        self.given_up = 0

    def seal(self, url: str, body: dict[str, Any], application_id: str | None) -> Letter:
        """Return `body` signed for `url` (contract 2.4), as well or as badly as is switched."""
        raw = msgspec.json.encode(body)
        switches = self._board.now
        if not switches.webhooks_signed:
            return Letter(url, raw, None)
        hashed = raw if switches.webhook_hash_right else raw[::-1]
        claims: dict[str, Any] = {
            "iat": int(self._clock.now().timestamp() + switches.webhook_iat_skew_s),
            "jti": new_uuid(self._ids),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(hashed).hexdigest(),
            "api_key": self._settings.api_key,
        }
        if application_id is not None:
            claims["application_id"] = application_id
        token = jwt.encode(claims, self._settings.signature_secret, algorithm="HS256")
        return Letter(url, raw, token)

    async def send(self, letter: Letter) -> None:
        """Post `letter` once; what must be repeated is repeated in the background."""
        if not await self._post(letter):
            self._chores.start(self._keep_trying(letter))

    async def _keep_trying(self, letter: Letter) -> None:
        for wait_s in retry_waits():
            await self._clock.sleep(wait_s)
            if await self._post(letter):
                return
        self.given_up += 1

    async def _post(self, letter: Letter) -> bool:
        """Post once; False where the provider would try again (contract 2.1).

        An endpoint that gives no answer at all is tried again too: the documents are silent.
        """
        headers = {"Content-Type": "application/json"}
        if letter.token is not None:
            headers["Authorization"] = f"Bearer {letter.token}"
        try:
            async with self._outward.session.post(
                letter.url,
                data=letter.body,
                headers=headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False
        if 200 <= status < 300:
            self.delivered += 1
            return True
        if status == 429 or status >= 500 or self._board.now.webhook_retry_any:
            return False
        self.given_up += 1
        return True
