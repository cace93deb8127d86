"""When messages would be out, and what an accepted message is told of it."""

from datetime import timedelta

from sqlalchemy import update

from tests.factories import NOW, make_message, send_request
from tests.storage.writing import store
from wirephoto.storage.schema import campaigns


async def pace(database, rate):
    async with database.transaction() as tx:
        await tx.execute(update(campaigns).values(rate=rate, next_slot_at=NOW))


async def test_a_forecast_tells_when_messages_would_be_out(client, database, clock):
    """Before a campaign is promised to a customer."""
    await pace(database, 0.5)
    now = clock.now()
    await store(database, *[make_message(due_at=now, expires_at=now + timedelta(1))] * 1)

    answer = await client.post("/v1/forecast", json={"count": 100})

    assert answer.status_code == 200
    told = answer.json()
    assert (told["rate"], told["ahead"], told["daily_cap"]) == (0.5, 1, None)
    first, last = (told[name].replace("Z", "+00:00") for name in ("first_at", "last_at"))
    assert first < last
    assert (await client.get("/v1/messages")).json()["messages"][1:] == []


async def test_a_forecast_names_what_is_wrong_with_it(client):
    """As every other route does."""
    unknown = await client.post("/v1/forecast", json={"count": 1, "from": "+12025550199"})
    none = await client.post("/v1/forecast", json={"count": 0})

    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "from")
    assert (none.status_code, none.json()["errors"][0]["field"]) == (422, "count")


async def test_an_accepted_message_hears_that_it_will_probably_expire(client, database, clock):
    """A queue that cannot drain in time says so at once, not after a day."""
    await pace(database, 0.01)
    now = clock.now()
    waiting = [make_message(due_at=now, expires_at=now + timedelta(days=2)) for _ in range(100)]
    await store(database, *waiting)
    soon = (now + timedelta(hours=1)).isoformat()

    late = await client.post("/v1/messages", json=send_request(expires_at=soon))
    patient = await client.post("/v1/messages", json=send_request())

    assert late.status_code == patient.status_code == 202
    assert "will probably expire" in late.json()["warnings"][0]
    assert late.json()["expected_at"] > soon.replace("+00:00", "Z")
    assert patient.json()["warnings"] == []
