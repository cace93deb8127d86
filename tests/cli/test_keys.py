"""Keys are made, listed and revoked beside a gateway that runs or does not."""

import json
import sqlite3
import stat

import pytest

from wirephoto.domain.api_key import is_well_formed, key_hash


def test_a_key_is_printed_once_and_alone(run, tmp_path):
    """`KEY=$(wirephoto keys create --name shop)` is how scripts use it."""
    said = run("keys", "create", "--name", "shop")

    assert said.code == 0
    key = said.out.removesuffix("\n")
    assert is_well_formed(key)
    assert "data/wirephoto.db" in said.err
    assert key not in said.err
    rows = _rows(tmp_path)
    assert [(row["name"], row["key_hash"]) for row in rows] == [("shop", key_hash(key))]
    assert key not in str([tuple(row) for row in rows])


def _rows(folder):
    connection = sqlite3.connect(folder / "data" / "wirephoto.db")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM api_keys").fetchall()
    finally:
        connection.close()


def test_a_key_is_printed_as_json(run):
    """DESIGN, section 5: exactly these members."""
    said = run("keys", "create", "--name", "shop", "--scope", "send", "--scope", "admin", "--json")

    made = json.loads(said.out)
    assert list(made) == ["id", "key", "name", "scopes"]
    assert (made["name"], made["scopes"]) == ("shop", ["send", "admin"])
    assert is_well_formed(made["key"])
    assert (said.code, said.err) == (0, "")


def test_a_key_may_send_and_read_unless_told_otherwise(run):
    """What most callers need, and no more."""
    made = json.loads(run("keys", "create", "--name", "shop", "--json").out)

    assert made["scopes"] == ["send", "read"]


@pytest.mark.parametrize(
    "arguments", [[], ["--name", " "], ["--name", "x", "--scope", "everything"]], ids=str
)
def test_a_key_that_nobody_could_use_is_not_made(run, tmp_path, arguments):
    """Wrong use leaves nothing behind."""
    said = run("keys", "create", *arguments)

    assert (said.code, said.out) == (2, "")
    assert not (tmp_path / "data").exists()


def test_keys_are_listed_and_revoked(run):
    """The operator finds the leaked key by what it begins with, and its id can be copied."""
    made = [json.loads(run("keys", "create", "--name", name, "--json").out) for name in ("a", "b")]

    revoked = run("keys", "revoke", made[0]["id"])
    again = run("keys", "revoke", made[0]["id"])
    unknown = run("keys", "revoke", "key_none")
    listed = json.loads(run("keys", "list", "--json").out)

    assert (revoked.code, again.code, unknown.code) == (0, 1, 1)
    assert "There is no live key key_none." in unknown.err
    assert [each["name"] for each in listed] == ["b", "a"]
    assert [each["revoked_at"] is None for each in listed] == [True, False]
    assert all(made[1 - place]["key"].startswith(listed[place]["hint"][:-1]) for place in (0, 1))
    assert not any(each["key"] in json.dumps(listed) for each in made)


@pytest.mark.parametrize("columns", ["80", "40"])
def test_the_list_can_be_copied_from_a_narrow_terminal(run, columns):
    """An id that is cut off cannot be revoked, and a name may hold anything."""
    made = json.loads(
        run("keys", "create", "--name", "[bold]x[/] a name that is far too long", "--json").out
    )

    said = run("keys", "list", COLUMNS=columns)

    assert said.code == 0
    assert made["id"] in said.out
    assert "[bold]x[/] a name that is far too long" in said.out


def test_a_database_that_is_out_of_reach_is_told_without_its_password(run):
    """The line ends up in tickets."""
    said = run("keys", "list", DATABASE_URL="postgresql://me:s3cret@127.0.0.1:1/none")

    assert said.code == 1
    assert said.err.startswith("DATABASE_URL: cannot be used now")
    assert said.err.count("\n") == 1
    assert "s3cret" not in said.err


def test_a_folder_that_cannot_be_written_is_told(run, tmp_path):
    """The same for SQLite: a line, not a traceback."""
    (tmp_path / "file").touch(mode=stat.S_IRUSR)

    said = run("keys", "list", DATABASE_URL="sqlite:///file/wirephoto.db")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("DATABASE_URL: cannot be used now")


def test_a_client_variable_is_no_fault(run):
    """`WIREPHOTO_URL` is for `send`; whoever exports it can still make keys."""
    said = run("keys", "create", "--name", "x", WIREPHOTO_URL="http://127.0.0.1:3000")

    assert said.code == 0


def test_a_key_is_replaced(run):
    """The old one goes on meanwhile, and the list tells when it ends."""
    old = json.loads(run("keys", "create", "--name", "shop", "--scope", "read", "--json").out)

    new = json.loads(run("keys", "rotate", old["id"], "--overlap", "2h", "--json").out)
    crowded = run("keys", "rotate", new["id"])
    listed = json.loads(run("keys", "list", "--json").out)

    assert (new["name"], new["scopes"]) == ("shop", ["read"])
    assert [each["expires_at"] is None for each in listed] == [True, False]
    assert {each["family"] for each in listed} == {old["id"]}
    assert crowded.code == 1
    assert old["id"] in crowded.err


@pytest.mark.parametrize("overlap", ["31d", "soon", "-1h"])
def test_an_overlap_that_is_none_is_refused(run, overlap):
    """A typing error must not end a key at once."""
    assert run("keys", "rotate", "key_x", f"--overlap={overlap}").code == 2


def test_a_key_has_the_rights_that_were_typed(run):
    """What is left out is what most callers need."""
    run("keys", "create", "--name", "x", "--category", "emergency", "--expires-in", "90d")

    [listed] = json.loads(run("keys", "list", "--json").out)
    assert listed["categories"] == ["emergency"]
    assert listed["expires_at"] is not None
