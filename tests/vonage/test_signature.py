"""Every check of a signed webhook, one at a time (contract 2.4)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from wirephoto.errors import WebhookUnverified
from wirephoto.vonage.signature import verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "a-signature-secret-of-more-than-32-bytes"
BODY = b'{"message_uuid":"aaaa","status":"delivered","note":"\xc3\xa9\xf0\x9f\x93\xb7"}'
APPLICATION = "Aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(*, header=None, secret=SECRET, claims=None, body=BODY, **changed):
    """Return an `Authorization` header, built here from the RFC and not by any library."""
    claims = claims or {
        "iat": int(NOW.timestamp()),
        "jti": "jti-1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abcd1234",
        "application_id": APPLICATION,
    }
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    header = header or {"alg": "HS256", "typ": "JWT"}
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"Bearer {text}.{b64(mac)}"


def check(authorization, body=BODY, **changed):
    expected = {
        "secrets": [SECRET],
        "api_key": "abcd1234",
        "application_id": APPLICATION.lower(),
        "now": NOW,
    }
    return verify(authorization, body, **{**expected, **changed})


def test_a_genuine_webhook_is_believed():
    """What its token says is kept: `jti` recognises a replay."""
    verified = check(signed())

    assert (verified.jti, verified.api_key) == ("jti-1", "abcd1234")
    assert (verified.application_id, verified.issued_at) == (APPLICATION, NOW)


def test_a_token_made_by_the_jwt_library_is_believed():
    """Our reading of the RFC is checked against somebody else's."""
    claims = {
        "iat": int(NOW.timestamp()),
        "jti": "jti-1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "api_key": "abcd1234",
    }

    verified = check("Bearer " + jwt.encode(claims, SECRET, algorithm="HS256"))

    assert verified.application_id is None


BELIEVED = {
    "a second secret while they rotate": (signed(secret="new"), {"secrets": [SECRET, "new"]}),
    "a short secret": (signed(secret="short"), {"secrets": ["short"]}),
    "a lower-case scheme": ("bearer" + signed().removeprefix("Bearer"), {}),
    "no application named": (signed(application_id=None), {}),
    "no application configured": (signed(), {"application_id": None}),
    "no api key configured": (signed(api_key="other"), {"api_key": None}),
    "an upper-case hash": (signed(payload_hash=hashlib.sha256(BODY).hexdigest().upper()), {}),
    "the end of the retry window": (signed(), {"now": NOW + timedelta(hours=24, minutes=30)}),
    "a clock a little ahead": (signed(), {"now": NOW - timedelta(minutes=4)}),
    "an iat with a fraction": (signed(iat=NOW.timestamp() + 0.5), {}),
}


@pytest.mark.parametrize("name", BELIEVED)
def test_a_webhook_is_believed_with(name):
    """Refusing a genuine webhook keeps a message unsettled for a day."""
    authorization, settings = BELIEVED[name]

    assert check(authorization, **settings).jti == "jti-1"


def test_a_hash_of_the_compact_body_is_believed():
    """The provider describes the hash as that of the JSON without white space."""
    spaced = json.dumps(json.loads(BODY), indent=2, ensure_ascii=False).encode()

    assert check(signed(), spaced).jti == "jti-1"


def tampered(part, raw):
    parts = signed().removeprefix("Bearer ").split(".")
    parts[part] = raw if isinstance(raw, str) else b64(raw)
    return "Bearer " + ".".join(parts)


NONE_ALG = {"alg": "none", "typ": "JWT"}
CRIT = {"alg": "HS256", "crit": ["b64"], "b64": False}
DOUBTED = [  # reason, Authorization header, settings that differ
    ("unsigned", None, {}),
    ("unsigned", "", {}),
    ("unsigned", "Bearer ", {}),
    ("unsigned", "Basic YTpi", {}),
    ("unsigned", signed().removeprefix("Bearer "), {}),
    ("unconfigured", signed(), {"secrets": []}),
    ("unconfigured", signed(secret=""), {"secrets": [""]}),
    ("malformed", "Bearer abc", {}),
    ("malformed", "Bearer a.b.c.d", {}),
    ("malformed", "Bearer !.!.!", {}),
    ("malformed", "Bearer é.é.é", {}),
    ("malformed", "Bearer " + "a" * 10_000 + ".b.c", {}),
    ("malformed", tampered(0, b"[]"), {}),
    ("malformed", tampered(0, b"\xff"), {}),
    ("algorithm", signed(header=NONE_ALG), {}),
    ("algorithm", signed(header={"alg": "RS256"}), {}),
    ("algorithm", signed(header={"alg": "HS512"}), {}),
    ("algorithm", signed(header={"alg": "hs256"}), {}),
    ("algorithm", signed(header={"typ": "JWT"}), {}),
    ("algorithm", signed(header=CRIT), {}),
    ("signature", signed(secret="wrong"), {}),
    ("signature", signed(secret=""), {"secrets": ["", SECRET]}),
    ("signature", tampered(2, ""), {}),
    ("signature", tampered(1, b'{"iss":"Vonage"}'), {}),
    ("issuer", signed(iss="vonage"), {}),
    ("issuer", signed(iss=None), {}),
    ("issuer", signed(iss=["Vonage"]), {}),
    ("api_key", signed(api_key="other"), {}),
    ("api_key", signed(api_key=None), {}),
    ("application_id", signed(application_id="other"), {}),
    ("claims", signed(jti=None), {}),
    ("claims", signed(jti=""), {}),
    ("claims", signed(jti="j" * 1000), {}),
    ("claims", signed(jti=7), {}),
    ("claims", signed(iat=None), {}),
    ("claims", signed(iat="1772366400"), {}),
    ("claims", signed(iat=True), {}),
    ("claims", signed(iat=10**400), {}),
    ("claims", signed(iat=-1), {}),
    ("too_old", signed(), {"now": NOW + timedelta(hours=25, seconds=1)}),
    ("in_future", signed(), {"now": NOW - timedelta(minutes=5, seconds=1)}),
    ("payload_hash", signed(payload_hash=None), {}),
    ("payload_hash", signed(payload_hash=""), {}),
    ("payload_hash", signed(payload_hash="é"), {}),
    ("payload_hash", signed(body=b"{}"), {}),
]


@pytest.mark.parametrize(("reason", "authorization", "settings"), DOUBTED, ids=range(len(DOUBTED)))
def test_a_doubtful_webhook_is_named_by_its_fault(reason, authorization, settings):
    """The operator reads the reason in the log; the sender only ever sees a 503."""
    with pytest.raises(WebhookUnverified) as caught:
        check(authorization, **settings)

    assert caught.value.reason == reason
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_a_body_that_is_no_json_is_not_believed(body):
    """The fallback for white space must not fall over what it cannot read."""
    with pytest.raises(WebhookUnverified, match="payload_hash"):
        check(signed(), body)
