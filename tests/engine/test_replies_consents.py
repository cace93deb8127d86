"""What replies say of consents: YES confirms, START gives, STOP takes back."""

from datetime import timedelta

import pytest

from tests.engine.test_replies import phone_on
from tests.factories import NOW, RECIPIENT
from tests.replying import NUMBERS
from tests.revoking import make_given, make_revocation
from wirephoto.domain.consent import (
    ConsentClass,
    ConsentMethod,
    ConsentPolicy,
    ConsentReason,
    judge_consent,
)
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out import OptOutScope
from wirephoto.storage.consents import Records, insert_consents, insert_revocations, load_records
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT

DOUBLE = ConsentPolicy(double_opt_in=True)
FORM = make_given(method=ConsentMethod.WEB_FORM)
SINCE = NOW - timedelta(hours=1)


async def keep(stage, *, consents=(), revocations=()) -> None:
    async with stage.database.transaction() as tx:
        await insert_consents(tx, consents)
        await insert_revocations(tx, revocations)


async def records(stage) -> Records:
    async with stage.database.read() as tx:
        found = await load_records(tx, DEFAULT_TENANT, NUMBERS.all_of(RECIPIENT))
    return found.get((DEFAULT_BRAND, NUMBERS.of(RECIPIENT)), Records())


def advertising(kept: Records) -> ConsentReason:
    verdict = judge_consent(
        Category.MARKETING, kept.consents, kept.revocations, policy=DOUBLE, now=NOW
    )
    return verdict.reason


@pytest.mark.parametrize("word", ["YES", "sí", "Oui!", "START"])
async def test_a_reply_confirms_what_a_form_told(stage, word):
    """Anybody can write a stranger's number into a form; only the phone can reply."""
    phone = await phone_on(stage, consent=DOUBLE)
    await keep(stage, consents=[FORM])
    assert advertising(await records(stage)) is ConsentReason.UNCONFIRMED

    await phone.says(word)

    kept = await records(stage)
    [confirmed] = [one for one in kept.consents if one.method is ConsentMethod.KEYWORD]
    assert (confirmed.consent_class, confirmed.given_at) == (ConsentClass.MARKETING, NOW)
    assert (confirmed.inbound_id or "").startswith("inb_")
    assert advertising(kept) is ConsentReason.RECORDED


@pytest.mark.parametrize(
    ("policy", "consents", "revocations"),
    [
        (DOUBLE, [], []),
        (DOUBLE, [make_given()], []),
        (DOUBLE, [FORM], [make_revocation(at=SINCE)]),
        (DOUBLE, [make_given(method=ConsentMethod.WEB_FORM, expires_at=SINCE)], []),
        (ConsentPolicy(), [FORM], []),
    ],
)
async def test_yes_consents_to_nothing_that_was_not_asked(stage, policy, consents, revocations):
    """It answers "Is Tuesday fine?" far more often than a double opt-in."""
    phone = await phone_on(stage, consent=policy)
    await keep(stage, consents=consents, revocations=revocations)

    await phone.says("YES")

    assert len((await records(stage)).consents) == len(consents)
    assert await phone.heard() == [("yes", "nothing_asked", False)]


async def test_a_stop_takes_back_what_was_given_to_the_brand(stage):
    """Its opt-out may be lifted one day; the consent has to be given again."""
    phone = await phone_on(stage)
    await keep(stage, consents=[make_given()])

    await phone.says("STOP")

    kept = await records(stage)
    assert [one.consent_class for one in kept.revocations] == [None]
    assert advertising(kept) is ConsentReason.REVOKED


async def test_a_stop_to_one_sender_alone_leaves_the_others_their_consent(stage):
    """Where the operator has chosen that it reaches no further, it must not by another way."""
    phone = await phone_on(stage, scope=OptOutScope.SENDER)
    await keep(stage, consents=[make_given()])

    await phone.says("STOP")

    assert [row.opt_out.scope for row in await phone.opt_outs()] == [OptOutScope.SENDER]
    assert advertising(await records(stage)) is ConsentReason.RECORDED
