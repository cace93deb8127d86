"""`wirephoto consents`: the same acts as over HTTP."""

import json

import pytest

ROW = "+12125550123,marketing,paper,2026-03-01T10:00:00-05:00\n"
HEAD = "recipient,consent_class,method,given_at\n"


@pytest.fixture
def consents(run):
    """Return a function that runs the command, over a database with one sender."""
    where = {"DATABASE_URL": "sqlite:///own.db"}
    return lambda *arguments: run("consents", *arguments, **where)


def test_a_file_needs_a_brand_to_be_about(consents, tmp_path):
    """Without a sender nobody knows whom they consented to hear from."""
    file = tmp_path / "consents.csv"
    file.write_text(HEAD + ROW)

    ended = consents("import", str(file))

    assert (ended.code, ended.out) == (1, "")
    assert "line 2: sender" in ended.err
    assert "Nothing was imported." in ended.err
    assert json.loads(consents("list", "--json").out) == []
    assert consents("export").out.startswith(HEAD.strip())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "nobody"), 2, "TO"),
        (("revoke", "12"), 2, "too short"),
        (("import", "nowhere.csv"), 2, "cannot be read"),
    ],
)
def test_wrong_use_is_named(consents, arguments, code, said):
    """A script sees what is its own fault."""
    ended = consents(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
