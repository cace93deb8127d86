"""`wirephoto db` makes the schema, copies the database, and finds what does not fit together."""

import json
import sqlite3
from contextlib import closing

import pytest

from wirephoto.storage.examination import SOUND_FILE
from wirephoto.storage.invariants import INVARIANTS


def test_the_schema_is_brought_up_to_date(run, tmp_path):
    """Deployments run it before the new processes start, again and again."""
    first = run("db", "upgrade")
    again = run("db", "upgrade")

    assert (first.code, again.code) == (0, 0)
    assert first.out == again.out
    assert first.out.startswith("The schema is at revision 0")
    assert (tmp_path / "data" / "wirephoto.db").exists()


def test_the_database_may_lie_in_a_folder_with_spaces(run, tmp_path):
    """Home folders have them."""
    said = run("db", "upgrade", DATABASE_URL=f"sqlite:///{tmp_path}/my data/wire photo.db")

    assert said.code == 0, said.err
    assert (tmp_path / "my data" / "wire photo.db").exists()


@pytest.fixture
def broken(run, tmp_path):
    """Break two rules in a database, past all that guards it."""
    run("db", "upgrade")
    with closing(sqlite3.connect(tmp_path / "data" / "wirephoto.db")) as connection, connection:
        connection.execute("UPDATE accounts SET rate = 0")
        connection.execute("UPDATE campaigns SET rate = 0, stop_reason = 'x'")


def test_a_backup_is_written_and_told(run, tmp_path):
    """The line says what to look for, and how large it is."""
    run("db", "upgrade")

    said = run("db", "backup", "copy.db")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("copy.db holds the database, 0.")
    assert run("db", "check", DATABASE_URL="sqlite:///copy.db").code == 0


def test_a_backup_that_is_refused_is_wrong_use(run, tmp_path):
    """A script that forgot to change the name must not take it for a full disk."""
    run("db", "upgrade")
    (tmp_path / "copy.db").touch()

    refused = run("db", "backup", "copy.db")
    forced = run("db", "backup", "--force", "copy.db")

    assert (refused.code, refused.out) == (2, "")
    assert "copy.db exists; --force replaces it" in refused.err
    assert forced.code == 0


@pytest.mark.parametrize("command", [["check"], ["backup", "copy.db"]])
def test_a_database_that_is_not_there_is_told_and_not_made(run, tmp_path, command):
    """From the wrong folder: an empty database would be found sound."""
    said = run("db", *command)

    assert (said.code, said.out) == (1, "")
    assert "there is no database at data/wirephoto.db" in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sound_database_is_told_line_by_line(run):
    """What was looked at is as good to know as that nothing was found."""
    run("db", "upgrade")

    said = run("db", "check")

    assert (said.code, said.err) == (0, "")
    assert [line.split(":")[0] for line in said.out.splitlines()] == [
        f"✓ {each.name}" for each in (SOUND_FILE, *INVARIANTS)
    ]


def test_what_is_broken_is_told_with_its_rows(run, broken):
    """The exit code is for the script, the line is for whoever it wakes."""
    said = run("db", "check")

    assert said.code == 1
    assert [line for line in said.out.splitlines() if not line.startswith("✓")] == [
        "✗ line_stop: A line that stopped says why and when it is tried again; one that runs says "
        "neither. Broken by 1: cmp_default",
        "✗ line_rate: A line has a rate above nought. Broken by 2: acc_default, cmp_default",
    ]


def test_the_check_is_printed_as_json(run, broken):
    """Monitoring reads it."""
    said = run("db", "check", "--json")

    told = json.loads(said.out)
    assert (said.code, told["holds"]) == (1, False)
    assert [each for each in told["invariants"] if not each["holds"]] == [
        {
            "name": "line_stop",
            "sentence": INVARIANTS[-2].sentence,
            "holds": False,
            "count": 1,
            "ids": ["cmp_default"],
        },
        {
            "name": "line_rate",
            "sentence": INVARIANTS[-1].sentence,
            "holds": False,
            "count": 2,
            "ids": ["acc_default", "cmp_default"],
        },
    ]


def test_a_check_without_a_schema_says_which_command_helps(run, tmp_path):
    """A restore that brought nothing."""
    (tmp_path / "empty.db").touch()

    said = run("db", "check", DATABASE_URL="sqlite:///empty.db")

    assert (said.code, said.out) == (1, "")
    assert "wirephoto db upgrade" in said.err
