"""Headers that every answer carries, so that no browser makes more of it than it is."""

from collections.abc import Sequence

from litestar.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

ALWAYS: Sequence[Header] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-download-options", b"noopen"),
    (b"x-frame-options", b"DENY"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-xss-protection", b"0"),
)
"""What Helmet 8.3 sets (facts 6), as strict as an interface without pages of others can be."""
OVER_TLS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""A year, as OWASP ASVS 3.4.1 asks; only over TLS, since browsers ignore it elsewhere."""


class SecureHeaders:
    """Adds to each answer the headers that its route has not set: a page knows its own better."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the application."""
        ours = (*ALWAYS, OVER_TLS) if scope.get("scheme") == "https" else ALWAYS

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                told = {name.lower() for name, _ in headers}
                headers += [header for header in ours if header[0] not in told]
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, sending)
