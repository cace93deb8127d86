"""When an attachment is tried again, and when it is given up."""

from datetime import timedelta

import pytest

from tests.factories import NOW
from wirephoto.domain.inbound_file import TRY_AGAIN, FileState, InboundFile
from wirephoto.errors import MediaRefused

AWAY = MediaRefused("unreachable", "It does not answer.", retryable=True)
NEVER = MediaRefused("too_large", "It is too large.")


def waiting(*, tries=1, left=timedelta(hours=48)):
    return InboundFile("inb_1", 0, "ten_1", dies_at=NOW + left, tries=tries, due_at=NOW)


@pytest.mark.parametrize(("tries", "wait_s"), [(1, 5), (2, 10), (3, 20), (30, 900)])
def test_what_may_work_later_is_tried_again(tries, wait_s):
    """Ever more seldom: an outage of a day must not cost a try a second."""
    after = waiting(tries=tries).failed(AWAY, jitter=0.5, now=NOW)

    assert (after.state, after.due_at) == (FileState.WAITING, NOW + timedelta(seconds=wait_s))
    assert (after.reason, after.detail) == ("unreachable", "It does not answer.")


def test_no_wait_is_so_long_that_the_address_dies_unasked():
    """Half an hour at most, of 48 hours: the last try is near the end."""
    assert timedelta(seconds=TRY_AGAIN.longest_s) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("refused", "left"),
    [(NEVER, timedelta(hours=48)), (AWAY, timedelta(seconds=4)), (AWAY, -timedelta(hours=1))],
)
def test_what_cannot_be_had_is_gone(refused, left):
    """A row that waits for ever would hide that something is lost."""
    after = waiting(left=left).failed(refused, jitter=0.5, now=NOW)

    assert (after.state, after.due_at, after.settled_at) == (FileState.GONE, None, NOW)
    assert after.reason == refused.reason


def test_what_is_stored_has_no_fault_left():
    """That an earlier try failed is no longer true of it."""
    failed = waiting().failed(AWAY, jitter=0.5, now=NOW)

    after = failed.stored("fil_1", media_type="image/gif", size_bytes=9, now=NOW)

    assert (after.state, after.due_at, after.settled_at) == (FileState.STORED, None, NOW)
    assert (after.file_id, after.media_type, after.size_bytes) == ("fil_1", "image/gif", 9)
    assert (after.reason, after.detail) == (None, None)
