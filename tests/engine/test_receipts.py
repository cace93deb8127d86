"""Complaints of carriers: a campaign that draws too many waits for a human."""

from datetime import timedelta

import pytest

from tests.engine.stage import Stage, logged, make_inbound, receipt, sent_message
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.line import NEVER, ComplaintLimit, Proof
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import Failure, FailureClass, Receipt, ReceiptState
from wirephoto.engine.claim import claim_due
from wirephoto.engine.receipts import Complaints
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, campaigns
from wirephoto.storage.senders import give_back_probe, probe_now, resume_line

SPAM = Failure("1210", "spam_rejected", "Spam.", FailureClass.MESSAGE, counts_against_sender=True)
BUSY = Failure("1220", "handset_busy", "Busy.", FailureClass.RETRY)
LIMIT = ComplaintLimit(of_last=20, share=0.2, least=3)


def end(failure: Failure | None = None, campaign_id: str = DEFAULT_CAMPAIGN) -> tuple:
    message = make_message(state=MessageState.SUBMITTED, attempts=1, campaign_id=campaign_id)
    attempt = make_attempt(
        message, state=AttemptState.REJECTED if failure else AttemptState.DELIVERED
    )
    state = ReceiptState.REJECTED if failure else ReceiptState.DELIVERED
    return message, attempt, Receipt("uuid-1", None, state, NOW, failure=failure)


@pytest.mark.parametrize(
    ("ends", "is_too_many"),
    [
        ([SPAM] * 2, False),  # too few to prove anything
        ([SPAM] * 3, True),
        ([None] * 12 + [SPAM] * 3, False),  # a fifth, and not more
        ([None] * 11 + [SPAM] * 3, True),
        ([SPAM] * 2 + [None] * 20 + [SPAM] * 2, False),  # the first are long ago
        ([BUSY] * 20, False),
    ],
)
def test_a_share_of_the_last_messages_is_too_much(ends, is_too_many):
    """Some content is always refused somewhere; a campaign's fault shows in its share."""
    found = Complaints(LIMIT).too_many([end(failure) for failure in ends])

    assert [id_ for id_, _ in found] == ([DEFAULT_CAMPAIGN] if is_too_many else [])


def test_each_campaign_answers_for_its_own():
    """One customer's spam is no reason to pause another."""
    complaints = Complaints(LIMIT)

    found = complaints.too_many([end(SPAM, f"cmp_{place % 2}") for place in range(5)])

    assert [id_ for id_, _ in found] == ["cmp_0"]


def test_what_was_settled_is_not_held_against_a_campaign_again():
    """It was resumed by somebody who had looked into it."""
    complaints = Complaints(LIMIT)
    complaints.too_many([end(SPAM)] * 3)

    assert complaints.too_many([end(SPAM)] * 2) == []


async def pause(stage: Stage) -> None:
    """Have carriers complain until the campaign is paused."""
    inbound = make_inbound(stage, complaints=LIMIT)
    for place in range(LIMIT.least):
        _, attempt = await sent_message(stage)
        error = {"type": "https://developer.vonage.com/api-errors#1210", "title": "1210"}
        body = receipt(attempt.client_ref, f"uuid-{place}", "rejected", error=error)
        await stage.tell(body)
    await inbound.turn()


async def test_too_many_complaints_pause_the_campaign_for_a_human(stage):
    """The registration is at stake: it is not for a probe to find out whether it is still there."""
    await stage.store(*[make_message() for _ in range(3)])
    with logged() as lines:
        await pause(stage)
    await stage.advance(86_400)

    async with stage.database.transaction() as tx:
        await probe_now(tx, stage.clock.now())
        await give_back_probe(tx, campaigns, [DEFAULT_CAMPAIGN], stage.clock.now())
        claimed = await claim_due(
            tx,
            DEFAULT_ACCOUNT,
            now=stage.clock.now(),
            head_start=timedelta(),
            limit=9,
            lease=timedelta(seconds=30),
            cap_rules=CapRules(),
        )
        assert not await resume_line(tx, campaigns, DEFAULT_CAMPAIGN, Proof.ANSWER)
        assert not await resume_line(tx, campaigns, DEFAULT_CAMPAIGN, Proof.RECEIPT)

    campaign = await stage.campaign()
    assert claimed.messages == []
    assert (campaign.stop_reason, campaign.probe_at) == ("complaints", NEVER)
    assert "3 of the last 3 messages" in campaign.stop_detail
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["campaign_paused"]


async def test_a_human_starts_it_again(stage):
    """Nothing of the pause is left."""
    await pause(stage)

    async with stage.database.transaction() as tx:
        assert await resume_line(tx, campaigns, DEFAULT_CAMPAIGN, Proof.HUMAN)

    campaign = await stage.campaign()
    assert (campaign.stopped_at, campaign.stop_proof) == (None, None)
