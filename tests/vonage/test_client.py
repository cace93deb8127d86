"""The client's requests, tokens and answers, against a provider made of raw bytes."""

import base64
import json
import logging
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.vonage.raw_provider import (
    ACCEPTED,
    HANG_UP,
    SUBMISSION,
    UNAUTHORIZED,
    UUID,
    answer,
    pem,
    provider,
    submit,
    told,
)
from wirephoto import __version__
from wirephoto.domain.outcome import Verdict
from wirephoto.errors import SettingsInvalid
from wirephoto.ids import Ids
from wirephoto.vonage import wire
from wirephoto.vonage.client import ANSWER_BYTES_MAX, VonageClient

# The request


async def test_a_message_leaves_as_one_post(connect, key):
    """Path, headers and bytes are the provider's contract (1.1 to 1.4)."""
    async with provider(ACCEPTED) as (served, url):
        outcome = await submit(connect(url + "/"))

    assert told(outcome) == (Verdict.ACCEPTED, "accepted")
    assert outcome.provider_message_id == UUID
    (post,) = served.posts
    assert post.line == "POST /v1/messages HTTP/1.1"
    assert post.body == wire.request_body(SUBMISSION)
    assert post.headers["content-type"] == "application/json"
    assert post.headers["user-agent"] == f"wirephoto/{__version__}"
    assert "cookie" not in post.headers


async def test_the_token_says_who_we_are_for_fifteen_minutes(connect, key, clock):
    """The claims of the contract's section 1.2, signed with RS256."""
    async with provider(ACCEPTED) as (served, url):
        await submit(connect(url))

    token = served.posts[0].token
    claims = jwt.decode(
        token, key.public_key(), algorithms=["RS256"], options={"verify_exp": False,
        "verify_iat": False},
    )  # fmt: skip
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    assert claims.pop("jti")
    issued_at = int(clock.now().timestamp())
    assert claims == {"application_id": "app-1", "iat": issued_at, "exp": issued_at + 900}


async def tokens_of(client, clock, served, *pauses):
    for pause in pauses:
        clock.instant += pause
        await submit(client)
    return [post.token for post in served.posts]


async def test_one_token_serves_until_shortly_before_its_end(connect, clock):
    """Signing costs about a millisecond; an expired token would cost a 401."""
    async with provider(ACCEPTED) as (served, url):
        tokens = await tokens_of(
            connect(url),
            clock,
            served,
            timedelta(),
            timedelta(minutes=13, seconds=59),
            timedelta(seconds=1),
            timedelta(minutes=-20),
        )

    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
    assert {post.connection for post in served.posts} == {1}


async def test_reuse_of_tokens_can_be_off(connect, clock):
    """The provider calls the token's id unique, and might come to mean it."""
    async with provider(ACCEPTED) as (served, url):
        client = connect(url, jwt_reuse=False)
        tokens = await tokens_of(client, clock, served, timedelta(), timedelta())

    claims = [token.split(".")[1] + "==" for token in tokens]
    ids = [json.loads(base64.urlsafe_b64decode(part))["jti"] for part in claims]
    assert len(set(ids)) == 2


async def test_cookies_are_not_kept(connect):
    """A proxy's cookie could tie all messages to one sick machine."""
    async with provider(answer(500, b"", "Set-Cookie: a=b; Path=/"), ACCEPTED) as (served, url):
        client = connect(url)
        await submit(client)
        await submit(client)

    assert "cookie" not in served.posts[1].headers


# 401


async def test_a_401_is_repeated_once_with_a_fresh_token(connect):
    """A refused reuse heals itself: the message goes out, and reuse stays off (contract 1.8)."""
    async with provider(UNAUTHORIZED, ACCEPTED) as (served, url):
        client = connect(url)
        first = await submit(client)
        assert not client.jwt_reuse
        await submit(client)
        await submit(client)

    assert first.verdict is Verdict.ACCEPTED
    assert len({post.token for post in served.posts}) == len(served.posts) == 4


async def test_a_second_401_stops_the_line(connect):
    """Wrong credentials do not heal; reuse was not to blame."""
    async with provider(UNAUTHORIZED) as (served, url):
        client = connect(url)
        outcome = await submit(client)

    assert told(outcome) == (Verdict.STOP_LINE, "unauthorized")
    assert len(served.posts) == 2
    assert client.jwt_reuse


async def test_the_repeat_of_a_401_that_breaks_is_judged_by_itself(connect):
    """The repeated request may have been taken, whatever became of the first."""
    async with provider(UNAUTHORIZED, HANG_UP) as (served, url):
        outcome = await submit(connect(url))

    assert told(outcome) == (Verdict.UNKNOWN, "connection_lost")
    assert len(served.posts) == 2


async def test_an_application_without_the_product_is_not_repeated(connect):
    """A fresh token cannot help it."""
    refused = answer(401, b'{"type":"https://x.example/e#unprovisioned"}')
    async with provider(refused) as (served, url):
        outcome = await submit(connect(url))

    assert told(outcome) == (Verdict.STOP_LINE, "unprovisioned")
    assert len(served.posts) == 1


# Answers


async def test_a_wish_to_wait_is_handed_on(connect):
    """Header names come in any case."""
    async with provider(answer(429, b"", "retry-after: 7")) as (served, url):
        outcome = await submit(connect(url))

    assert told(outcome) == (Verdict.RETRY, "rate_limited")
    assert outcome.retry_after_s == 7
    assert len(served.posts) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status, connect):
    """It would send a second POST, with our token, to an address that somebody else chose."""
    async with (
        provider(ACCEPTED) as (elsewhere, other),
        provider(answer(status, b"", f"Location: {other}/v1/messages")) as (served, url),
    ):
        outcome = await submit(connect(url))

    assert outcome.verdict in (Verdict.STOP_LINE, Verdict.UNKNOWN)
    assert (len(served.posts), len(elsewhere.posts)) == (1, 0)


def cut(status, declared=500):
    return answer(status).replace(b"Length: 0", b"Length: %d" % declared) + b'{"title":"Inv'


CUT = [
    (202, Verdict.UNKNOWN, "answer_unreadable"),
    (422, Verdict.FAIL, "request_refused"),
    (429, Verdict.RETRY, "rate_limited"),
    (500, Verdict.UNKNOWN, "server_error"),
]


@pytest.mark.parametrize(("status", "verdict", "reason"), CUT)
async def test_an_answer_that_breaks_off_is_judged_by_its_status(status, verdict, reason, connect):
    """A refusal stays one; it must not become a message in doubt for want of a few bytes."""
    async with provider(cut(status)) as (served, url):
        outcome = await submit(connect(url))

    assert told(outcome) == (verdict, reason)
    assert len(served.posts) == 1


async def test_an_endless_answer_is_not_read_to_its_end(connect):
    """Memory is bounded; an answer of that size is none of the provider's."""
    flood = answer(202, b" " * (ANSWER_BYTES_MAX + 1) + b'{"message_uuid":"a"}')
    async with provider(flood) as (_, url):
        outcome = await submit(connect(url))

    assert told(outcome) == (Verdict.UNKNOWN, "answer_unreadable")


# Keys and secrets


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_both_spellings_of_an_rsa_key_are_read(form, key, clock):
    """The dashboard gives PKCS#8; older keys are PKCS#1."""
    text = "\n " + pem(key, form) + "\n"

    VonageClient(
        base_url="http://x.example", application_id="a", private_key=text, clock=clock, ids=Ids()
    )


BAD_KEYS = {
    "nothing": lambda: "",
    "a text": lambda: "secret-text",
    "an elliptic curve": lambda: pem(ec.generate_private_key(ec.SECP256R1())),
    "a short key": lambda: pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
    "a damaged key": lambda: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_cannot_sign_is_refused_at_the_start(name, clock):
    """Better than a 401 for every message; the fault names the variable, never its value."""
    text = BAD_KEYS[name]()

    with pytest.raises(SettingsInvalid, match="VONAGE_PRIVATE_KEY") as caught:
        VonageClient(
            base_url="http://x.example",
            application_id="a",
            private_key=text,
            clock=clock,
            ids=Ids(),
        )

    assert "secret" not in str(caught.value)


async def test_neither_key_nor_token_is_ever_shown(connect, key, caplog):
    """Not in a `repr`, not in a log line, not in what customers are told."""
    caplog.set_level(logging.DEBUG)
    async with provider(ACCEPTED, b"HTTP/1.1 abc\r\n\r\n") as (served, url):
        client = connect(url)
        outcomes = [await submit(client), await submit(client)]

    shown = caplog.text + repr(outcomes) + repr(client) + repr(vars(client)) + repr(client._tokens)
    shown += repr(client._tokens.current())
    assert served.posts[0].token not in shown
    assert pem(key).splitlines()[1] not in shown
