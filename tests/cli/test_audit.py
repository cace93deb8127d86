"""Who did what, and all that is known of a number, at the command line."""

import json

import pytest

RECIPIENT = "+12125550123"


def test_what_was_done_with_keys_is_listed(run):
    """Whoever answers for access sees who gave it, and who took it away."""
    made = json.loads(run("keys", "create", "--name", "[shop]", "--json").out)
    run("keys", "revoke", made["id"])
    run("keys", "revoke", made["id"])

    said = run("audit", "--json")

    entries = json.loads(said.out)
    assert [(each["actor"], each["act"], each["object"]) for each in entries] == [
        ("cli", "key.revoke", made["id"]),
        ("cli", "key.create", made["id"]),
    ]
    assert entries[1]["detail"] == {"name": "[shop]"}
    assert made["key"] not in said.out
    table = run("audit", "--limit", "1").out
    assert "key.revoke" in table
    assert "key.create" not in table
    assert "[shop]" in run("audit").out


def test_a_numbers_whole_history_is_printed(run):
    """Whoever answers for a complaint need not ask five commands."""
    own = {"DATABASE_URL": "sqlite:///own.db"}
    run("opt-outs", "add", RECIPIENT, "--reason", "asked [twice]", **own)
    run("opt-outs", "add", "+16175550123", "--reason", "somebody else", **own)
    [opt_out] = json.loads(run("opt-outs", "list", RECIPIENT, "--json", **own).out)
    standing = run("audit", RECIPIENT, **own)
    run("opt-outs", "lift", opt_out["id"], "--reason", "signed up", **own)

    history = json.loads(run("audit", "(212) 555-0123", "--json", **own).out)
    printed = run("audit", RECIPIENT, **own).out

    assert history["recipient"] == RECIPIENT
    acts = [entry["audit"]["act"] for entry in history["entries"] if entry["audit"]]
    assert acts == ["opt_out.lift", "opt_out.add"]
    assert [e["opt_out"]["ended_by"] for e in history["entries"] if e["opt_out"]] == ["cli"]
    assert "tenant, by operator: asked [twice], ended" in printed
    assert "by cli; reason: signed up" in printed
    assert standing.code == 0
    assert "tenant, by operator: asked [twice]" in standing.out
    assert ", ended" not in standing.out
    assert "somebody else" not in printed
    newest = json.loads(run("audit", RECIPIENT, "--limit", 1, "--json", **own).out)
    assert newest["entries"] == history["entries"][:1]


@pytest.mark.parametrize("typed", ["nobody", "+1212"])
def test_what_is_no_number_is_refused(run, typed):
    """An empty list would look like somebody of whom nothing is known."""
    said = run("audit", typed, DATABASE_URL="sqlite:///own.db")

    assert said.code == 2
    assert "TO" in said.err
