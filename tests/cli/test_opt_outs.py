"""`wirephoto opt-outs`: the same acts as over HTTP."""

import json

import pytest

RECIPIENT = "+12125550123"


@pytest.fixture
def opt_outs(run):
    """Return a function that runs the command, over a database of the test's own."""
    return lambda *arguments: run("opt-outs", *arguments, DATABASE_URL="sqlite:///own.db")


def test_somebody_is_opted_out_and_in_again(opt_outs, run):
    """What is listed says so, and the trail has both acts."""
    added = opt_outs("add", RECIPIENT, "--reason", "asked by phone")

    assert (added.code, added.err) == (0, "")
    assert f"nothing more goes to {RECIPIENT}" in added.out
    [told] = json.loads(opt_outs("list", "--json").out)
    assert (told["recipient"], told["scope"], told["reason"]) == (
        RECIPIENT,
        "tenant",
        "asked by phone",
    )
    lifted = opt_outs("lift", told["id"], "--reason", "signed up again")
    assert lifted.out == f"{told['id']} has ended.\n"
    assert told["id"] not in opt_outs("list").out
    assert told["id"] in opt_outs("list", "(212) 555-0123", "--ended").out
    trail = json.loads(run("audit", "--json", DATABASE_URL="sqlite:///own.db").out)
    assert [(entry["actor"], entry["act"]) for entry in trail] == [
        ("cli", "opt_out.lift"),
        ("cli", "opt_out.add"),
    ]


def test_a_file_goes_in_and_comes_out(opt_outs, tmp_path):
    """Checked before anything is stored; what comes out goes in again."""
    file = tmp_path / "list.csv"
    file.write_text(f"recipient,reason\n{RECIPIENT},litigant\n")

    assert opt_outs("import", str(file), "--dry-run").out == "1 rows are good.\n"
    assert opt_outs("export").out.count("\n") == 1
    assert opt_outs("import", str(file)).out == "1 rows, 1 of them new.\n"
    assert f"{RECIPIENT},litigant,tenant,,,import," in opt_outs("export").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "12", "--reason", "x"), 2, "too short"),
        (("add", RECIPIENT, "--reason", ""), 2, "Say why"),
        (("lift", "opt_none", "--reason", "x"), 1, "opt_none: there is no such opt-out"),
        (("list", "nobody"), 2, "TO"),
        (("import", "nowhere.csv"), 2, "cannot be read"),
    ],
)
def test_wrong_use_is_named(opt_outs, arguments, code, said):
    """A script sees what is its own fault, and what is not there."""
    ended = opt_outs(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_a_file_with_faults_names_each_line(opt_outs, tmp_path):
    """All at once: a file of a thousand lines is not mended one by one."""
    file = tmp_path / "list.csv"
    file.write_text("recipient\nnobody\n+12125550123\n1\n")

    ended = opt_outs("import", str(file))

    assert (ended.code, ended.out) == (1, "")
    assert "line 2: recipient" in ended.err
    assert "line 4: recipient" in ended.err
    assert "Nothing was imported." in ended.err
