"""What a text costs, in the alphabet of text messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.gsm7 import in_gsm7, segments, septets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("Reply STOP", 10),
        ("Fréquence", 9),
        ("5 €", 4),
        ("[x]", 5),
        ("Menú", None),
        ("ça", None),
        ("\N{OCTAGONAL SIGN}", None),
        ("it\u2019s", None),
    ],
)
def test_some_characters_count_twice_and_some_not_at_all(text, expected):
    """One curly apostrophe more than halves the room of a message."""
    assert septets(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ú" * 70, 1),
        ("ú" * 71, 2),
        ("ú" * 134, 2),
        ("\N{CAT}" * 35, 1),
        ("\N{CAT}" * 36, 2),
        ("\N{CAT}" * 66, 2),
        ("\N{CAT}" * 67, 3),
    ],
)
def test_a_longer_text_is_paid_for_in_parts(text, expected):
    """No character is cut in two, so a part may be one short of full."""
    assert segments(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Café Münch", "Café Münch"),
        ("Peña & Súarez", "Peña & Suarez"),
        ("Dana\u2019s \u201cDeli\u201d", 'Dana\'s "Deli"'),
        ("\N{SLICE OF PIZZA} Slice", " Slice"),
        ("日本", ""),
    ],
)
def test_names_are_written_as_well_as_it_goes(name, expected):
    """A brand's accent must not cost every answer a second message."""
    assert in_gsm7(name) == expected


@given(st.text())
def test_what_is_written_in_the_alphabet_can_be_measured_in_it(text):
    """Else an answer's length would be unknown."""
    assert septets(in_gsm7(text)) is not None
