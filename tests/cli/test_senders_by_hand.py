"""`wirephoto senders list`, `pause` and `resume`: the same acts as over HTTP."""

import json
import sqlite3
from contextlib import closing

import pytest

SENDER = "+12025550100"
OWN = {"DATABASE_URL": "sqlite:///own.db"}


@pytest.fixture
def senders(run, tmp_path):
    """Return a function that runs the command, over a database with one sender."""
    assert run("db", "upgrade", **OWN).code == 0
    with closing(sqlite3.connect(tmp_path / "own.db")) as database, database:
        database.execute(
            "INSERT INTO senders (number, tenant_id, campaign_id, kind, created_at)"
            " VALUES (?, 'tnt_default', 'cmp_default', '10dlc', 0)",
            [SENDER],
        )
    return lambda *arguments: run("senders", *arguments, **OWN)


def test_a_sender_is_paused_and_goes_on(senders, run):
    """What is listed says so, and the trail has both acts."""
    paused = senders("pause", "12025550100", "--reason", "Spam?")

    assert (paused.code, paused.err) == (0, "")
    assert paused.out.startswith(f"{SENDER} is paused since ")
    row = next(line for line in senders("list").out.splitlines() if SENDER in line)
    assert row.split()[:3] == [SENDER, "10dlc", "cmp_default"]
    assert row.split()[-1] == "Spam?"
    [told] = json.loads(senders("list", "--json").out)
    assert (told["number"], told["paused"], told["available"]) == (SENDER, True, False)

    assert senders("resume", SENDER).out == f"{SENDER} sends.\n"

    trail = json.loads(run("audit", "--json", **OWN).out)
    assert [(entry["actor"], entry["act"]) for entry in trail] == [("cli", "sender.change")] * 2


def test_a_sender_of_a_paused_campaign_is_told_apart(senders, run):
    """Resuming the sender would not help."""
    assert run("campaigns", "pause", "cmp_default", **OWN).code == 0

    assert "sends once its campaign does" in senders("list").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pause", "+12025550199"), 1, "+12025550199: there is no such sender"),
        (("pause", "1"), 2, "This is no sender"),
        (("pause", SENDER, "--reason", ""), 2, "1 to 200 characters"),
    ],
)
def test_wrong_use_is_named(senders, arguments, code, said):
    """A script sees what is its own fault, and what is not there."""
    ended = senders(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
