"""Each invariant holds whatever the engine does, and is named when a row breaks it."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from tests.storage.lives import LIVES, lead_all
from wirephoto.domain.message import MessageState
from wirephoto.storage.examination import examine
from wirephoto.storage.invariants import INVARIANTS

_TENANT = "INSERT INTO tenants SELECT 'tnt_b', name, created_at FROM tenants"
_ACCOUNT = (
    "INSERT INTO accounts (id, tenant_id, rate, next_slot_at) "
    "SELECT 'acc_b', tenant_id, rate, next_slot_at FROM accounts"
)


def message(name, assignment):
    return f"UPDATE messages SET {assignment} WHERE id = '{{{name}}}'"


def attempt(name, assignment, number=1):
    return f"UPDATE attempts SET {assignment} WHERE message_id = '{{{name}}}' AND number = {number}"


BREAKS = [
    ("references", ["DELETE FROM brands"], "campaigns cmp_default"),
    ("one_tenant", [_TENANT, attempt("delivered", "tenant_id = 'tnt_b'")], "{delivered}"),
    (
        "one_tenant",
        [_TENANT, "UPDATE events SET tenant_id = 'tnt_b' WHERE message_id = '{queued}'"],
        "{queued}",
    ),
    (
        "one_tenant",
        [_TENANT, "UPDATE idempotency_keys SET tenant_id = 'tnt_b' WHERE key = 'read'"],
        "{read}",
    ),
    (
        "known_states",
        [
            message("queued", "state = 'lost'"),
            "UPDATE events SET type = 'message.lost' WHERE message_id = '{queued}'",
        ],
        "{queued}",
    ),
    ("known_states", [attempt("failed", "state = 'lost', id = 'att_x'")], "att_x"),
    ("known_priorities", [message("claimed", "priority = 9")], "{claimed}"),
    ("known_senders", [message("preparing", "sender = '+19995550100'")], "{preparing}"),
    ("message_account", [_ACCOUNT, message("read", "account_id = 'acc_b'")], "{read}"),
    ("final_instant", [message("expired", "final_at = NULL")], "{expired}"),
    ("final_instant", [message("submitted", "final_at = updated_at")], "{submitted}"),
    ("final_reason", [message("blocked", "reason = NULL")], "{blocked}"),
    ("claim_lease", [message("claimed", "lease_until = NULL")], "{claimed}"),
    ("claim_lease", [message("claimed", "slot_at = NULL")], "{claimed}"),
    ("claim_ended", [message("released", "lease_until = updated_at")], "{released}"),
    ("claim_ended", [message("submitted", "slot_at = updated_at")], "{submitted}"),
    ("hold_waits", [message("canceled", "hold_reason = 'scheduled'")], "{canceled}"),
    ("submitted_instant", [message("submitted", "submitted_at = NULL")], "{submitted}"),
    (
        "attempt_recorded",
        ["DELETE FROM attempts WHERE message_id = '{unconfirmed}'"],
        "{unconfirmed}",
    ),
    (
        "attempt_numbers",
        [attempt("failed", "number = 2"), message("failed", "attempts = 2")],
        "{failed}",
    ),
    (
        "attempt_sending",
        [attempt("sending", "state = 'not_accepted', ended_at = started_at")],
        "{sending}",
    ),
    ("attempt_sending", [attempt("failed", "state = 'sending', ended_at = NULL")], "{failed}"),
    ("attempt_unconfirmed", [attempt("unconfirmed", "state = 'submitted'")], "{unconfirmed}"),
    ("attempt_submitted", [attempt("submitted", "state = 'undeliverable'")], "{submitted}"),
    ("attempt_word", [attempt("read", "state = 'submitted'")], "{read}"),
    ("attempt_word", [attempt("rejected", "state = 'submitted'")], "{rejected}"),
    (
        "attempt_on_the_wire",
        [attempt("twice", "state = 'sending', ended_at = NULL")],
        "{twice}",
    ),
    ("attempt_taken_once", [attempt("twice", "state = 'submitted'")], "{twice}"),
    ("attempt_taken_once", [attempt("resent", "state = 'delivered'")], "{resent}"),
    ("attempt_provider_id", [message("read", "provider_message_id = 'uuid-x'")], "{read}"),
    ("attempt_end", [attempt("failed", "ended_at = NULL, id = 'att_x'")], "att_x"),
    ("attempt_end", [attempt("sending", "ended_at = started_at, id = 'att_x'")], "att_x"),
    ("attempt_deadline", [attempt("read", "deadline_at = started_at, id = 'att_x'")], "att_x"),
    ("event_first", ["DELETE FROM events WHERE message_id = '{queued}'"], "{queued}"),
    ("event_last", ["DELETE FROM events WHERE type = 'message.expired'"], "{expired}"),
    (
        "event_last",
        ["UPDATE events SET type = 'message.failed' WHERE message_id = '{claimed}'"],
        "{claimed}",
    ),
    ("event_versions", [message("delivered", "version = 3")], "{delivered}"),
    (
        "key_message",
        ["UPDATE idempotency_keys SET message_id = 'msg_none' WHERE key = 'read'"],
        "idempotency_keys tnt_default /v1/messages read",
    ),
    (
        "key_answer",
        ["UPDATE idempotency_keys SET body = NULL WHERE key = 'read'"],
        "idempotency_keys tnt_default /v1/messages read",
    ),
    (
        "webhook_outcome",
        ["UPDATE webhooks SET outcome = NULL WHERE outcome = 'applied'"],
        "webhooks 1",
    ),
    ("line_stop", ["UPDATE accounts SET probe_at = next_slot_at"], "acc_default"),
    ("line_stop", ["UPDATE campaigns SET stop_reason = NULL"], "cmp_default"),
    ("line_rate", ["UPDATE accounts SET rate = 0"], "acc_default"),
]
"""What breaks an invariant and nothing else: statements past every rule, and the row to name."""


async def run_past_every_rule(database, statements):
    """Run statements without what the database itself would forbid: references between rows."""
    if database.is_postgres:
        async with database.transaction() as tx:
            await tx.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                await tx.execute(text(statement))
    else:
        with closing(sqlite3.connect(database.writer.url.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)


async def broken(database):
    """Return what does not hold, with the rows that break it."""
    found = [finding async for finding in examine(database)]
    return {
        finding.invariant.name: (finding.count, finding.ids)
        for finding in found
        if not finding.holds
    }


async def test_whatever_the_engine_does_breaks_nothing(database):
    """A check that cries wolf is switched off: every state is there, by the way it is reached."""
    await lead_all(database)

    assert set(LIVES) >= set(MessageState)
    assert await broken(database) == {}


@pytest.mark.parametrize(("name", "statements", "row"), BREAKS)
async def test_what_breaks_an_invariant_is_named(database, name, statements, row):
    """The operator reads which rule is broken, and by which row; no other rule is blamed."""
    ids = await lead_all(database)

    await run_past_every_rule(database, [each.format(**ids) for each in statements])

    assert await broken(database) == {name: (1, (row.format(**ids),))}


async def test_a_message_that_may_have_arrived_twice_breaks_nothing(database):
    """An earlier attempt is delivered while the next is on the wire: that is said, not denied."""
    ids = await lead_all(database)
    overtaken = [
        message("twice", "state = 'delivered', duplicate_possible = true, final_at = updated_at"),
        attempt("twice", "state = 'delivered'"),
        attempt("twice", "state = 'sending', ended_at = NULL", number=2),
        "UPDATE events SET type = 'message.delivered' WHERE message_id = '{twice}'",
    ]

    await run_past_every_rule(database, [each.format(**ids) for each in overtaken])

    assert await broken(database) == {}


async def test_an_event_that_tells_of_no_move_is_not_taken_for_one(database):
    """What is told later of a message, besides its moves, does not contradict its state."""
    ids = await lead_all(database)
    told = (
        "INSERT INTO events (id, tenant_id, message_id, type, at) SELECT 'evt_x', tenant_id, "
        "message_id, 'message.noted', at FROM events WHERE type = 'message.read'"
    )

    await run_past_every_rule(
        database, [told.format(**ids), message("read", "version = 9").format(**ids)]
    )

    assert await broken(database) == {}


def test_every_invariant_is_broken_above():
    """One that nothing breaks checks nothing."""
    assert {name for name, _, _ in BREAKS} == {invariant.name for invariant in INVARIANTS}
    assert len({invariant.name for invariant in INVARIANTS}) == len(INVARIANTS)
