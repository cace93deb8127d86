"""A line that stopped: it keeps its start, and its probes come at growing intervals."""

from datetime import timedelta

from tests.factories import NOW
from wirephoto.domain.line import PROBE_FIRST_S, PROBE_LONGEST_S, probing, stopped


def stop(before=None, now=NOW, reason="unauthorized"):
    return stopped(before, reason=reason, detail="The key is wrong.", now=now)


def test_a_first_fault_stops_the_line_until_its_first_probe():
    """Asking again at once would only earn the same answer."""
    first = stop()

    assert (first.reason, first.detail, first.since) == ("unauthorized", "The key is wrong.", NOW)
    assert first.probe_at == NOW + timedelta(seconds=PROBE_FIRST_S)
    assert first.probes == 0


def test_probes_come_at_growing_intervals_up_to_a_bound():
    """A fault of days needs few probes; one that is mended is noticed within minutes."""
    now, line, waits = NOW, stop(), []
    for _ in range(2000):
        now = line.probe_at
        line = probing(line, now)
        waits.append((line.probe_at - now).total_seconds())

    assert waits[:7] == [10, 20, 40, 80, 160, 300, 300]
    assert max(waits) == PROBE_LONGEST_S
    assert line.probes == 2000


def test_a_fault_while_stopped_keeps_the_start_and_the_pace():
    """Answers that were under way when the line stopped must not begin its probes anew."""
    before = probing(probing(stop(), NOW), NOW)

    after = stop(before, NOW + timedelta(hours=1), reason="no_credit")

    assert (after.reason, after.since) == ("no_credit", NOW)
    assert (after.probe_at, after.probes) == (before.probe_at, 2)
