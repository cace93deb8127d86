"""The table of area codes against an own copy of the facts.

Source of every figure and list here: NANPA area-code report of 5 January 2026, and the list of
codes that span zones taken from it (facts 2.2).
"""

import subprocess
import sys
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from wirephoto.domain.area_codes import AreaKind, find_area_code, zones_of_state

EASTERN = "America/New_York"
CENTRAL = "America/Chicago"
MOUNTAIN = "America/Denver"
PACIFIC = "America/Los_Angeles"
ARIZONA = "America/Phoenix"

SPANNING = {
    (EASTERN, CENTRAL): "219 270 364 423 448 574 606 729 812 850 906 930 931",
    (CENTRAL, MOUNTAIN): "308 605 620 701 785 915",
    (MOUNTAIN, PACIFIC): "208 458 541 775 986",
    (MOUNTAIN, ARIZONA): "928",
    ("America/Anchorage", "America/Adak"): "907",
}

# The ten codes in service that the number library does not know, with where they are.
UNKNOWN_TO_THE_LIBRARY = {
    "357": ("CA", PACIFIC),
    "436": ("OH", EASTERN),
    "457": ("LA", CENTRAL),
    "621": ("TX", CENTRAL),
    "624": ("NY", EASTERN),
    "679": ("MI", EASTERN),
    "729": ("TN", EASTERN),
    "837": ("CA", PACIFIC),
    "861": ("IL", CENTRAL),
    "924": ("MN", CENTRAL),
}

# Code, state and zones of the report, in the order of the codes. It writes M for Arizona too.
REPORT = """
201-NJ-E 202-DC-E 203-CT-E 205-AL-C 206-WA-P 207-ME-E 208-ID-MP 209-CA-P 210-TX-C 212-NY-E
213-CA-P 214-TX-C 215-PA-E 216-OH-E 217-IL-C 218-MN-C 219-IN-EC 220-OH-E 223-PA-E 224-IL-C
225-LA-C 227-MD-E 228-MS-C 229-GA-E 231-MI-E 234-OH-E 235-MO-C 239-FL-E 240-MD-E 248-MI-E 251-AL-C
252-NC-E 253-WA-P 254-TX-C 256-AL-C 260-IN-E 262-WI-C 267-PA-E 269-MI-E 270-KY-EC 272-PA-E
274-WI-C 276-VA-E 279-CA-P 281-TX-C 283-OH-E 301-MD-E 302-DE-E 303-CO-M 304-WV-E 305-FL-E 307-WY-M
308-NE-CM 309-IL-C 310-CA-P 312-IL-C 313-MI-E 314-MO-C 315-NY-E 316-KS-C 317-IN-E 318-LA-C
319-IA-C 320-MN-C 321-FL-E 323-CA-P 324-FL-E 325-TX-C 326-OH-E 327-AR-C 329-NY-E 330-OH-E 331-IL-C
332-NY-E 334-AL-C 336-NC-E 337-LA-C 339-MA-E 340-VI-A 341-CA-P 346-TX-C 347-NY-E 350-CA-P 351-MA-E
352-FL-E 353-WI-C 357-CA-P 360-WA-P 361-TX-C 363-NY-E 364-KY-EC 369-CA-P 380-OH-E 385-UT-M
386-FL-E 401-RI-E 402-NE-C 404-GA-E 405-OK-C 406-MT-M 407-FL-E 408-CA-P 409-TX-C 410-MD-E 412-PA-E
413-MA-E 414-WI-C 415-CA-P 417-MO-C 419-OH-E 423-TN-EC 424-CA-P 425-WA-P 430-TX-C 432-TX-C
434-VA-E 435-UT-M 436-OH-E 440-OH-E 442-CA-P 443-MD-E 445-PA-E 447-IL-C 448-FL-EC 457-LA-C
458-OR-MP 463-IN-E 464-IL-C 469-TX-C 470-GA-E 472-NC-E 475-CT-E 478-GA-E 479-AR-C 480-AZ-M
484-PA-E 501-AR-C 502-KY-E 503-OR-P 504-LA-C 505-NM-M 507-MN-C 508-MA-E 509-WA-P 510-CA-P 512-TX-C
513-OH-E 515-IA-C 516-NY-E 517-MI-E 518-NY-E 520-AZ-M 530-CA-P 531-NE-C 534-WI-C 539-OK-C 540-VA-E
541-OR-MP 551-NJ-E 557-MO-C 559-CA-P 561-FL-E 562-CA-P 563-IA-C 564-WA-P 567-OH-E 570-PA-E
571-VA-E 572-OK-C 573-MO-C 574-IN-EC 575-NM-M 580-OK-C 582-PA-E 585-NY-E 586-MI-E 601-MS-C
602-AZ-M 603-NH-E 605-SD-CM 606-KY-EC 607-NY-E 608-WI-C 609-NJ-E 610-PA-E 612-MN-C 614-OH-E
615-TN-C 616-MI-E 617-MA-E 618-IL-C 619-CA-P 620-KS-CM 621-TX-C 623-AZ-M 624-NY-E 626-CA-P
628-CA-P 629-TN-C 630-IL-C 631-NY-E 636-MO-C 640-NJ-E 641-IA-C 645-FL-E 646-NY-E 650-CA-P 651-MN-C
656-FL-E 657-CA-P 659-AL-C 660-MO-C 661-CA-P 662-MS-C 667-MD-E 669-CA-P 670-MP-G 671-GU-G 678-GA-E
679-MI-E 680-NY-E 681-WV-E 682-TX-C 684-AS-S 686-VA-E 689-FL-E 701-ND-CM 702-NV-P 703-VA-E
704-NC-E 706-GA-E 707-CA-P 708-IL-C 712-IA-C 713-TX-C 714-CA-P 715-WI-C 716-NY-E 717-PA-E 718-NY-E
719-CO-M 720-CO-M 724-PA-E 725-NV-P 726-TX-C 727-FL-E 728-FL-E 729-TN-EC 730-IL-C 731-TN-C
732-NJ-E 734-MI-E 737-TX-C 738-CA-P 740-OH-E 743-NC-E 747-CA-P 748-CO-M 754-FL-E 757-VA-E 760-CA-P
762-GA-E 763-MN-C 765-IN-E 769-MS-C 770-GA-E 771-DC-E 772-FL-E 773-IL-C 774-MA-E 775-NV-PM
779-IL-C 781-MA-E 785-KS-CM 786-FL-E 787-PR-A 801-UT-M 802-VT-E 803-SC-E 804-VA-E 805-CA-P
806-TX-C 808-HI-H 810-MI-E 812-IN-EC 813-FL-E 814-PA-E 815-IL-C 816-MO-C 817-TX-C 818-CA-P
820-CA-P 821-SC-E 826-VA-E 828-NC-E 830-TX-C 831-CA-P 832-TX-C 835-PA-E 837-CA-P 838-NY-E 839-SC-E
840-CA-P 843-SC-E 845-NY-E 847-IL-C 848-NJ-E 850-FL-EC 854-SC-E 856-NJ-E 857-MA-E 858-CA-P
859-KY-E 860-CT-E 861-IL-C 862-NJ-E 863-FL-E 864-SC-E 865-TN-E 870-AR-C 872-IL-C 878-PA-E 901-TN-C
903-TX-C 904-FL-E 906-MI-EC 907-AK-K 908-NJ-E 909-CA-P 910-NC-E 912-GA-E 913-KS-C 914-NY-E
915-TX-CM 916-CA-P 917-NY-E 918-OK-C 919-NC-E 920-WI-C 924-MN-C 925-CA-P 928-AZ-M 929-NY-E
930-IN-E 931-TN-EC 934-NY-E 936-TX-C 937-OH-E 938-AL-C 939-PR-A 940-TX-C 941-FL-E 943-GA-E
945-TX-C 947-MI-E 948-VA-E 949-CA-P 951-CA-P 952-MN-C 954-FL-E 956-TX-C 959-CT-E 970-CO-M 971-OR-P
972-TX-C 973-NJ-E 975-MO-C 978-MA-E 979-TX-C 980-NC-E 983-CO-M 984-NC-E 985-LA-C 986-ID-P 989-MI-E
"""
ZONE_OF_LETTER = {
    "A": "America/Puerto_Rico",
    "E": EASTERN,
    "C": CENTRAL,
    "M": MOUNTAIN,
    "P": PACIFIC,
    "K": "America/Anchorage",
    "H": "Pacific/Honolulu",
    "S": "Pacific/Pago_Pago",
    "G": "Pacific/Guam",
}

IN_SERVICE = {
    code: area for code in (f"{n:03}" for n in range(1000)) if (area := find_area_code(code))
}


def test_every_code_in_service_is_there_once():
    """A code that is missing refuses everybody who lives there."""
    assert len(IN_SERVICE) == 481


def test_there_are_as_many_codes_of_each_kind_as_in_the_source():
    """375 geographic codes of the United States and its territories, 55 Canadian, 21 Caribbean."""
    assert Counter(area.kind for area in IN_SERVICE.values()) == {
        AreaKind.GEOGRAPHIC: 375 + 55 + 21,
        AreaKind.TOLL_FREE: 7,
        AreaKind.PREMIUM: 1,
        AreaKind.PERSONAL: 17,
        AreaKind.OTHER: 5,
    }


def test_there_are_as_many_codes_of_each_country_as_in_the_source():
    """The source has 381 for the United States, six of which are no places."""
    countries = Counter(area.country for area in IN_SERVICE.values())

    assert countries.pop("US") == 381 - 6
    assert countries.pop("CA") == 58
    assert countries.pop(None) == 21 + 6
    assert countries.pop("DO") == 3
    assert countries.pop("JM") == 2
    assert " ".join(sorted(countries)) == "AG AI BB BM BS DM GD KN KY LC MS SX TC TT VC VG"
    assert set(countries.values()) == {1}


@pytest.mark.parametrize("line", REPORT.split())
def test_every_american_code_has_its_state_and_at_least_the_zones_of_the_report(line):
    """Quiet hours follow the state's law and the phone's own hour."""
    code, state, letters = line.split("-")
    zones = {ZONE_OF_LETTER[letter] for letter in letters}
    if state == "AZ":
        zones = {ARIZONA}

    area = find_area_code(code)

    assert (area.kind, area.country, area.state) == (AreaKind.GEOGRAPHIC, "US", state)
    assert zones <= set(area.zones)


@pytest.mark.parametrize(("zones", "codes"), SPANNING.items())
def test_codes_that_span_zones_name_all_of_them(zones, codes):
    """A picture may go out only when the hour is right in every zone the phone may be in."""
    for code in codes.split():
        assert find_area_code(code).zones == zones, code


def test_no_other_code_spans_zones():
    """A zone too many closes the evening an hour early for a whole area."""
    spanning = {code for codes in SPANNING.values() for code in codes.split()}

    assert {code for code, area in IN_SERVICE.items() if len(area.zones) > 1} == spanning


@pytest.mark.parametrize(
    ("code", "state", "zone"),
    [
        ("212", "NY", EASTERN),
        ("689", "FL", EASTERN),
        ("407", "FL", EASTERN),
        ("312", "IL", CENTRAL),
        ("615", "TN", CENTRAL),
        ("629", "TN", CENTRAL),
        ("731", "TN", CENTRAL),
        ("901", "TN", CENTRAL),
        ("865", "TN", EASTERN),
        ("317", "IN", EASTERN),
        ("502", "KY", EASTERN),
        ("303", "CO", MOUNTAIN),
        ("402", "NE", CENTRAL),
        ("316", "KS", CENTRAL),
        ("602", "AZ", ARIZONA),
        ("520", "AZ", ARIZONA),
        ("702", "NV", PACIFIC),
        ("503", "OR", PACIFIC),
        ("310", "CA", PACIFIC),
        ("808", "HI", "Pacific/Honolulu"),
        ("787", "PR", "America/Puerto_Rico"),
        ("671", "GU", "Pacific/Guam"),
        ("684", "AS", "Pacific/Pago_Pago"),
    ],
)
def test_codes_of_one_zone_name_that_zone(code, state, zone):
    """Split states are where a table goes wrong, and 689 is where the library does."""
    area = find_area_code(code)

    assert (area.state, area.zones) == (state, (zone,))


@pytest.mark.parametrize("code", UNKNOWN_TO_THE_LIBRARY)
def test_codes_that_the_library_does_not_know_are_in_the_table(code):
    """People have these numbers, whatever a library's release says."""
    state, zone = UNKNOWN_TO_THE_LIBRARY[code]
    area = find_area_code(code)

    assert (area.kind, area.country, area.state) == (AreaKind.GEOGRAPHIC, "US", state)
    assert zone in area.zones


def test_overlays_that_the_source_calls_by_one_zone_have_those_of_their_parent():
    """An overlay covers the same ground as its parent, so its phones may be in the same zones."""
    for overlay, parent in [("729", "423"), ("930", "812"), ("986", "208")]:
        assert find_area_code(overlay) == find_area_code(parent)


@pytest.mark.parametrize("code", ["340", "670", "671", "684", "787", "939"])
def test_territories_are_told_from_states(code):
    """The provider's MMS does not reach them."""
    assert find_area_code(code).is_territory


def test_only_the_six_codes_of_territories_are_territories():
    """A state mistaken for a territory would be refused as a whole."""
    assert sum(area.is_territory for area in IN_SERVICE.values()) == 6


@pytest.mark.parametrize("code", ["000", "111", "211", "411", "555", "911", "191", "", "2", "2125"])
def test_what_is_not_in_service_is_not_found(code):
    """555 belongs to nobody, N11 are services, and part of a code is no code."""
    assert find_area_code(code) is None


def test_every_zone_exists():
    """A zone that the time-zone data does not have would fail only when a picture is due."""
    zones = {zone for area in IN_SERVICE.values() for zone in area.zones}

    assert len(zones) == 11
    assert all(ZoneInfo(zone).key == zone for zone in zones)


def test_a_state_has_the_zones_of_all_its_codes_from_east_to_west():
    """Whoever is known to live in a state may be in any part of it."""
    assert zones_of_state("TN") == (EASTERN, CENTRAL)
    assert zones_of_state("AZ") == (MOUNTAIN, ARIZONA)
    assert zones_of_state("OR") == (MOUNTAIN, PACIFIC)
    assert zones_of_state("NY") == (EASTERN,)
    assert zones_of_state("ON") == zones_of_state("tn") == zones_of_state("") == ()


def test_places_abroad_and_services_have_no_zone():
    """Nothing is sent there, so nothing pretends to know their hour."""
    for area in IN_SERVICE.values():
        assert bool(area.zones) == (area.country == "US")


def test_loading_the_module_parses_nothing():
    """Commands that need no numbers must not pay for the table."""
    code = (
        "from wirephoto.domain import area_codes as a;"
        "assert a._area_codes.cache_info().currsize == 0"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
