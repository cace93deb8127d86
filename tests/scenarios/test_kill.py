"""Real processes, killed under load: the short run of `python -m tests.scenarios.kill`."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.scenarios.kill.judgement import judge
from tests.scenarios.kill.plan import Plan
from tests.scenarios.kill.report import Killed, Report
from tests.scenarios.kill.run import run
from tests.scenarios.kill.timelines import Told, ToldAttempt

PLAN = Plan(messages=400, kills=3, drop=0.05, seed=3, rate_per_s=200.0, pictures=False)
ANSWERED = ToldAttempt("ref-1", "delivered", answered=True)
PROMISED = {"message-1": "msg_1", "message-2": "msg_2"}
TOLD = (
    Told("msg_1", "message-1", "delivered", (ANSWERED,)),
    Told("msg_2", "message-2", "unconfirmed", (ToldAttempt("ref-2", "unconfirmed", False),)),
)
COUNTED = {"ref-1": 1}


async def test_no_message_is_lost_or_sent_twice_by_a_kill(empty_database_url, tmp_path):
    """The reason to use a gateway at all: one process over SQLite, four over PostgreSQL."""
    report = await run(PLAN, empty_database_url, tmp_path)

    assert report.broken == [], str(report)
    assert len(report.killed) == PLAN.kills
    assert report.judgement.accepted_by_provider + report.judgement.unconfirmed == PLAN.messages


def test_a_good_run_is_judged_good():
    """Left unconfirmed, and never accepted by the provider: that is what was promised."""
    judgement = judge(PROMISED, TOLD, COUNTED)

    assert not judgement.broken
    assert (judgement.accepted_by_provider, judgement.unconfirmed) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "told", "counted"),
    [
        ("lost", TOLD[:1], COUNTED),
        ("lost", (TOLD[0], replace(TOLD[1], state="failed")), COUNTED),
        ("lost", (TOLD[0], replace(TOLD[1], state="sending")), COUNTED),
        ("duplicates", TOLD, {"ref-1": 2}),
        (
            "duplicates",
            (replace(TOLD[0], attempts=(ANSWERED, replace(ANSWERED, client_ref="r"))), TOLD[1]),
            {"ref-1": 1, "r": 1},
        ),
        ("unsettled", TOLD, {"ref-1": 1, "ref-2": 1}),
        ("invented", TOLD, {}),
        ("unasked", (*TOLD, replace(TOLD[0], id="msg_3", attempts=())), COUNTED),
        ("unrecorded", TOLD, {"ref-1": 1, "stranger": 1}),
    ],
)
def test_every_broken_promise_is_found(kind, told, counted):
    """A test that cannot fail proves nothing."""
    judgement = judge(PROMISED, told, Counter(counted))

    assert judgement.count(kind) == 1


def test_a_run_with_too_much_in_doubt_is_not_good():
    """More than the in-flight limit means that something left before its turn."""
    report = _report(killed=[Killed("gateway", 32, 32), Killed("gateway", 33, 32)])

    assert report.broken == [
        "in doubt: gateway left 33 attempts, at most 32 may be in flight",
    ]


def test_a_process_that_ends_by_itself_is_not_good():
    """A crash that a restart hides is a crash."""
    assert _report(ended=["gateway ended by itself with 1"]).broken


def test_a_seed_chooses_the_same_orders_and_kills_again():
    """Two runs with one seed are alike as far as real processes can be."""
    again = replace(PLAN)

    assert list(PLAN.orders()) == list(again.orders())
    assert PLAN.schedule(4) == again.schedule(4)
    assert PLAN.schedule(4) != replace(PLAN, seed=PLAN.seed + 1).schedule(4)
    assert sum(map(len, PLAN.orders())) == PLAN.messages


def _report(**changes) -> Report:
    report = Report(
        database="SQLite",
        plan=replace(PLAN, messages=2),
        processes=["gateway"],
        accepted=2,
        repeated=0,
        killed=[],
        ended=[],
        judgement=judge(PROMISED, TOLD, COUNTED),
        load_s=1.0,
        settle_s=1.0,
    )
    return replace(report, **changes)
