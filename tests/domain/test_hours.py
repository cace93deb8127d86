"""Hours as people write them: what they mean, and what is wrong with them."""

import pytest

from wirephoto.domain.hours import Hours, Window, parse_hours

NINE_TO_EIGHT = (Window(9 * 60, 20 * 60),)


def test_days_that_are_not_named_are_closed():
    """Who writes from Monday to Friday does not mean Sunday."""
    hours = parse_hours("mon-fri 09:00-20:00, sat 10:00-12:00 14:00-18:30")

    assert hours.week == (
        *(NINE_TO_EIGHT,) * 5,
        (Window(600, 720), Window(840, 1110)),
        (),
    )
    assert hours.holidays is None


@pytest.mark.parametrize(
    ("text", "open_days"),
    [
        ("daily 09:00-20:00", "0123456"),
        ("WED 09:00-20:00", "2"),
        ("sat-mon 09:00-20:00", "056"),
        ("fri-fri 09:00-20:00", "4"),
        ("sun-sat 09:00-20:00", "0123456"),
        ("mon 09:00-20:00,tue closed ,  wed 09:00-20:00", "02"),
    ],
)
def test_days_may_be_ranges_that_pass_sunday(text, open_days):
    """A week is a circle."""
    week = parse_hours(text).week

    assert [str(day) for day in range(7) if week[day] == NINE_TO_EIGHT] == list(open_days)
    assert sum(map(bool, week)) == len(open_days)


def test_a_day_may_last_from_midnight_to_midnight():
    """00:00-24:00 is how one writes a whole day."""
    assert parse_hours("daily 00:00-24:00").week == ((Window(0, 1440),),) * 7


def test_holidays_are_days_like_others_unless_they_are_named():
    """An operator who says nothing of holidays has not closed them."""
    assert parse_hours("mon 09:00-20:00").on(0, holiday=True) == NINE_TO_EIGHT
    assert parse_hours("mon 09:00-20:00, holidays closed").on(0, holiday=True) == ()
    assert parse_hours("mon 09:00-20:00, holidays closed").on(0, holiday=False) == NINE_TO_EIGHT


def test_a_holiday_is_open_only_when_its_weekday_is_too():
    """Hours of holidays are there to narrow; a holiday on a closed Sunday is closed."""
    hours = parse_hours("mon-sat 09:00-12:00 13:00-20:00, holidays 11:00-15:00")

    assert hours.on(0, holiday=True) == (Window(660, 720), Window(780, 900))
    assert hours.on(6, holiday=True) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no day"),
        ("09:00-20:00", "`09:00-20:00` is no day"),
        ("mon", "`mon` must name days and hours"),
        ("mon-fri 09:00-20:00,", "is no day"),
        ("monday 09:00-20:00", "`monday` is no day"),
        ("mon-xyz 09:00-20:00", "`mon-xyz` is no day"),
        ("mon- 09:00-20:00", "`mon-` is no day"),
        ("mon 9-20", "`9-20` is no window"),
        ("mon 09:00-20:00 closed", "`closed` is no window"),
        ("mon 09:60-20:00", "is no window"),
        ("mon 09:00-24:30", "a day ends at 24:00"),
        ("mon 25:00-26:00", "is no window"),
        ("mon 20:00-09:00", "ends before it begins"),
        ("mon 09:00-09:00", "ends before it begins"),
        ("mon 09:00-12:00 12:00-20:00", "in order and apart"),
        ("mon 13:00-20:00 09:00-12:00", "in order and apart"),
        ("mon-fri 09:00-20:00, wed closed", "`wed` is given twice"),
        ("holidays closed", "no day of the week"),
        ("mon " + " ".join(f"{h:02}:00-{h:02}:30" for h in range(9)), "more than 8 windows"),
    ],
)
def test_what_is_wrong_is_said(text, complaint):
    """A typing error that is taken for something else sends pictures at night."""
    with pytest.raises(ValueError, match=complaint):
        parse_hours(text)


def test_hours_are_values():
    """Two settings that mean the same are the same."""
    assert parse_hours("daily 08:00-21:00") == Hours(((Window(480, 1260),),) * 7)
