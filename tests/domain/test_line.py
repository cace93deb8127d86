"""A line that stopped: it keeps its start, and its probes come at growing intervals."""

from datetime import timedelta

import pytest

from tests.factories import NOW
from wirephoto.domain.line import (
    NEVER,
    PROBE_FIRST_S,
    PROBE_LONGEST_S,
    QUIET,
    ComplaintLimit,
    Proof,
    paused_by_hand,
    probing,
    stopped,
)


def stop(before=None, now=NOW, reason="unauthorized", proof=Proof.ANSWER):
    return stopped(before, reason=reason, detail="The key is wrong.", now=now, proof=proof)


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


@pytest.mark.parametrize(
    ("proof", "quiet", "over"),
    [
        (Proof.RECEIPT, QUIET, True),
        (Proof.RECEIPT, QUIET - timedelta(seconds=1), False),
        (Proof.ANSWER, QUIET * 100, False),
    ],
)
def test_silence_ends_only_a_stop_that_receipts_made(proof, quiet, over):
    """Some carriers report no delivery, so its absence proves nothing; wrong credentials stay."""
    assert stop(proof=proof).is_over(NOW + quiet) is over


def test_each_further_fault_begins_the_silence_anew():
    """A sender that is still refused is not released because it has been for long."""
    first = stop(proof=Proof.RECEIPT)
    again = stop(first, NOW + QUIET, proof=Proof.RECEIPT)

    assert (again.since, again.fault_at) == (NOW, NOW + QUIET)
    assert not again.is_over(NOW + QUIET * 2 - timedelta(seconds=1))


def test_probes_outnumber_the_silence():
    """Silence must mean that messages left and were not refused, not that none left."""
    assert timedelta(seconds=PROBE_LONGEST_S) * 2 <= QUIET


@pytest.mark.parametrize("before", [Proof.ANSWER, Proof.RECEIPT])
@pytest.mark.parametrize("later", [Proof.ANSWER, Proof.RECEIPT])
def test_what_needs_a_human_waits_for_one(before, later):
    """A probe of spam is one more piece of spam; no silence and no other fault ends the pause."""
    paused = stop(stop(proof=before), proof=Proof.HUMAN)
    after = stop(paused, NOW + QUIET * 9, proof=later)

    assert (paused.probe_at, after.probe_at) == (NEVER, NEVER)
    assert after.proof is Proof.HUMAN
    assert not after.is_over(NOW + QUIET * 99)
    assert stop(proof=Proof.HUMAN).probe_at == NEVER


@pytest.mark.parametrize(
    ("complaints", "ends", "is_exceeded"), [(4, 4, False), (5, 100, False), (6, 100, True)]
)
def test_complaints_count_by_their_number_and_their_share(complaints, ends, is_exceeded):
    """A small sender has a few by chance, a large one many at a share that carriers let pass."""
    assert ComplaintLimit().is_exceeded(complaints, ends) is is_exceeded


@pytest.mark.parametrize("before", [None, stop(), stop(proof=Proof.RECEIPT)], ids=repr)
def test_a_pause_by_hand_outlasts_every_fault(before):
    """Whoever paused a campaign has a reason that no delivery and no refusal knows of."""
    later = NOW + timedelta(hours=1)

    paused = paused_by_hand(before, "The picture is wrong.", later)
    hit = stop(stop(paused, later), later, proof=Proof.RECEIPT)

    assert (hit.reason, hit.detail) == ("paused", "The picture is wrong.")
    assert (hit.proof, hit.probe_at, hit.since) == (Proof.HUMAN, NEVER, NOW if before else later)
    assert not hit.is_over(later + 10 * QUIET)
    assert paused_by_hand(None, None, NOW).detail == "Somebody paused it."
