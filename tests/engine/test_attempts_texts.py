"""What an attempt asks for that travels as a text."""

from datetime import timedelta

from tests.engine.test_attempts import URL, begun, hosted
from tests.factories import NOW, PICTURE
from wirephoto.domain.channel import Channel
from wirephoto.domain.fallback import LINK_KEPT
from wirephoto.domain.media import Media
from wirephoto.domain.pacing import LATE_MAX


def test_a_text_alone_is_asked_for_as_sms():
    """Its attempt says so as well, for whoever reads the timeline and the bill."""
    made = begun(text="Hello", channel=Channel.SMS)

    asked = made.submission
    assert (asked.channel, asked.text, asked.media) == (Channel.SMS, "Hello", ())
    assert made.pair.attempt.channel is Channel.SMS
    assert made.names == ()


def test_a_picture_that_goes_on_as_a_text_is_linked():
    """The caption belonged to the picture; the text is the one that was written for this case."""
    made = begun(hosted(), channel=Channel.SMS, fallback_text="A cat, sorry")

    [name] = made.names
    asked = made.submission
    assert (asked.channel, asked.media) == (Channel.SMS, ())
    assert asked.text == f"A cat, sorry\n{URL}{name.name}"


def test_a_link_lives_longer_than_what_the_provider_fetches():
    """The provider comes within seconds, people when they find the time."""
    made = begun(hosted(), channel=Channel.SMS, fallback_text="A cat, sorry")

    [name] = made.names
    assert name.expires_at == NOW + LATE_MAX + timedelta(seconds=30) + LINK_KEPT


def test_what_is_not_hosted_is_not_linked():
    """The address of a picture that was given to us is not ours to give away."""
    made = begun(Media(PICTURE), channel=Channel.SMS, fallback_text="A cat, sorry")

    assert (made.submission.text, made.names) == ("A cat, sorry", ())


def test_what_is_kept_of_a_text_tells_none_of_it():
    """Attempts are shown to operators; what people write to each other is not theirs to read."""
    shown = begun(hosted(), channel=Channel.SMS, fallback_text="A secret").pair.attempt.request

    assert '"channel":"sms"' in shown
    assert "secret" not in shown
    assert URL not in shown
