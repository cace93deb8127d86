"""Holidays against calendars of several years."""

from datetime import date

import pytest

from wirephoto.domain.holiday import HolidayList, parse_holiday


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("jan 1", "2027-01-01"),
        ("Jul  4", "2026-07-04"),
        ("3rd mon jan", "2026-01-19"),
        ("3rd mon feb", "2027-02-15"),
        ("last mon may", "2026-05-25"),
        ("last mon may", "2027-05-31"),
        ("last sat feb", "2028-02-26"),
        ("last tue feb", "2028-02-29"),
        ("last sun dec", "2026-12-27"),
        ("1st mon sep", "2026-09-07"),
        ("4th thu nov", "2026-11-26"),
        ("4th thu nov +1", "2026-11-27"),
        ("1st mon nov +1 even years", "2026-11-03"),
        ("1st mon nov +1", "2027-11-02"),
        ("easter", "2026-04-05"),
        ("easter -2", "2027-03-26"),
        ("easter -47", "2027-02-09"),
        ("feb 29", "2028-02-29"),
        ("2026-12-26", "2026-12-26"),
    ],
)
def test_words_mean_a_day_of_a_year(words, day):
    """The expected days were read off printed calendars."""
    expected = date.fromisoformat(day)

    assert parse_holiday(words).day_in(expected.year) == expected


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1818, "03-22"),
        (1943, "04-25"),
        (1954, "04-18"),
        (1981, "04-19"),
        (2000, "04-23"),
        (2008, "03-23"),
        (2019, "04-21"),
        (2024, "03-31"),
        (2025, "04-20"),
        (2028, "04-16"),
        (2038, "04-25"),
        (2049, "04-18"),
    ],
)
def test_easter_is_when_the_church_says(year, day):
    """The years are those where wrong formulas fail: the earliest, the latest, the exceptions."""
    assert parse_holiday("easter").day_in(year) == date.fromisoformat(f"{year}-{day}")


@pytest.mark.parametrize(
    ("words", "year"), [("feb 29", 2027), ("1st mon nov +1 even years", 2027), ("2026-12-26", 2027)]
)
def test_some_years_lack_a_holiday(words, year):
    """What is no day of a year closes none."""
    assert parse_holiday(words).day_in(year) is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "is no holiday"),
        ("christmas", "is no holiday"),
        ("5th mon may", "is no holiday"),
        ("easter 2", "is no holiday"),
        ("jul 4 odd years", "is no holiday"),
        ("feb 30", "no year has"),
        ("jun 31", "no year has"),
        ("jan 0", "no year has"),
        ("2026-13-01", "no year has"),
        ("2026-02-29", "no year has"),
        ("0000-01-01", "no year has"),
        ("easter -61", "more than 60 days"),
    ],
)
def test_words_that_mean_no_day_are_refused(words, complaint):
    """A holiday with a typing error would be a day like any other."""
    with pytest.raises(ValueError, match=complaint):
        parse_holiday(words)


def holidays(*days, saturday=0, sunday=0):
    rules = {day: parse_holiday(day) for day in days}
    return HolidayList(rules, saturday=saturday, sunday=sunday)


def closed(days, month):
    year, number = map(int, month.split("-"))
    return [day for day in range(1, 29) if days.holds(date(year, number, day))]


def test_a_holiday_on_a_weekend_is_observed_where_the_law_moves_it():
    """4 July 2026 is a Saturday and that of 2027 a Sunday; states differ in what they do."""
    friday_and_monday = holidays("jul 4", saturday=-1, sunday=1)
    only_monday = holidays("jul 4", sunday=1)

    assert closed(friday_and_monday, "2026-07") == [3, 4]
    assert closed(friday_and_monday, "2027-07") == [4, 5]
    assert closed(only_monday, "2026-07") == [4]
    assert closed(only_monday, "2027-07") == [4, 5]
    assert closed(only_monday, "2028-07") == [4]


def test_new_years_day_may_be_observed_in_the_year_before():
    """1 January 2028 is a Saturday: the Friday before belongs to another year."""
    days = holidays("jan 1", saturday=-1)

    assert days.holds(date(2027, 12, 31))
    assert days.holds(date(2028, 1, 1))
    assert not days.holds(date(2028, 12, 31))


def test_the_first_and_the_last_year_have_holidays():
    """A year beyond them does not exist, and must not be asked for."""
    days = holidays("jul 4")

    assert days.holds(date(1, 7, 4))
    assert days.holds(date(9999, 7, 4))
