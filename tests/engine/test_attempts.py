"""A new attempt: its deadline, its name at the provider, and the names of its files."""

from dataclasses import replace
from datetime import timedelta

from tests.factories import NOW, PICTURE, make_ids, make_message
from wirephoto.domain.media import NAME_KEPT, Fitting, Form, Media, MediaKind, Prepared
from wirephoto.domain.message import MessageState
from wirephoto.domain.pacing import LATE_MAX
from wirephoto.engine.attempts import begin

MEDIA_URL = "https://gateway.example/media/"


def hosted(number, media_type="image/jpeg", kind=MediaKind.IMAGE):
    form = Form(media_type, 1000)
    prepared = Prepared(f"med_{number}", f"fil_{number}", Fitting(form, form, (), (), 0))
    return Media(upload=f"med_{number}", kind=kind, prepared=prepared)


def begun(message, seed=1):
    claimed = replace(message, state=MessageState.CLAIMED, slot_at=NOW)
    return begin(claimed, now=NOW, ids=make_ids(seed), timeout_s=30.0, media_url=MEDIA_URL)


def test_each_hosted_file_gets_a_name_that_nobody_can_guess():
    """128 bits, and an ending by its type: who fetches it may go by that."""
    media = (hosted(1), hosted(2, "text/vcard", MediaKind.VCARD), hosted(3, "video/mp4"))

    made = begun(make_message(media=media))

    names = [name.name for name in made.names]
    assert [name[26:] for name in names] == [".jpg", ".vcf", ".mp4"]
    assert len({name[:26] for name in names}) == 3
    assert [each.url for each in made.submission.media] == [MEDIA_URL + name for name in names]
    assert [name.file_id for name in made.names] == ["fil_1", "fil_2", "fil_3"]
    assert {name.attempt for name in made.names} == {1}


def test_a_name_lives_longer_than_the_provider_may_try():
    """By two days, in which it may still report and carriers may still fetch."""
    made = begun(make_message(media=(hosted(1),), expires_at=NOW + timedelta(hours=2)))

    (name,) = made.names
    deadline = NOW + LATE_MAX + timedelta(seconds=30)
    assert made.pair.attempt.deadline_at == deadline
    assert made.submission.ttl_s == 7200
    assert name.expires_at == deadline + timedelta(hours=2) + NAME_KEPT


def test_the_next_attempt_has_names_of_its_own():
    """A fetch tells which of them was accepted."""
    message = make_message(media=(hosted(1),))

    first = begun(message)
    second = begun(replace(message, attempts=1), seed=2)

    assert first.names[0].name != second.names[0].name
    assert (first.names[0].attempt, second.names[0].attempt) == (1, 2)


def test_an_address_that_is_not_hosted_is_sent_as_it_is():
    """In check mode the provider fetches it where it lies."""
    made = begun(make_message(media=(Media(PICTURE), hosted(1))))

    assert made.submission.media[0].url == PICTURE
    assert made.submission.media[1].url.startswith(MEDIA_URL)
    assert [name.position for name in made.names] == [1]
    assert made.pair.message.state is MessageState.SENDING
