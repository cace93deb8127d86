"""Where the client for others' addresses goes, and what callers learn when it does not."""

from ipaddress import IPv4Address, ip_network

import pytest
from aiohttp import web

from tests.egress_site import (
    BYTES_MAX,
    Names,
    certificate,
    egress_maker,
    open_site,
    picture,
    raw_server,
    refused,
    says,
)
from wirephoto.domain.url import NOT_FETCHED
from wirephoto.egress import EgressLimits
from wirephoto.pinning import SystemResolver, only_to


@pytest.fixture
async def site():
    async with open_site() as made:
        yield made


@pytest.fixture
async def make_egress(clock):
    async with egress_maker(clock) as make:
        yield make


# What a good fetch gives


async def test_a_fetch_gives_the_file_and_what_the_server_says_of_it(site, make_egress):
    """The pipeline compares the two."""
    fetched = await make_egress().fetch(site.url(), body_bytes_max=BYTES_MAX)

    assert fetched.body == b"picture"
    assert (fetched.content_type, fetched.content_length) == ("image/jpeg", 7)
    assert (fetched.url, fetched.redirects) == (site.url(), 0)


async def test_a_missing_type_and_length_stay_missing(make_egress):
    """A made-up type would hide the fault that the provider later trips over."""
    async with raw_server(says(b"HTTP/1.1 200 OK\r\n\r\nabc", closes=True)) as port:
        fetched = await make_egress().fetch(f"http://127.0.0.1:{port}/", body_bytes_max=BYTES_MAX)

    assert (fetched.content_type, fetched.content_length, fetched.body) == (None, None, b"abc")


async def test_the_request_carries_nothing_of_ours(site, make_egress):
    """Strangers' servers learn our name and nothing else, and are asked not to compress."""
    egress = make_egress()

    async def sets_a_cookie(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x", headers={"Set-Cookie": "a=b; Path=/"})

    site.answer = sets_a_cookie
    await egress.fetch(site.url(), body_bytes_max=BYTES_MAX)
    await egress.fetch(site.url(), body_bytes_max=BYTES_MAX)

    headers = dict(site.requests[1].headers)
    assert headers.pop("Host").startswith("127.0.0.1:")
    assert headers.pop("User-Agent") == "wirephoto"
    assert headers.pop("Accept-Encoding") == "identity"
    assert set(headers) <= {"Accept", "Connection"}


async def test_a_signed_address_reaches_the_server_as_it_was_written(site, make_egress):
    """The signature covers the text; the provider will send the same text."""
    path = "/%7Ecat%2fa.jpg?sig=%41+b%2B~%7e&x=a/b"

    await make_egress().fetch(site.url(path), body_bytes_max=BYTES_MAX)

    assert site.requests[0].raw_path == path


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://user:secret@example.com/",
        "https://example.com:22/",
        "https://exam ple.com/",
        "/cat.jpg",
    ],
)
async def test_a_malformed_address_is_never_looked_up(make_egress, url):
    """Nothing leaves the machine for an address that breaks the rules."""
    names = Names(["127.0.0.1"])

    failure = await refused(make_egress(resolve=names, allow=[]), url)

    assert (failure.reason, failure.retryable, names.asked) == ("bad_url", False, [])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "metadata.google.internal",
    ],
)
async def test_an_internal_address_is_refused_in_every_spelling(make_egress, host):
    """The system's resolver reads all of these as addresses of this machine or its cloud."""
    names = Names(["8.8.8.8"])

    failure = await refused(make_egress(resolve=names, allow=[]), f"http://{host}/")

    assert (failure.reason, str(failure)) == ("blocked_address", NOT_FETCHED)
    assert names.asked == []


@pytest.mark.parametrize("spelling", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
async def test_the_systems_resolver_reads_odd_spellings_and_its_answer_is_judged(
    make_egress, spelling
):
    """Were a spelling to pass as a name, what the resolver makes of it is refused all the same."""
    resolver = SystemResolver()
    found = await resolver(spelling, 80)
    resolver.close()

    failure = await refused(
        make_egress(resolve=Names(found), allow=[]), "http://odd.example/cat.jpg"
    )

    assert found == ["127.0.0.1"]
    assert failure.reason == "blocked_address"


@pytest.mark.parametrize(
    "answer",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "fe80::1%eth0"],
    ],
)
async def test_a_name_with_one_internal_address_is_refused_whole(site, make_egress, answer):
    """Else the client would sooner or later try the internal one; 127.0.0.1 plays the public."""
    egress = make_egress(resolve=Names(answer))

    failure = await refused(egress, "http://cat.example/cat.jpg")

    assert (failure.reason, failure.retryable) == ("blocked_address", False)
    assert str(failure) == NOT_FETCHED
    assert site.requests == []


async def test_a_name_is_looked_up_once(site, make_egress):
    """A second look-up could answer differently: that is how DNS rebinding works."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])

    fetched = await make_egress(resolve=names).fetch(
        site.url(host="cat.example"), body_bytes_max=BYTES_MAX
    )

    assert fetched.body == b"picture"
    assert names.asked == ["cat.example"]


async def test_a_dropped_connection_brings_no_second_look_up(make_egress):
    """The library may repeat a request on its own; even then it stays with what was checked."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with raw_server(says(closes=True)) as port:
        failure = await refused(make_egress(resolve=names), f"http://cat.example:{port}/")

    assert (failure.reason, names.asked) == ("unreachable", ["cat.example"])


async def test_a_second_address_is_tried_when_the_first_does_not_answer(site, make_egress):
    """Hosts with two address families, or one dead machine of two, must still work."""
    egress = make_egress(resolve=Names(["127.0.0.2", "127.0.0.1"]))

    fetched = await egress.fetch(site.url(host="cat.example"), body_bytes_max=BYTES_MAX)

    assert fetched.body == b"picture"


async def test_a_socket_opens_only_to_checked_addresses():
    """The last check holds even if the library came to resolve names by itself."""
    make = only_to([IPv4Address("127.0.0.1")])
    kind = (2, 1, 6, "")

    make((*kind, ("127.0.0.1", 80))).close()

    with pytest.raises(OSError, match="not checked"):
        make((*kind, ("127.0.0.2", 80)))


async def test_the_servers_name_is_kept_in_the_request(site, make_egress):
    """One machine serves many sites; it must hear which is meant."""
    await make_egress().fetch(site.url(host="cat.example"), body_bytes_max=BYTES_MAX)

    assert site.requests[0].headers["Host"] == f"cat.example:{site.server.port}"


async def test_other_ports_need_the_operators_list(make_egress):
    """Port 22 or 6379 of a public host is none of our business either."""
    egress = make_egress(resolve=Names(["8.8.8.8"]))

    failure = await refused(egress, "http://cat.example:6379/")

    assert (failure.reason, failure.retryable) == ("bad_url", False)


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.1"])
async def test_a_port_refusal_does_not_tell_inside_from_outside(make_egress, address):
    """The port is judged first, so that the answer is the same for both."""
    failure = await refused(make_egress(resolve=Names([address])), "http://cat.example:6379/")

    assert failure.reason == "bad_url"


async def test_a_proxy_from_the_environment_is_not_used(site, make_egress, monkeypatch, tmp_path):
    """A proxy connects for us, and to whatever it likes: pinning would be void."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with open_site() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url("/"))
        await make_egress().fetch(site.url(), body_bytes_max=BYTES_MAX)

    assert (len(site.requests), len(proxy.requests)) == (1, 0)
    assert "Authorization" not in site.requests[0].headers


# Redirects


async def test_a_redirect_is_followed_and_counted(site, make_egress):
    """Shortened addresses are common; the caller is told that the provider may not follow."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/final.jpg":
            return await picture(request)
        return web.Response(status=301, headers={"Location": "final.jpg"})

    site.answer = answer
    fetched = await make_egress().fetch(site.url("/short"), body_bytes_max=BYTES_MAX)

    assert (fetched.url, fetched.redirects) == (site.url("/final.jpg"), 1)


async def test_a_blank_in_a_redirect_is_mended(site, make_egress):
    """Servers send file names as they are, and every browser copes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/my cat.jpg":
            return await picture(request)
        return web.Response(status=302, headers={"Location": "/my cat.jpg"})

    site.answer = answer
    fetched = await make_egress().fetch(site.url("/short"), body_bytes_max=BYTES_MAX)

    assert fetched.url == site.url("/my%20cat.jpg")


async def test_a_redirect_loop_ends_after_three_hops(site, make_egress):
    """A server must not keep us busy for ever."""
    site.redirects_to("/again")

    failure = await refused(make_egress(), site.url())

    assert (failure.reason, failure.retryable) == ("redirect_refused", False)
    assert len(site.requests) == 4


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://10.0.0.1/", "blocked_address"),
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://[::1]/", "blocked_address"),
        ("http://0x0a000001/", "blocked_address"),
        ("//metadata.google.internal/", "blocked_address"),
        ("http://internal.example/", "blocked_address"),
        ("file:///etc/passwd", "redirect_refused"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "redirect_refused"),
        ("http://user:secret@127.0.0.1/", "redirect_refused"),
        ("http://8.8.8.8:6379/", "redirect_refused"),
        ("http://[::1", "redirect_refused"),
        ("", "redirect_refused"),
    ],
)
async def test_a_redirect_is_judged_like_an_address_of_its_own(site, make_egress, location, reason):
    """The oldest way around a guard is a public server that points inside."""
    egress = make_egress(resolve=Names(["127.0.0.1"], ["10.0.0.1"]))
    site.redirects_to(location)

    failure = await refused(egress, site.url(host="cat.example"))

    assert (failure.reason, failure.retryable) == (reason, False)
    assert len(site.requests) == 1


# What the caller learns


async def test_refused_timed_out_and_blocked_have_one_sentence(make_egress, unused_tcp_port):
    """Whoever may make us connect must not read our network from the answers."""
    limits = EgressLimits(first_byte_s=0.01, connect_s=0.01)

    async def no_such_name(host: str, port: int) -> list[str]:
        raise OSError("name or service not known")

    failures = [
        await refused(make_egress(), f"http://127.0.0.1:{unused_tcp_port}/"),
        await refused(make_egress(), "http://10.0.0.1/"),
        await refused(make_egress(resolve=Names(["10.0.0.1"])), "http://cat.example/"),
        await refused(make_egress(resolve=no_such_name), "http://cat.example/"),
        await refused(make_egress(resolve=Names([])), "http://cat.example/"),
        await refused(make_egress(resolve=Names(["no address"])), "http://cat.example/"),
    ]
    async with raw_server(says()) as port:
        failures.append(await refused(make_egress(limits=limits), f"http://127.0.0.1:{port}/"))

    assert {str(failure) for failure in failures} == {NOT_FETCHED}
    reasons = [failure.reason for failure in failures]
    assert reasons == ["unreachable"] + 2 * ["blocked_address"] + 4 * ["unreachable"]


async def test_an_internal_address_looks_the_same_whether_it_answers_or_not(
    site, make_egress, unused_tcp_port
):
    """Nothing is connected to, so there is nothing to tell apart."""
    egress = make_egress(allow=[ip_network("10.9.9.9/32")], resolve=Names(["127.0.0.1"]))

    open_port = await refused(egress, site.url(host="cat.example"))
    shut_port = await refused(egress, f"http://cat.example:{unused_tcp_port}/")

    assert (open_port.reason, str(open_port)) == (shut_port.reason, str(shut_port))
    assert site.requests == []


async def test_the_operator_can_read_the_class_of_a_blocked_address(make_egress):
    """The cause is for the log: which address, of which class, by which RFC."""
    failure = await refused(make_egress(resolve=Names(["10.0.0.1"])), "http://cat.example/")

    assert "RFC 1918" in str(failure.__cause__)


# TLS


async def test_tls_is_checked_against_the_name_and_not_the_pinned_address(make_egress, tmp_path):
    """The server hears the name in its handshake (SNI), and its certificate must be for it."""
    server_tls, client_tls = certificate("cat.example", tmp_path)
    heard: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: heard.append(name)
    egress = make_egress(tls=client_tls)
    answer = says(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    async with raw_server(answer, server_tls) as port:
        fetched = await egress.fetch(f"https://cat.example:{port}/", body_bytes_max=BYTES_MAX)
        failure = await refused(egress, f"https://dog.example:{port}/")

    assert fetched.body == b"abc"
    assert heard == ["cat.example", "dog.example"]
    assert (failure.reason, str(failure)) == ("unreachable", NOT_FETCHED)


async def test_a_redirect_from_https_to_http_is_refused(site, make_egress, tmp_path):
    """What was asked for over TLS must not arrive in the clear."""
    server_tls, client_tls = certificate("cat.example", tmp_path)
    answer = f"HTTP/1.1 302 Found\r\nLocation: {site.url()}\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(says(answer.encode()), server_tls) as port:
        failure = await refused(make_egress(tls=client_tls), f"https://cat.example:{port}/")

    assert (failure.reason, site.requests) == ("redirect_refused", [])
