"""Who is asking: JSON Web Tokens of the application, or the account's key and secret."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from wirephoto.clock import Clock
from wirephoto.errors import SettingsInvalid
from wirephoto.simulator.problems import (
    MULTIPLE_AUTH_METHODS,
    TOKEN_EXPIRED,
    UNAUTHORIZED,
    Problem,
)
from wirephoto.simulator.settings import SimulatorSettings

_LIFE_DEFAULT_S = 15 * 60
_LIFE_MIN_S = 30
_LIFE_MAX_S = 24 * 3600
_LATEST_S = 1e12
_TOKENS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `application_id` is None where the account's key and secret were used."""

    api_key: str
    application_id: str | None


class Authenticator:
    """Checks the Authorization header (contract 1.2).

    A verified token is remembered until it expires: the signature is what costs time.
    """

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._public_key = _load_public_key(settings.public_key)
        self._good_until: dict[str, float] = {}
        self._by_token = Caller(settings.api_key, settings.application_id)
        self._by_secret = Caller(settings.api_key, None)

    def identify(self, headers: list[str]) -> Caller | Problem:
        """Return who sent the Authorization `headers`, or why they are refused."""
        if len(headers) > 1:
            return MULTIPLE_AUTH_METHODS
        scheme, _, credentials = headers[0].partition(" ") if headers else ("", "", "")
        match scheme.lower():
            case "bearer":
                return self._check_token(credentials.strip()) or self._by_token
            case "basic":
                return self._by_secret if self._is_ours(credentials.strip()) else UNAUTHORIZED
            case _:
                return UNAUTHORIZED

    def _check_token(self, token: str) -> Problem | None:
        now = self._clock.now().timestamp()
        good_until = self._good_until.get(token)
        if good_until is not None:
            return None if now < good_until else TOKEN_EXPIRED
        claims = self._read(token)
        if claims is None or claims.get("application_id") != self._settings.application_id:
            return UNAUTHORIZED
        good_until = self._good_until_by(claims, now)
        if good_until is None:
            return UNAUTHORIZED
        if now >= good_until:
            return TOKEN_EXPIRED
        if len(self._good_until) >= _TOKENS_MAX:
            self._good_until.clear()
        self._good_until[token] = good_until
        return None

    def _read(self, token: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public_key,
                algorithms=["RS256"],
                options={
                    # The library would compare times with the machine's clock; ours is handed in.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                    "require": ["application_id", "iat", "jti"],
                },
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return claims

    def _good_until_by(self, claims: dict[str, Any], now: float) -> float | None:
        skew = self._settings.clock_skew_s
        issued = _number(claims["iat"])
        if issued is None:
            return None
        expires = _number(claims.get("exp", issued + _LIFE_DEFAULT_S))
        not_before = _number(claims.get("nbf", issued))
        if expires is None or not_before is None or max(issued, not_before) > now + skew:
            return None
        return expires + skew if _LIFE_MIN_S <= expires - issued <= _LIFE_MAX_S else None

    def _is_ours(self, credentials: str) -> bool:
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            return False
        expected = f"{self._settings.api_key}:{self._settings.api_secret}".encode()
        return hmac.compare_digest(given, expected)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _LATEST_S else None


def _load_public_key(pem: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError as error:
        raise SettingsInvalid(["public_key: not a public key in PEM form"]) from error
    if not isinstance(key, RSAPublicKey):
        raise SettingsInvalid(["public_key: must be an RSA key, tokens are RS256"])
    return key
