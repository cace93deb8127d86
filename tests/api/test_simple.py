"""The simple door: the tutorial's request, and an answer that is true when it comes."""

import asyncio

import httpx
import pytest

from tests.api.application import add_sender, client_of, make_app
from tests.api.conftest import BEGINNING, waiting, with_services
from tests.factories import PICTURE, RECIPIENT, SENDER, make_attempt
from wirephoto.domain.api_key import Scope
from wirephoto.domain.idempotency import HEADER
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.storage.messages import insert_attempts

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
GOOD = {"recipient": RECIPIENT, "imageUrl": PICTURE, "caption": "A cat"}
NOT_SENT = "Failed to send MMS. Check server logs for details."


class Asked:
    """A request that waits for its answer while the test moves its message."""

    def __init__(self, client: httpx.AsyncClient, mover, **options) -> None:
        self._stored = mover.database.bell("queued", "preparing")
        self._mover = mover
        self.answer = asyncio.ensure_future(client.post("/send-mms", **({"json": GOOD} | options)))

    async def message(self):
        """Return the message, once it is stored."""
        async with asyncio.timeout(10):
            await self._stored.wait()
        return await self._mover.newest()


async def _patience_over(clock, asked: Asked) -> None:
    """Let time pass until the request has its answer: its look-ups take turns with the clock."""
    async with asyncio.timeout(10):
        while not asked.answer.done():
            await clock.advance(0.25)


@on_sqlite
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "recipient"),
        ({"recipient": RECIPIENT}, "imageUrl"),
        ({"imageUrl": PICTURE}, "recipient"),
        (GOOD | {"imageUrl": "not-a-url"}, "imageUrl"),
        (GOOD | {"imageUrl": ""}, "imageUrl"),
        (GOOD | {"imageUrl": "http://169.254.169.254/latest"}, "imageUrl"),
        (GOOD | {"recipient": "not-a-number"}, "recipient"),
        (GOOD | {"recipient": "+447700900123"}, "recipient"),
        (GOOD | {"recipient": SENDER}, "recipient"),
        (GOOD | {"recipient": None}, "recipient"),
        (GOOD | {"caption": "x" * 3001}, "caption"),
        (GOOD | {"caption": 7}, "caption"),
        (GOOD | {"subject": "x"}, "subject"),
    ],
    ids=str,
)
async def test_the_tutorials_mistakes_are_answered_as_the_tutorial_does(client, body, named):
    """Whoever comes from the tutorial checks `success` and shows `error`."""
    answer = await client.post("/send-mms", json=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"success", "error"}
    assert answer.json()["success"] is False
    assert named in answer.json()["error"]
    assert (await client.get("/v1/messages")).json()["messages"] == []


@on_sqlite
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"], ids=str)
async def test_what_is_not_the_tutorials_body_at_all_is_a_400_too(client, body):
    """Also where nothing can be read, the answer has its usual shape."""
    answer = await client.post("/send-mms", content=body)

    assert answer.status_code == 400
    assert answer.json()["success"] is False


@pytest.mark.parametrize("form", ["json", "form"])
async def test_a_picture_that_the_provider_takes_is_a_success(app, client, mover, form):
    """The tutorial's success, with the tutorial's words, from JSON and from a plain HTML form."""
    waiting(app)
    asked = Asked(client, mover, **({} if form == "json" else {"data": GOOD, "json": None}))
    message = await asked.message()

    await mover.submit(message, UUID)
    answer = await asked.answer

    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "message": "MMS sending initiated successfully.",
        "message_uuid": UUID,
        "id": message.id,
    }
    assert (message.recipient, message.text) == (RECIPIENT, "A cat")
    assert [media.url for media in message.media] == [PICTURE]


@on_sqlite
async def test_a_form_without_caption_is_a_picture_alone(client, mover):
    """Browsers send empty fields; an empty caption is none."""
    answer = await client.post("/send-mms", data=GOOD | {"caption": ""})

    assert answer.status_code == 202
    assert (await mover.newest()).text is None


@on_sqlite
@pytest.mark.parametrize("state", [MessageState.DELIVERED, MessageState.REJECTED])
async def test_the_carriers_word_does_not_undo_the_success(app, client, mover, state):
    """The provider took it, and that is what a 200 says; the rest is told by events."""
    waiting(app)
    asked = Asked(client, mover)
    message = await mover.move(await asked.message(), *BEGINNING)

    await mover.move(message, state, provider_message_id=UUID)

    answer = await asked.answer
    assert (answer.status_code, answer.json()["message_uuid"]) == (200, UUID)


async def test_an_unconfirmed_picture_is_neither_success_nor_failure(app, client, mover):
    """It may have gone: a 500 would make the customer send it twice."""
    waiting(app)
    asked = Asked(client, mover)
    message = await asked.message()

    await mover.move(message, *BEGINNING, MessageState.UNCONFIRMED)

    answer = await asked.answer
    assert answer.status_code == 202
    body = answer.json()
    assert (body["success"], body["id"], body["state"]) == (True, message.id, "unconfirmed")
    assert "message_uuid" not in body


@on_sqlite
async def test_a_held_picture_is_answered_at_once(app, client, mover):
    """Nothing will happen within ten seconds on a stopped line, so nobody waits for it."""
    waiting(app)
    asked = Asked(client, mover)

    await mover.hold(await asked.message(), "line_stopped")

    answer = await asked.answer
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


async def test_patience_ends(app, client, mover, clock):
    """A queue that is longer than ten seconds is not the customer's failure."""
    waiting(app)
    asked = Asked(client, mover)
    message = await asked.message()

    await _patience_over(clock, asked)

    answer = await asked.answer
    assert (answer.status_code, answer.json()["id"]) == (202, message.id)
    assert clock.monotonic() >= 10


@on_sqlite
async def test_only_what_was_tried_and_will_certainly_not_go_is_a_500(app, client, mover):
    """The tutorial's failure; the provider's own words stay in the log."""
    waiting(app)
    asked = Asked(client, mover)
    message = await asked.message()

    message = await mover.move(message, *BEGINNING, attempts=1)
    await mover.move(message, MessageState.FAILED, reason="x", detail="Provider detail")

    answer = await asked.answer
    assert answer.status_code == 500
    assert answer.json() == {"success": False, "error": NOT_SENT, "id": message.id}


@on_sqlite
@pytest.mark.parametrize(
    ("attempt", "status"),
    [
        (AttemptState.UNCONFIRMED, 202),
        (AttemptState.SUBMITTED, 202),
        (AttemptState.NOT_ACCEPTED, 500),
    ],
    ids=str,
)
async def test_what_may_have_gone_is_no_failure(app, client, mover, database, attempt, status):
    """Given up by an operator while in doubt, say: a 500 would have the picture sent again."""
    waiting(app)
    asked = Asked(client, mover)
    message = await mover.move(await asked.message(), *BEGINNING, attempts=1)
    async with database.transaction() as tx:
        await insert_attempts(tx, [make_attempt(message, state=attempt)])

    await mover.move(message, MessageState.FAILED, reason="resolved_abandon")

    answer = await asked.answer
    assert (answer.status_code, answer.json()["id"]) == (status, message.id)


@on_sqlite
async def test_a_success_has_the_providers_id(app, client, mover):
    """An operator may know that it was sent, and not as what; the tutorial's client reads an id."""
    waiting(app)
    asked = Asked(client, mover)
    message = await mover.move(await asked.message(), *BEGINNING)

    await mover.move(message, MessageState.SUBMITTED, reason="resolved_sent")

    answer = await asked.answer
    assert (answer.status_code, answer.json()["state"]) == (202, "submitted")


@on_sqlite
@pytest.mark.parametrize(
    ("state", "detail", "said"),
    [
        (MessageState.BLOCKED, "The recipient said STOP.", "The recipient said STOP."),
        (MessageState.CANCELED, None, "The message is canceled."),
        (MessageState.EXPIRED, None, "The message is expired."),
    ],
    ids=str,
)
async def test_what_is_refused_before_sending_is_a_400(app, client, mover, state, detail, said):
    """Nothing has left, so it is the tutorial's 400, with the sentence that says why."""
    waiting(app)
    asked = Asked(client, mover)

    message = await mover.move(await asked.message(), state, detail=detail)

    answer = await asked.answer
    assert answer.status_code == 400
    assert answer.json() == {"success": False, "error": said, "id": message.id}


@on_sqlite
async def test_a_picture_that_is_none_is_a_400(database, clock, mover):
    """It is found out after acceptance, and is still the caller's to mend."""
    await add_sender(database, clock)
    app = waiting(make_app(database, clock, media_is_prepared=True))
    async with client_of(app) as client:
        asked = Asked(client, mover)
        message = await asked.message()

        await mover.move(message, MessageState.FAILED, detail="There is no picture there.")

        answer = await asked.answer
    assert message.state is MessageState.PREPARING
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "imageUrl: There is no picture there.",
    )


async def test_a_repeated_request_gets_the_first_answer_and_a_concurrent_one_waits_its_turn(
    app, client, mover
):
    """Two clicks on a button are one picture."""
    headers = {HEADER: "order-7"}
    waiting(app)
    asked = Asked(client, mover, headers=headers)
    message = await asked.message()

    meanwhile = await client.post("/send-mms", json=GOOD, headers=headers)
    await mover.submit(message, UUID)
    first = await asked.answer
    again = await client.post("/send-mms", json=GOOD, headers=headers)

    assert meanwhile.status_code == 409
    assert meanwhile.json()["success"] is False
    assert meanwhile.headers["retry-after"] == "1"
    assert first.status_code == 200
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_request_that_died_is_taken_over(app, client, mover, clock):
    """A process was killed while it waited: the retry gets the answer, and the same message."""
    headers = {HEADER: "order-7"}
    waiting(app)
    asked = Asked(client, mover, headers=headers)
    message = await asked.message()
    asked.answer.cancel()
    await asyncio.gather(asked.answer, return_exceptions=True)
    too_soon = await client.post("/send-mms", json=GOOD, headers=headers)
    await clock.advance(16)
    await mover.submit(message, UUID)

    taken_over = await client.post("/send-mms", json=GOOD, headers=headers)
    again = await client.post("/send-mms", json=GOOD, headers=headers)

    assert too_soon.status_code == 409
    assert taken_over.status_code == 200
    assert taken_over.json()["id"] == message.id
    assert taken_over.json()["message_uuid"] == UUID
    assert again.content == taken_over.content
    assert len((await client.get("/v1/messages")).json()["messages"]) == 1


@on_sqlite
async def test_every_error_of_this_route_keeps_its_shape(app, client, store_key):
    """Code written for the tutorial looks at `success` and nothing else."""
    async with client_of(app, key=None) as stranger:
        unauthorized = await stranger.post("/send-mms", json=GOOD)
    async with client_of(app, key=await store_key(Scope.READ)) as reader:
        forbidden = await reader.post("/send-mms", json=GOOD)
    too_large = await client.post("/send-mms", content=b" " * 1_000_001)

    statuses = [answer.status_code for answer in (unauthorized, forbidden, too_large)]
    assert statuses == [401, 403, 413]
    for answer in (unauthorized, forbidden, too_large):
        assert answer.json()["success"] is False
        assert answer.json()["error"]
    assert unauthorized.headers["www-authenticate"] == "Bearer"


@on_sqlite
async def test_an_unforeseen_failure_tells_nothing_of_itself(app, client):
    """The text of an exception may hold what is nobody's business."""
    with_services(app, submissions=None)

    answer = await client.post("/send-mms", json=GOOD)

    assert answer.status_code == 500
    assert answer.json() == {"success": False, "error": NOT_SENT}


@on_sqlite
async def test_without_storage_the_caller_is_told_to_repeat(app, client, database):
    """A database that restarts is no reason to lose or double a picture."""
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql("PRAGMA query_only=ON")

    answer = await client.post("/send-mms", json=GOOD)

    assert answer.status_code == 503
    assert answer.json()["success"] is False
    assert answer.headers["retry-after"] == "1"
