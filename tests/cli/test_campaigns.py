"""`wirephoto campaigns`: the same acts as over HTTP."""

import json

import pytest


@pytest.fixture
def campaigns(run):
    """Return a function that runs the command, over a database of the test's own."""
    return lambda *arguments: run("campaigns", *arguments, DATABASE_URL="sqlite:///own.db")


def test_a_rate_is_set(campaigns):
    """As the registration writes it; with what comes of it at the next start."""
    said = campaigns("rate", "cmp_default", "30/min")

    assert (said.code, said.err) == (0, "")
    assert "cmp_default sends 0.5 messages a second." in said.out
    assert "WIREPHOTO_SENDER_RATE" in said.out
    [told] = json.loads(campaigns("list", "--json").out)
    assert (told["id"], told["rate"], told["queued"]) == ("cmp_default", 0.5, 0)


def test_a_campaign_is_paused_and_goes_on(campaigns, run):
    """What is listed says so, and the trail has both acts."""
    paused = campaigns("pause", "cmp_default", "--reason", "Wrong picture.")

    assert (paused.code, paused.err) == (0, "")
    assert paused.out.startswith("cmp_default is stopped since ")
    assert "UTC (paused): Wrong picture." in campaigns("list").out
    assert campaigns("resume", "cmp_default").out == "cmp_default sends.\n"
    row = campaigns("list").out.splitlines()[-1]
    assert row.split() == ["cmp_default", "default", "1", "0", "-", "0", "sends"]
    trail = json.loads(run("audit", "--json", DATABASE_URL="sqlite:///own.db").out)
    assert [(entry["actor"], entry["act"]) for entry in trail] == [("cli", "campaign.change")] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rate", "cmp_none", "1"), 1, "cmp_none: there is no such campaign"),
        (("rate", "cmp_default", "fast"), 2, "standard-most"),
        (("rate", "cmp_default", "241"), 2, "0.01 to 240"),
        (("pause", "cmp_default", "--reason", ""), 2, "1 to 200 characters"),
    ],
)
def test_wrong_use_is_named(campaigns, arguments, code, said):
    """A script sees what is its own fault, and what is not there."""
    ended = campaigns(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
