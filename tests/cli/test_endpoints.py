"""`wirephoto endpoints`: the same acts as over HTTP."""

import json

import pytest

OWN = {"DATABASE_URL": "sqlite:///own.db"}
HOOK = "https://shop.example.com/hooks"


@pytest.fixture
def endpoints(run):
    """Return a function that runs the command."""
    return lambda *arguments, **more: run("endpoints", *arguments, **OWN, **more)


def only(endpoints):
    [told] = json.loads(endpoints("list", "--json").out)
    return told


def test_an_endpoint_is_made_steered_and_forgotten(endpoints, run):
    """What is listed says so, and the trail has every act."""
    made = endpoints("create", HOOK, "--event", "message.read", "--description", "The shop")
    assert made.code == 0, made.err
    assert made.out.startswith("whsec_")
    told = only(endpoints)
    assert (told["url"], told["event_types"], told["enabled"]) == (HOOK, ["message.read"], True)

    assert "disabled since" in endpoints("disable", told["id"]).out
    assert "(operator)" in endpoints("list").out
    assert endpoints("enable", told["id"]).out == f"{told['id']}: enabled.\n"
    rotated = json.loads(endpoints("rotate", told["id"], "--json").out)
    assert rotated["secret"] != made.out.strip()
    assert only(endpoints)["former_secret_until"] is not None
    replayed = endpoints("replay", told["id"], "--since", "2026-03-04T15:00:00+00:00")
    assert replayed.code == 0, replayed.err
    assert endpoints("delete", told["id"]).code == 0
    assert json.loads(endpoints("list", "--json").out) == []

    trail = json.loads(run("audit", "--json", **OWN).out)
    assert {entry["actor"] for entry in trail} == {"cli"}
    assert sorted(entry["act"].removeprefix("endpoint.") for entry in trail) == [
        "change",
        "change",
        "create",
        "delete",
        "rotate",
    ]


def test_a_test_that_is_not_taken_is_a_failure(endpoints):
    """A script stops there; the address is refused before anything is sent."""
    allowed = {"WIREPHOTO_EGRESS_ALLOW": "127.0.0.0/8"}
    assert endpoints("create", "http://127.0.0.1:9/hook", **allowed).code == 0
    endpoint_id = only(endpoints)["id"]

    tested = endpoints("test", endpoint_id, **allowed)

    assert (tested.code, tested.out) == (1, f"{endpoint_id}: unreachable.\n")


def test_a_tenant_has_endpoints_of_its_own(endpoints, run):
    """Whoever runs the gateway looks after those of its customers, each by itself."""
    made = run("tenants", "create", "--name", "shop", "--json", **OWN)
    theirs = ("--tenant", json.loads(made.out)["id"])
    assert endpoints("create", HOOK, *theirs).code == 0
    assert json.loads(endpoints("list", "--json").out) == []
    [told] = json.loads(endpoints("list", "--json", *theirs).out)
    since = ("--since", "2026-03-04T15:00:00+00:00")

    for act in (["disable"], ["enable"], ["rotate"], ["replay", *since], ["delete"]):
        assert endpoints(act[0], told["id"], *act[1:]).code == 1, act
        assert endpoints(act[0], told["id"], *act[1:], *theirs).code == 0, act
    assert json.loads(endpoints("list", "--json", *theirs).out) == []


def test_nobody_makes_an_endpoint_for_a_tenant_that_is_not_there(endpoints):
    """A wrong id is named, and is no fault of the program."""
    ended = endpoints("create", HOOK, "--tenant", "tnt_x")

    assert (ended.code, ended.out) == (2, "")
    assert "no such tenant" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "http://8.8.8.8/"), 2, "https"),
        (("create", HOOK, "--event", "message.flown"), 2, "no such type"),
        (("enable", "end_x"), 1, "end_x: there is no such endpoint"),
        (("rotate", "end_x"), 1, "end_x: there is no such endpoint"),
        (("delete", "end_x"), 1, "end_x: there is no such endpoint"),
        (("test", "end_x"), 1, "end_x: there is no such endpoint"),
    ],
)
def test_wrong_use_is_named(endpoints, arguments, code, said):
    """A script sees what is its own fault, and what is not there."""
    ended = endpoints(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
