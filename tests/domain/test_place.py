"""Where a recipient may be: what is known wins, and what is unknown is everywhere."""

import pytest

from tests.domain.test_area_codes import REPORT, ZONE_OF_LETTER
from wirephoto.domain.place import (
    EVERYWHERE,
    Basis,
    Place,
    candidate_zones,
    place_of,
    state_of,
    valid_state,
    valid_zone,
)

EASTERN, CENTRAL = "America/New_York", "America/Chicago"
MOUNTAIN, ARIZONA = "America/Denver", "America/Phoenix"


@pytest.mark.parametrize("line", REPORT.split())
def test_every_american_number_has_its_state_and_at_least_the_zones_of_the_report(line):
    """Quiet hours follow the state's law and the phone's own hour (NANPA, 5 January 2026)."""
    code, state, letters = line.split("-")
    zones = {ARIZONA} if state == "AZ" else {ZONE_OF_LETTER[letter] for letter in letters}
    number = f"+1{code}5550123"

    assert state_of(number) == state
    assert zones <= set(candidate_zones(number))
    assert place_of(number).basis is Basis.AREA_CODE


@pytest.mark.parametrize("code", ["555", "800", "900", "500", "710", "211", "999", "416", "242"])
def test_a_number_of_no_american_place_may_be_anywhere(code):
    """Whoever may be in Hawaii must not be woken by whoever thinks they are in New York."""
    number = f"+1{code}5550123"

    assert place_of(number) == Place(None, EVERYWHERE, Basis.UNKNOWN)
    assert candidate_zones(number) == EVERYWHERE
    assert state_of(number) is None


def test_everywhere_is_every_zone_of_the_fifty_states():
    """A zone that is missing is a night in which somebody is woken."""
    fifty = {zone for line in REPORT.split() for zone in candidate_zones(f"+1{line[:3]}5550123")}

    assert fifty - {"America/Puerto_Rico", "Pacific/Guam", "Pacific/Pago_Pago"} == set(EVERYWHERE)


def test_a_zone_that_is_known_wins_but_says_nothing_of_the_law():
    """A Texan in London sleeps by London's clock, and may still sue by the law of Texas."""
    place = place_of("+12145550123", zone="Europe/London")

    assert place == Place("TX", ("Europe/London",), Basis.GIVEN)


def test_a_state_that_is_known_brings_its_own_zones():
    """Who moved from New York to Tennessee may be in either half of it."""
    assert place_of("+12125550123", state="TN") == Place("TN", (EASTERN, CENTRAL), Basis.GIVEN)


def test_a_state_that_is_known_already_keeps_the_zones_of_the_area_code():
    """Memphis is Central: to close its evening by Knoxville's clock costs an hour for nothing."""
    assert place_of("+19015550123", state="TN") == Place("TN", (CENTRAL,), Basis.GIVEN)


def test_a_zone_and_a_state_that_are_known_both_count():
    """A record of consent may hold both, and knows better than any number."""
    place = place_of("+12125550123", zone=MOUNTAIN, state="UT")

    assert place == Place("UT", (MOUNTAIN,), Basis.GIVEN)


def test_the_navajo_nation_is_beside_arizona():
    """Within 928 there are phones with daylight-saving time and phones without."""
    assert candidate_zones("+19285550123") == (MOUNTAIN, ARIZONA)
    assert candidate_zones("+16025550123") == (ARIZONA,)
    assert place_of("+12125550123", state="AZ").zones == (MOUNTAIN, ARIZONA)


@pytest.mark.parametrize(
    "text", ["", "New York", "EST5", "America", "../etc/passwd", "/etc/passwd", "x" * 5000, "a\0b"]
)
def test_what_is_no_zone_is_refused_with_an_example(text):
    """It would fail only when the message is due, and names of zones are names of files."""
    with pytest.raises(ValueError, match="America/New_York"):
        valid_zone(text)


def test_a_zone_is_returned_as_it_is_named():
    """Names of zones tell capitals from small letters."""
    assert valid_zone("America/Argentina/Ushuaia") == "America/Argentina/Ushuaia"


@pytest.mark.parametrize("text", ["", "XX", "Texas", "ON", "T", "MX"])
def test_what_is_no_state_is_refused_with_an_example(text):
    """A state that nobody knows has no law, so everything would be allowed there."""
    with pytest.raises(ValueError, match="TX"):
        valid_state(text)


def test_a_state_may_be_written_small():
    """There is no doubt what it means."""
    assert valid_state("tx") == "TX"
