"""What the provider's records are asked."""

from datetime import timedelta

from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.look_up import CLOCKS_APART_MAX, look_up_of


def test_a_look_up_covers_all_the_time_in_which_the_request_may_have_arrived():
    """A narrower window would miss it, a wider one costs money and patience."""
    message = make_message()
    ended = NOW + timedelta(seconds=30)
    attempt = make_attempt(message, started_at=NOW, deadline_at=ended, provider_message_id="u")

    asked = look_up_of(message, attempt, ended + CLOCKS_APART_MAX * 2)

    assert (asked.since, asked.until) == (NOW - CLOCKS_APART_MAX, ended + CLOCKS_APART_MAX)
    assert look_up_of(message, attempt, ended).until == ended
    assert (asked.sender, asked.recipient) == (message.sender, message.recipient)
    assert (asked.client_ref, asked.provider_message_id) == (attempt.client_ref, "u")
