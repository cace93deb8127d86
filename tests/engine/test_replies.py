"""STOP before everything else; START, HELP and their answers a moment later."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.engine.stage import Stage, make_inbound, replies_on
from tests.factories import NOW, RECIPIENT, SENDER, make_attempt, make_message
from tests.replying import NUMBERS, make_consent, make_opt_out
from wirephoto.domain.consent import ConsentMethod, ConsentPolicy
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.opt_out import Answerer, OptOutScope, OptOutSource
from wirephoto.domain.outcome import Failure, FailureClass, Receipt, ReceiptState
from wirephoto.domain.phone import SenderKind
from wirephoto.engine.inbound import INBOUND
from wirephoto.storage.consents import Records, insert_consents, load_records
from wirephoto.storage.messages import MessageFilter, list_messages
from wirephoto.storage.opt_outs import insert_opt_outs, list_opt_outs
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_BRAND, DEFAULT_TENANT, webhooks
from wirephoto.storage.schema_recipients import inbound_messages
from wirephoto.storage.senders import set_default_brand
from wirephoto.storage.webhooks import Webhook

S = MessageState
WAITING = (S.PREPARING, S.QUEUED, S.CLAIMED)


class Phone:
    """A phone that writes to the sender of the tests, through the webhook and what applies it."""

    def __init__(self, stage: Stage, **settings) -> None:
        self.stage = stage
        self.replies = replies_on(stage, **settings)
        self.inbound = make_inbound(stage)
        self.inbound._replies = self.replies
        self.said = 0

    async def says(
        self, text, *, number=RECIPIENT, uuid=None, jti=None, sent_at=None, applied=True
    ):
        """Bring what a phone says as the provider does, and let it be applied."""
        self.said += 1
        body = {
            "message_uuid": uuid or f"uuid-{self.said}",
            "to": SENDER[1:],
            "from": number[1:],
            "timestamp": (sent_at or self.stage.clock.now()).isoformat(),
            "channel": "sms",
            "message_type": "text",
            "text": text,
        }
        webhook = Webhook(
            DEFAULT_TENANT,
            DEFAULT_ACCOUNT,
            INBOUND,
            jti or f"jti-{self.said}",
            json.dumps(body),
            self.stage.clock.now(),
        )
        await self.replies.take(webhook)
        if applied:
            await self.inbound.turn()

    async def opt_outs(self, *, ended=False):
        async with self.stage.database.read() as tx:
            return await list_opt_outs(tx, DEFAULT_TENANT, ended=ended, limit=9)

    async def answers(self):
        """Return what was queued as an answer: kind, text, and until when it may leave."""
        async with self.stage.database.read() as tx:
            found = await list_messages(
                tx, DEFAULT_TENANT, MessageFilter(), before_id=None, limit=99
            )
        return [message for message in reversed(found) if message.answer]

    async def heard(self):
        async with self.stage.database.read() as tx:
            rows = await tx.execute(select(inbound_messages).order_by(inbound_messages.c.id))
            return [(row.reply, row.outcome, row.flagged) for row in rows]


@pytest.fixture
async def phone(stage: Stage) -> Phone:
    """Give a phone that writes to a brand with a name."""
    return await phone_on(stage)


async def phone_on(stage: Stage, **settings) -> Phone:
    await stage.prepare()
    async with stage.database.transaction() as tx:
        await set_default_brand(tx, "Cat Post")
    return Phone(stage, **settings)


async def test_a_stop_is_stored_and_blocks_before_it_is_answered(phone, stage):
    """When the provider hears 200, nothing that waits can leave any more."""
    waiting = [make_message(state=state) for state in WAITING]
    gone = make_message(state=S.SENDING)
    other = make_message(recipient="+12125550199")
    await stage.store(*waiting, gone, other)

    await phone.says("STOP", applied=False)

    [opt_out] = await phone.opt_outs()
    assert (opt_out.recipient, opt_out.recipient_hash) == (RECIPIENT, NUMBERS.of(RECIPIENT))
    assert (opt_out.opt_out.scope, opt_out.opt_out.source) == (
        OptOutScope.BRAND,
        OptOutSource.REPLY,
    )
    assert opt_out.opt_out.reason == "stop"
    assert await stage.states([*waiting, gone, other]) == [*["blocked"] * 3, "sending", "queued"]
    for message in waiting:
        stored = await stage.message(message)
        assert (stored.reason, stored.final_at) == ("opted_out", NOW)
        assert (await stage.events(message))[-1] == "blocked"


@pytest.mark.parametrize("text", ["What time do you open?", "Can I cancel my appointment?", ""])
async def test_other_words_silence_nobody(phone, stage, text):
    """An order that is not sent costs as much as one that should not have been."""
    message = make_message()
    await stage.store(message)

    await phone.says(text)

    assert await phone.opt_outs() == []
    assert await stage.states([message]) == ["queued"]
    assert await phone.answers() == []


async def test_a_probable_opt_out_silences_and_is_shown_to_a_human(phone):
    """Any reasonable means counts (47 CFR 64.1200(a)(10)); only a human can be sure."""
    await phone.says("please stop texting me")

    [opt_out] = await phone.opt_outs()
    assert opt_out.opt_out.reason.startswith("probable: ")
    assert await phone.heard() == [("probable_opt_out", "opted_out", True)]


async def test_a_stop_is_confirmed_once_a_day_past_the_opt_out(phone, stage):
    """Within five minutes, in one text; two robots must not talk for ever."""
    await phone.says("STOP")
    await phone.says("stop")

    [answer] = await phone.answers()
    assert (answer.answer, answer.recipient, answer.sender) == ("opt_out", RECIPIENT, SENDER)
    assert "Cat Post" in (answer.text or "")
    assert answer.expires_at == NOW + timedelta(minutes=5)
    assert (answer.state, answer.media) == (S.QUEUED, ())

    await stage.advance(timedelta(days=1, seconds=1).total_seconds())
    await phone.says("STOP")
    assert len(await phone.answers()) == 2


async def test_a_start_lifts_what_its_writer_asked_for(phone, stage):
    """They may hear from us again, and are told so."""
    await phone.says("STOP")
    await stage.advance(60)
    await phone.says("START")

    assert await phone.opt_outs() == []
    [kept] = await phone.opt_outs(ended=True)
    assert (kept.ended_by, kept.ended_at) == ("reply", NOW + timedelta(minutes=1))
    assert [answer.answer for answer in await phone.answers()] == ["opt_out", "opt_in"]


async def test_a_start_does_not_lift_what_an_operator_made(phone, stage):
    """A litigant's number is not opened by a text."""
    by_hand = make_opt_out(source=OptOutSource.OPERATOR, reason="litigant")
    async with stage.database.transaction() as tx:
        await insert_opt_outs(tx, [by_hand])

    await phone.says("START")

    assert [row.id for row in await phone.opt_outs()] == [by_hand.id]
    assert await phone.heard() == [("opt_in", "opt_out_is_final", True)]


async def test_a_start_that_comes_late_does_not_lift_a_later_stop(phone, stage):
    """START, STOP: the provider brought them the other way round."""
    await stage.advance(60)
    await phone.says("STOP", sent_at=NOW + timedelta(seconds=60))
    await phone.says("START", sent_at=NOW + timedelta(seconds=30))

    assert len(await phone.opt_outs()) == 1
    assert (await phone.heard())[-1] == ("opt_in", "overtaken", False)
    assert [answer.answer for answer in await phone.answers()] == ["opt_out"]


async def test_a_stop_that_is_not_applied_yet_outlives_an_older_start(phone, stage):
    """STOP counts at once, START a moment later: between the two lies a second STOP."""
    await phone.says("STOP")
    await stage.advance(1)
    await phone.says("START", applied=False)
    await stage.advance(1)
    await phone.says("STOP", applied=False)

    await phone.inbound.turn()

    assert len(await phone.opt_outs()) == 1


async def test_a_stop_that_is_brought_again_changes_nothing(phone, stage):
    """Its repeat, under another name, comes after the START that undid it."""
    await phone.says("STOP", uuid="uuid-stop")
    await stage.advance(1)
    await phone.says("START")
    await stage.advance(1)
    await phone.says("STOP", uuid="uuid-stop")

    assert await phone.opt_outs() == []


async def test_help_is_answered_with_name_and_contact(stage):
    """Carriers ask for it at every campaign's registration."""
    phone = await phone_on(stage, contact="help.example.com")

    await phone.says("HELP")

    [answer] = await phone.answers()
    assert answer.answer == "help"
    assert "Cat Post" in (answer.text or "")
    assert "help.example.com" in (answer.text or "")


async def test_our_own_senders_are_never_answered(phone, stage):
    """Two gateways that answer each other's STOP cost a text each, until somebody looks."""
    await phone.says("STOP", number=SENDER)

    assert await phone.answers() == []


async def test_a_brand_without_a_name_answers_nobody(stage):
    """An answer must say who speaks; silence breaks no rule that a nameless text would keep."""
    await stage.prepare()
    phone = Phone(stage)

    await phone.says("STOP")

    assert len(await phone.opt_outs()) == 1
    assert await phone.answers() == []


async def test_where_the_provider_answers_we_are_silent(stage):
    """Two confirmations are one too many (facts 1.2)."""
    phone = await phone_on(stage, answerers={SenderKind.TEN_DLC: Answerer.PROVIDER})

    await phone.says("STOP")

    assert len(await phone.opt_outs()) == 1
    assert await phone.answers() == []


async def test_a_stop_to_a_number_that_is_not_ours_silences_everything(phone, stage):
    """It was one of our senders yesterday; silence is the safe reading."""
    message = make_message()
    await stage.store(message)
    body = {
        "message_uuid": "uuid-x",
        "to": "12025550199",
        "from": RECIPIENT[1:],
        "timestamp": NOW.isoformat(),
        "channel": "sms",
        "message_type": "text",
        "text": "STOP",
    }
    webhook = Webhook(DEFAULT_TENANT, DEFAULT_ACCOUNT, INBOUND, "jti", json.dumps(body), NOW)

    await phone.replies.take(webhook)
    await phone.inbound.turn()

    [opt_out] = await phone.opt_outs()
    assert opt_out.opt_out.scope is OptOutScope.TENANT
    assert await stage.states([message]) == ["blocked"]
    assert await phone.heard() == [("opt_out", None, True)]


async def test_a_refusal_for_an_opt_out_is_one(phone, stage):
    """On toll-free numbers the network hears STOP before we do (code 1240)."""
    waiting = make_message()
    refused = make_message(state=S.REJECTED, attempts=1)
    await stage.store(waiting, refused)
    attempt = make_attempt(refused, state=AttemptState.REJECTED)
    failure = Failure("1240", "opted_out", "No.", FailureClass.RECIPIENT, opted_out=True)
    receipt = Receipt("uuid", attempt.client_ref, ReceiptState.REJECTED, NOW, failure=failure)

    await phone.replies.heed([(refused, attempt, receipt)], NOW)
    await phone.replies.heed([(refused, attempt, receipt)], NOW)

    [opt_out] = await phone.opt_outs()
    assert (opt_out.opt_out.source, opt_out.opt_out.reason) == (OptOutSource.RECEIPT, "1240")
    assert await stage.states([waiting]) == ["blocked"]


async def records(stage: Stage):
    async with stage.database.read() as tx:
        found = await load_records(tx, DEFAULT_TENANT, [NUMBERS.of(RECIPIENT)])
    return found.get((DEFAULT_BRAND, NUMBERS.of(RECIPIENT)), Records())


async def test_a_yes_confirms_the_form_that_waits_for_it(stage):
    """Anybody can type somebody else's number into a form; only its owner answers from it."""
    phone = await phone_on(stage, consent=ConsentPolicy(double_opt_in=True))
    await phone.says("YES")
    assert await records(stage) == Records()
    async with stage.database.transaction() as tx:
        await insert_consents(tx, [make_consent()])

    await phone.says("YES")

    [form, reply] = (await records(stage)).consents
    assert (form.method, reply.method) == (ConsentMethod.WEB_FORM, ConsentMethod.KEYWORD)
    assert reply.inbound_id
    assert [answer.answer for answer in await phone.answers()] == ["opt_in"]


@pytest.mark.parametrize(("scope", "revoked"), [("brand", 1), ("tenant", 1), ("sender", 0)])
async def test_a_stop_ends_consents_as_far_as_it_reaches(stage, scope, revoked):
    """After it, only a new consent counts; a START is one."""
    phone = await phone_on(stage, scope=OptOutScope(scope))

    await phone.says("STOP")
    await stage.advance(1)
    await phone.says("START")

    found = await records(stage)
    assert len(found.revocations) == revoked
    assert [consent.method for consent in found.consents] == [ConsentMethod.KEYWORD]


async def test_what_is_no_message_is_stored_all_the_same(phone, stage):
    """It is read when we know how; the provider must not bring it for a day."""
    await phone.replies.take(
        Webhook(DEFAULT_TENANT, DEFAULT_ACCOUNT, INBOUND, "jti", "{broken", NOW)
    )

    async with stage.database.read() as tx:
        assert (await tx.execute(select(webhooks.c.body))).scalars().all() == ["{broken"]
