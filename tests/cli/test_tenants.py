"""Tenants at the command line: made with what they need to send, and keys for them."""

import json

import pytest


def test_a_tenant_gets_a_key_of_its_own(run):
    """The two commands that an operator types for a new customer."""
    made = run("tenants", "create", "--name", "shop", "--sender", "+12025550111", "--json")
    tenant = json.loads(made.out)

    key = run("keys", "create", "--tenant", tenant["id"], "--name", "x", "--sender", "+12025550111")
    theirs = json.loads(run("keys", "list", "--tenant", tenant["id"], "--json").out)

    assert (made.code, key.code) == (0, 0)
    assert [each["senders"] for each in theirs] == [["+12025550111"]]
    assert json.loads(run("keys", "list", "--json").out) == []
    listed = json.loads(run("tenants", "list", "--json").out)
    assert [each["id"] for each in listed] == ["tnt_default", tenant["id"]]
    assert "shop" in run("tenants", "list").out
    acts = json.loads(run("audit", "--tenant", tenant["id"], "--json").out)
    assert [each["act"] for each in acts] == ["key.create", "tenant.create"]


@pytest.mark.parametrize(
    "arguments",
    [["--name", " "], ["--name", "x", "--sender", "12"], ["--name", "x", "--rate", "0"]],
)
def test_a_tenant_that_cannot_be_is_not_made(run, arguments):
    """Wrong use leaves nothing behind."""
    assert run("tenants", "create", *arguments).code == 2
    assert len(json.loads(run("tenants", "list", "--json").out)) == 1


def test_a_sender_belongs_to_one_tenant(run):
    """Replies to it would reach whoever came last."""
    arguments = ("tenants", "create", "--name", "x", "--sender", "+12025550111")
    assert run(*arguments).code == 0

    again = run(*arguments)

    assert again.code == 2
    assert "+12025550111 sends for somebody already" in " ".join(again.err.split())


def test_a_key_of_no_tenant_is_not_made(run):
    """A typing error is told."""
    said = run("keys", "create", "--tenant", "tnt_none", "--name", "x")

    assert (said.code, said.out) == (2, "")
