"""When so many messages would be out, at the command line."""

import json


def test_a_forecast_is_told(run):
    """A hundred messages at one a second take ninety-nine seconds from the first to the last."""
    told = json.loads(run("forecast", "100", "--json").out)

    assert (told["campaign_id"], told["rate"], told["ahead"]) == ("cmp_default", 1.0, 0)
    assert told["first_at"] < told["last_at"]
    assert "100 messages at 1/s, behind 0 that wait:" in run("forecast", "100").out


def test_what_nobody_knows_is_said(run):
    """A script must not take it for now."""
    said = run("forecast", "100000000", "--at", "2050-01-01T00:00:00+0000")

    assert said.code == 1
    assert "Nobody knows" in said.out


def test_wrong_use_is_named(run):
    """Each by its own line."""
    assert "no such campaign" in run("forecast", "1", "--campaign", "cmp_none").err
    assert "urgent, normal or bulk" in run("forecast", "1", "--priority", "soon").err
    assert run("forecast", "0").code == 2
