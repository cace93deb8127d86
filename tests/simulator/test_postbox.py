import hashlib

import pytest

from wirephoto.simulator.postbox import retry_waits

SUBMITTED_S = 0.2


def test_the_schedule_doubles_and_ends_within_a_day():
    """5 s doubling to 640, then every 900 s, for 24 h (contract 2.1)."""
    waits = list(retry_waits())

    assert waits[:9] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert set(waits[8:]) == {900}
    assert 24 * 3600 - 900 < sum(waits) <= 24 * 3600


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_refused_webhook_comes_again_unchanged(world, status):
    """The gateway answers 503 to what it cannot verify and counts on the repetition."""
    world.outside.answers = [status, status]
    await world.post(to="12125550121")
    await world.clock.pass_by(SUBMITTED_S)
    first = await world.outside.next()

    await world.clock.pass_by(5)
    second = await world.outside.next()
    await world.clock.pass_by(10)
    third = await world.outside.next()
    await world.simulator.drain()

    assert first == second == third


@pytest.mark.parametrize("status", [400, 401, 404, 302])
async def test_a_webhook_that_is_answered_otherwise_is_lost(world, status):
    """A 4xx loses a genuine receipt: that is why we never answer one (contract 2.1)."""
    world.outside.answers = [status]
    await world.post(to="12125550121")
    await world.clock.pass_by(SUBMITTED_S)
    await world.outside.next()

    await world.simulator.drain()

    assert world.outside.webhooks.empty()


async def test_the_older_rule_repeats_after_any_failure(world):
    """An older page promises a repetition after any answer but 200 (contract 2.1)."""
    world.simulator.flip(webhook_retry_any=True)
    world.outside.answers = [404]
    await world.post(to="12125550121")
    await world.clock.pass_by(SUBMITTED_S)
    await world.outside.next()

    await world.clock.pass_by(5)

    assert (await world.outside.next()).body["status"] == "submitted"


async def test_a_webhook_can_come_unsigned(world):
    """In rare cases the provider's own do (contract 2.4)."""
    world.simulator.flip(webhooks_signed=False)
    await world.post()
    await world.clock.pass_by(SUBMITTED_S)

    assert (await world.outside.next()).authorization is None


async def test_a_webhook_can_carry_the_hash_of_something_else(world):
    """A body that was changed on its way looks like this."""
    world.simulator.flip(webhook_hash_right=False)
    await world.post()
    await world.clock.pass_by(SUBMITTED_S)
    webhook = await world.outside.next()

    claims = webhook.claims(world.credentials.signature_secret)

    assert claims["payload_hash"] != hashlib.sha256(webhook.raw).hexdigest()


async def test_a_webhook_can_come_from_another_time(world):
    """A replay, or a clock that is wrong."""
    world.simulator.flip(webhook_iat_skew_s=-86_400)
    await world.post()
    await world.clock.pass_by(SUBMITTED_S)

    claims = (await world.outside.next()).claims(world.credentials.signature_secret)

    assert claims["iat"] == int(world.clock.now().timestamp() - 86_400)
