"""What somebody changes of an endpoint while it is told of events stands."""

import pytest
from aiohttp import web

from tests.engine.receiver import endpoint_of, moved, stored, turn, waiting_rows
from tests.factories import NOW
from wirephoto.domain.message import MessageState
from wirephoto.engine import endpoints as module
from wirephoto.engine.endpoints import Wanted
from wirephoto.storage.feed import place_before

S = MessageState


def during_a_round(receiver, made, wanted, status=200):
    """Have the next request change the endpoint, and be answered with `status` afterwards."""
    answers = receiver.site.answer

    async def change_then_answer(request):
        receiver.site.answer = answers
        await answers(request)
        await receiver.endpoints().change(made.endpoint.endpoint.id, wanted)
        return web.Response(status=status)

    receiver.site.answer = change_then_answer


async def test_a_new_address_is_not_judged_by_what_the_old_one_answers(receiver):
    """The old one is gone, which is why there is a new one; that one hears of everything."""
    made = await receiver.create("/old")
    during_a_round(receiver, made, Wanted(url=receiver.site.url("/new")), status=410)
    [message] = await stored(receiver)
    await receiver.tell(message)
    serving = receiver.deliveries()
    await turn(serving)
    await turn(serving)

    endpoint = await endpoint_of(receiver, made)
    assert (endpoint.disabled_by, endpoint.failures) == (None, 0)
    assert [request.path for request in receiver.site.requests] == ["/old", "/new"]
    assert receiver.ids == [message.id] * 2


async def test_a_filter_that_was_widened_holds_for_what_the_round_has_read(receiver):
    """The round left out what was not wanted when it began, and has moved on behind it."""
    made = await receiver.create(event_types=["message.sending"])
    during_a_round(receiver, made, Wanted(event_types=["message.submitted"]))
    [message] = await stored(receiver)
    await receiver.tell(*moved(message, S.SENDING, S.SUBMITTED))
    serving = receiver.deliveries()
    await turn(serving)
    await turn(serving)

    assert receiver.types == ["message.sending", "message.submitted"]


@pytest.mark.parametrize("status", [200, 410])
async def test_whoever_disables_an_endpoint_has_the_last_word(receiver, status):
    """It says why it is disabled; what was told at that moment is told again afterwards."""
    made = await receiver.create()
    during_a_round(receiver, made, Wanted(enabled=False), status)
    await receiver.tell(*await stored(receiver))
    serving = receiver.deliveries()
    await turn(serving)

    assert (await endpoint_of(receiver, made)).disabled_by == "operator"
    await receiver.endpoints().change(made.endpoint.endpoint.id, Wanted(enabled=True))
    await turn(serving)
    assert len(receiver.told) == 2


async def test_a_description_leaves_a_round_as_it_is(receiver):
    """It changes nothing of what is told, so nothing is told twice."""
    made = await receiver.create()
    during_a_round(receiver, made, Wanted(description="The shop"))
    await receiver.tell(*await stored(receiver))
    serving = receiver.deliveries()
    await turn(serving)
    await turn(serving)

    assert len(receiver.told) == 1


async def test_a_new_address_begins_without_the_failures_of_the_old_one(receiver):
    """Else it would be asked with one event at a time, hours later, and disabled days too early."""
    made = await receiver.create("/old")
    receiver.answer = lambda _told: 503
    receiver.answer_headers = {"Retry-After": "3600"}
    messages = await stored(receiver, 8)
    await receiver.tell(*messages)
    serving = receiver.deliveries()
    await turn(serving)
    assert (await endpoint_of(receiver, made)).is_down
    receiver.answer, receiver.answer_headers = (lambda _told: 200), {}
    receiver.told.clear()

    await receiver.endpoints().change(
        made.endpoint.endpoint.id, Wanted(url=receiver.site.url("/new"))
    )
    endpoint = await endpoint_of(receiver, made)
    assert (endpoint.failures, endpoint.failing_since, endpoint.rest_until) == (0, None, None)
    await turn(serving)

    assert sorted(receiver.ids) == sorted(message.id for message in messages)
    assert await waiting_rows(receiver) == []


async def test_the_same_address_again_is_no_new_one(receiver):
    """A system that puts its settings in place every hour would never be found to be failing."""
    made = await receiver.create("/same")
    receiver.answer = lambda _told: 503
    await receiver.tell(*await stored(receiver))
    await turn(receiver.deliveries())

    await receiver.endpoints().change(
        made.endpoint.endpoint.id, Wanted(url=receiver.site.url("/same"))
    )

    assert (await endpoint_of(receiver, made)).failures == 1


async def test_a_replay_may_look_for_its_beginning_as_long_as_it_takes(receiver, monkeypatch):
    """No index of the feed has times: in a large one that is longer than a request may wait."""
    made = await receiver.create()
    database, usual = receiver.stage.database, receiver.stage.database.patience_s
    await receiver.tell(*await stored(receiver))
    await turn(serving := receiver.deliveries())

    async def find_at_last(*asked):
        place = await place_before(*asked)
        database.patience_s = usual
        return place

    monkeypatch.setattr(module, "place_before", find_at_last)
    database.patience_s = 0.0
    await receiver.endpoints().replay(made.endpoint.endpoint.id, since=NOW)

    await turn(serving)
    assert len(receiver.told) == 2
