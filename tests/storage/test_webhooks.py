"""Webhooks: stored once each, applied once each, in the order in which they came."""

from dataclasses import replace
from datetime import timedelta

from tests.factories import NOW, RECIPIENT, SENDER
from wirephoto.domain.outcome import InboundMedia
from wirephoto.storage.database import open_database
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_TENANT
from wirephoto.storage.webhooks import (
    WEBHOOK_STORED,
    InboundMessage,
    Webhook,
    insert_inbound,
    list_inbound,
    mark_applied,
    postpone_webhooks,
    store_webhooks,
    waiting_webhooks,
)

BODY = '{"text": "Füße 🐈 \\u0000 \\"quoted\\""}'


def webhook(jti, **changes):
    return replace(
        Webhook(DEFAULT_TENANT, DEFAULT_ACCOUNT, "status", jti, BODY, NOW),
        **changes,
    )


async def put(database, *rows):
    async with database.transaction() as tx:
        return await store_webhooks(tx, rows)


async def waiting(database, *, limit=10, now=NOW):
    async with database.transaction() as tx:
        return await waiting_webhooks(tx, now=now, limit=limit)


def inbound(number=1, **changes):
    return replace(
        InboundMessage(
            id=f"inb_{number}",
            tenant_id=DEFAULT_TENANT,
            provider_message_id=f"uuid-{number}",
            sender=RECIPIENT,
            recipient=SENDER,
            channel="mms",
            text="STOP 🐈",
            media=(InboundMedia("image", "https://example.com/a.jpg", "a.jpg"),),
            network_code="310260",
            sent_at=NOW,
            received_at=NOW + timedelta(microseconds=1),
        ),
        **changes,
    )


async def keep(database, *rows):
    async with database.transaction() as tx:
        return [await insert_inbound(tx, row) for row in rows]


async def listed(database, *, sender=None, before_id=None, limit=10):
    async with database.read() as tx:
        return await list_inbound(
            tx, DEFAULT_TENANT, sender=sender, before_id=before_id, limit=limit
        )


async def test_a_webhook_is_stored_as_it_came(database):
    """What is answered 200 is never sent again: its body must be whole."""
    assert await put(database, webhook("a")) == [True]

    (stored,) = await waiting(database)
    assert replace(stored, seq=0) == webhook("a")


async def test_a_repeated_webhook_is_stored_once(database):
    """The provider repeats for a day, and two repeats may share a transaction (contract 2.1)."""
    assert await put(database, webhook("a"), webhook("b"), webhook("a")) == [True, True, False]
    assert await put(database, webhook("b"), webhook("c")) == [False, True]

    assert [stored.jti for stored in await waiting(database)] == ["a", "b", "c"]


async def test_waiting_webhooks_come_in_order_and_end_once_applied(database):
    """A receipt is applied once; what is left over comes first the next time."""
    await put(database, *[webhook(jti) for jti in "abcd"])
    first = await waiting(database, limit=2)

    async with database.transaction() as tx:
        await mark_applied(tx, {first[0].seq: "applied", first[1].seq: "unmatched"}, NOW)

    assert [stored.jti for stored in first] == ["a", "b"]
    assert [stored.jti for stored in await waiting(database)] == ["c", "d"]


async def test_a_postponed_webhook_waits_for_its_time(database):
    """What it speaks of may be stored a moment later; meanwhile it holds nothing up."""
    await put(database, *[webhook(jti) for jti in "ab"])
    early, _ = await waiting(database)

    async with database.transaction() as tx:
        await postpone_webhooks(tx, [early.seq], NOW + timedelta(seconds=15))
        await postpone_webhooks(tx, [], NOW)

    assert [stored.jti for stored in await waiting(database)] == ["b"]
    later = await waiting(database, now=NOW + timedelta(seconds=15))
    assert [stored.jti for stored in later] == ["a", "b"]


async def test_two_processes_apply_different_webhooks(postgres, postgres_url):
    """Neither waits for the other. (SQLite has one writer at a time.)"""
    await put(postgres, *[webhook(jti) for jti in "abcd"])
    other = open_database(postgres_url)

    async with postgres.transaction() as mine, other.transaction() as theirs:
        first = await waiting_webhooks(mine, now=NOW, limit=2)
        second = await waiting_webhooks(theirs, now=NOW, limit=4)

    await other.close()
    assert [stored.jti for stored in first + second] == ["a", "b", "c", "d"]


async def test_a_stored_webhook_wakes_whoever_applies_it(database):
    """A receipt must not wait for the next look at the clock; a repeat wakes nobody."""
    bell = database.bell(WEBHOOK_STORED)
    await put(database, webhook("a"))
    assert bell.is_set()

    bell.clear()
    await put(database, webhook("a"))
    assert not bell.is_set()


async def test_an_inbound_message_is_kept_once_and_whole(database):
    """A reply that is listed twice gets two answers."""
    full = inbound()
    bare = inbound(2, sender=None, text=None, media=(), network_code=None)

    assert await keep(database, full, replace(full, id="inb_9"), bare) == [True, False, True]

    assert await listed(database) == [bare, full]


async def test_inbound_messages_page_newest_first_and_by_sender(database):
    """A conversation is one sender's messages, read from its end."""
    rows = [inbound(n) for n in range(1, 5)]
    await keep(database, *rows, inbound(5, sender="+12125550199"))

    assert await listed(database, sender=RECIPIENT, limit=2) == [rows[3], rows[2]]
    assert await listed(database, sender=RECIPIENT, before_id="inb_3") == [rows[1], rows[0]]
    assert await listed(database, sender="\x00") == []
    assert await listed(database, before_id="\x00") == []
