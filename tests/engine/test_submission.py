"""Taking messages in: the rules, the first event, and one answer for each idempotency key."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.engine.stage import Stage
from tests.factories import NOW, PICTURE, RECIPIENT, SENDER
from tests.replying import NUMBERS
from wirephoto.domain.api_key import Scope
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.media import Media
from wirephoto.domain.message import Category, Message, MessageState, Priority
from wirephoto.domain.request import MediaRequest, MessageRequest, RequestRules
from wirephoto.engine.drafting import Caller, Drafting
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.engine.submission import (
    ROUTE_SIMPLE,
    Answered,
    BatchItem,
    KeyConflict,
    Submissions,
    Submitted,
    Unanswered,
)
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.messages import MessageFilter, get_message, list_messages
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    events,
    idempotency_keys,
    messages,
)

CALLER = Caller(DEFAULT_TENANT, "key_1", live=True, scopes=frozenset({Scope.SEND}))
RULES = RequestRules(
    default_sender=SENDER,
    default_category=Category.TRANSACTIONAL,
    expires_after=timedelta(hours=24),
    real_provider=False,
)
RUNNING_S = 15.0


def make_submissions(stage: Stage, *, checked: bool = True) -> Submissions:
    drafting = Drafting(
        database=stage.database,
        clock=stage.clock,
        ids=stage.ids,
        directory=SenderDirectory(stage.database, stage.clock),
        numbers=NUMBERS,
        outlook=Outlook(stage.database, stage.clock, CapRules()),
        rules=RULES,
        media_is_prepared=checked,
    )
    return Submissions(commits=stage.commits, clock=stage.clock, ids=stage.ids, drafting=drafting)


@pytest.fixture
def submissions(stage: Stage) -> Submissions:
    return make_submissions(stage)


def wanted(**changes: Any) -> MessageRequest:
    fields = {"to": RECIPIENT, "text": "A cat", "media": [MediaRequest(PICTURE)]}
    return MessageRequest(**(fields | changes))


def render(message: Message) -> str:
    return json.dumps({"id": message.id})


def render_batch(results: Sequence[Submitted | RequestRefused]) -> str:
    def one(result: Submitted | RequestRefused) -> Any:
        if isinstance(result, Answered):
            return [result.status, result.body, result.replayed]
        if isinstance(result, RequestRefused):
            return [fault.field for fault in result.faults]
        return repr(result)

    return json.dumps([one(result) for result in results])


async def submit(
    submissions: Submissions,
    request: MessageRequest | None = None,
    *,
    key: str | None = None,
    caller: Caller = CALLER,
) -> Submitted:
    return await submissions.submit(caller, request or wanted(), key=key, render=render)


async def batch(submissions: Submissions, *items: BatchItem, key: str | None = None) -> Submitted:
    return await submissions.submit_batch(
        CALLER, items, key=key, render=render, render_batch=render_batch
    )


async def stored(stage: Stage) -> list[Message]:
    async with stage.database.read() as tx:
        return await list_messages(tx, DEFAULT_TENANT, MessageFilter(), before_id=None, limit=100)


async def test_an_accepted_message_is_stored_with_its_first_event(stage, submissions):
    """A 202 means committed; what it says is what is stored."""
    request = wanted(reference="order 7", metadata={"a": "b"}, priority="urgent", ordered=True)

    answer = await submit(submissions, request)

    [message] = await stored(stage)
    assert answer == Answered(202, render(message), message.id)
    assert (message.recipient, message.sender, message.text) == (RECIPIENT, SENDER, "A cat")
    assert (message.account_id, message.campaign_id) == (DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN)
    assert message.media == (Media(PICTURE),)
    assert (message.priority, message.category) == (Priority.URGENT, Category.TRANSACTIONAL)
    assert message.ordered
    assert (message.reference, message.metadata) == ("order 7", {"a": "b"})
    assert (message.due_at, message.expires_at) == (NOW, NOW + timedelta(hours=24))
    assert (message.version, message.tries, message.attempts) == (1, 0, 0)
    assert message.state is MessageState.PREPARING
    assert await stage.events(message) == ["preparing"]


@pytest.mark.parametrize(("checked", "media"), [(False, [MediaRequest(PICTURE)]), (True, [])])
async def test_what_needs_no_look_is_queued_at_once(stage, checked, media):
    """Without media, or where the settings say that nobody looks at it."""
    await submit(make_submissions(stage, checked=checked), wanted(media=media))

    [message] = await stored(stage)
    assert message.state is MessageState.QUEUED


async def test_a_scheduled_message_waits_and_says_why(stage, submissions):
    """It is queued like any other, with a later hour."""
    send_at = NOW + timedelta(hours=3)

    await submit(submissions, wanted(send_at=send_at, media=[]))

    [message] = await stored(stage)
    assert (message.due_at, message.hold_reason) == (send_at, "scheduled")
    assert message.expires_at == send_at + timedelta(hours=24)


async def test_refused_input_stores_nothing_and_uses_no_key(stage, submissions):
    """Whoever corrects the request may send it under the same key."""
    with pytest.raises(RequestRefused) as refused:
        await submit(submissions, wanted(to="nobody", text="", media=[]), key="k")

    assert {fault.field for fault in refused.value.faults} == {"to", "media"}
    assert await stage.count(messages) == await stage.count(idempotency_keys) == 0
    assert isinstance(await submit(submissions, key="k"), Answered)


async def test_another_tenant_s_sender_is_unknown(submissions):
    """Numbers are not shared, and nobody learns whose they are."""
    stranger = replace(CALLER, tenant_id="tnt_other")

    with pytest.raises(RequestRefused) as refused:
        await submit(submissions, wanted(from_=SENDER), caller=stranger)

    assert [fault.code for fault in refused.value.faults] == ["unknown_sender"]


async def test_the_same_key_and_body_give_the_first_answer_again(stage, submissions):
    """A repeat after a lost answer must not send a second picture."""
    first = await submit(submissions, key="k")
    await stage.advance(3600)

    again = await submit(submissions, key="k")

    assert again == replace(first, replayed=True)
    assert await stage.count(messages) == await stage.count(events) == 1


async def test_the_same_key_with_another_body_is_a_conflict(stage, submissions):
    """Answering as if it were the first request would hide a bug of the caller."""
    await submit(submissions, key="k")

    assert await submit(submissions, wanted(text="A dog"), key="k") == KeyConflict(reused=True)
    assert await stage.count(messages) == 1


async def test_without_a_key_every_request_counts(stage, submissions):
    """Two equal messages may be meant."""
    await submit(submissions)
    await submit(submissions)

    assert await stage.count(messages) == 2


async def test_equal_keys_at_the_same_moment_store_one_message(stage, submissions):
    """They may share a transaction, or run in two; one of them is first."""
    answers = await asyncio.gather(*[submit(submissions, key="k") for _ in range(20)])

    assert await stage.count(messages) == 1
    assert len({answer.body for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1


async def test_a_request_that_still_runs_holds_its_key(stage, submissions):
    """Its answer does not exist yet, so it cannot be given."""
    first = await unanswered(submissions)
    await stage.advance(RUNNING_S)

    assert isinstance(first, Unanswered)
    assert await unanswered(submissions) == KeyConflict(reused=False)
    assert await unanswered(submissions, wanted(text="A dog")) == KeyConflict(reused=True)


async def test_a_request_that_was_cut_off_is_taken_over(stage, submissions):
    """Its process died while it waited; the message is there, the answer is made from it."""
    first = await unanswered(submissions)
    await stage.advance(RUNNING_S + 0.1)

    second = await unanswered(submissions)

    assert isinstance(second, Unanswered)
    assert second.message_id == first.message_id
    await submissions.answer(second.keyed, status=200, body='{"success":true}')
    assert await unanswered(submissions) == Answered(
        200, '{"success":true}', first.message_id, replayed=True
    )
    assert await stage.count(messages) == 1


async def unanswered(submissions: Submissions, request: MessageRequest | None = None) -> Submitted:
    return await submissions.submit_unanswered(
        CALLER, request or wanted(), route=ROUTE_SIMPLE, key="k", running_s=RUNNING_S
    )


async def test_each_message_of_a_batch_is_accepted_or_refused_on_its_own(stage, submissions):
    """One bad number among a thousand must not cost the others."""
    unread = RequestRefused([Fault("media", "type", "Expected `array`.")])
    items = [
        BatchItem(wanted(text="1")),
        BatchItem(wanted(to="nobody")),
        BatchItem(unread),
        BatchItem(wanted(text="2")),
    ]

    answer = await batch(submissions, *items)

    assert isinstance(answer, Answered)
    first, bad_number, bad_type, last = json.loads(answer.body)
    assert (answer.status, bad_number, bad_type) == (200, ["to"], ["media"])
    found = {message.text: message.id for message in await stored(stage)}
    assert json.loads(first[1])["id"] == found["1"]
    assert json.loads(last[1])["id"] == found["2"]
    assert len(found) == 2


async def test_a_batch_has_one_key_for_all_of_it(stage, submissions):
    """A repeat gives the first answer, refusals included, and stores nothing."""
    items = [BatchItem(wanted()), BatchItem(wanted(to="nobody"))]
    first = await batch(submissions, *items, key="k")

    again = await batch(submissions, *items, key="k")
    other = await batch(submissions, items[0], key="k")

    assert again == replace(first, replayed=True)
    assert other == KeyConflict(reused=True)
    assert await stage.count(messages) == 1


async def test_items_of_a_batch_may_have_keys_of_their_own(stage, submissions):
    """The keys of `/v1/messages`: a repeat by the other route finds the same message."""
    single = await submit(submissions, key="a")
    items = [
        BatchItem(wanted(), key="a"),
        BatchItem(wanted(text="A dog"), key="a"),
        BatchItem(wanted(), key="b"),
        BatchItem(wanted(), key="b"),
    ]

    answer = await batch(submissions, *items, key="whole")

    assert isinstance(answer, Answered)
    replayed, conflict, fresh, twin = json.loads(answer.body)
    assert replayed == [202, single.body, True]
    assert conflict == repr(KeyConflict(reused=True))
    assert (fresh[2], twin) == (False, [202, fresh[1], True])
    assert await stage.count(messages) == 2
    assert await batch(submissions, *items, key="whole") == replace(answer, replayed=True)


async def test_an_empty_batch_has_an_empty_answer(stage, submissions):
    """Programs that send what they have send nothing now and then."""
    answer = await batch(submissions)

    assert answer == Answered(200, "[]", None)


async def test_ids_tell_when_a_message_was_accepted(stage, submissions):
    """Lists are paged by them."""
    answers = []
    for _ in range(3):
        answers.append(await submit(submissions))
        await stage.advance(0.002)

    ids = [answer.message_id for answer in answers]
    assert ids == sorted(ids)
    async with stage.database.read() as tx:
        assert await get_message(tx, DEFAULT_TENANT, ids[0])


@pytest.mark.parametrize("route", ["single", "unanswered", "batch"])
async def test_a_repeat_gets_its_answer_after_time_has_overtaken_its_rules(
    stage, submissions, route
):
    """Told that it was refused, the customer would send it again under another key."""
    soon = wanted(expires_at=NOW + timedelta(minutes=10))

    async def ask():
        if route == "single":
            return await submissions.submit(CALLER, soon, key="k", render=render)
        if route == "unanswered":
            return await submissions.submit_unanswered(
                CALLER, soon, route=ROUTE_SIMPLE, key="k", running_s=1.0
            )
        return await submissions.submit_batch(
            CALLER, [BatchItem(soon, "k")], key=None, render=render, render_batch=render_batch
        )

    first = await ask()
    await stage.advance(660)
    again = await ask()

    if route == "batch":
        [[status, _, replayed]] = json.loads(again.body)
        assert (status, replayed) == (202, True)
    else:
        assert again.message_id == first.message_id
    assert await stage.count(messages) == 1


async def test_a_new_request_that_breaks_a_rule_is_refused_whatever_its_key_was_used_for(
    submissions,
):
    """Only the same request gets the first answer."""
    await submissions.submit(CALLER, wanted(), key="k", render=render)

    with pytest.raises(RequestRefused):
        await submissions.submit(CALLER, wanted(to="800 555 0199"), key="k", render=render)
