"""When a refused picture goes on as a text, what that says, and what it takes."""

import pytest

from tests.factories import NOW, PICTURE, make_message
from wirephoto.domain.channel import TEXT_CHARS_MAX, Channel
from wirephoto.domain.fallback import GOES_ON, fall_back, is_hosted, may_fall_back, text_of
from wirephoto.domain.media import Fitting, Form, Media, MediaKind, Prepared
from wirephoto.domain.message import MessageState

URL = "https://mms.example.com/media/"
NAME = "0123456789abcdefghjkmnpqrs.jpg"
ROOM = TEXT_CHARS_MAX[Channel.SMS]


def ready(url=PICTURE, number=1):
    """Return an attachment that we host."""
    form = Form("image/jpeg", 7)
    return Media(url, prepared=Prepared("med_1", f"fil_{number}", Fitting(form, form, (), (), 0)))


def sent(**changes):
    """Return a picture that the provider has, with a text in reserve."""
    return make_message(
        **({"state": MessageState.SUBMITTED, "fallback_text": "A cat, sorry"} | changes)
    )


def as_text(*media, text="A cat, sorry"):
    return make_message(media=media, fallback_text=text, channel=Channel.SMS)


@pytest.mark.parametrize(
    "changes",
    [
        {"fallback_text": None},
        {"channel": Channel.SMS},
        {"duplicate_possible": True},
        {"expires_at": NOW},
    ],
    ids=["none was given", "it is one already", "it may have arrived", "it is too old"],
)
def test_there_are_pictures_that_no_text_follows(changes):
    """Nobody hears a thing twice, and nobody hears what its sender has not written."""
    assert may_fall_back(sent(), NOW)
    assert not may_fall_back(sent(**changes), NOW)


def test_the_same_message_is_queued_as_a_text():
    """One message with one history: its attempts tell how each of them travelled."""
    message = sent(fallback_text="ы" * 71, version=4)

    text = fall_back(message, NOW, reason="too_large", detail="Too large.", tries=0)

    assert (text.id, text.version, text.state) == (message.id, 5, MessageState.QUEUED)
    assert (text.channel, text.weight) == (Channel.SMS, 2)
    assert (text.reason, text.detail) == ("too_large", f"Too large. {GOES_ON}")
    assert text.media == message.media


def test_a_link_counts_for_the_slots_before_it_has_a_name():
    """The claim paces by the weight that is stored, long before the attempt is made."""
    words = "a" * (160 - len(f"\n{URL}{NAME}"))
    fits = sent(media=(ready(),), fallback_text=words)
    too_long = sent(media=(ready(),), fallback_text=f"{words}a")

    def weight(message, **where):
        return fall_back(message, NOW, reason=None, detail=None, **where).weight

    assert [weight(each, media_url=URL) for each in (fits, too_long)] == [1, 2]
    assert [weight(each) for each in (fits, too_long)] == [1, 1]


def test_a_text_ends_with_a_link_for_each_file():
    """The recipient sees the picture after all, in the browser."""
    message = as_text(ready(), ready(number=2))

    assert text_of(message, URL, ["one.jpg", "two.jpg"]) == (
        f"A cat, sorry\n{URL}one.jpg\n{URL}two.jpg"
    )


def test_a_link_that_has_no_room_is_left_out():
    """A text that is too long is refused as a whole, and nobody hears anything."""
    full = "a" * (ROOM - len(f"\n{URL}one.jpg"))

    exact = text_of(as_text(ready(), text=full), URL, ["one.jpg"])
    over = text_of(as_text(ready(), text=f"{full}a"), URL, ["one.jpg"])

    assert exact == f"{full}\n{URL}one.jpg"
    assert len(exact) == ROOM
    assert over == f"{full}a"


def test_without_an_address_of_ours_there_is_no_link():
    """A link that nobody can open is worse than none."""
    assert text_of(as_text(ready()), "", ["one.jpg"]) == "A cat, sorry"


def test_a_text_of_its_own_and_a_caption_stay_as_they_are():
    """Links belong to texts that stand in for a picture."""
    alone = make_message(media=(), channel=Channel.SMS)

    assert text_of(alone, URL, []) == "A cat"
    assert text_of(make_message(fallback_text="Other"), URL, ["one.jpg"]) == "A cat"


def test_a_text_with_the_customers_own_link_gets_no_second_one():
    """They wrote where the picture is; two addresses of one picture look like spam."""
    own, other = ready(), ready("https://pictures.example.com/dog.jpg")
    message = as_text(own, other, text=f"See {PICTURE}")

    assert [is_hosted(message, each) for each in (own, other)] == [False, True]


@pytest.mark.parametrize(
    ("text", "is_linked"),
    [(f"See {PICTURE}.", False), (f"({PICTURE})", True), (f"See {PICTURE}0", True)],
)
def test_the_customers_own_link_is_a_word_of_the_text(text, is_linked):
    """The address of another picture may begin with this one's: a link too many does no harm."""
    assert is_hosted(as_text(ready(), text=text), ready()) is is_linked


def test_only_what_is_ready_is_hosted():
    """What our pipeline refused was never made fit for the public: it may tell places and times."""
    waiting = Media(PICTURE, MediaKind.IMAGE)

    assert not is_hosted(make_message(media=(waiting,)), waiting)
    assert not is_hosted(as_text(waiting), waiting)
    assert is_hosted(make_message(media=(ready(),), fallback_text=PICTURE), ready())
