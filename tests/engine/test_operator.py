"""What somebody changes by hand: it holds, it is told once, and it is theirs alone."""

from datetime import timedelta

import pytest

from tests.engine.stage import Stage
from tests.factories import NOW, SENDER, make_message
from tests.storage.writing import OTHER_TENANT, add_tenant
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.line import QUIET
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.claim import LOOK_AHEAD, claim_due
from wirephoto.engine.line import heed
from wirephoto.engine.operator import Operator
from wirephoto.errors import RequestRefused
from wirephoto.storage.audit import list_audit
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT

WHY = "The picture is wrong."


@pytest.fixture
def operator(stage):
    """Return the hands of whoever has a key of the default tenant."""
    return make_operator(stage)


def make_operator(stage: Stage, tenant_id: str = DEFAULT_TENANT) -> Operator:
    return Operator(
        stage.database, tenant_id=tenant_id, actor="key_1", clock=stage.clock, ids=stage.ids
    )


async def audited(stage: Stage) -> list[tuple[str, str, dict[str, str]]]:
    """Return every entry, the oldest first."""
    async with stage.database.read() as tx:
        found = await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=99)
    assert {entry.actor for entry in found} <= {"key_1"}
    return [(entry.act, entry.object, dict(entry.detail)) for entry in reversed(found)]


async def claimed(stage: Stage) -> list[str]:
    """Return the ids of what leaves within some turns of a dispatcher."""
    ids = []
    for _ in range(6):
        async with stage.database.transaction() as tx:
            found = await claim_due(
                tx,
                DEFAULT_ACCOUNT,
                now=stage.clock.now(),
                head_start=timedelta(),
                limit=100,
                lease=timedelta(seconds=30),
                cap_rules=CapRules(),
            )
        ids += [message.id for message in found.messages]
        if found.rest_s:
            break
    return ids


async def answered(stage: Stage, verdict: Verdict) -> None:
    """Let an answer come that was under way: a probe's, of both lines."""
    await heed(
        stage.database,
        Outcome(verdict, "invalid_sender", "Because."),
        make_message(),
        left_at=NOW,
        probed=frozenset({DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN}),
        now=stage.clock.now(),
    )


async def test_a_pause_of_a_campaign_holds_until_somebody_ends_it(stage, operator):
    """No delivery, no quiet and no answer that was under way knows why it was paused."""
    await stage.store(make_message())
    paused = await operator.change_campaign(DEFAULT_CAMPAIGN, paused=True, reason=WHY)
    for verdict in (Verdict.PAUSE_CAMPAIGN, Verdict.ACCEPTED):
        await answered(stage, verdict)
    await stage.advance(2 * QUIET.total_seconds())

    assert await claimed(stage) == []
    found = await operator.campaign(DEFAULT_CAMPAIGN)
    assert (found.line.stop.reason, found.line.stop.detail) == ("paused", WHY)
    assert found.line.stop.since == paused.line.stop.since

    resumed = await operator.change_campaign(DEFAULT_CAMPAIGN, paused=False)

    assert resumed.line.stop is None
    assert len(await claimed(stage)) == 1
    assert await audited(stage) == [
        ("campaign.change", DEFAULT_CAMPAIGN, {"paused": "no → yes", "reason": WHY}),
        ("campaign.change", DEFAULT_CAMPAIGN, {"paused": "yes → no", "was": "paused"}),
    ]


async def test_a_human_ends_a_stop_that_nobody_asked_for(stage, operator):
    """Somebody who mended the registration need not wait for a probe."""
    await answered(stage, Verdict.PAUSE_CAMPAIGN)

    resumed = await operator.change_campaign(DEFAULT_CAMPAIGN, paused=False)

    assert resumed.line.stop is None
    [(_, _, detail)] = await audited(stage)
    assert detail == {"paused": "yes → no", "was": "invalid_sender"}


async def test_a_rate_holds_from_the_next_slot_on(stage, operator):
    """A slot far ahead at the old rate must not delay the new one; nor is one too early."""
    await stage.prepare(rate=0.01)
    await stage.store(*[make_message() for _ in range(9)])
    assert len(await claimed(stage)) == 1

    changed = await operator.change_campaign(DEFAULT_CAMPAIGN, rate=10.0)

    assert changed.line.pace.rate == 10.0
    assert changed.line.pace.next_slot_at == NOW + timedelta(seconds=0.1)
    assert len(await claimed(stage)) == 1
    assert await audited(stage) == [
        ("campaign.change", DEFAULT_CAMPAIGN, {"rate": "0.01 → 10"}),
    ]


async def test_one_request_leaves_one_entry_and_none_where_nothing_changes(stage, operator):
    """A trail full of repeats hides what was done."""
    for _ in range(2):
        await operator.change_campaign(DEFAULT_CAMPAIGN, rate=2.0, paused=True, reason=WHY)
        await stage.advance(1)
        await operator.change_sender(SENDER, paused=True, reason=WHY)
        await stage.advance(1)
    await operator.change_campaign(DEFAULT_CAMPAIGN, paused=True, reason="Another one.")
    await stage.advance(1)
    await operator.change_sender(SENDER, paused=True, reason="Another one.")

    paused = {"paused": "no → yes", "reason": WHY}
    again = {"paused": "yes", "reason": "Another one."}
    assert await audited(stage) == [
        ("campaign.change", DEFAULT_CAMPAIGN, {"rate": "10 → 2"} | paused),
        ("sender.change", SENDER, paused),
        ("campaign.change", DEFAULT_CAMPAIGN, again | {"was": "paused"}),
        ("sender.change", SENDER, again),
    ]


async def test_a_paused_senders_messages_wait_and_go_on(stage, operator):
    """Those behind them leave, though there are more of them than one claim looks at."""
    key = {"fair_key": DEFAULT_TENANT}
    waiting = [make_message(id=f"msg_{place:03d}", **key) for place in range(2 * LOOK_AHEAD)]
    free = make_message(sender="+12025550101", id="msg_999", **key)
    await stage.store(*waiting, free)
    await operator.change_sender(SENDER, paused=True, reason=WHY)

    assert await claimed(stage) == [free.id]
    await stage.advance(60)
    later = make_message(sender="+12025550101", **key)
    await stage.store(later)
    assert await claimed(stage) == [later.id]

    await stage.advance(1)
    rung = stage.database.bell("queued")
    resumed = await operator.change_sender(SENDER, paused=False)

    assert (resumed.paused_at, resumed.pause_reason) == (None, None)
    assert rung.is_set()
    assert (await claimed(stage))[:2] == ["msg_000", "msg_001"]
    assert [detail for _, _, detail in await audited(stage)] == [
        {"paused": "no → yes", "reason": WHY},
        {"paused": "yes → no"},
    ]


async def test_a_campaign_whose_messages_all_wait_lets_the_claim_rest(stage, operator):
    """A pause over the weekend must not keep a processor busy."""
    await stage.store(*[make_message() for _ in range(3)])
    await operator.change_sender(SENDER, paused=True)
    await claimed(stage)

    async with stage.database.transaction() as tx:
        found = await claim_due(
            tx,
            DEFAULT_ACCOUNT,
            now=stage.clock.now(),
            head_start=timedelta(),
            limit=100,
            lease=timedelta(seconds=30),
            cap_rules=CapRules(),
        )

    assert (found.messages, found.rest_s) == ([], 0.5)


@pytest.mark.parametrize(
    ("paused", "reason", "code"),
    [
        (False, WHY, "only_paused"),
        (True, "", "length"),
        (True, "x" * 201, "length"),
        (True, "a\x00b", "null_character"),
    ],
)
async def test_a_reason_that_breaks_a_rule_changes_nothing(stage, operator, paused, reason, code):
    """It is refused before anything is stored, whoever hands it in."""
    for change in (
        operator.change_campaign(DEFAULT_CAMPAIGN, rate=2.0, paused=paused, reason=reason),
        operator.change_sender(SENDER, paused=paused, reason=reason),
    ):
        with pytest.raises(RequestRefused) as refused:
            await change
        assert [(f.field, f.code) for f in refused.value.faults] == [("reason", code)]

    assert await audited(stage) == []
    assert (await stage.campaign()).rate == 10.0


async def test_another_tenants_are_not_there(stage):
    """Nobody pauses a competitor."""
    await add_tenant(stage.database)
    stranger = make_operator(stage, OTHER_TENANT)

    assert await stranger.campaigns(limit=9) == []
    assert await stranger.senders(limit=9) == []
    assert await stranger.campaign(DEFAULT_CAMPAIGN) is None
    assert await stranger.sender(SENDER) is None
    assert await stranger.change_campaign(DEFAULT_CAMPAIGN, rate=2.0, paused=True) is None
    assert await stranger.change_sender(SENDER, paused=True) is None
    campaign = await stage.campaign()
    assert (campaign.rate, campaign.stopped_at) == (10.0, None)
    assert (await make_operator(stage).sender(SENDER)).paused_at is None
