"""What is told is signed, with each secret that counts, and can be told again."""

from datetime import timedelta

from tests.engine.receiver import INSTALLATION, moved, open_receiver, stored, turn, waiting_rows
from tests.engine.stage import Stage, logged
from tests.factories import NOW
from tests.storage.writing import event_of
from tests.virtual_clock import VirtualClock
from wirephoto.clock import SystemClock
from wirephoto.domain.message import MessageState
from wirephoto.storage.feed import FeedPosition

S = MessageState


async def test_a_replay_tells_again_what_was(receiver):
    """After a fault of the customer's own; each event has its id of then."""
    messages = await stored(receiver, 3)
    made = await receiver.create()
    await receiver.tell(*messages)
    serving = receiver.deliveries()
    await turn(serving)
    await receiver.endpoints().replay(made.endpoint.endpoint.id, since=NOW)

    await turn(serving)

    assert sorted(receiver.ids) == sorted([message.id for message in messages] * 2)
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 3


async def test_a_replay_begins_at_a_time_or_at_a_place(receiver):
    """Neither tells what was before; a place ahead would skip something, and changes nothing."""
    early, middle, late = await stored(receiver, 3)
    made = await receiver.create()
    endpoint_id, places = made.endpoint.endpoint.id, []
    for message in (early, middle, late):
        at = receiver.stage.clock.now()
        await receiver.tell(message.touched(at))
        places.append((await receiver.endpoints().get(endpoint_id)).place)
        await turn(serving := receiver.deliveries())
        await receiver.stage.advance(60)
    again = []
    for begin in (
        {"since": NOW + timedelta(seconds=60)},
        {"place": places[1]},
        {"since": NOW + timedelta(days=1)},
        {"place": FeedPosition(2**40, 2**40)},
    ):
        receiver.told.clear()
        await receiver.endpoints().replay(endpoint_id, **begin)
        await turn(serving)
        again.append(sorted(receiver.ids))

    assert again == [sorted([middle.id, late.id])] * 2 + [[], []]


async def test_a_replay_during_a_round_is_not_lost(receiver):
    """The round's own end would put the endpoint where it has been."""
    first, second = await stored(receiver, 2)
    made = await receiver.create()
    await receiver.tell(first)
    serving = receiver.deliveries()
    await turn(serving)
    answers = receiver.site.answer

    async def replay_then_answer(request):
        receiver.site.answer = answers
        await receiver.endpoints().replay(made.endpoint.endpoint.id, since=NOW)
        return await answers(request)

    receiver.site.answer = replay_then_answer
    await receiver.tell(second)
    await turn(serving)
    await turn(serving)

    assert receiver.ids[:2] == [first.id, second.id]
    assert sorted(receiver.ids[2:]) == sorted([first.id, second.id])


async def test_a_replay_of_what_a_round_is_telling_is_not_lost(receiver):
    """The place is not moved yet: whoever lost an event just now asks for it before it is."""
    first, second = await stored(receiver, 2)
    made = await receiver.create()
    await receiver.tell(first)
    await receiver.stage.advance(60)
    since = receiver.stage.clock.now()
    await receiver.tell(second.touched(since))
    answers = receiver.site.answer

    async def answer_then_replay(request):
        answer = await answers(request)
        if receiver.ids[-1] == second.id:
            receiver.site.answer = answers
            await receiver.endpoints().replay(made.endpoint.endpoint.id, since=since)
        return answer

    receiver.site.answer = answer_then_replay
    serving = receiver.deliveries()
    await turn(serving)
    await turn(serving)

    assert receiver.ids.count(second.id) == 2


async def test_both_secrets_sign_for_a_day_after_a_rotation(database, commits, ids):
    """Whoever rotates changes the receiver at leisure, and loses nothing in between."""
    stage = Stage(database, commits, VirtualClock(SystemClock().now()), ids)
    await stage.prepare()
    async with open_receiver(stage) as receiver:
        old = await receiver.create()
        new = await receiver.endpoints().rotate(old.endpoint.endpoint.id)
        [message] = await stored(receiver)
        await receiver.tell(message)
        serving = receiver.deliveries()
        await turn(serving)

        assert receiver.verify(old.secret) == receiver.verify(new.secret) == receiver.told[0]

        await stage.advance(24 * 3600)
        await receiver.tell(*moved(message, S.SENDING))
        await turn(serving)
        assert len(receiver.headers[-1]["webhook-signature"].split()) == 1


async def test_the_reference_library_verifies_what_was_told(database, commits, ids):
    """Customers use it, or one that does the same."""
    stage = Stage(database, commits, VirtualClock(SystemClock().now()), ids)
    await stage.prepare()
    async with open_receiver(stage) as receiver:
        made = await receiver.create()
        [message] = await stored(receiver)
        await receiver.tell(message)

        await turn(receiver.deliveries())

        assert receiver.verify(made.secret) == receiver.told[0]
        assert receiver.told[0]["id"] == event_of(message).id == receiver.headers[0]["webhook-id"]
        assert receiver.headers[0]["Content-Type"] == "application/json"


async def test_secrets_of_another_installation_stop_deliveries_aloud(receiver):
    """WIREPHOTO_SECRET was lost: unsigned events are worse than none, and no try is used up."""
    await receiver.create()
    await receiver.tell(*await stored(receiver))

    with logged() as lines:
        await turn(receiver.deliveries(secrets=["another secret"]))

    assert [line["event"] for line in lines] == ["endpoint_unreadable"]
    assert (receiver.told, await waiting_rows(receiver)) == ([], [])
    await receiver.stage.advance(60)
    await turn(receiver.deliveries(secrets=["another secret", INSTALLATION]))
    assert len(receiver.told) == 1


async def test_a_former_secret_that_is_lost_stops_nothing(database, commits, ids):
    """The customer has the new one by now: a rotation is what mends a lost WIREPHOTO_SECRET."""
    stage = Stage(database, commits, VirtualClock(SystemClock().now()), ids)
    await stage.prepare()
    async with open_receiver(stage) as receiver:
        old = await receiver.create()
        new = await receiver.endpoints(secrets=["a new one"]).rotate(old.endpoint.endpoint.id)
        await receiver.tell(*await stored(receiver))

        await turn(receiver.deliveries(secrets=["a new one"]))

        assert receiver.verify(new.secret) == receiver.told[0]
        assert len(receiver.headers[0]["webhook-signature"].split()) == 1


async def test_the_secret_of_the_settings_changes_as_the_documents_say(database, commits, ids):
    """New before old, each endpoint rotated, the old one removed: both signatures last a day."""
    stage = Stage(database, commits, VirtualClock(SystemClock().now()), ids)
    await stage.prepare()
    async with open_receiver(stage) as receiver:
        old = await receiver.create()
        both = receiver.endpoints(secrets=["a new one", INSTALLATION])
        new = await both.rotate(old.endpoint.endpoint.id)
        await receiver.tell(*await stored(receiver))

        await turn(receiver.deliveries(secrets=["a new one"]))

        assert receiver.verify(old.secret) == receiver.verify(new.secret) == receiver.told[0]
