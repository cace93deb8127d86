"""Every magic recipient of the simulator ends where the documents say."""

import pytest

from tests.scenarios.world import World, running_world
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS

DELIVERED = {"24", "25", "26", "30", "32", "36", "38", "39", "40"}
REJECTED = {f"{digits}" for digits in (*range(50, 69), *range(70, 74), 75)}
SUBMITTED = {"21", "22"}
UNDELIVERABLE = {"20"}
UNCONFIRMED = {"33", "34", "35", "37"}
KEPT = {"31": None, "41": "low_balance", "42": "invalid_sender"}
"""Those whose message stays queued, and what then stands still, and why."""
ENDINGS = {
    **dict.fromkeys(DELIVERED, "delivered"),
    **dict.fromkeys(REJECTED, "rejected"),
    **dict.fromkeys(SUBMITTED, "submitted"),
    **dict.fromkeys(UNDELIVERABLE, "undeliverable"),
    **dict.fromkeys(UNCONFIRMED, "unconfirmed"),
}


def recipient(digits: str) -> str:
    return f"+121255501{digits}"


def test_every_magic_recipient_has_an_ending() -> None:
    """A new one must be thought through to its end."""
    assert {each.digits for each in MAGIC_RECIPIENTS} == {*ENDINGS, *KEPT}


async def test_each_ends_as_documented(world):
    """All at once: none of them may disturb another."""
    ids = {digits: await world.send(to=recipient(digits)) for digits in ENDINGS}

    for digits, message_id in ids.items():
        await world.until(message_id, ENDINGS[digits])
    await world.simulator.drain()
    for runner in world.gateway.runners:
        await runner.duty.turn()

    found = {digits: await world.state(message_id) for digits, message_id in ids.items()}
    assert found == ENDINGS
    ledger = world.simulator.ledger
    assert ledger.repeated_client_refs() == {}
    assert set(ledger.per_recipient.values()) == {1}
    assert await world.ready() == (200, {"status": "ok", "findings": []})


async def test_reasons_of_a_rejection_reach_the_customer(world):
    """Each with the provider's code, a reason for machines and a sentence for people."""
    ids = {digits: await world.send(to=recipient(digits)) for digits in ("55", "64", "20")}

    found = {}
    for digits, message_id in ids.items():
        message = await world.until(message_id, "rejected", "undeliverable")
        attempt = await world.attempt(message_id)
        found[digits] = (attempt.provider_code, message.reason)
        assert message.detail

    assert found == {
        "55": ("1310", "device_unsuitable"),
        "64": ("1210", "spam_rejected"),
        "20": ("1331", "carrier_silent"),
    }


async def test_an_answer_later_than_we_wait_is_settled_by_the_receipt(credentials, database_url):
    """The request was taken; only its answer did not come in time."""
    async with running_world(
        credentials, database_url, submit_timeout_s=0.2, switches={"answer_delay_s": 3.0}
    ) as world:
        message_id = await world.send(to=recipient("38"))

        await world.until(message_id, "delivered")

        assert await world.state(message_id) == "delivered"
        assert world.simulator.ledger.posts_read == 1


async def test_a_recipient_that_is_always_throttled_keeps_its_message(world):
    """It waits its turn, uses up no tries, and slows the account down each time."""
    message_id = await world.send(to=recipient("31"))

    message = await world.queued_again(message_id)

    assert (message.reason, message.tries) == ("rate_limited", 0)
    assert world.simulator.accepted == []


@pytest.mark.parametrize("digits", ["41", "42"])
async def test_faults_that_are_not_the_message_s_keep_it(world, digits):
    """Nothing is lost; `/readyz` and the queue say why it waits."""
    message_id = await world.send(to=recipient(digits))

    message = await world.queued_again(message_id)

    assert (message.reason, message.tries) == (KEPT[digits], 0)
    status, body = await stopped(world)
    line = "account acc_default" if digits == "41" else "campaign cmp_default"
    assert (status, body["status"]) == (200, "degraded")
    assert [(each["what"], each["reason"]) for each in body["findings"]] == [(line, KEPT[digits])]


async def stopped(world: World) -> tuple[int, dict]:
    """Return what `/readyz` says once it is about something: the stop follows its answer."""
    while True:
        status, body = await world.ready()
        if body["findings"]:
            return status, body
