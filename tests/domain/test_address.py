"""Which IP addresses may be reached on somebody else's behalf."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from wirephoto.domain.address import embedded, refusal

REFUSED = [
    ("0.0.0.0", "RFC 1122"),
    ("0.1.2.3", "RFC 791"),
    ("10.0.0.1", "RFC 1918"),
    ("10.255.255.255", "RFC 1918"),
    ("100.64.0.1", "RFC 6598"),
    ("100.127.255.255", "RFC 6598"),
    ("100.100.100.200", "RFC 6598"),
    ("127.0.0.1", "RFC 1122"),
    ("127.255.255.254", "RFC 1122"),
    ("168.63.129.16", "Azure"),
    ("169.254.0.1", "RFC 3927"),
    ("169.254.169.254", "RFC 3927"),
    ("172.16.0.1", "RFC 1918"),
    ("172.31.255.255", "RFC 1918"),
    ("192.0.0.1", "RFC 7335"),
    ("192.0.0.8", "RFC 7600"),
    ("192.0.0.9", "RFC 7723"),
    ("192.0.0.10", "RFC 8155"),
    ("192.0.0.11", "RFC 6890"),
    ("192.0.0.170", "RFC 8880"),
    ("192.0.2.1", "RFC 5737"),
    ("192.31.196.1", "RFC 7535"),
    ("192.52.193.1", "RFC 7450"),
    ("192.88.99.1", "RFC 7526"),
    ("192.88.99.2", "RFC 6751"),
    ("192.168.1.1", "RFC 1918"),
    ("192.175.48.1", "RFC 7534"),
    ("198.18.0.1", "RFC 2544"),
    ("198.19.255.255", "RFC 2544"),
    ("198.51.100.1", "RFC 5737"),
    ("203.0.113.1", "RFC 5737"),
    ("224.0.0.1", "RFC 5771"),
    ("239.255.255.250", "RFC 5771"),
    ("240.0.0.1", "RFC 1112"),
    ("255.255.255.255", "RFC 919"),
    ("::", "RFC 4291"),
    ("::1", "RFC 4291"),
    ("::127.0.0.1", "RFC 4291"),
    ("::8.8.8.8", "RFC 4291"),
    ("::ffff:127.0.0.1", "RFC 4291"),
    ("::ffff:8.8.8.8", "RFC 4291"),
    ("::ffff:0:127.0.0.1", "RFC 2765"),
    ("64:ff9b::127.0.0.1", "RFC 6052"),
    ("64:ff9b::8.8.8.8", "RFC 6052"),
    ("64:ff9b:1::127.0.0.1", "RFC 8215"),
    ("64:ff9b:1:7f00:0:100::", "RFC 8215"),
    ("100::1", "RFC 6666"),
    ("100:0:0:1::1", "RFC 9780"),
    ("2001::1", "RFC 4380"),
    ("2001:0:7f00:1::1", "RFC 4380"),
    ("2001:1::1", "RFC 7723"),
    ("2001:1::2", "RFC 8155"),
    ("2001:1::3", "RFC 9665"),
    ("2001:2::1", "RFC 5180"),
    ("2001:3::1", "RFC 7450"),
    ("2001:4:112::1", "RFC 7535"),
    ("2001:10::1", "RFC 4843"),
    ("2001:20::1", "RFC 7343"),
    ("2001:30::1", "RFC 9374"),
    ("2001:1ff::1", "RFC 2928"),
    ("2001:db8::1", "RFC 3849"),
    ("2002:7f00:1::", "RFC 3056"),
    ("2002:808:808::1", "RFC 3056"),
    ("2620:4f:8000::1", "RFC 7534"),
    ("3ffe::1", "RFC 3701"),
    ("3fff::1", "RFC 9637"),
    ("4000::1", "RFC 4291"),
    ("5f00::1", "RFC 9602"),
    ("fc00::1", "RFC 4193"),
    ("fd00:ec2::254", "RFC 4193"),
    ("fe80::1", "RFC 4291"),
    ("fe80::1%eth0", "RFC 4291"),
    ("fec0::1", "RFC 3879"),
    ("ff02::1", "RFC 4291"),
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "216.147.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "3fff:1000::1",
]

EMBEDDED = [
    ("::127.0.0.1", ["127.0.0.1"]),
    ("::ffff:10.0.0.1", ["10.0.0.1"]),
    ("::ffff:0:10.0.0.1", ["10.0.0.1"]),
    ("64:ff9b::10.0.0.1", ["10.0.0.1"]),
    ("2002:a00:1::", ["10.0.0.1"]),
    # RFC 4380, section 4: the server as it is, the client with every bit turned round.
    ("2001:0:102:304::f5ff:fffe", ["1.2.3.4", "10.0.0.1"]),
    ("::1", []),
    ("2606:4700::a00:1", []),
    ("10.0.0.1", []),
]

# RFC 6052, section 2.4, under the prefix of RFC 8215: 192.0.2.33 wherever a translator may look.
LOCAL_NAT64 = [
    "64:ff9b:1:c000:2:2100::",
    "64:ff9b:1:c0:0:221::",
    "64:ff9b:1:0:c0:2:2100::",
    "64:ff9b:1::192.0.2.33",
]


@pytest.mark.parametrize(("address", "source"), REFUSED)
def test_an_address_that_is_not_public_is_refused_by_name(address, source):
    """Each is a way into somebody's own network; the source lets an operator look it up."""
    assert source in refusal(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address):
    """Neighbours of refused blocks are ordinary hosts, and pictures live on them."""
    assert refusal(ip_address(address)) is None


@pytest.mark.parametrize(("address", "inner"), EMBEDDED)
def test_ipv4_inside_ipv6_is_found(address, inner):
    """A translator or tunnel would carry the connection on to the inner address."""
    assert [str(ip) for ip in embedded(ip_address(address))] == inner


@pytest.mark.parametrize("address", LOCAL_NAT64)
def test_a_local_translator_hides_nothing_in_any_of_its_layouts(address):
    """Only the translator knows where in the address it looks, so every place is judged."""
    assert IPv4Address("192.0.2.33") in embedded(ip_address(address))


def test_the_operators_list_opens_what_it_names():
    """Tests and internal media hosts are reached by an explicit list, and by nothing else."""
    allow = [ip_network("10.1.0.0/16"), ip_network("::1/128")]

    assert refusal(ip_address("10.1.2.3"), allow) is None
    assert refusal(ip_address("::1"), allow) is None
    assert refusal(ip_address("10.2.0.1"), allow) is not None


def test_an_allowed_translation_prefix_does_not_open_what_is_behind_it():
    """Hosts without IPv4 need NAT64 for public addresses; the private network stays shut."""
    allow = [ip_network("64:ff9b::/96")]

    assert refusal(ip_address("64:ff9b::8.8.8.8"), allow) is None
    assert "RFC 1918" in refusal(ip_address("64:ff9b::10.0.0.1"), allow)


def test_allowing_an_address_does_not_allow_it_in_another_disguise():
    """The list names networks; whoever writes 127.0.0.0/8 has not thought of mapped addresses."""
    assert refusal(ip_address("::ffff:127.0.0.1"), [ip_network("127.0.0.0/8")]) is not None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
    ],
)
def test_cloud_metadata_stays_shut_whatever_the_list_says(address):
    """It hands out the machine's credentials, and no picture ever lives there."""
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]

    assert "metadata" in refusal(ip_address(address), everything)
