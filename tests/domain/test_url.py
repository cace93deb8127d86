"""Which addresses a customer may give us."""

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.url import (
    NOT_FETCHED,
    URL_CHARS_MAX,
    Target,
    UrlFault,
    check_url,
    parse_url,
    read_ip,
)

LOOPBACK = [ip_network("127.0.0.0/8")]

GOOD = [
    "https://example.com/cat.jpg",
    "http://example.com/cat.jpg",
    "HTTPS://EXAMPLE.COM/cat.jpg",
    "https://example.com",
    "https://example.com:443/cat.jpg?signature=a%2Bb+c%3D#top",
    "https://example.com./cat.jpg",
    "https://bücher.example/ä.jpg",
    "https://my_bucket.example.com/cat.jpg",
    "https://8.8.8.8/cat.jpg",
    "https://[2606:4700:4700::1111]/cat.jpg",
]

BAD = [
    "",
    "#top",
    "cat.jpg",
    "/cat.jpg",
    "//example.com/cat.jpg",
    "example.com/cat.jpg",
    "http:",
    "http://",
    "http:///cat.jpg",
    "http:cat.jpg",
    "ftp://example.com/cat.jpg",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com:22/",
    "https://example.com:8080/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://example.com:x/",
    "https://exam ple.com/",
    "https://example.com/my cat.jpg",
    " https://example.com/",
    "https://example.com/\r\nHost: internal",
    "https://example.com/\u200b",
    "https://example.com/\u3000",
    "https://example.com/\ud800",
    "https://a..b/",
    "https://" + "a" * 64 + ".com/",
    "https://%31%32%37.0.0.1/",
    "https://exa%00mple.com/",
    "https://xn--/",
    "https://[::1",
    "https://[v1.a]/",
    "https://[fe80::1%25eth0]/",
    "https://1.2.3.4.5/",
    "https://1.2.3.256/",
    "https://example.0x7f/",
    "https://09.0.0.1/",
    "https://example.com/" + "a" * URL_CHARS_MAX,
]

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0X7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "0x7f.1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",  # full-width digits
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",  # circled digits
    "127\u30020\uff0e0\uff611",  # other full stops
]

BLOCKED = [
    *LOOPBACK_SPELLINGS,
    "0",
    "0x",
    "10.0.0.1",
    "169.254.169.254",
    "2852039166",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[fd00:ec2::254]",
    "localhost",
    "LOCALHOST.",
    "media.localhost",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "metadata",
    "instance-data.ec2.internal",
]


@pytest.mark.parametrize("url", GOOD)
def test_an_ordinary_address_is_taken(url):
    """What people have in their browsers must pass, old schemes and odd names included."""
    assert check_url(url) is None


@pytest.mark.parametrize("url", BAD)
def test_a_malformed_address_is_refused_at_once(url):
    """It would fail later anyway; here the caller still listens."""
    assert check_url(url).reason == "bad_url"


@pytest.mark.parametrize("host", BLOCKED)
def test_an_internal_address_is_refused_in_every_spelling(host):
    """The system's resolver reads all of these; a check of the text alone lets them through."""
    assert check_url(f"http://{host}/cat.jpg") == UrlFault("blocked_address", NOT_FETCHED)


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_a_spelling_is_replaced_by_the_address_it_means(host):
    """What was judged is what is connected to: nobody reads the odd spelling a second time."""
    target = parse_url(f"http://{host}/cat.jpg", allow=LOOPBACK)

    assert isinstance(target, Target)
    assert target.literal == IPv4Address("127.0.0.1")
    assert str(target.url) == "http://127.0.0.1/cat.jpg"


def test_octal_is_read_as_octal():
    """010.8.8.8 is 8.8.8.8 to a resolver and 10.8.8.8 to a careless reader."""
    assert read_ip("010.8.8.8") == IPv4Address("8.8.8.8")


def test_a_signed_address_is_kept_byte_for_byte():
    """A signature over the text does not survive an equivalent spelling of it."""
    url = "https://example.com/%7Ecat%2fa.jpg?sig=%41+b%2B~%7e&x=a/b"

    assert str(parse_url(url).url) == url


def test_the_operators_list_opens_other_ports():
    """Internal media hosts rarely listen on 443; whether this one may is settled by its address."""
    assert check_url("http://media.internal.example:8080/", allow=LOOPBACK) is None
    assert check_url("http://127.0.0.1:8080/", allow=LOOPBACK) is None
    assert check_url("http://localhost:8080/", allow=LOOPBACK) is None
    assert check_url("http://8.8.8.8:8080/", allow=LOOPBACK).reason == "bad_url"
    assert check_url("http://10.0.0.1/", allow=LOOPBACK).reason == "blocked_address"


@given(st.text(max_size=60) | st.text(max_size=40).map("https://{}".format))
def test_no_text_breaks_the_check(text):
    """It runs on whatever a request holds; an exception would be a 500."""
    fault = check_url(text)

    assert fault is None or fault.reason in ("bad_url", "blocked_address")
