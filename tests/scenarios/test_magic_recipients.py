"""Every magic recipient of the simulator ends where the documents say."""

import pytest

from tests.engine.stage import eventually
from tests.scenarios.world import World, running_world
from wirephoto.simulator.recipients import MAGIC_RECIPIENTS

DELIVERED = {"24", "25", "26", "30", "32", "36", "38", "39", "40", "75"}
REJECTED = {f"{digits}" for digits in (*range(50, 62), 64, 65, *range(70, 74))}
HELD = {"63"}
SUBMITTED = {"21", "22"}
UNDELIVERABLE = {"20"}
UNCONFIRMED = {"33", "34", "35", "37"}
KEPT = {"31": None, "41": "low_balance", "42": "invalid_sender"}
"""Those whose message stays queued, and what then stands still, and why."""
STOPPING = {
    "62": ("campaign cmp_default", "sender_invalid"),
    "66": ("account acc_default", "facility_not_allowed"),
    "67": ("account acc_default", "quota_exceeded"),
    "68": ("campaign cmp_default", "not_registered"),
}
"""Those whose rejection stops a line, and which."""
SUBMISSIONS = {"20": 2, "75": 2} | dict.fromkeys(("70", "71", "72", "73"), 4)
"""How often those are submitted that are worth more than one try."""
ENDINGS = {
    **dict.fromkeys(DELIVERED, "delivered"),
    **dict.fromkeys(REJECTED, "rejected"),
    **dict.fromkeys(SUBMITTED, "submitted"),
    **dict.fromkeys(UNDELIVERABLE, "undeliverable"),
    **dict.fromkeys(UNCONFIRMED, "unconfirmed"),
    **dict.fromkeys(HELD, "queued"),
}


def recipient(digits: str) -> str:
    return f"+121255501{digits}"


def test_every_magic_recipient_has_an_ending() -> None:
    """A new one must be thought through to its end."""
    assert {each.digits for each in MAGIC_RECIPIENTS} == {*ENDINGS, *KEPT, *STOPPING}


async def test_each_ends_as_documented(world):
    """All at once: none may disturb another, but those that end the day, who come last."""
    ids = {
        digits: await world.send(to=recipient(digits)) for digits in ENDINGS if digits not in HELD
    }

    for digits, message_id in ids.items():
        await world.until(message_id, ENDINGS[digits])
    ids |= {digits: await world.send(to=recipient(digits)) for digits in HELD}
    heard = world.simulator.ledger.per_recipient
    await eventually(lambda: all(heard[recipient(digits)[1:]] for digits in HELD))
    await world.simulator.drain()
    for runner in world.gateway.runners:
        await runner.duty.turn()

    found = {digits: await world.state(message_id) for digits, message_id in ids.items()}
    assert found == ENDINGS
    ledger = world.simulator.ledger
    assert ledger.repeated_client_refs() == {}
    counts = {number[-2:]: count for number, count in ledger.per_recipient.items() if count > 1}
    assert counts == SUBMISSIONS
    assert await world.ready() == (200, {"status": "ok", "findings": []})


async def test_reasons_of_a_rejection_reach_the_customer(world):
    """Each with the provider's code, a reason for machines and a sentence for people."""
    ids = {digits: await world.send(to=recipient(digits)) for digits in ("55", "64", "20")}

    found = {}
    for digits, message_id in ids.items():
        message = await world.until(message_id, "rejected", "undeliverable")
        attempt = (await world.attempts(message_id))[-1]
        found[digits] = (attempt.provider_code, message.reason)
        assert message.detail

    assert found == {
        "55": ("1310", "device_unsuitable"),
        "64": ("1210", "spam_rejected"),
        "20": ("1331", "carrier_silent"),
    }


@pytest.mark.parametrize("digits", STOPPING)
async def test_a_rejection_that_every_message_would_get_stops_the_line(world, digits):
    """The provider takes them all, at a price, and turns each one down."""
    message_id = await world.send(to=recipient(digits))

    status, body = await stopped(world)

    assert (status, body["status"]) == (200, "degraded")
    assert [(each["what"], each["reason"]) for each in body["findings"]] == [STOPPING[digits]]
    message = await world.until(message_id, "queued")
    assert (message.reason, message.resends) == (STOPPING[digits][1], 1)


async def test_the_daily_cap_holds_the_phones_of_its_carrier(credentials, database_url):
    """T-Mobile's cap is no reason to keep the pictures of everybody else."""
    async with running_world(
        credentials, database_url, switches={"network_code": "310410"}
    ) as world:
        await world.until(await world.send(), "delivered")
        refused = await world.send(to=recipient("63"))
        while (message := await world.until(refused, "queued")).hold_reason is None:
            pass
        assert (message.hold_reason, message.reason) == ("daily_limit", "daily_limit")
        assert message.due_at > message.updated_at

        unknown = await world.send(to=recipient("64"))
        while (held := await world.until(unknown, "queued")).hold_reason is None:
            pass
        await world.until(await world.send(), "delivered")

        assert (held.hold_reason, held.due_at) == ("daily_limit", message.due_at)
        assert (held.attempts, await world.state(unknown)) == (0, "queued")
        assert (await world.ready())[1]["findings"] == []


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
