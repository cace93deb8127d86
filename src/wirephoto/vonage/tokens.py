"""Tokens of the application (RS256, contract 1.2): what the provider knows us by."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wirephoto.clock import Clock
from wirephoto.errors import SettingsInvalid
from wirephoto.ids import Ids

TOKEN_LIFE = timedelta(minutes=15)
"""The provider's default life of a token, which its own SDKs use (contract 1.2)."""
TOKEN_MARGIN = timedelta(minutes=1)
"""A token is renewed so long before its end, for requests under way and for clocks."""
_KEY_BITS_MIN = 2048  # RFC 7518, section 3.3


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as the header of the requests that carry it, and when it may be used."""

    authorization: str = field(repr=False)
    issued_at: datetime
    renew_at: datetime


class Tokens:
    """Signs tokens, and keeps the present one while `reuse` is on."""

    def __init__(
        self, *, application_id: str, private_key: str, clock: Clock, ids: Ids, reuse: bool
    ) -> None:
        """Read the key once.

        Raises:
            SettingsInvalid: `private_key` is not an RSA key in PEM (PKCS#8 or PKCS#1).
        """
        self.reuse = reuse
        self._application_id = application_id
        self._key = _rsa_key(private_key)
        self._clock = clock
        self._ids = ids
        self._kept: Token | None = None

    def current(self) -> Token:
        """Return the token for the next message; a clock that was set back renews it as well."""
        if not self.reuse:
            return self.mint()
        kept = self._kept
        if kept is None or not kept.issued_at <= self._clock.now() < kept.renew_at:
            kept = self._kept = self.mint()
        return kept

    def discard(self, token: Token) -> None:
        """Stop using a token that was refused, unless another has taken its place."""
        if self._kept is token:
            self._kept = None

    def mint(self) -> Token:
        """Sign a token that nothing else uses: about a millisecond of work."""
        now = self._clock.now()
        issued_at_s = int(now.timestamp())
        claims = {
            "application_id": self._application_id,
            "iat": issued_at_s,
            "exp": issued_at_s + int(TOKEN_LIFE.total_seconds()),
            "jti": str(uuid.UUID(bytes=self._ids.random_bytes(16), version=4)),
        }
        signed = jwt.encode(claims, self._key, algorithm="RS256")
        return Token(f"Bearer {signed}", now, now + TOKEN_LIFE - TOKEN_MARGIN)


def _rsa_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(
            ["VONAGE_PRIVATE_KEY: not a private key in PEM without a pass phrase"]
        ) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _KEY_BITS_MIN:
        raise SettingsInvalid(
            [f"VONAGE_PRIVATE_KEY: an RSA key of at least {_KEY_BITS_MIN} bits is needed"]
        )
    return key
