"""Who did what, at the command line."""

import json


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
