"""Where a message comes from: what its caller has, and what its key allows of it."""

import pytest

from wirephoto.domain.origin import Origins

ONE, TWO, THREE = "+12025550101", "+12025550102", "+12025550103"
POOLS = {"shop": (ONE, TWO), "bar": (THREE,)}


def choose(wanted, allowed=(), default=None, senders=(ONE, TWO, THREE)):
    faults = []
    chosen = Origins(senders, POOLS, allowed).choose(wanted, default, faults)
    return chosen, [fault.code for fault in faults]


@pytest.mark.parametrize(
    ("wanted", "allowed", "default", "chosen"),
    [
        ("shop", (), None, (ONE, TWO)),
        ("shop", ("shop",), None, (ONE, TWO)),
        (ONE, ("shop",), None, ONE),
        ("(202) 555-0103", (THREE,), None, THREE),
        (None, (THREE,), ONE, THREE),
        (None, ("bar",), ONE, THREE),
        (None, (ONE, TWO), TWO, TWO),
        (None, (ONE, THREE), TWO, (ONE, THREE)),
        (None, ("shop", THREE), None, (ONE, TWO, THREE)),
    ],
)
def test_a_key_sends_from_what_it_may(wanted, allowed, default, chosen):
    """A shop's key names no sender and still never sends from another shop's."""
    assert choose(wanted, allowed, default) == (chosen, [])


@pytest.mark.parametrize(
    ("wanted", "allowed", "code"),
    [
        (THREE, ("shop",), "sender_not_allowed"),
        ("bar", ("shop",), "sender_not_allowed"),
        ("shop", (ONE,), "sender_not_allowed"),
        ("+12025550109", ("shop",), "unknown_sender"),
        (None, (), "required"),
        (None, ("gone",), "required"),
    ],
)
def test_a_key_sends_from_nothing_else(wanted, allowed, code):
    """A pool that is named in full may hold senders that the key may not use one by one."""
    assert choose(wanted, allowed)[1] == [code]


def test_a_key_whose_senders_are_gone_is_told_so():
    """Opening it to all others instead would be the worst answer."""
    faults = []
    Origins((ONE,), {}, ("gone",)).choose(None, ONE, faults)

    assert faults[0].message.startswith("There is no sender that this key may use.")
