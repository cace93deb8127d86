"""A picture on its whole way: over HTTP, through the queue, to the provider, and back."""

from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise

from aiohttp import web

from tests.scenarios.world import QUICK, Place, World, running_gateway, running_world
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.simulator.switches import HttpFault

CAPTIONS = [
    "A cat",
    "Füße, naïve, ñandú",
    "🐈‍⬛ 👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇸",
    "שלום עולם",
    "مرحبا \u202bبالعالم\u202c",  # noqa: RUF001 - meant as it is
    "a\nb\tc \\ \" ' </script> {{x}} %s",
    "e\u0301 \u00e9 \ufb01",
    "\U0010fffd\u2028",
]


async def test_a_picture_is_delivered(world):
    """The reason for everything else."""
    message_id = await world.send()

    message = await world.until(message_id, "delivered")

    assert message.state is MessageState.DELIVERED
    attempt = await world.attempt(message_id)
    [accepted] = world.simulator.accepted
    assert accepted.client_ref == attempt.client_ref
    assert accepted.message_uuid == message.provider_message_id == attempt.provider_message_id
    assert accepted.body["from"] == "12025550100"
    assert accepted.body["image"] == {"url": world.picture, "caption": "A cat"}
    assert await world.timeline(message_id) == [
        "preparing",
        "queued",
        "sending",
        "submitted",
        "delivered",
    ]
    assert (attempt.price, attempt.currency, attempt.network_code) == ("0.0150", "EUR", "310260")
    assert await world.ready() == (200, {"status": "ok", "findings": []})


async def test_captions_arrive_byte_for_byte(world):
    """Whatever people write: emoji of several parts, and text from right to left."""
    ids = [await world.send(text=caption) for caption in CAPTIONS]

    for message_id in ids:
        await world.until(message_id, "delivered")

    arrived = {message.body["image"]["caption"] for message in world.simulator.accepted}
    assert {text.encode() for text in arrived} == {text.encode() for text in CAPTIONS}


async def test_every_kind_of_message_arrives(credentials, database_url):
    """Each has a field of its own in the provider's interface (contract 1.4)."""
    kinds = ["image", "video", "audio", "vcard", "file"]
    switches = {"fetch_media": False}
    async with running_world(
        credentials, database_url, switches=switches, media="passthrough"
    ) as world:
        media = [{"url": f"{world.picture}?{kind}", "kind": kind} for kind in kinds]
        ids = [await world.send(media=[one]) for one in media]
        ids += [await world.send(media=media), await world.send(media=None)]

        for message_id in ids:
            assert (await world.until(message_id, "delivered")).state is MessageState.DELIVERED

        bodies = {message.body["message_type"]: message for message in world.simulator.accepted}
        assert set(bodies) == {*kinds, "content", "text"}
        for one in media:
            assert bodies[one["kind"]].media == [(one["kind"], one["url"])]
        assert bodies["content"].media == [(one["kind"], one["url"]) for one in media]
        assert bodies["text"].body["text"] == "A cat"


async def test_a_picture_that_does_not_exist_fails_with_the_reason(world):
    """Before anything was paid for."""
    message_id = await world.send(media=[{"url": world.picture + ".missing"}])

    message = await world.until(message_id, "failed")

    assert (message.state, message.reason) == (MessageState.FAILED, "unreachable")
    assert world.simulator.accepted == []


async def test_the_simple_door_answers_with_the_provider_s_id(world):
    """The tutorial's call, through the same queue."""
    body = {"recipient": "+12125550123", "imageUrl": world.picture, "caption": "A cat"}

    answer = await world.client.post("/send-mms", json=body)

    said = answer.json()
    [accepted] = world.simulator.accepted
    assert (answer.status_code, said["success"]) == (200, True)
    assert said["message_uuid"] == accepted.message_uuid
    await world.until(said["id"], "delivered")


async def test_a_provider_that_never_calls_back_leaves_messages_submitted(
    credentials, database_url
):
    """We do not invent outcomes."""
    posts = []

    async def take(request: web.Request) -> web.Response:
        posts.append(await request.json())
        return web.json_response({"message_uuid": f"uuid-{len(posts)}"}, status=202)

    application = web.Application()
    application.router.add_post("/v1/messages", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mock_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with running_gateway(credentials, database_url, mock_url, media="passthrough") as (
        gateway,
        client,
        _,
    ):
        world = World(gateway, client, None, mock_url)  # type: ignore[arg-type]
        message_id = await world.send()
        message = await world.until(message_id, "submitted")
        assert (message.state, message.provider_message_id) == (MessageState.SUBMITTED, "uuid-1")
        for each in gateway.runners:
            await each.duty.turn()
        assert await world.timeline(message_id) == ["queued", "sending", "submitted"]
    await runner.cleanup()
    assert len(posts) == 1


async def test_broken_connections_never_double_a_message(credentials, database_url):
    """Half of all connections break: what was taken is settled by its receipt, the rest waits."""
    faults = {HttpFault.DROPPED_ACCEPTED: 0.25, HttpFault.DROPPED_REFUSED: 0.25}
    async with running_world(credentials, database_url, switches={"fault_rates": faults}) as world:
        ids = [await world.send() for _ in range(24)]
        for message_id in ids:
            await world.until(message_id, "delivered", "unconfirmed")
        taken = {accepted.client_ref for accepted in world.simulator.accepted}
        for message_id in ids:
            attempt = await world.attempt(message_id)
            if attempt.client_ref in taken:
                await world.until(message_id, "delivered")

        ledger = world.simulator.ledger
        assert ledger.posts_read == 24
        assert ledger.repeated_client_refs() == {}
        assert 0 < ledger.accepted_total < 24
        for message_id in ids:
            attempt = await world.attempt(message_id)
            settled = attempt.client_ref in taken
            assert await world.state(message_id) == ("delivered" if settled else "unconfirmed")
            expected = AttemptState.DELIVERED if settled else AttemptState.UNCONFIRMED
            assert attempt.state is expected


async def test_messages_leave_at_their_rate(credentials, database_url):
    """Slots are exact; what the provider sees may be late by what a slot allows."""
    rate, count = 20.0, 30
    async with running_world(credentials, database_url, sender_rate=rate) as world:
        ids = await world.send_many(count)

        for message_id in ids:
            await world.until(message_id, "delivered")

        attempts = [each for message_id in ids for each in await world.attempts(message_id)]
        slots = sorted(attempt.slot_at for attempt in attempts)
        arrivals = sorted(accepted.at for accepted in world.simulator.accepted)
    assert all(b - a >= timedelta(seconds=1 / rate) for a, b in pairwise(slots))
    assert len(arrivals) == count
    window = timedelta(seconds=0.5)
    for start in arrivals:
        within = sum(start <= at < start + window for at in arrivals)
        assert within <= rate * (window.total_seconds() + 0.15) + 1


async def test_a_stop_in_the_middle_loses_nothing(credentials, database_url):
    """A restart under load: what had not left goes out by the next process, once."""
    place = Place(credentials, database_url)
    async with AsyncExitStack() as stack:
        await place.open(stack)
        ledger = place.simulator.ledger
        # So slow that a starved machine, too, is stopped before all have left.
        async with place.gateway(credentials, sender_rate=1) as world:
            ids = await world.send_many(30)
            await world.until(min(ids), "submitted", "delivered")
            first = ledger.accepted_total
        async with place.gateway(credentials) as world:
            # Receipts that found nobody at home are repeated later than a test wants to wait.
            for message_id in ids:
                await world.until(message_id, "submitted", "delivered")
            states = {await world.state(message_id) for message_id in ids}

    assert 0 < first < 30
    assert states <= {"submitted", "delivered"}
    assert (ledger.accepted_total, ledger.repeated_client_refs()) == (30, {})


def test_the_quick_provider_is_still_the_real_one() -> None:
    """Delays are shortened for the tests, nothing else."""
    assert QUICK.fetch_media
    assert QUICK.webhooks_signed
    assert not QUICK.fault_rates
