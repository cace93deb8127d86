"""What becomes of texts at their acceptance: channel, slots, and the wording of advertising."""

from datetime import timedelta

import pytest

from tests.engine.stage import Stage
from tests.factories import PICTURE, RECIPIENT, SENDER
from tests.replying import NUMBERS
from wirephoto.domain.channel import Channel
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category, MessageState
from wirephoto.domain.opt_out_wording import has_wording
from wirephoto.domain.request import (
    Fallback,
    MediaRequest,
    MessageRequest,
    RequestRules,
    SmsFallback,
)
from wirephoto.engine.drafting import Caller, Drafting
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.senders import set_default_brand

CALLER = Caller(DEFAULT_TENANT, "key_1", live=True, scopes=frozenset())
CAT = [MediaRequest(url=PICTURE)]


def make_drafting(stage: Stage) -> Drafting:
    return Drafting(
        database=stage.database,
        clock=stage.clock,
        ids=stage.ids,
        directory=SenderDirectory(stage.database, stage.clock),
        numbers=NUMBERS,
        outlook=Outlook(stage.database, stage.clock, CapRules()),
        rules=RequestRules(
            default_sender=SENDER,
            default_category=Category.TRANSACTIONAL,
            expires_after=timedelta(hours=24),
            real_provider=False,
        ),
        marketing=MarketingRules(consent=ConsentPolicy(WithoutConsent.ALLOW)),
        media_is_prepared=True,
    )


@pytest.fixture
async def drafting(stage: Stage) -> Drafting:
    async with stage.database.transaction() as tx:
        await set_default_brand(tx, "Cats Inc")
    return make_drafting(stage)


async def drafted(drafting, **fields):
    request = MessageRequest(to=RECIPIENT, **fields)
    context = await drafting.context(CALLER, [request])
    return (await drafting.message(context, request)).message


def instead(text):
    return Fallback(SmsFallback(text))


async def test_a_text_alone_is_queued_at_once_as_sms(drafting):
    """There is nothing to fetch and nothing to fit."""
    message = await drafted(drafting, text="ы" * 71)

    assert (message.channel, message.weight) == (Channel.SMS, 2)
    assert (message.state, message.lease_until) == (MessageState.QUEUED, None)


async def test_a_picture_with_a_text_in_reserve_is_a_picture(drafting):
    """Whatever the text weighs that may never leave."""
    message = await drafted(drafting, media=CAT, fallback=instead("ы" * 71))

    assert (message.channel, message.weight) == (Channel.MMS, 1)
    assert message.fallback_text == "ы" * 71
    assert message.state is MessageState.PREPARING


async def test_advertising_tells_how_to_opt_out_in_either_form(drafting):
    """Nobody knows at acceptance which of the two the phone will show."""
    message = await drafted(
        drafting, media=CAT, text="Look", category=Category.MARKETING, fallback=instead("Read")
    )

    for text in (message.text, message.fallback_text):
        assert text.startswith("Cats Inc: ")
        assert has_wording(text)


async def test_the_wording_counts_for_the_slots(drafting):
    """What leaves is what is metered, not what was asked for."""
    message = await drafted(drafting, text="a" * 150, category=Category.MARKETING)

    assert len(message.text) > 160
    assert message.weight == 2


async def test_a_text_in_reserve_without_room_for_the_wording_is_refused_by_its_name(drafting):
    """The picture's own text is fine: the customer must not look there."""
    with pytest.raises(RequestRefused) as refused:
        await drafted(
            drafting,
            media=CAT,
            text="Look",
            category=Category.MARKETING,
            fallback=instead("a" * 3200),
        )

    [fault] = refused.value.faults
    assert (fault.field, fault.code) == ("fallback.sms.text", "too_long")


async def test_a_text_alone_has_its_own_room_for_the_wording(drafting):
    """3,200 characters, as the provider takes them as SMS."""
    message = await drafted(drafting, text="a" * 3150, category=Category.MARKETING)

    assert 3150 < len(message.text) <= 3200
