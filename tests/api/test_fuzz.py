"""No input gives a server error, and every answer is one that the document promises."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response

from tests.api.application import KEY, URL, Answer, exchange, open_app
from tests.factories import make_message
from wirephoto.api.examples import MESSAGE_ID
from wirephoto.api.problems import CODES
from wirephoto.api.services import services_of
from wirephoto.clock import SystemClock
from wirephoto.storage.messages import insert_messages

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
SIGNED_IN = (b"authorization", f"Bearer {KEY}".encode())
WEBHOOKS = ("/webhooks/status", "/webhooks/inbound")

bounded = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
schema = schemathesis.openapi.from_dict(
    json.loads(DOCUMENT.read_text(encoding="utf-8")),
    config=SchemathesisConfig.from_dict(
        {
            "generation": {"deterministic": True, "with-security-parameters": False},
            "checks": {
                # Text may have the right type and still be no phone number.
                "positive_data_acceptance": {"enabled": False},
                # The key goes with every request here; that it is needed is tested by hand.
                "ignored_auth": {"enabled": False},
                # A webhook without a signature is answered 503: the test looks for itself.
                "not_a_server_error": {"enabled": False},
            },
            "operations": [
                # Each message of a batch is refused on its own, inside a 200.
                {
                    "include-name": "POST /v1/messages/batch",
                    "checks": {"negative_data_rejection": {"enabled": False}},
                }
            ],
        }
    ),
)


class Gateway:
    """The application in an event loop of its own: a property's examples come one by one."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._opened = open_app(folder, SystemClock(), unsigned_loopback=True)
        self._app = self._runner.run(self._opened.__aenter__())
        self._runner.run(self._store_the_message_of_the_examples())

    async def _store_the_message_of_the_examples(self) -> None:
        async with services_of(self._app).database.transaction() as tx:
            await insert_messages(tx, [make_message(id=MESSAGE_ID)])

    def exchange(self, method: str, target: bytes, **parts: Any) -> Answer:
        """Return the answer to a request with a key."""
        headers = (SIGNED_IN, *parts.pop("headers", ()))
        return self._runner.run(exchange(self._app, method, target, headers=headers, **parts))

    def unsigned(self, target: bytes, body: bytes) -> Answer:
        """Return the answer to a POST from this machine, without key and signature."""
        return self._runner.run(exchange(self._app, "POST", target, body=body, client="127.0.0.1"))

    def send(self, request: requests.PreparedRequest) -> Response:
        """Return the answer to a prepared request, as schemathesis wants it."""
        url = urlsplit(request.url or "")
        body = request.body or b""
        answer = self.exchange(
            request.method or "",
            f"{url.path}?{url.query}".encode(),
            headers=[(_bytes(k).lower(), _bytes(v)) for k, v in request.headers.items()],
            body=body.encode() if isinstance(body, str) else body,
        )
        return Response(
            status_code=answer.status,
            headers={name: [value] for name, value in answer.headers},
            content=answer.body,
            request=request,
            elapsed=0,
            verify=False,
        )

    def close(self) -> None:
        """Close the database and the loop."""
        self._runner.run(self._opened.__aexit__(None, None, None))
        self._runner.close()


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Give one application for all examples of this file."""
    gateway = Gateway(tmp_path_factory.mktemp("fuzz"))
    yield gateway
    gateway.close()


@schema.parametrize()
@bounded
def test_answers_are_what_the_document_promises(case: Case[Any], gateway: Gateway) -> None:
    """A client generated from the document must never meet an answer that it does not know."""
    parts = case.as_transport_kwargs(base_url=URL)
    request = requests.Request(**{name: parts[name] for name in _PARTS if name in parts}).prepare()
    response = gateway.send(request)

    assert response.status_code < 500 or case.path in WEBHOOKS
    case.validate_response(response)


_PARTS = ("method", "url", "headers", "params", "json", "data", "files", "cookies")

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
names = st.sampled_from(["to", "from", "text", "media", "metadata", "messages", "send_at", "url"])
nearly = st.dictionaries(names | st.text(max_size=8), any_json, max_size=5)
bodies = st.binary(max_size=200) | (nearly | any_json).map(lambda body: json.dumps(body).encode())
header_values = st.binary(max_size=40)
visible = st.text([chr(code) for code in range(0x21, 0x7F)], max_size=40).map(str.encode)
in_urls = visible | st.binary(max_size=30).map(lambda raw: quote_from_bytes(raw, safe="").encode())
"""What stands in a URL: HTTP servers let nothing else through."""
POSTS = ("/v1/messages", "/v1/messages/batch", "/send-mms")


@bounded
@given(st.sampled_from(POSTS), bodies, header_values, header_values)
def test_no_body_and_no_header_breaks_a_route(
    gateway: Gateway, path: str, body: bytes, key: bytes, content_type: bytes
) -> None:
    """The document cannot describe what is no JSON at all, and that is what attackers send."""
    headers = [(b"idempotency-key", key), (b"content-type", content_type)]

    _check(gateway.exchange("POST", path.encode(), headers=headers, body=body))
    _check(gateway.exchange("POST", path.encode(), body=body))


@bounded
@given(st.sampled_from(("GET", "POST", "PUT", "HEAD", "OPTIONS", "X")), in_urls)
def test_no_path_breaks_the_application(gateway: Gateway, method: str, path: bytes) -> None:
    """Scanners try everything."""
    for prefix in (b"/", b"/v1/messages/", b"/v1/messages/" + MESSAGE_ID.encode() + b"/"):
        _check(gateway.exchange(method, prefix + path))


@bounded
@given(
    st.sampled_from(("/v1/messages", "/v1/inbound", f"/v1/messages/{MESSAGE_ID}/events")),
    st.sampled_from(
        ("to", "from", "state", "reference", "since", "until", "cursor", "limit", "metadata.k", "")
    ),
    in_urls | st.integers().map(b"%d".__mod__),
)
def test_no_query_breaks_a_list(gateway: Gateway, path: str, name: str, value: bytes) -> None:
    """Cursors and filters come from URLs that people edit."""
    _check(gateway.exchange("GET", f"{path}?{name}=".encode() + value))


@bounded
@given(st.sampled_from(WEBHOOKS), bodies, header_values)
def test_no_webhook_is_answered_with_a_4xx(
    gateway: Gateway, path: str, body: bytes, signature: bytes
) -> None:
    """The provider gives up on a 4xx: what we cannot read yet is stored, or asked for again."""
    target = path.encode()
    signed = gateway.exchange("POST", target, headers=[(b"authorization", signature)], body=body)
    unsigned = gateway.unsigned(target, body)

    assert signed.status == 503
    assert unsigned.status == 200


def _check(answer: Answer) -> None:
    """Every refusal is a problem document, or the answer of the simple door."""
    assert answer.status < 500
    if answer.status < 400:
        return
    said = answer.json()
    if answer.header("content-type") == "application/json":
        assert said["success"] is False
        assert said["error"]
    else:
        assert answer.header("content-type") == "application/problem+json"
        assert CODES[said["code"]] == (answer.status, said["title"])
