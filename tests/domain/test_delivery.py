"""When a delivery counts, when it is repeated, and how it is signed."""

from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from tests.factories import NOW
from wirephoto.clock import SystemClock
from wirephoto.domain.delivery import WAITS, Answer, next_try_at, signed_headers
from wirephoto.domain.endpoint import make_secret
from wirephoto.domain.retry import RETRY_AFTER_S_MAX


@pytest.mark.parametrize("tries", range(1, len(WAITS) + 1))
def test_each_try_has_its_wait(tries):
    """The schedule of Standard Webhooks; jitter only makes it longer."""
    soonest, latest = [
        next_try_at(tries, jitter=jitter, now=NOW, retry_after_s=None) for jitter in (0.0, 1.0)
    ]

    assert soonest == NOW + WAITS[tries - 1]
    assert latest == NOW + WAITS[tries - 1] * 1.2


def test_after_the_last_wait_it_is_given_up():
    """Ten tries over three days."""
    assert next_try_at(len(WAITS) + 1, jitter=0.0, now=NOW, retry_after_s=None) is None
    assert timedelta(days=3) < sum(WAITS, timedelta()) < timedelta(days=4)


@pytest.mark.parametrize(
    ("asked_s", "wait_s"), [(0, 5), (60, 60), (1e9, RETRY_AFTER_S_MAX), (-1, 5)]
)
def test_a_wait_that_is_asked_for_is_kept(asked_s, wait_s):
    """Never shorter than ours, and no typing error parks an event."""
    again_at = next_try_at(1, jitter=0.0, now=NOW, retry_after_s=asked_s)

    assert again_at == NOW + timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    ("status", "success", "gone"),
    [(200, True, False), (204, True, False), (302, False, False), (410, False, True)]
    + [(status, False, False) for status in (199, 300, 404, 500, None)],
)
def test_an_answer_is_read_by_its_status(status, success, gone):
    """2xx only is success."""
    answer = Answer(status)

    assert (answer.is_success, answer.is_gone) == (success, gone)


def test_each_secret_signs():
    """While a secret is rotated, whichever the receiver has verifies."""
    now = SystemClock().now()
    secrets = [make_secret(bytes([number]) * 32) for number in (1, 2)]
    headers = signed_headers("evt_1", '{"a":1}', secrets=secrets, at=now)

    assert len(headers["webhook-signature"].split(" ")) == 2
    assert [Webhook(secret).verify('{"a":1}', headers) for secret in secrets] == [{"a": 1}] * 2
