"""What each attachment has to become: together they keep to the budget of their sender."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from tests.factories import make_message
from wirephoto.domain.media import OVERHEAD_BYTES, Media, MediaKind, Profile
from wirephoto.engine.media_modes import Checking, Converting, FittingRules, Passing
from wirephoto.errors import MediaRefused

TOLL_FREE = "+18005550100"
BUDGETS = {"10dlc": 64_000, "toll_free": 44_000, "short_code": 54_000, "fast": 24_000}
ROOM = {name: total - OVERHEAD_BYTES for name, total in BUDGETS.items()}
RULES = FittingRules(BUDGETS, "#102030")


async def attached(shelf, library, *sizes, **changes):
    """Return uploads of these sizes as attachments."""
    originals = [
        await shelf.uploaded(library, bytes([number]) * size) for number, size in enumerate(sizes)
    ]
    return tuple(Media(upload=original.id, **changes) for original in originals)


async def convert(shelf, library, media, **changes):
    """Return what is made of a message's attachments."""
    return await Converting(library, RULES)(make_message(media=tuple(media), **changes))


async def refusal(awaitable) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        await awaitable
    return caught.value


def targets(shelf):
    return {len(body): target.bytes_max for body, target in shelf.fitter.asked}


@pytest.mark.parametrize(
    ("changes", "profile", "expected"),
    [
        ({}, Profile.STANDARD, ROOM["10dlc"]),
        ({"sender": TOLL_FREE}, Profile.STANDARD, ROOM["toll_free"]),
        ({"sender": "12345"}, Profile.STANDARD, ROOM["short_code"]),
        ({}, Profile.FAST, ROOM["fast"]),
    ],
)
async def test_one_attachment_has_all_of_the_budget(shelf, changes, profile, expected):
    """However small it is: so that everybody who sends it asks for the same."""
    library = shelf.library()
    media = await attached(shelf, library, 90_000, profile=profile)

    [made] = await convert(shelf, library, media, **changes)

    [(_, target)] = shelf.fitter.asked
    assert (target.bytes_max, target.background) == (expected, RULES.background)
    assert made.prepared is not None
    assert made.prepared.fitting.sent.size_bytes == expected
    assert replace(made, prepared=None) == media[0]


async def test_several_attachments_share_the_budget(shelf):
    """The carrier counts the message, not the file."""
    library = shelf.library()
    media = await attached(shelf, library, 90_000, 80_000, 10_000)

    made = await convert(shelf, library, media)

    assert targets(shelf) == {90_000: 25_000, 80_000: 25_000, 10_000: 10_000}
    sent = [one.prepared.fitting.sent.size_bytes for one in made]
    assert sum(sent) <= ROOM["10dlc"]
    assert [one.upload for one in made] == [one.upload for one in media]


async def test_what_cannot_be_made_smaller_takes_its_size_first(shelf):
    """A contact card goes out whole; the picture beside it gives way."""
    library = shelf.library()
    picture, card = await attached(shelf, library, 90_000, 20_000)

    await convert(shelf, library, [picture, replace(card, kind=MediaKind.VCARD)])

    assert targets(shelf) == {90_000: ROOM["10dlc"] - 20_000, 20_000: 20_000}
    kinds = {target.kind for _, target in shelf.fitter.asked}
    assert kinds == {MediaKind.IMAGE, MediaKind.VCARD}


@pytest.mark.parametrize(
    "sizes",
    [(90_000, 55_000), (40_000, 30_000, 20_000)],
    ids=["no room beside it", "too much that is fixed"],
)
async def test_what_does_not_fit_together_is_refused_before_it_is_fitted(shelf, sizes):
    """With the number that it has to keep to."""
    library = shelf.library()
    first, *rest = await attached(shelf, library, *sizes)
    fixed = [replace(one, kind=MediaKind.VIDEO) for one in rest]
    every = [first, *fixed] if len(sizes) == 2 else [replace(first, kind=MediaKind.VIDEO), *fixed]

    failure = await refusal(convert(shelf, library, every))

    assert (failure.reason, failure.retryable) == ("too_large", False)
    assert "60,000" in str(failure)
    assert shelf.fitter.asked == []


async def test_a_still_is_only_made_where_it_is_allowed(shelf):
    """The customer said so for this attachment, not for its neighbour."""
    library = shelf.library()
    one, two = await attached(shelf, library, 30_000, 20_000)

    await convert(shelf, library, [replace(one, still_allowed=True), two])

    allowed = {len(body): target.still_allowed for body, target in shelf.fitter.asked}
    assert allowed == {30_000: True, 20_000: False}


async def test_a_refusal_tells_which_attachment_it_means(shelf):
    """Ten pictures, and one of them is broken."""
    library = shelf.library()
    one, _ = await attached(shelf, library, 30_000, 20_000)

    failure = await refusal(convert(shelf, library, [one, Media(upload="med_unknown")]))

    assert failure.reason == "unknown_upload"
    assert str(failure).startswith("Attachment 2: ")


async def test_a_refusal_of_the_only_attachment_needs_no_number(shelf):
    """There is nothing to tell apart."""
    failure = await refusal(convert(shelf, shelf.library(), [Media(upload="med_unknown")]))

    assert not str(failure).startswith("Attachment")


async def test_a_refusal_for_ever_comes_before_one_that_may_pass(shelf):
    """Else the message is tried for minutes, and then fails for what was known at once."""
    shelf.status = 503
    passing, final = Media(shelf.site.url()), Media(upload="med_unknown")

    failure = await refusal(convert(shelf, shelf.library(), [passing, final]))

    assert (failure.reason, failure.retryable) == ("unknown_upload", False)
    assert str(failure).startswith("Attachment 2: ")


async def test_the_same_attachment_twice_is_fitted_once(shelf):
    """And both are there."""
    library = shelf.library()
    [media] = await attached(shelf, library, 50_000)

    made = await convert(shelf, library, [media, media])

    assert len(shelf.fitter.asked) == 1
    assert made[0] == made[1]


async def test_a_message_has_what_its_address_held_when_it_was_accepted_or_since(shelf):
    """A customer who replaces a picture means the new one from the next message on."""
    shelf.headers = {"Cache-Control": "no-cache"}
    library = shelf.library()
    media = [Media(shelf.site.url())]
    await convert(shelf, library, media)
    await convert(shelf, library, media)
    assert len(shelf.site.requests) == 1

    await shelf.stage.clock.advance(1)
    await convert(shelf, library, media, created_at=shelf.stage.clock.now())

    assert len(shelf.site.requests) == 2


async def test_where_nothing_is_hosted_the_callers_address_is_sent(shelf):
    """It was fetched and looked at, and stays as it is; one that fails names its place."""
    body = BytesIO()
    Image.new("RGB", (40, 30), "red").save(body, "JPEG")
    shelf.content, shelf.headers = body.getvalue(), {"Content-Type": "image/jpeg"}
    media = (Media(shelf.site.url()),)

    assert await Checking(shelf.egress)(make_message(media=media)) == media

    both = (*media, Media("http://127.0.0.1:1/none.jpg"))
    failure = await refusal(Checking(shelf.egress)(make_message(media=both)))
    assert (failure.reason, failure.retryable) == ("unreachable", True)
    assert str(failure).startswith("Attachment 2: ")


async def test_passing_leaves_media_as_it_is():
    """Who never fetches has nothing to say about a picture."""
    message = make_message()

    assert await Passing()(message) == message.media


async def test_passing_cannot_host_what_was_uploaded():
    """It was accepted before the settings changed, and has no address of its own."""
    message = make_message(media=(Media(upload="med_1"),))

    assert (await refusal(Passing()(message))).reason == "not_hosted"
