"""An answer that waits for the pipeline: what cannot go out is refused then and there."""

import asyncio
from datetime import timedelta

import pytest

from tests.api.application import add_sender, client_of, make_app
from tests.engine.stage import Halves, eventually
from tests.factories import make_ids, send_request
from wirephoto.api.services import services_of
from wirephoto.domain.number_facts import Unreachable
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.preparation import Preparation
from wirephoto.errors import MediaRefused

KEY = {"Idempotency-Key": "one"}


class Pipeline:
    """Refuses everything, or nothing."""

    def __init__(self):
        self.refusal = None
        self.unreachable = None

    async def __call__(self, message):
        if self.refusal:
            raise self.refusal
        return message.media

    async def screen(self, _message):
        return self.unreachable


@pytest.fixture
def pipeline():
    return Pipeline()


@pytest.fixture
async def preflight(database, clock, pipeline):
    """Give a function that asks with `preflight`, while the pipeline works."""
    await add_sender(database, clock)
    app = make_app(database, clock, media_is_prepared=True, sync_wait=timedelta(seconds=10))
    preparation = Preparation(
        database=database,
        commits=services_of(app).commits,
        prepare=pipeline,
        screen=pipeline.screen,
        clock=clock,
        ids=make_ids(5),
        random=Halves(),
        retry=RetryPolicy(),
    )
    async with client_of(app) as client:

        async def ask(*, works=True, meanwhile=None, **changes):
            body = send_request(preflight=True, **changes)
            asking = asyncio.create_task(client.post("/v1/messages", json=body, headers=KEY))
            await eventually(lambda: asking.done() or preparation.bell.is_set())
            if meanwhile:
                await meanwhile(client, body)
            if works:
                await preparation.turn()
                await preparation.drain()
            while not asking.done():
                await clock.advance(0.25)
                await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
            return await asking

        yield ask


async def test_media_that_can_go_out_is_accepted(preflight):
    """And the answer shows it ready."""
    answer = await preflight()

    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"


async def test_media_that_cannot_is_refused_with_the_remedy(preflight, pipeline):
    """Before anybody waits for a picture that will never come."""
    pipeline.refusal = MediaRefused("not_an_image", "Give the address of the file itself.")

    answer = await preflight()

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["errors"][0]["code"]) == ("media_refused", "not_an_image")
    assert problem["detail"] == "Give the address of the file itself."


async def test_a_number_that_cannot_receive_is_refused_as_a_number(preflight, pipeline):
    """The picture is fine: who is told to change it looks in the wrong place."""
    pipeline.unreachable = Unreachable("not_mobile", "This is a landline.")

    answer = await preflight()

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"] == [
        {"field": "to", "code": "not_mobile", "message": "This is a landline."}
    ]


@pytest.mark.parametrize("refused", [False, True])
async def test_a_repeat_gets_the_same_answer(preflight, pipeline, refused):
    """Of the same type, whatever became of it since."""
    if refused:
        pipeline.refusal = MediaRefused("corrupt", "Save it anew.")
    first = await preflight()
    pipeline.refusal = None

    second = await preflight(works=False)

    assert second.headers["idempotent-replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]


async def test_the_wait_is_bounded(preflight):
    """A slow server must not hold a request for a minute: the message is there all the same."""
    answer = await preflight(works=False)

    assert (answer.status_code, answer.json()["state"]) == (202, "preparing")


async def test_media_that_may_come_later_is_not_refused(preflight, pipeline):
    """It is tried again, and the answer says why it waits."""
    pipeline.refusal = MediaRefused("unreachable", "It does not answer.", retryable=True)

    answer = await preflight()

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["reason"]) == ("preparing", "unreachable")


async def test_a_text_needs_no_wait(preflight):
    """There is nothing to be made ready."""
    answer = await preflight(works=False, media=None)

    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


async def test_a_key_whose_request_still_waits_is_in_use(preflight):
    """The second one must not start the same once more."""
    second = None

    async def repeat(client, body):
        nonlocal second
        second = await client.post("/v1/messages", json=body, headers=KEY)

    first = await preflight(meanwhile=repeat)

    assert (second.status_code, second.json()["code"]) == (409, "key_in_use")
    assert (first.status_code, first.json()["state"]) == (202, "queued")


async def test_what_is_canceled_meanwhile_is_no_refusal_of_its_picture(preflight):
    """The caller sees the message as it is."""

    async def cancel(client, _body):
        (message,) = (await client.get("/v1/messages")).json()["messages"]
        canceled = await client.post(f"/v1/messages/{message['id']}/cancel")
        assert canceled.status_code == 200

    answer = await preflight(meanwhile=cancel)

    assert (answer.status_code, answer.json()["state"]) == (202, "canceled")
