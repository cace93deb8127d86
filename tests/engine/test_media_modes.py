"""What becomes of a message's media: budgets shared, refusals numbered, addresses left alone."""

import pytest

from tests.egress_site import LOOPBACK, open_site, picture
from tests.factories import NOW, make_message
from tests.library import FakeFitter, make_media
from wirephoto.domain.media import OVERHEAD_BYTES, Media, MediaKind, Profile
from wirephoto.egress import Egress
from wirephoto.engine.media_modes import Checking, Converting, FittingRules
from wirephoto.errors import MediaRefused
from wirephoto.storage.schema import DEFAULT_TENANT

BUDGETS = {
    "10dlc": 40_000 + OVERHEAD_BYTES,
    "short_code": 40_000 + OVERHEAD_BYTES,
    "toll_free": 30_000 + OVERHEAD_BYTES,
    "fast": 20_000 + OVERHEAD_BYTES,
}
JPEG, VCARD = b"\xff\xd8\xff", b"BEGIN:VCARD\r\n"


@pytest.fixture
def fitter():
    return FakeFitter()


@pytest.fixture
def parts(stage, tmp_path, fitter):
    made = make_media(stage.database, stage.clock, tmp_path, fitter=fitter)
    yield made
    made.scratch.close()


@pytest.fixture
def convert(parts):
    return Converting(parts.library, FittingRules(BUDGETS, "#102030"))


async def uploaded(parts, tmp_path, size, *, magic=JPEG, **changes):
    """Return media of `size` bytes."""
    path = tmp_path / "upload"
    path.write_bytes(magic + bytes([size % 251]) * (size - len(magic)))
    original = await parts.library.upload(DEFAULT_TENANT, path, None)
    path.unlink()
    return Media(upload=original.id, kind=original.kind, **changes)


def sizes(media):
    return [each.prepared.fitting.sent.size_bytes for each in media]


@pytest.mark.parametrize(
    ("sender", "profile", "expected"),
    [
        ("+12025550100", Profile.STANDARD, 40_000),
        ("+18005550100", Profile.STANDARD, 30_000),
        ("12345", Profile.STANDARD, 40_000),
        ("+12025550100", Profile.FAST, 20_000),
    ],
)
async def test_a_picture_fits_its_senders_budget(
    convert, parts, fitter, tmp_path, sender, profile, expected
):
    """A toll-free number takes less, and where time matters everybody does."""
    media = await uploaded(parts, tmp_path, 90_000, profile=profile, still_allowed=True)

    prepared = await convert(make_message(media=(media,), sender=sender))

    assert sizes(prepared) == [expected]
    target = fitter.asked[0][1]
    assert (target.background, target.still_allowed) == ("#102030", True)


async def test_attachments_share_the_budget(convert, parts, tmp_path):
    """It is the message that must be small enough, not each of its files."""
    media = [await uploaded(parts, tmp_path, size) for size in (60_000, 10_000, 50_000)]

    assert sizes(await convert(make_message(media=tuple(media)))) == [15_000, 10_000, 15_000]


async def test_what_cannot_shrink_keeps_its_size(convert, parts, tmp_path):
    """A contact that is cut off is none."""
    contact = await uploaded(parts, tmp_path, 25_000, magic=VCARD)
    photograph = await uploaded(parts, tmp_path, 60_000)

    prepared = await convert(make_message(media=(contact, photograph)))

    assert prepared[0].kind is MediaKind.VCARD
    assert sizes(prepared) == [25_000, 15_000]


async def test_what_leaves_no_room_is_refused_with_the_remedy(convert, parts, tmp_path):
    """Now, and not by a carrier that drops it."""
    contact = await uploaded(parts, tmp_path, 39_000, magic=VCARD)
    photograph = await uploaded(parts, tmp_path, 60_000)

    with pytest.raises(MediaRefused, match="send fewer, or smaller ones") as refused:
        await convert(make_message(media=(contact, photograph)))

    assert (refused.value.reason, refused.value.retryable) == ("too_large", False)


async def test_a_refusal_tells_which_of_several_it_means(convert, parts, fitter, tmp_path):
    """And of one alone it need not."""
    media = [await uploaded(parts, tmp_path, size) for size in (5_000, 6_000)]
    unknown = Media(upload="med_none")

    with pytest.raises(MediaRefused, match=r"^Attachment 2: There is no such upload"):
        await convert(make_message(media=(media[0], unknown)))
    with pytest.raises(MediaRefused, match=r"^There is no such upload"):
        await convert(make_message(media=(unknown,)))


async def test_in_check_mode_addresses_stay_as_they_are(stage):
    """The provider fetches them, so what is wrong there is told and nothing is kept."""
    async with open_site() as site:
        check = Checking(Egress(stage.clock, allow=LOOPBACK))
        message = make_message(media=(Media(site.url()), Media(site.url("/page"))))

        async def answer(request):
            if request.path == "/page":
                return await picture(request)
            whole = JPEG + b"\xe0\x00\x02\xff\xda\x00\x02\xff\xd9"
            response = await picture(request)
            response.body = whole
            return response

        site.answer = answer
        with pytest.raises(MediaRefused, match=r"^Attachment 2: ") as refused:
            await check(message)
        one = make_message(media=message.media[:1], created_at=NOW)

        assert await check(one) == one.media
    assert refused.value.reason == "not_an_image"
