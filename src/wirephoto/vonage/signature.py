"""Signed webhooks: prove that a body is the provider's before anything in it is believed."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from wirephoto.errors import WebhookUnverified

AGE_S_MAX = 25 * 3600
"""Oldest token believed: the 24 h for which the provider repeats, and an hour of slack (2.4)."""
AHEAD_S_MAX = 300
"""How far the provider's clock may be ahead of ours (contract 2.4: a few minutes)."""
_ISSUER = "Vonage"
_TOKEN_CHARS_MAX = 8192
_JTI_CHARS_MAX = 200
_INSTANT_S_MAX = 1e11  # beyond the year 5000: keeps the arithmetic below inside its range


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified webhook's token says; `jti` names it, so that a replay can be seen."""

    jti: str
    api_key: str | None
    application_id: str | None
    issued_at: datetime


def verify(
    authorization: str | None,
    body: bytes,
    *,
    secrets: Sequence[str],
    api_key: str | None,
    application_id: str | None,
    now: datetime,
) -> Verified:
    """Return what the token of a genuine webhook says (contract 2.4).

    `secrets` holds one signature secret, or several while they are rotated. `api_key` and
    `application_id` are compared where they are configured; a webhook need not name an
    application.

    Raises:
        WebhookUnverified: `reason` is `unconfigured`, `unsigned`, `malformed`, `algorithm`,
            `signature`, `issuer`, `api_key`, `application_id`, `claims`, `too_old`, `in_future`
            or `payload_hash`.
    """
    claims = _signed_claims(_token(authorization), secrets)
    if claims.get("iss") != _ISSUER:
        raise WebhookUnverified("issuer")
    named_key = _text(claims, "api_key")
    if api_key is not None and named_key != api_key:
        raise WebhookUnverified("api_key")
    named_application = _text(claims, "application_id")
    if not _same_application(named_application, application_id):
        raise WebhookUnverified("application_id")
    jti = _text(claims, "jti")
    if not jti or len(jti) > _JTI_CHARS_MAX:
        raise WebhookUnverified("claims")
    issued_at = _issued_at(claims, now)
    if not _covers(claims, body):
        raise WebhookUnverified("payload_hash")
    return Verified(jti, named_key, named_application, issued_at)


def _token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise WebhookUnverified("unsigned")
    return token.strip()


def _signed_claims(token: str, secrets: Sequence[str]) -> Mapping[str, Any]:
    """Return the claims of a token that one of `secrets` signed with HS256 (RFC 7515, 7519).

    Done here and not by the JWT library: that one warns about each key under 32 bytes, and the
    provider issues shorter ones.
    """
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise WebhookUnverified("unconfigured")
    parts = token.split(".")
    if len(token) > _TOKEN_CHARS_MAX or len(parts) != 3 or not token.isascii():
        raise WebhookUnverified("malformed")
    header, payload, signature = (_decoded(part) for part in parts)
    fields = _json_object(header)
    # `crit` names extensions that must be understood (RFC 7515, section 4.1.11): we know none.
    if fields.get("alg") != "HS256" or "crit" in fields:
        raise WebhookUnverified("algorithm")
    signed = token.rpartition(".")[0].encode()
    matches = [hmac.compare_digest(signature, _hs256(secret, signed)) for secret in usable]
    if not any(matches):
        raise WebhookUnverified("signature")
    return _json_object(payload)


def _hs256(secret: str, signed: bytes) -> bytes:
    return hmac.new(secret.encode(), signed, hashlib.sha256).digest()


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise WebhookUnverified("malformed") from error


def _json_object(raw: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise WebhookUnverified("malformed") from error


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _same_application(named: str | None, configured: str | None) -> bool:
    """Application ids are UUIDs, which may be written in either case."""
    return named is None or configured is None or named.lower() == configured.lower()


def _issued_at(claims: Mapping[str, Any], now: datetime) -> datetime:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise WebhookUnverified("claims")
    if not 0 < issued < _INSTANT_S_MAX:
        raise WebhookUnverified("claims")
    age_s = now.timestamp() - issued
    if age_s > AGE_S_MAX:
        raise WebhookUnverified("too_old")
    if age_s < -AHEAD_S_MAX:
        raise WebhookUnverified("in_future")
    return datetime.fromtimestamp(issued, UTC)


def _covers(claims: Mapping[str, Any], body: bytes) -> bool:
    """Tell whether the token's hash is the body's, as received or without its white space.

    The provider describes the hash as that of the compact JSON, which the raw bytes normally are
    (contract 2.4).
    """
    claimed = (_text(claims, "payload_hash") or "").lower().encode()
    if hmac.compare_digest(claimed, _hash(body)):
        return True
    compact = _compact(body)
    return compact is not None and hmac.compare_digest(claimed, _hash(compact))


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _compact(body: bytes) -> bytes | None:
    try:
        text = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
        return text.encode()
    except (ValueError, RecursionError):
        return None
