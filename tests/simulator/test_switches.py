import pytest

from wirephoto.simulator.switches import ErrorTitle, HttpFault, SwitchBoard, Switches


def test_switches_are_flipped_by_plain_values():
    """They come as JSON from the control interface."""
    board = SwitchBoard(Switches())

    board.flip({"error_title": "nested", "rate_per_s": None, "fault_rates": {"throttled": 0.5}})

    assert board.now.error_title is ErrorTitle.NESTED
    assert board.now.rate_per_s is None
    assert board.now.fault_rates == {HttpFault.THROTTLED: 0.5}


def test_switches_are_flipped_by_our_own_values():
    """Tests and the demo use the enums; a second change leaves the first alone."""
    board = SwitchBoard(Switches())
    board.flip({"fault_rates": {HttpFault.DELAYED: 1}})

    board.flip({"error_title": ErrorTitle.NUMBER})

    assert board.now.fault_rates == {HttpFault.DELAYED: 1.0}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"speed": 1}, "speed"),
        ({"rate_per_s": 0}, "rate_per_s"),
        ({"final_delay_s": -1}, "final_delay_s"),
        ({"fault_rates": {"throttled": 1.5}}, "fault_rates"),
        ({"fault_rates": {"explode": 0.1}}, "fault_rates"),
        ({"fault_rates": {"throttled": 0.6, "delayed": 0.6}}, "fault_rates"),
        ({"outage": "maybe"}, "outage"),
    ],
)
def test_a_wrong_switch_is_named_and_nothing_changes(changes, named):
    """Half a change would leave a test with a fault it did not ask for."""
    board = SwitchBoard(Switches())

    with pytest.raises(ValueError, match=named):
        board.flip({"receipts_doubled": True, **changes})

    assert board.now == Switches()
