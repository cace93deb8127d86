"""What follows from a look-up: whom no picture can reach, and how long an answer stands."""

from datetime import timedelta

import pytest

from tests.factories import NOW
from wirephoto.domain.number_facts import (
    REASONS,
    REFUSABLE,
    NumberFacts,
    NumberKind,
    good_until,
    judge,
)

EVERY = frozenset(NumberKind)
MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (NumberKind.LANDLINE, "not_mobile"),
        (NumberKind.VIRTUAL, "not_mobile"),
        (NumberKind.UNASSIGNED, "number_unassigned"),
        (NumberKind.INVALID, "number_invalid"),
    ],
)
def test_who_has_no_phone_is_refused_with_a_reason(kind, reason):
    """Programs act on the reason, and people on the sentence."""
    unreachable = judge(NumberFacts(kind), EVERY)

    assert unreachable is not None
    assert unreachable.reason == reason
    assert unreachable.message.endswith(".")


def test_kinds_that_are_not_to_be_refused_pass():
    """Some virtual numbers take pictures: the operator knows their recipients."""
    assert judge(NumberFacts(NumberKind.VIRTUAL), {NumberKind.LANDLINE}) is None


@pytest.mark.parametrize("kind", [NumberKind.MOBILE, NumberKind.UNKNOWN])
def test_phones_and_the_unknown_always_pass(kind):
    """An answer that tells nothing must not cost a message."""
    assert judge(NumberFacts(kind), EVERY) is None
    assert kind not in REFUSABLE


def test_every_reason_is_known_as_one_of_numbers():
    """Answers name the field that is wrong by it."""
    told = {judge(NumberFacts(NumberKind(kind)), EVERY) for kind in REFUSABLE}

    assert {each.reason for each in told if each} == REASONS


def test_an_answer_that_told_nothing_stands_for_a_day_at_most():
    """The supplier was away; a month of ignorance would be a month of lost messages."""
    nothing, phone = NumberFacts(NumberKind.UNKNOWN), NumberFacts(NumberKind.MOBILE)

    assert good_until(phone, NOW, MONTH) == NOW + MONTH
    assert good_until(nothing, NOW, MONTH) == NOW + timedelta(days=1)
    assert good_until(nothing, NOW, timedelta(hours=1)) == NOW + timedelta(hours=1)
