import pytest

from wirephoto.simulator import recipients
from wirephoto.simulator.recipients import (
    ERROR_TEXTS,
    MAGIC_RECIPIENTS,
    PLAIN,
    Ending,
    Moods,
    behaviour_of,
    of_text,
)
from wirephoto.simulator.switches import HttpFault


@pytest.mark.parametrize("behaviour", MAGIC_RECIPIENTS, ids=lambda behaviour: behaviour.digits)
def test_every_magic_recipient_is_documented(behaviour):
    """The table in the docstring is what people read, the data is what happens."""
    assert recipients.__doc__ is not None
    assert f"    {behaviour.digits}   {behaviour.summary}\n" in recipients.__doc__


def test_the_docstring_lists_nothing_else():
    """A row without behaviour would be a lie."""
    assert recipients.__doc__ is not None
    rows = [line[4:6] for line in recipients.__doc__.splitlines() if line[4:6].isdigit()]

    assert rows == [behaviour.digits for behaviour in MAGIC_RECIPIENTS]


@pytest.mark.parametrize("area", ["212", "201", "415", "555", "907"])
@pytest.mark.parametrize("behaviour", MAGIC_RECIPIENTS, ids=lambda behaviour: behaviour.digits)
def test_a_magic_number_works_in_every_area_code(area, behaviour):
    """Tests of time zones need magic numbers in several states."""
    assert behaviour_of(f"1{area}55501{behaviour.digits}") is behaviour


@pytest.mark.parametrize(
    "number",
    [
        *(f"121255501{digits:02}" for digits in (*range(20), 23, 99)),
        *("12125550123", "12015550123", "14155550100", "15551234567", "12125550053"),
        *("4955501530", "442125550153", "155501531"),
    ],
)
def test_ordinary_numbers_are_simply_delivered(number):
    """Numbers of tutorials and of real people must not trip over a fault."""
    assert behaviour_of(number) is PLAIN


def test_every_fault_and_every_ending_has_a_number():
    """Whatever can happen can be shown from the outside, with nothing but a number."""
    assert {b.fault for b in MAGIC_RECIPIENTS if b.fault} == set(HttpFault)
    assert {b.ending for b in MAGIC_RECIPIENTS} == set(Ending)
    assert {b.code for b in MAGIC_RECIPIENTS if b.code} == set(ERROR_TEXTS)


def test_what_happens_once_spares_the_next_message():
    """A retry under a new reference must get through: the number is what is remembered."""
    moods = Moods()

    faults = [moods.next_behaviour("12125550130").fault for _ in range(4)]

    assert faults == [HttpFault.THROTTLED, None, HttpFault.THROTTLED, None]


def test_what_is_wrong_with_pictures_spares_texts():
    """A phone that takes no MMS is still a phone: a fallback must be able to reach it."""
    spared = {each.digits for each in MAGIC_RECIPIENTS if of_text(each) is PLAIN}

    assert spared == {"55", "59", "60", "61"}
    assert all(of_text(each) is each for each in MAGIC_RECIPIENTS if each.digits not in spared)
