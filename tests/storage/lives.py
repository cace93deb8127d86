"""Messages that were led from move to move, through the statements that the engine uses."""

from dataclasses import replace
from datetime import timedelta

from tests.factories import NOW, SENDER, make_attempt, make_message
from tests.storage.writing import event_of
from wirephoto.domain.line import stopped
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.storage.acceptance import Acceptance, Entry, KeyedRequest, accept
from wirephoto.storage.database import Database
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    campaigns,
)
from wirephoto.storage.senders import Sender, add_sender, stop_line
from wirephoto.storage.webhooks import Webhook, mark_applied, store_webhooks

_S, _A = MessageState, AttemptState
_CLAIM = [(_S.CLAIMED, None), (_S.SENDING, None)]
_SUBMIT = [*_CLAIM, (_S.SUBMITTED, _A.SUBMITTED)]
_DOUBT = [*_CLAIM, (_S.UNCONFIRMED, _A.UNCONFIRMED)]
_REFUSE = [*_CLAIM, (_S.QUEUED, _A.NOT_ACCEPTED)]

LIVES = {
    "preparing": [],
    "queued": [],
    "released": [(_S.CLAIMED, None), (_S.QUEUED, None)],
    "claimed": [(_S.CLAIMED, None)],
    "sending": _CLAIM,
    "unconfirmed": _DOUBT,
    "submitted": _SUBMIT,
    "delivered": [*_SUBMIT, (_S.DELIVERED, _A.DELIVERED)],
    "read": [*_SUBMIT, (_S.DELIVERED, _A.DELIVERED), (_S.READ, None)],
    "rejected": [*_SUBMIT, (_S.REJECTED, _A.REJECTED)],
    "undeliverable": [*_SUBMIT, (_S.UNDELIVERABLE, _A.UNDELIVERABLE)],
    "failed": [*_CLAIM, (_S.FAILED, _A.NOT_ACCEPTED)],
    "blocked": [(_S.BLOCKED, None)],
    "canceled": [(_S.CLAIMED, None), (_S.CANCELED, None)],
    "expired": [(_S.EXPIRED, None)],
    "twice": [*_REFUSE, *_SUBMIT],
    "claimed_again": [*_REFUSE, (_S.CLAIMED, None)],
    "taken_after_all": [*_DOUBT, (_S.QUEUED, None), (_S.SUBMITTED, _A.SUBMITTED)],
    "resent": [*_SUBMIT, (_S.QUEUED, _A.REJECTED), *_SUBMIT],
}
"""Moves of a message, each with the word on its latest attempt that goes with it."""


async def lead_all(database: Database) -> dict[str, str]:
    """Lead a message through each of `LIVES`, with what lies around; return their ids by name."""
    async with database.transaction() as tx:
        sender = Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
        await add_sender(tx, sender, NOW)
        stop = stopped(None, reason="invalid_sender", detail="It is not ours.", now=NOW)
        await stop_line(tx, campaigns, DEFAULT_CAMPAIGN, stop)
        arrived = [_webhook("applied"), _webhook("waiting")]
        await store_webhooks(tx, arrived)
        await mark_applied(tx, {1: "applied"}, NOW)
    return {name: await _lead(database, name) for name in LIVES}


async def _lead(database: Database, name: str) -> str:
    state = _S.PREPARING if name == "preparing" else _S.QUEUED
    message = make_message(state=state)
    keyed = KeyedRequest(
        DEFAULT_TENANT, "/v1/messages", name, "f" * 64, NOW, message.id, status=202, body="{}"
    )
    attempt = None
    async with database.transaction() as tx:
        await accept(tx, [Acceptance((Entry(message, event_of(message), keyed),))])
        for to, word in LIVES[name]:
            move = _move(message, attempt, to, word)
            assert await record_transitions(tx, [move]) == [True]
            message, attempt = move.message, move.begun or move.attempt or attempt
    return message.id


def _move(
    message: Message, attempt: Attempt | None, to: MessageState, word: AttemptState | None
) -> Transition:
    changes = {}
    if to is _S.CLAIMED:
        return Transition(
            message.move_to(to, NOW, slot_at=NOW, lease_until=NOW + timedelta(seconds=30))
        )
    if to is _S.SENDING:
        moved = message.move_to(to, NOW, attempts=message.attempts + 1)
        return Transition(moved, event=event_of(moved), begun=make_attempt(moved))
    if word and attempt:
        accepted = word not in (_A.UNCONFIRMED, _A.NOT_ACCEPTED)
        provider_id = f"uuid-{attempt.id}" if accepted else None
        attempt = replace(attempt, state=word, ended_at=NOW, provider_message_id=provider_id)
        changes["provider_message_id"] = provider_id
    reason = "why" if to in (_S.FAILED, _S.BLOCKED, _S.CANCELED, _S.EXPIRED) else None
    moved = message.move_to(to, NOW, reason=reason, **changes)
    return Transition(moved, event=event_of(moved), attempt=attempt if word else None)


def _webhook(jti: str) -> Webhook:
    return Webhook(DEFAULT_TENANT, DEFAULT_ACCOUNT, "status", f"status:{jti}", "{}", NOW)
