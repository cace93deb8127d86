"""Two sessions of PostgreSQL accept under one idempotency key: one message, whoever is first."""

import pytest

from tests.factories import NOW, make_message
from tests.race import race
from tests.storage.writing import count, event_of
from wirephoto.domain.message import Message
from wirephoto.storage.acceptance import Acceptance, Entry, KeyedRequest, accept
from wirephoto.storage.schema import DEFAULT_TENANT, events, messages


def asked(message: Message) -> Acceptance:
    """Return a request for a message under the key that both use."""
    keyed = KeyedRequest(
        DEFAULT_TENANT, "/v1/messages", "one", "same", NOW, message.id, 202, f"{message.id}"
    )
    return Acceptance((Entry(message, event_of(message), keyed),))


async def accept_apart(database, item):
    async with database.transaction() as tx:
        [accepted] = await accept(tx, [item])
    return accepted


@pytest.mark.parametrize("undone", [False, True], ids=["first commits", "first is undone"])
async def test_one_key_is_one_message(postgres, undone):
    """A client that repeats while its first request still runs elsewhere must not pay twice."""
    one, two = make_message(), make_message()

    accepted = await race(
        postgres,
        lambda tx: accept(tx, [asked(one)]),
        lambda: accept_apart(postgres, asked(two)),
        first_is_undone=undone,
    )

    [earlier] = accepted.entries
    assert (earlier.message_id if earlier else None) == (None if undone else one.id)
    assert await count(postgres, messages) == await count(postgres, events) == 1


@pytest.mark.parametrize("undone", [False, True], ids=["first commits", "first is undone"])
async def test_a_batch_and_a_message_under_the_same_keys_do_not_lock_each_other_out(
    postgres, undone
):
    """Keys are taken in one order: two groups that share some wait for each other, never both."""
    rows = [make_message() for _ in range(4)]
    keyed = [
        KeyedRequest(DEFAULT_TENANT, "/v1/messages", key, "same", NOW, row.id, 202, "{}")
        for key, row in zip("abba", rows, strict=True)
    ]
    items = [
        Acceptance((Entry(row, event_of(row), key),)) for row, key in zip(rows, keyed, strict=True)
    ]

    async def second():
        async with postgres.transaction() as tx:
            return await accept(tx, items[2:])

    accepted = await race(
        postgres, lambda tx: accept(tx, items[:2]), second, first_is_undone=undone
    )

    earlier = [entry.message_id if entry else None for one in accepted for entry in one.entries]
    assert earlier == ([None, None] if undone else [rows[1].id, rows[0].id])
    assert await count(postgres, messages) == 2
