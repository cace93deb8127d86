"""After an outage the provider tells everything at once: stored in few flushes, then applied."""

import asyncio
import hashlib
import json
from collections import Counter

import jwt
from sqlalchemy import event, select

from tests.api.application import exchange, make_app
from tests.engine.stage import Stage, make_inbound, receipt
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.message import MessageState
from wirephoto.storage.batch import ITEMS_MAX
from wirephoto.storage.schema import messages, webhooks

SECRET = "a-signature-secret-that-is-long-enough"
MESSAGES = 1000
TOLD = ("submitted", "delivered", "delivered", "submitted", "delivered")
"""What is said of each message: disorder and repetitions included."""
COMMITS_MAX = 2 * (MESSAGES * len(TOLD) // ITEMS_MAX + 1)


async def test_five_thousand_receipts_at_once(database, commits, clock, ids):
    """A flush for each would take minutes, in which the provider gives up waiting and repeats."""
    stage = Stage(database, commits, clock, ids)
    await stage.prepare()
    sent = [make_message(state=MessageState.SENDING, attempts=1) for _ in range(MESSAGES)]
    attempts = [make_attempt(message) for message in sent]
    await stage.store(*sent)
    await stage.store_attempts(*attempts)
    app = make_app(database, clock, secrets=(SECRET,))
    seen: list[object] = []
    event.listen(database.writer.sync_engine, "commit", seen.append)

    answers = await asyncio.gather(
        *[
            told(app, attempt.client_ref, f"uuid-{place}", status, number)
            for number, status in enumerate(TOLD)
            for place, attempt in enumerate(attempts)
        ]
    )
    stored_in = len(seen)
    inbound = make_inbound(stage)
    while not await inbound.turn():
        pass

    assert Counter(answers) == {200: MESSAGES * len(TOLD)}
    assert stored_in <= COMMITS_MAX
    async with database.read() as tx:
        states = Counter((await tx.execute(select(messages.c.state))).scalars())
        outcomes = Counter((await tx.execute(select(webhooks.c.outcome))).scalars())
    assert states == {"delivered": MESSAGES}
    # Groups that commit side by side mix the order: then `submitted` may come too late to tell.
    assert outcomes.keys() == {"applied", "repeated"}
    assert outcomes.total() == MESSAGES * len(TOLD)
    assert MESSAGES <= outcomes["applied"] <= 2 * MESSAGES


async def told(app, client_ref, provider_id, status, number) -> int:
    """Post a receipt as the provider does; return the status of the answer."""
    body = json.dumps(receipt(client_ref, provider_id, status)).encode()
    claims = {
        "iss": "Vonage",
        "iat": int(NOW.timestamp()),
        "jti": f"{provider_id}-{number}",
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    headers = [(b"authorization", f"Bearer {token}".encode())]
    answer = await exchange(app, "POST", b"/webhooks/status", headers=headers, body=body)
    return answer.status
