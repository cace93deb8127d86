"""How an endpoint fares, and which addresses it may have."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from tests.factories import NOW
from wirephoto.domain.delivery import Answer
from wirephoto.domain.endpoint import DOWN_FAILURES, DisabledBy, Endpoint, endpoint_url_fault

PATIENCE = timedelta(days=5)
ENDPOINT = Endpoint("end_1", "tnt_1", "https://shop.example.com/", None, None, "sealed", NOW)
FAILED, TAKEN = Answer(500), Answer(200)
INSIDE = [ip_network("10.0.0.0/8")]


def after(*answers, endpoint=ENDPOINT, now=NOW):
    for answer in answers:
        endpoint = endpoint.answered(answer, now, patience=PATIENCE)
    return endpoint


def test_a_success_ends_a_row_of_failures():
    """Days of failure are days without any success."""
    failing = after(FAILED, FAILED)
    later = NOW + timedelta(hours=1)

    assert (failing.failures, failing.failing_since) == (2, NOW)
    assert after(FAILED, endpoint=failing, now=later).failing_since == NOW
    well = after(TAKEN, endpoint=failing, now=later)
    assert (well.failures, well.failing_since, well.delivered_at) == (0, None, later)


def test_days_of_failure_disable_it():
    """Counted from the first failure on."""
    failing = after(FAILED)
    moment = timedelta(seconds=1)

    assert after(FAILED, endpoint=failing, now=NOW + PATIENCE - moment).disabled_at is None
    dead = after(FAILED, endpoint=failing, now=NOW + PATIENCE)
    assert (dead.disabled_at, dead.disabled_by) == (NOW + PATIENCE, DisabledBy.FAILING)
    enabled = dead.enabled()
    assert (enabled.disabled_at, enabled.failures, enabled.failing_since) == (None, 0, None)


def test_a_rest_grows_while_it_is_down():
    """A dead endpoint costs one try in five minutes."""
    rests = [after(*[FAILED] * count).rest_s() for count in (1, DOWN_FAILURES, DOWN_FAILURES + 1)]

    assert rests == [0.0, 5.0, 10.0]
    assert after(*[FAILED] * 1000).rest_s() == 300.0


def test_the_former_secret_signs_for_a_day():
    """And the one before that no more."""
    twice = ENDPOINT.rotated("second", NOW, former="first").rotated("third", NOW, former="second")
    day = timedelta(days=1)

    assert twice.secrets_at(NOW + day - timedelta(seconds=1)) == ["third", "second"]
    assert twice.secrets_at(NOW + day) == ["third"]


def test_it_wants_what_it_named():
    """None named are all."""
    picky = replace(ENDPOINT, event_types=("message.read",))

    assert [one.wants("message.read") for one in (picky, ENDPOINT)] == [True, True]
    assert [one.wants("message.sending") for one in (picky, ENDPOINT)] == [False, True]


@pytest.mark.parametrize(
    ("url", "allow", "reason"),
    [
        ("https://shop.example.com/x", (), None),
        ("http://shop.example.com/x", (), "bad_url"),
        ("http://10.1.2.3:8080/x", INSIDE, None),
        ("https://10.1.2.3/x", INSIDE, None),
        ("https://10.1.2.3/x", (), "blocked_address"),
        ("http://8.8.8.8/x", INSIDE, "bad_url"),
        ("https://localhost/x", (), "blocked_address"),
        ("https://user:word@shop.example.com/x", (), "bad_url"),
    ],
)
def test_events_go_to_public_addresses_over_tls(url, allow, reason):
    """They hold what is others'; the operator's own networks are the exception."""
    fault = endpoint_url_fault(url, allow)

    assert (fault.reason if fault else None) == reason
