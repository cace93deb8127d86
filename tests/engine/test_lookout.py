"""The lookout: a lost listener comes back by itself, and a wrong clock is set right."""

from datetime import timedelta

import pytest

from tests.engine.stage import eventually, logged
from tests.factories import NOW
from tests.storage.writing import end_sessions
from tests.virtual_clock import VirtualClock
from wirephoto.clock import SystemClock
from wirephoto.engine.lookout import REST_S, Lookout
from wirephoto.engine.loop import Runner
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import open_database


class TimeServer:
    """A database as the lookout sees it: right about the time, a way of `way_s` there and back."""

    def __init__(self, clock: VirtualClock, *, way_s: float = 0.001) -> None:
        self._clock = clock
        self.way_s = way_s
        self.error = timedelta()
        self.is_listening = True
        self.reachable = True

    def bell(self, *_topics):
        return None

    async def listen(self):
        if not self.reachable:
            raise StorageUnavailable("database: gone")
        self.is_listening = True

    async def time(self):
        await self._clock.advance(self.way_s)
        told = NOW + timedelta(seconds=self._clock.monotonic())
        await self._clock.advance(self.way_s)
        return told


@pytest.mark.parametrize("error_s", [30, -30, 0.2])
async def test_a_wrong_clock_is_set_right_and_reported(error_s):
    """A process whose clock is off claims too early, or takes over what others still have."""
    clock = VirtualClock(NOW + timedelta(seconds=error_s))
    lookout = Lookout(TimeServer(clock), clock)

    with logged() as lines:
        rest_s = await lookout.turn()
        at = NOW + timedelta(seconds=clock.monotonic())

        assert clock.now() == at
        assert rest_s == REST_S
        assert [(line["event"], line["drift_s"]) for line in lines] == [
            ("clock_corrected", -error_s)
        ]
        await lookout.turn()
        assert len(lines) == 1


async def test_a_small_drift_is_corrected_without_a_word():
    """Every clock drifts; below a tenth of a second it is nobody's business."""
    clock = VirtualClock(NOW + timedelta(milliseconds=90))

    with logged() as lines:
        await Lookout(TimeServer(clock), clock).turn()

    assert clock.offset == timedelta(milliseconds=-90)
    assert lines == []


async def test_a_correction_back_ends_no_duration():
    """Timeouts are durations: a clock that is set must neither cut them short nor stretch them."""
    clock = VirtualClock(NOW + timedelta(seconds=30))
    before_s = clock.monotonic()

    await Lookout(TimeServer(clock, way_s=0.5), clock).turn()

    assert clock.offset < timedelta(seconds=-29)
    assert clock.monotonic() - before_s == pytest.approx(5.0)


async def test_loss_and_recovery_are_told_once():
    """Whoever looks for why messages were slow to leave finds the reason, and how long it was."""
    clock = VirtualClock()
    server = TimeServer(clock)
    lookout = Lookout(server, clock)
    server.is_listening = False
    with logged() as lines:
        await lookout.turn()
        assert lines == []  # the first time is no recovery

        server.is_listening = server.reachable = False
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await lookout.turn()
            await clock.advance(2.0)
        server.reachable = True
        await lookout.turn()

    assert [line["event"] for line in lines] == ["listener_lost", "listener_restored"]
    assert lines[1]["lost_s"] == pytest.approx(6.0, abs=0.1)


async def test_a_lost_listener_is_back_by_itself(postgres_url):
    """Without it every message waits until somebody looks: half a second more, for good."""
    other, database = open_database(postgres_url), open_database(postgres_url)
    runner = Runner(Lookout(other, VirtualClock()), SystemClock())
    runner.start()
    await eventually(lambda: other.is_listening)
    bell = other.bell("queued")
    bell.clear()

    assert await end_sessions(database, "clock_timestamp") == 1
    await eventually(bell.is_set)  # for what may have been notified meanwhile
    bell.clear()
    async with database.transaction() as tx:
        await tx.notify("queued")
    await eventually(bell.is_set)

    await runner.stop()
    await database.close()
    await other.close()
