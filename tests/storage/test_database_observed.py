"""Who watches hears what was committed, once, and how long it took."""

import pytest

from tests.factories import NOW, make_ids, make_message
from wirephoto.domain.event import message_event
from wirephoto.domain.message import MessageState
from wirephoto.storage.acceptance import Acceptance, Entry, KeyedRequest, accept
from wirephoto.storage.messages import Transition, record_transitions

IDS = make_ids(13)


class Watcher:
    """Notes what it hears."""

    def __init__(self, database):
        self.events, self.accepted, self.used = [], set(), []
        database.observe(committed=self._committed, used=self._used)

    def _committed(self, events, accepted):
        self.events += [event.type for event in events]
        self.accepted |= accepted

    def _used(self, kind, seconds):
        assert seconds >= 0
        self.used.append(kind)


def entry_of(message, key=None):
    keyed = key and KeyedRequest(message.tenant_id, "/v1/messages", key, "f", NOW, message.id)
    return Acceptance((Entry(message, message_event(IDS.new("evt", NOW), message), keyed),))


async def test_an_acceptance_is_heard_of_with_its_message(database):
    """It is counted apart from what is queued anew."""
    watcher, message = Watcher(database), make_message()

    async with database.transaction() as tx:
        await accept(tx, [entry_of(message)])
        assert watcher.events == []

    assert (watcher.events, watcher.accepted) == (["message.queued"], {message.id})
    assert watcher.used == ["write"]


async def test_a_request_that_is_repeated_is_heard_of_once(database):
    """Or retries of a customer would look like messages."""
    watcher, message = Watcher(database), make_message()

    for _ in range(2):
        async with database.transaction() as tx:
            await accept(tx, [entry_of(message, key="k")])

    assert watcher.events == ["message.queued"]


async def test_a_move_that_loses_the_race_is_not_heard_of(database):
    """Compare-and-set: what did not happen is not counted."""
    message = make_message()
    async with database.transaction() as tx:
        await accept(tx, [entry_of(message)])
    watcher = Watcher(database)
    canceled = message.move_to(MessageState.CANCELED, NOW)
    event = message_event(IDS.new("evt", NOW), canceled)

    for _ in range(2):
        async with database.transaction() as tx:
            await record_transitions(tx, [Transition(canceled, event=event)])

    assert (watcher.events, watcher.accepted) == (["message.canceled"], set())


async def test_what_is_rolled_back_is_not_heard_of(database):
    """It will be done again, and counted then."""
    watcher = Watcher(database)

    with pytest.raises(ZeroDivisionError):
        await fail_after_accepting(database)

    assert (watcher.events, watcher.used) == ([], [])


async def fail_after_accepting(database):
    async with database.transaction() as tx:
        await accept(tx, [entry_of(make_message())])
        raise ZeroDivisionError


async def test_reads_are_timed_as_well(database):
    """A slow disk shows in them first."""
    watcher = Watcher(database)

    async with database.read():
        pass

    assert watcher.used == ["read"]
