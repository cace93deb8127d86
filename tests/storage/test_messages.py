"""Messages, attempts and events: stored once, moved once, found by whoever may see them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.factories import NOW, SENDER, make_attempt, make_message
from tests.storage.writing import change, count, event_of, load, store, transition
from wirephoto.domain.channel import Channel
from wirephoto.domain.media import Media as Part
from wirephoto.domain.media import MediaKind
from wirephoto.domain.message import AttemptState, Category, MessageState, Priority
from wirephoto.storage.database import open_database
from wirephoto.storage.messages import (
    MessageFilter,
    Transition,
    begin_sending,
    find_attempts,
    get_attempt,
    get_message,
    insert_attempts,
    insert_events,
    list_attempts,
    list_events,
    list_messages,
    lock_messages,
    record_transitions,
)
from wirephoto.storage.schema import DEFAULT_TENANT, attempts, events

LATER = NOW + timedelta(seconds=5)
S = MessageState


async def record(database, *rows):
    async with database.transaction() as tx:
        return await record_transitions(tx, rows)


async def begin(database, *rows):
    async with database.transaction() as tx:
        return await begin_sending(tx, rows)


async def page(database, *, before_id=None, limit=50, **wanted):
    async with database.read() as tx:
        found = await list_messages(
            tx, DEFAULT_TENANT, MessageFilter(**wanted), before_id=before_id, limit=limit
        )
    return [message.id for message in found]


async def test_every_field_of_a_message_survives_its_storage(database):
    """A column that were forgotten in one direction would lose what the customer asked for."""
    message = make_message(
        media=(Part("https://example.com/a.jpg"), Part("https://example.com/b", MediaKind.VIDEO)),
        text='Füße 🐈 مرحبا "quoted" \\ and \n lines',
        category=Category.EMERGENCY,
        priority=Priority.URGENT,
        state=S.CLAIMED,
        version=7,
        due_at=NOW + timedelta(microseconds=1),
        reference="r",
        metadata={"order": "7", "ünï": "čode"},
        hold_reason="quiet_hours",
        reason="why",
        detail="Why.",
        slot_at=NOW + timedelta(microseconds=123_457),
        lease_until=LATER,
        tries=3,
        attempts=4,
        provider_message_id="uuid",
        submitted_at=NOW,
        final_at=LATER,
        duplicate_possible=True,
        receipt_overdue=True,
        channel=Channel.SMS,
        fallback_text="Sorry 🐈",
        weight=3,
    )
    plain = make_message(text=None, media=())

    await store(database, message, plain)

    assert await load(database, message) == message
    assert await load(database, plain) == plain


async def test_a_move_is_recorded_with_its_event_and_its_attempt(database):
    """The timeline, the state and the evidence never tell different stories (rule 2)."""
    message = make_message(state=S.SUBMITTED, attempts=1)
    attempt = make_attempt(message, state=AttemptState.SUBMITTED)
    await store(database, message)
    async with database.transaction() as tx:
        await insert_attempts(tx, [attempt])
    delivered = replace(
        message.move_to(S.DELIVERED, LATER), provider_message_id="uuid", duplicate_possible=True
    )
    answered = replace(
        attempt,
        state=AttemptState.DELIVERED,
        ended_at=LATER,
        reason='with "quotes"',
        detail="a\nb",
        http_status=202,
        provider_code="0",
        provider_message_id="uuid",
        price="0.0105",
        currency="EUR",
        network_code="310260",
    )

    moved = Transition(delivered, event=event_of(delivered), attempt=answered)
    assert await record(database, moved) == [True]

    assert await load(database, message) == delivered
    async with database.read() as tx:
        assert await get_attempt(tx, DEFAULT_TENANT, attempt.id) == answered
        ((seq, event),) = await list_events(tx, DEFAULT_TENANT, message.id, after_seq=0, limit=10)
        assert event == event_of(delivered)
        assert not await list_events(tx, DEFAULT_TENANT, message.id, after_seq=seq, limit=10)


@pytest.mark.parametrize("stored_version", [1, 3, 4])
async def test_a_move_of_a_message_that_somebody_else_moved_changes_nothing(
    database, stored_version
):
    """Losing the race is a result: neither state, nor event, nor attempt is written (rule 2)."""
    message = make_message(version=2, attempts=1)
    stored = replace(message, version=stored_version)
    await store(database, stored)
    attempt = make_attempt(message)
    moved = replace(transition(message, S.CLAIMED), begun=attempt)

    assert await record(database, moved) == [False]

    assert await load(database, message) == stored
    assert (await count(database, events), await count(database, attempts)) == (0, 0)


async def test_of_a_batch_each_move_wins_or_loses_on_its_own(database):
    """One canceled message must not hold up five hundred others."""
    rows = [make_message() for _ in range(5)]
    await store(database, *rows[:4])
    await change(database, rows[1], version=9)

    won = await record(database, *[transition(row, S.CLAIMED) for row in rows])

    assert won == [True, False, True, True, False]
    assert await count(database, events) == 3


async def test_of_two_moves_of_one_message_in_one_batch_the_first_wins(database):
    """Two customers' cancels may share a transaction: only one of them did it."""
    message = make_message()
    await store(database, message)
    canceled, expired = transition(message, S.CANCELED), transition(message, S.EXPIRED)

    assert await record(database, canceled, expired) == [True, False]

    assert (await load(database, message)).state is S.CANCELED
    assert await count(database, events) == 1


async def test_a_move_on_top_of_another_in_one_batch_loses(database):
    """It was decided on a state that nobody had seen stored yet."""
    message = make_message()
    await store(database, message)
    claimed = transition(message, S.CLAIMED)
    sending = transition(claimed.message, S.SENDING)

    assert await record(database, sending, claimed) == [False, True]
    assert (await load(database, message)).state is S.CLAIMED


async def test_no_moves_are_no_statement(database):
    """A turn without work must not cost one."""
    assert await record(database) == []


async def test_sending_begins_with_its_attempt(database):
    """The attempt is on disk before the first byte leaves (rule 3)."""
    message = make_message(state=S.CLAIMED, lease_until=LATER, slot_at=NOW)
    await store(database, message)
    sending = replace(message.move_to(S.SENDING, NOW), attempts=1)
    attempt = make_attempt(sending)

    assert await begin(database, Transition(sending, begun=attempt)) == [True]

    assert await load(database, message) == sending
    async with database.read() as tx:
        assert await list_attempts(tx, DEFAULT_TENANT, message.id) == [attempt]


@pytest.mark.parametrize(
    "stored",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - timedelta(seconds=1)},
        {"window_closes_at": NOW},
        {"window_closes_at": NOW - timedelta(hours=1)},
        {"state": "canceled"},
        {"state": "queued"},
        {"state": "sending"},
        {"version": 2},
    ],
    ids=str,
)
async def test_the_last_check_keeps_back_what_must_not_leave(database, stored):
    """Its commit is the moment a message leaves: nothing later can stop it (rule 8)."""
    message = make_message(state=S.CLAIMED)
    await store(database, message)
    await change(database, message, **stored)
    sending = replace(transition(message, S.SENDING), begun=make_attempt(message))

    assert await begin(database, sending) == [False]
    assert (await count(database, events), await count(database, attempts)) == (0, 0)


async def test_an_open_window_lets_the_message_go(database):
    """The check must not keep back what may leave."""
    message = make_message(state=S.CLAIMED, expires_at=LATER)
    await store(database, message)
    await change(database, message, window_closes_at=LATER)

    assert await begin(database, transition(message, S.SENDING)) == [True]


async def test_attempts_are_found_by_either_of_their_names(database):
    """A receipt may come before the answer that tells the provider's name (rule 3)."""
    rows = [make_message() for _ in range(3)]
    tries = [make_attempt(row, provider_message_id=f"uuid-{n}") for n, row in enumerate(rows)]
    await store(database, *rows)
    async with database.transaction() as tx:
        await insert_attempts(tx, tries)

    async with database.read() as tx:
        found = await find_attempts(tx, [tries[0].client_ref, "unknown"], ["uuid-1", "uuid-9"])
        nothing = await find_attempts(tx, [], [])

    assert {attempt.id for attempt in found} == {tries[0].id, tries[1].id}
    assert nothing == []


async def test_attempts_are_listed_the_first_first(database):
    """A timeline is read from its start."""
    message = make_message()
    await store(database, message)
    tries = [make_attempt(message, number=number) for number in (2, 1, 3)]
    async with database.transaction() as tx:
        await insert_attempts(tx, tries)

    async with database.read() as tx:
        listed = await list_attempts(tx, DEFAULT_TENANT, message.id)

    assert [attempt.number for attempt in listed] == [1, 2, 3]


async def test_messages_to_lock_are_given_by_id(database):
    """Receipts for several messages are applied in one transaction."""
    rows = [make_message() for _ in range(3)]
    await store(database, *rows)

    async with database.transaction() as tx:
        locked = await lock_messages(tx, [rows[2].id, rows[0].id, "msg_unknown"])

    assert locked == {rows[0].id: rows[0], rows[2].id: rows[2]}


async def test_what_is_not_there_is_not_found(database):
    """An unknown id is an answer, not an accident; not even one that PostgreSQL cannot compare."""
    async with database.read() as tx:
        for id_ in ("msg_unknown", "", "a\x00b"):
            assert await get_message(tx, DEFAULT_TENANT, id_) is None
        assert await get_attempt(tx, DEFAULT_TENANT, "att_unknown") is None
        assert await list_attempts(tx, DEFAULT_TENANT, "msg_unknown") == []


async def test_a_list_is_newest_first_and_pages_by_its_last_id(database):
    """Pages must neither repeat nor skip, while new messages come in at the front."""
    rows = [make_message() for _ in range(7)]
    await store(database, *rows)
    ids = sorted((row.id for row in rows), reverse=True)

    first = await page(database, limit=3)
    await store(database, make_message(id="msg_z"))
    second = await page(database, limit=3, before_id=first[-1])
    third = await page(database, limit=3, before_id=second[-1])

    assert first + second + third == ids


KEYS = ["order", "7", "sp ace", "a.b", 'qu"ote', "back\\slash", "$", "[0]", "ключ", "a'b", "%"]

WANTED = [
    ({"state": S.FAILED}, {"state": S.FAILED}),
    ({"recipient": "+12127365001"}, {"recipient": "+12127365001"}),
    ({"sender": "12345"}, {"sender": "12345"}),
    ({"reference": "r'1"}, {"reference": "r'1"}),
    ({"since": LATER}, {"created_at": LATER}),
    ({"until": NOW}, {"created_at": NOW - timedelta(microseconds=1)}),
    ({"metadata": (("a", "1"), ("b", ""))}, {"metadata": {"a": "1", "b": "", "c": "3"}}),
    *[({"metadata": ((key, "v'1"),)}, {"metadata": {key: "v'1"}}) for key in KEYS],
]


@pytest.mark.parametrize(("wanted", "fields"), WANTED, ids=str)
async def test_a_list_is_narrowed_to_what_is_wanted(database, wanted, fields):
    """A customer looks for one order among a million; its key may be any text."""
    other = {"metadata": dict.fromkeys(("a", *KEYS), "other"), "reference": "other"}
    match = make_message(**fields)
    await store(database, match, make_message(), make_message(**other))

    assert await page(database, **wanted) == [match.id]


@pytest.mark.parametrize(
    "wanted",
    [
        {"reference": "\x00"},
        {"recipient": "a\x00"},
        {"sender": "\x00"},
        {"metadata": (("\x00", "v"),)},
        {"metadata": (("k", "\x00"),)},
        {"before_id": "\x00"},
    ],
    ids=str,
)
async def test_a_filter_that_nothing_can_equal_finds_nothing(database, wanted):
    """PostgreSQL refuses even to compare with U+0000; a caller's typing must not be our 500."""
    await store(database, make_message())

    assert await page(database, **wanted) == []


async def test_events_without_facts_and_without_a_message_are_kept(database):
    """The outbox also tells of things that are no message's."""
    message = make_message()
    await store(database, message)
    event = event_of(message)
    async with database.transaction() as tx:
        await insert_events(tx, [event, replace(event, id="evt_2", data={"n": 1, "t": "ü"})])

    async with database.read() as tx:
        listed = await list_events(tx, DEFAULT_TENANT, message.id, after_seq=0, limit=1)
        rest = await list_events(tx, DEFAULT_TENANT, message.id, after_seq=listed[0][0], limit=9)

    assert [event.data for _, event in listed + rest] == [{}, {"n": 1, "t": "ü"}]


async def test_on_postgres_an_event_knows_its_transaction(database):
    """Readers of the feed stay below the oldest transaction that still runs (rule 2)."""
    message = make_message()
    await store(database, message)
    async with database.transaction() as tx:
        await insert_events(tx, [event_of(message)])
        current = None
        if database.is_postgres:
            asked = text("SELECT pg_current_xact_id()::text::bigint")
            current = (await tx.execute(asked)).scalar_one()

    async with database.read() as tx:
        assert (await tx.execute(text("SELECT xid FROM events"))).scalar_one() == current


async def test_of_two_processes_that_move_one_message_exactly_one_wins(database, database_url):
    """Two dispatchers, or a cancel and a claim: whoever loses must know it."""
    other = open_database(database_url)
    rows = [make_message() for _ in range(20)]
    await store(database, *rows)
    moves = [transition(row, S.CLAIMED) for row in rows]
    cancels = [transition(row, S.CANCELED) for row in reversed(rows)]

    won, lost = await asyncio.gather(record(database, *moves), record(other, *cancels))

    await other.close()
    assert [a != b for a, b in zip(won, reversed(lost), strict=True)] == [True] * 20
    assert await count(database, events) == 20


async def test_a_caption_with_every_kind_of_character_is_given_back_as_it_came(database):
    """What the customer wrote is what the phone shows, byte for byte."""
    texts = ["\u200f\u202e", "🏳️\u200d🌈", "\x01\x7f", "' \" \\ %s :x $1", "\ufffe\uffff", SENDER]
    rows = [make_message(text=text) for text in texts]

    await store(database, *rows)

    assert [(await load(database, row)).text for row in rows] == texts
