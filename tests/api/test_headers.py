"""The headers of every answer."""

import httpx
from litestar import Response, get

from tests.serving import serving
from wirephoto.api.headers import ALWAYS, OVER_TLS

PROXY = {"trusted_proxies": ("127.0.0.0/8",)}


@get("/page")
async def page() -> Response[str]:
    """Answer with a policy of its own."""
    return Response("<p>", headers={"Content-Security-Policy": "default-src 'self'"})


async def test_every_answer_has_them_errors_too():
    """An error page without them is the one that gets framed."""
    async with serving() as url, httpx.AsyncClient(base_url=url) as http:
        for answer in (await http.get("/who"), await http.get("/nowhere"), await http.put("/who")):
            for name, value in ALWAYS:
                assert answer.headers.get_list(name.decode()) == [value.decode()]


async def test_a_route_s_own_header_stays_and_stands_once():
    """A page that needs a style may allow it; two policies would both have to be kept."""
    async with serving(page) as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/page")

    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-frame-options"] == "DENY"


async def test_hsts_is_for_tls_only():
    """Behind a proxy that speaks TLS it must be there; over plain http it means nothing."""
    name, value = (part.decode() for part in OVER_TLS)
    async with serving(**PROXY) as url, httpx.AsyncClient(base_url=url) as http:
        plain = await http.get("/who")
        behind = await http.get("/who", headers={"X-Forwarded-Proto": "https"})

    assert name not in plain.headers
    assert behind.headers[name] == value
