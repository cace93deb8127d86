"""What a new attempt is: its deadline, its files' names, and what is asked of the provider."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import NOW, PICTURE, make_ids, make_message
from wirephoto.domain.media import NAME_KEPT, Fitting, Form, Media, MediaKind, Prepared
from wirephoto.domain.message import MessageState
from wirephoto.domain.pacing import LATE_MAX
from wirephoto.engine.attempts import begin
from wirephoto.ids import ID_CHARS

URL = "https://mms.example.com/media/"


def hosted(media_type: str = "image/jpeg", number: int = 1) -> Media:
    """Return an attachment that is ready."""
    form = Form(media_type, 7)
    return Media(
        PICTURE, prepared=Prepared("med_1", f"fil_{number}", Fitting(form, form, (), (), 0))
    )


def begun(*media: Media, ids=None, **changes):
    claimed = make_message(state=MessageState.CLAIMED, media=media, slot_at=NOW, **changes)
    return begin(claimed, now=NOW, ids=ids or make_ids(), timeout_s=30.0, media_url=URL)


def test_each_file_has_a_name_of_its_own():
    """Who fetches a name has had the request of this attempt, and tells which file it is."""
    made = begun(hosted(), hosted(number=2), attempts=1)

    one, two = made.names
    assert one.name != two.name
    assert [(name.position, name.file_id) for name in made.names] == [(0, "fil_1"), (1, "fil_2")]
    assert {name.attempt for name in made.names} == {2}
    assert {name.message_id for name in made.names} == {made.pair.message.id}
    assert made.pair.message.state is MessageState.SENDING
    assert [each.url for each in made.submission.media] == [URL + one.name, URL + two.name]


def test_a_name_cannot_be_guessed():
    """128 random bits, and none of them from the message, its time or the other names."""
    ids = make_ids()
    names = {begun(hosted(), ids=ids).names[0].name for _ in range(100)}

    assert len(names) == 100
    assert {len(name.removesuffix(".jpg")) for name in names} == {ID_CHARS}
    assert len({name[:8] for name in names}) == 100


@pytest.mark.parametrize(
    ("media_type", "ending"),
    [
        ("image/jpeg", ".jpg"),
        ("image/gif", ".gif"),
        ("video/mp4", ".mp4"),
        ("text/vcard", ".vcf"),
        ("application/x-unknown", ".bin"),
    ],
)
def test_a_name_ends_as_its_type_does(media_type, ending):
    """Carriers go by it; the type that is told is the file's own."""
    [name] = begun(hosted(media_type)).names

    assert name.name.endswith(ending)
    assert name.media_type == media_type


def test_a_name_lives_for_as_long_as_the_provider_may_try_and_two_days():
    """Until the attempt's deadline, then its time to live, then a margin."""
    made = begun(hosted(), expires_at=NOW + timedelta(hours=3))

    [name] = made.names
    deadline_at = NOW + LATE_MAX + timedelta(seconds=30)
    assert made.pair.attempt.deadline_at == deadline_at
    assert made.submission.ttl_s == 3 * 3600
    assert name.expires_at == deadline_at + timedelta(hours=3) + NAME_KEPT


def test_what_is_not_hosted_goes_out_under_its_own_address():
    """Beside what is, in the order of the message."""
    made = begun(Media(PICTURE, MediaKind.VIDEO), hosted())

    [name] = made.names
    assert name.position == 1
    told = [(each.url, each.kind) for each in made.submission.media]
    assert told == [(PICTURE, MediaKind.VIDEO), (URL + name.name, MediaKind.IMAGE)]


def test_the_next_attempt_has_other_names():
    """Else a fetch would not tell which attempt the provider took."""
    ids = make_ids()
    first = begun(hosted(), ids=ids)
    again = replace(first.pair.message, state=MessageState.CLAIMED)

    second = begin(again, now=NOW, ids=ids, timeout_s=30.0, media_url=URL)

    assert second.names[0].name != first.names[0].name
    assert (first.names[0].attempt, second.names[0].attempt) == (1, 2)
