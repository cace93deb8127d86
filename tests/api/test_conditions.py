"""Which part of a file is asked for, by the examples and the rules of RFC 9110."""

import pytest

from wirephoto.api.conditions import Span, Verdict, judge, parse_range

ETAG = '"abc"'
SIZE = 10_000

PARTS = [
    # Section 14.1.2: a representation of 10,000 bytes.
    ("bytes=0-499", Span(0, 500)),
    ("bytes=500-999", Span(500, 1000)),
    ("bytes=-500", Span(9500, 10_000)),
    ("bytes=9500-", Span(9500, 10_000)),
    ("bytes=0-0", Span(0, 1)),
    ("bytes=-1", Span(9999, 10_000)),
    # A last byte beyond the end is the end, and so is a suffix longer than the file.
    ("bytes=9999-99999", Span(9999, 10_000)),
    ("bytes=-10001", Span(0, 10_000)),
    ("bytes=0-", Span(0, 10_000)),
    # Units are case-insensitive (14.1); lists may have blanks and empty elements (5.6.1).
    ("BYTES=0-0", Span(0, 1)),
    ("bytes=, 0-0 ,", Span(0, 1)),
    # Section 14.1.2: nothing that exists is asked for.
    ("bytes=10000-", Span(0, 0)),
    ("bytes=10000-10001", Span(0, 0)),
    ("bytes=-0", Span(10_000, 10_000)),
]
IGNORED = [
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=1-0",  # section 14.1.1: invalid, and a recipient must ignore it
    "bytes=a-b",
    "bytes=0x0-1",
    "bytes=0-1-2",
    "bytes=--1",
    "bytes=+0-1",
    "bytes=0-٣",
    "bytes=0 - 1",
    "items=0-1",
    "bytes=0-0,-1",  # section 14.1.2's own example of several parts
    "bytes=500-600,601-999",
    f"bytes={'9' * 5000}-",
]


@pytest.mark.parametrize(("text", "span"), PARTS)
def test_a_part_is_found(text, span):
    """Fetchers resume a picture where they were cut off."""
    assert parse_range(text, SIZE) == span


@pytest.mark.parametrize("text", IGNORED, ids=range(len(IGNORED)))
def test_what_is_no_single_part_is_the_whole_file(text):
    """Section 14.2 allows it, and whoever asked oddly still gets the picture."""
    assert parse_range(text, SIZE) is None


WHOLE, NOTHING = Span(0, SIZE), Span(0, 0)
PART = "bytes=0-499"
CASES = [
    ({}, Verdict(200, WHOLE)),
    ({"range": PART}, Verdict(206, Span(0, 500))),
    ({"range": "bytes=10000-"}, Verdict(416, NOTHING)),
    ({"range": "bytes=5-1"}, Verdict(200, WHOLE)),
    ({"if-none-match": ETAG}, Verdict(304, NOTHING)),
    ({"if-none-match": 'W/"abc"'}, Verdict(304, NOTHING)),  # section 13.1.2: weak comparison
    ({"if-none-match": '"xyz", W/"q,r" ,"abc"'}, Verdict(304, NOTHING)),
    ({"if-none-match": "*"}, Verdict(304, NOTHING)),
    ({"if-none-match": '"xyz"'}, Verdict(200, WHOLE)),
    ({"if-none-match": "abc"}, Verdict(200, WHOLE)),
    ({"if-none-match": ETAG, "range": PART}, Verdict(304, NOTHING)),
    ({"if-none-match": '"xyz"', "range": PART}, Verdict(206, Span(0, 500))),
    ({"if-range": ETAG, "range": PART}, Verdict(206, Span(0, 500))),
    ({"if-range": '"xyz"', "range": PART}, Verdict(200, WHOLE)),
    ({"if-range": 'W/"abc"', "range": PART}, Verdict(200, WHOLE)),  # section 13.1.5: strong
    ({"if-range": "Sat, 29 Oct 1994 19:43:31 GMT", "range": PART}, Verdict(200, WHOLE)),
    ({"if-match": ETAG}, Verdict(200, WHOLE)),
    ({"if-match": "*"}, Verdict(200, WHOLE)),
    ({"if-match": 'W/"abc"'}, Verdict(412, NOTHING)),  # section 13.1.1: strong comparison
    ({"if-match": '"xyz"', "if-none-match": ETAG}, Verdict(412, NOTHING)),
]


@pytest.mark.parametrize(("asked", "verdict"), CASES)
def test_preconditions_come_before_ranges(asked, verdict):
    """In the order of section 13.2.2: a cache that has the file needs no part of it."""
    assert judge(asked, method="GET", etag=ETAG, size_bytes=SIZE) == verdict


def test_head_knows_no_ranges():
    """Section 14.2: the field is for GET; the length that HEAD tells is the whole file's."""
    asked = {"range": PART}

    assert judge(asked, method="HEAD", etag=ETAG, size_bytes=SIZE) == Verdict(200, WHOLE)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_part_lies_within_the_file(size):
    """Whatever is asked for, no length is promised that is not there."""
    edges = ["", *map(str, range(size + 3))]
    for first in edges:
        for last in edges:
            span = parse_range(f"bytes={first}-{last}", size)

            assert span is None or 0 <= span.start <= span.stop <= size
