"""Identifiers: unique, sorted by time, repeatable from a seed."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, make_ids
from wirephoto.ids import ID_CHARS, Ids, made_at, uuid_of

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
FIRST, LAST = (datetime(year, 1, 1) for year in (1970, 9999))  # noqa: DTZ001 - as Hypothesis wants
INSTANTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


def value_of(text):
    value = 0
    for character in text:
        value = value * 32 + ALPHABET.index(character)
    return value


@given(now=INSTANTS, seed=st.integers(0, 1000))
def test_an_id_is_a_prefix_and_a_uuid_of_version_7(now, seed):
    """Other tools can read the time out of it (RFC 9562, section 5.7)."""
    prefix, _, text = make_ids(seed).new("msg", now).partition("_")

    uuid = UUID(int=value_of(text))
    assert prefix == "msg"
    assert len(text) == ID_CHARS
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    made_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=uuid.int >> 80)
    assert made_at <= now < made_at + timedelta(milliseconds=1)


@given(now=INSTANTS, after_ms=st.integers(1, 10**9))
def test_ids_sort_by_the_time_they_were_made(now, after_ms):
    """Lists page by id, newest first: a later message must never hide behind a cursor."""
    ids = make_ids()

    assert ids.new("msg", now) < ids.new("msg", now + timedelta(milliseconds=after_ms))


def test_ids_of_one_millisecond_differ():
    """Thousands of messages are accepted each second."""
    ids = Ids()

    assert len({ids.new("msg", NOW) for _ in range(10_000)}) == 10_000


@given(now=INSTANTS, seed=st.integers(0, 1000))
def test_the_time_and_the_uuid_can_be_read_back(now, seed):
    """How long a message took, and which trace is its own, follow from its id alone."""
    id_ = make_ids(seed).new("msg", now)

    assert made_at(id_) <= now < made_at(id_) + timedelta(milliseconds=1)
    assert uuid_of(id_) == value_of(id_.partition("_")[2])


def test_a_client_ref_fits_both_bounds_that_the_provider_documents():
    """A reference that were cut on the way would find no attempt (contract 1.3)."""
    ref = Ids().client_ref()

    assert re.fullmatch(f"[{ALPHABET}]{{26}}", ref)


def test_client_refs_use_all_their_bits():
    """A guessable reference would let anybody who knows one forge another's receipt."""
    everything, nothing = Ids(lambda n: b"\xff" * n), Ids(lambda n: b"\x00" * n)

    assert value_of(everything.client_ref()) == 2**128 - 1
    assert value_of(nothing.client_ref()) == 0


def test_a_seed_repeats_a_run():
    """A failing scenario is only useful when it can be run again."""
    one, two = make_ids(5), make_ids(5)

    assert [one.new("a", NOW), one.client_ref(), one.random_bytes(3)] == [
        two.new("a", NOW),
        two.client_ref(),
        two.random_bytes(3),
    ]
