"""The laws that come with this version, and what operators may correct."""

import tomllib
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from wirephoto.domain.hours import Window
from wirephoto.domain.message import Category
from wirephoto.domain.quiet_rules import FEDERAL, Status, parse_rules, standard_rules

# Place, Monday to Friday, Saturday, Sunday, whether holidays are closed. Source: the table of
# calling hours that was collected in November 2026 from statutes and law firms (facts 2.1).
LAWS = """
federal 08-21 08-21 08-21 open
AL 08-20 08-20 none closed
CT 09-20 09-20 09-20 open
FL 08-20 08-20 08-20 open
KY 10-21 10-21 10-21 open
LA 08-20 08-20 none closed
MA 08-20 08-20 08-20 open
MD 08-20 08-20 08-20 open
MI 09-21 09-21 09-21 open
MN 09-21 09-21 09-21 open
MS 08-20 08-20 none closed
NJ 08-20 08-20 08-20 open
NM 09-21 09-21 09-21 open
NV 09-20 09-20 09-20 open
OK 08-20 08-20 08-20 open
PA 08-21 08-21 08-21 closed
RI 09-18 10-17 10-17 closed
TX 09-21 09-21 12-21 open
UT 08-21 08-21 08-21 closed
VA 08-21 08-21 08-21 open
WA 08-20 08-20 08-20 open
"""
MONDAY, SATURDAY, SUNDAY = date(2026, 11, 30), date(2026, 12, 5), date(2026, 12, 6)
CHRISTMAS = date(2026, 12, 25)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quiet-hours.md"

ONE = """
[[rules]]
place = "TX"
hours = "{hours}"
source = "a letter of our lawyers"
status = "verified"
read_on = 2026-12-01
"""


def windows(text):
    if text == "none":
        return ()
    opens, closes = map(int, text.split("-"))
    return (Window(60 * opens, 60 * closes),)


@pytest.mark.parametrize("line", LAWS.strip().splitlines())
def test_every_law_says_what_the_table_says(line):
    """An hour too many costs its sender a lawsuit for each picture."""
    place, weekdays, saturday, sunday, holidays = line.split()
    rule = standard_rules().laws[place].on(MONDAY)

    assert rule.windows_on(MONDAY) == windows(weekdays)
    assert rule.windows_on(SATURDAY) == windows(saturday)
    assert rule.windows_on(SUNDAY) == windows(sunday)
    assert rule.windows_on(CHRISTMAS) == (() if holidays == "closed" else windows(weekdays))


def test_there_is_no_law_that_the_table_does_not_have():
    """What nobody wrote down nobody can check."""
    assert set(standard_rules().laws) == {line.split()[0] for line in LAWS.strip().splitlines()}


def test_every_rule_says_where_it_is_from_and_how_sure_that_is():
    """Whoever answers for compliance must be able to look each of them up."""
    rules = [rule for law in standard_rules().laws.values() for rule in law.versions]

    assert all(len(rule.source) > 10 and rule.read_on is not None for rule in rules)
    assert all(rule.categories == {Category.MARKETING} for rule in rules)
    assert [rule.place for rule in rules if rule.status is Status.VERIFIED] == [FEDERAL]
    assert [rule.place for rule in rules if rule.status is Status.UNVERIFIED] == ["WA"]


@pytest.mark.parametrize(
    ("state", "day", "name"),
    [
        ("AL", "2027-02-09", "Mardi Gras"),
        ("AL", "2027-12-24", "Christmas Day, a Saturday, is observed on Friday"),
        ("AL", "2026-12-01", "Mrs. Rosa Parks Day"),
        ("LA", "2027-02-09", "Mardi Gras"),
        ("LA", "2027-03-26", "Good Friday"),
        ("LA", "2026-11-27", "the day after Thanksgiving"),
        ("LA", "2026-11-03", "a general election"),
        ("MS", "2027-07-05", "Independence Day, a Sunday, is observed on Monday"),
        ("MS", "2027-04-26", "Confederate Memorial Day"),
        ("PA", "2027-06-14", "Flag Day"),
        ("RI", "2027-08-09", "Victory Day"),
        ("RI", "2026-07-06", "Independence Day, a Saturday, is observed on Monday"),
        ("UT", "2026-07-24", "Pioneer Day"),
        ("UT", "2026-11-26", "Thanksgiving Day"),
    ],
)
def test_states_have_holidays_of_their_own(state, day, name):
    """A calendar of federal holidays would send a picture on Mardi Gras."""
    when = date.fromisoformat(day)

    assert standard_rules().laws[state].on(when).windows_on(when) == (), name


@pytest.mark.parametrize(
    ("state", "day"), [("MS", "2026-07-03"), ("LA", "2027-11-02"), ("UT", "2027-02-09")]
)
def test_a_holiday_elsewhere_closes_nothing_here(state, day):
    """Mississippi moves no Saturday to Friday; Utah keeps no Mardi Gras."""
    when = date.fromisoformat(day)

    assert standard_rules().laws[state].on(when).windows_on(when)


def test_a_rule_counts_from_the_day_on_which_it_came_into_force():
    """What was sent before is judged by what was the law then."""
    texas = standard_rules().laws["TX"]

    assert texas.on(date(2025, 8, 31)) is None
    assert texas.on(date(2025, 9, 1)) is texas.versions[0]


def test_of_several_versions_the_latest_counts():
    """A law that changes next year is written down today."""
    text = ONE.format(hours="daily 09:00-20:00") + ONE.format(hours="daily 10:00-18:00").replace(
        "read_on", "valid_from = 2027-07-01\nread_on"
    )
    law = parse_rules(text).laws["TX"]

    assert law.on(date(2027, 6, 30)).windows_on(MONDAY) == windows("09-20")
    assert law.on(date(2027, 7, 1)).windows_on(MONDAY) == windows("10-18")


def test_an_operator_corrects_a_state_and_leaves_the_others():
    """Laws change faster than versions of this gateway."""
    book = standard_rules().corrected_by(ONE.format(hours="daily 10:00-11:00"))

    assert book.laws["TX"].on(MONDAY).windows_on(MONDAY) == windows("10-11")
    assert book.laws["TX"].on(date(2020, 1, 1)) is not None
    assert book.laws["FL"] is standard_rules().laws["FL"]


def test_an_operator_may_use_our_lists_of_holidays_and_add_days():
    """A governor proclaims the day after Christmas, and the rest of the list is right."""
    text = (
        '[holidays.LA-2026]\nsource = "a proclamation"\nextends = "LA"\n'
        '[holidays.LA-2026.days]\n"Day after Christmas" = "2026-12-26"\n'
        + ONE.format(hours="daily 08:00-20:00, holidays closed").replace("TX", "LA")
        + 'holidays = "LA-2026"\n'
    )
    rule = standard_rules().corrected_by(text).laws["LA"].versions[0]

    assert rule.windows_on(date(2026, 12, 26)) == ()
    assert rule.windows_on(date(2027, 2, 9)) == ()
    assert rule.windows_on(date(2027, 12, 26)) == windows("08-20")


GOOD = ONE.format(hours="daily 09:00-20:00")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules = 3", "no document of rules"),
        ("[[rules", "no document of rules"),
        (GOOD + 'colour = "red"', "colour"),
        (GOOD.replace("verified", "certain"), "certain"),
        (GOOD.replace("2026-12-01", '"soon"'), "no document of rules"),
        (GOOD.replace('source = "a letter of our lawyers"\n', ""), "source"),
        (GOOD.replace("TX", "Texas"), "`Texas` is no place"),
        (GOOD.replace("20:00", "25:00"), "TX: `09:00-25:00`"),
        (GOOD + GOOD, "TX: two rules come into force on one day"),
        (GOOD + 'holidays = "federal"', "TX: hours on holidays, and a list of them, go together"),
        (GOOD.replace("20:00", "20:00, holidays closed"), "go together"),
        (
            GOOD.replace("20:00", "20:00, holidays closed") + 'holidays = "XX"',
            "TX: there is no list of holidays `XX`",
        ),
        (GOOD + "categories = []", "TX: holds some category"),
        (GOOD + 'categories = ["emergency"]', "never emergencies"),
        (GOOD * 501, "more than 500 rules"),
        ('[holidays.x]\nsource = "s"\ndays = {a = "jul 32"}', "holidays x: `jul 32`"),
        ('[holidays.x]\nsource = "s"\nextends = "y"\ndays = {}', "no list of holidays `y`"),
        ('[holidays.x]\nsource = "s"\nsunday = "friday"\ndays = {}', "friday"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(text, complaint):
    """A rule that is skipped because of a typing error is a law that is broken."""
    with pytest.raises(ValueError, match=complaint):
        parse_rules(text)


def test_the_page_for_people_lists_every_law():
    """Whoever answers for compliance reads a page, not our data."""
    data = files("wirephoto.domain").joinpath("quiet_hours.toml").read_text(encoding="utf-8")
    rows = [
        f"| `{law['place']}` | {law['hours']} | {law.get('valid_from', '-')} "
        f"| {law['source']} | {law['status']} | {law.get('note', '-')} |"
        for law in tomllib.loads(data)["rules"]
    ]
    section = PAGE.read_text(encoding="utf-8").partition("## The laws")[2].partition("\n## ")[0]

    assert [line for line in section.splitlines() if line.startswith("|")][2:] == rows


def test_the_example_for_operators_is_a_document():
    """It is copied before it is understood."""
    example = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    louisiana = standard_rules().corrected_by(example).laws["LA"]

    assert louisiana.on(date(2026, 12, 26)).windows_on(date(2026, 12, 26)) == ()
    assert louisiana.on(date(2027, 7, 1)) is louisiana.versions[0]
