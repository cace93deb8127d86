"""`wirephoto senders sync`: what the registration says, shown and then stored."""

import io
import json
import sys
import urllib.request

import pytest

from tests.processes import started

SENDER = "+12025550100"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """Give the settings of a simulator that runs, and its address."""
    folder = tmp_path_factory.mktemp("simulator")
    with started("simulate", "--port", 0, "--out", folder / "out", folder=folder) as process:
        url = process.until(r"The simulator listens on (\S+)")
        process.until("A gateway uses it with")
        yield folder / "out" / "gateway.env", url


@pytest.fixture
def sync(run, simulator):
    """Return a function that runs the command, with a database of the test's own."""

    def sync(*arguments, **environment):
        environment = {"DATABASE_URL": "sqlite:///own.db"} | environment
        return run("senders", "sync", *arguments, "--env-file", simulator[0], **environment)

    return sync


@pytest.fixture
def says(monkeypatch):
    """Return a function that types an answer to the next question."""
    return lambda answer: monkeypatch.setattr(sys, "stdin", io.StringIO(answer))


def stored(sync):
    """Return whether the sample account has nothing left to change."""
    return json.loads(sync("--json").out)["changes"] == []


def test_what_would_change_is_shown_and_not_done(sync):
    """The first look must be free."""
    said = sync("--dry-run")

    assert (said.code, said.err) == (0, "")
    row = next(line for line in said.out.splitlines() if line.startswith(SENDER))
    assert row.split() == [SENDER, "10dlc", "CA7F001", "A", "-", "→", "40", "-", "→", "200,000"]
    assert "+12025550101: It has no MMS." in said.out
    assert "+12025550102: Its campaign CA7F002 is not active" in said.out
    assert not stored(sync)


def test_the_changes_are_stored_with_yes(sync, run):
    """Nobody types the figures, and the audit trail has them."""
    said = sync("--yes")

    assert (said.code, said.err) == (0, "")
    assert "The changes are stored." in said.out
    assert "There is nothing to change." in sync().out
    audit = run("audit", "--json", DATABASE_URL="sqlite:///own.db").out
    assert {entry["act"] for entry in json.loads(audit)} == {
        "brand.sync",
        "campaign.sync",
        "sender.sync",
    }


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)], ids=repr)
def test_it_asks_before_it_changes_anything(sync, says, answer, code):
    """Only a yes is a yes; a script without a terminal gets a no."""
    says(answer)

    said = sync()

    assert said.code == code
    assert "Apply these changes?" in said.out
    assert stored(sync) is (code == 0)


def test_json_is_for_scripts(sync):
    """It asks nothing, and changes nothing without --yes."""
    shown = sync("--json")
    applied = sync("--json", "--yes")

    assert (shown.code, applied.code) == (0, 0)
    plans = [json.loads(said.out) for said in (shown, applied)]
    assert [plan["applied"] for plan in plans] == [False, True]
    assert plans[0]["numbers"][0] == {
        "number": SENDER,
        "kind": "10dlc",
        "may_send": True,
        "campaign": "CA7F001",
        "att_class": "A",
        "rate_now": None,
        "rate": 40.0,
        "daily_cap_now": None,
        "daily_cap": 200_000,
        "findings": [],
    }
    assert {change["kind"] for change in plans[0]["changes"]} == {"brand", "campaign", "sender"}


def test_yes_and_dry_run_do_not_go_together(sync):
    """Nobody could tell which of them was meant."""
    said = sync("--yes", "--dry-run")

    assert (said.code, said.out) == (2, "")
    assert "--dry-run" in said.err


def test_a_missing_key_is_named(run, tmp_path):
    """One line, with the variable."""
    said = run("senders", "sync")

    assert (said.code, said.out) == (2, "")
    assert said.err == "VONAGE_API_KEY: is missing; reading the account needs it\n"


def test_a_provider_that_does_not_answer_is_told(sync, simulator):
    """One line and 1, and nothing is changed."""
    flip(simulator, numbers_fault="unavailable")
    try:
        said = sync("--yes")
    finally:
        flip(simulator, numbers_fault=None)

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "the provider does not tell the account's numbers: unreachable (HTTP 503)\n"
    )


def flip(simulator, **switches):
    """Change switches of the simulator as its users do."""
    body = json.dumps(switches).encode()
    with urllib.request.urlopen(f"{simulator[1]}/simulator/faults", body, timeout=10) as answer:
        assert answer.status == 200
