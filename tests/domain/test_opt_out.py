"""What follows from a reply: an opt-out, an answer, a human's look, or nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, RECIPIENT, SENDER
from wirephoto.domain.opt_out import (
    Answerer,
    OptOut,
    OptOutScope,
    OptOutSource,
    ReplyPolicy,
    Standing,
    decide,
    may_be_answered,
    silencing,
    usual_answerer,
)
from wirephoto.domain.phone import SenderKind
from wirephoto.domain.replies import classify
from wirephoto.domain.reply_answers import AnswerKind
from wirephoto.domain.reply_words import ReplyKind

BRAND = "brand_a"
TOLL_FREE = "+18335550100"
POLICY = ReplyPolicy(
    brand_id=BRAND,
    brand="Acme",
    sender=SENDER,
    sender_kind=SenderKind.TEN_DLC,
    answerer=Answerer.GATEWAY,
)
NETWORK = replace(
    POLICY, sender=TOLL_FREE, sender_kind=SenderKind.TOLL_FREE, answerer=Answerer.NETWORK
)
SHORT_CODE = replace(
    POLICY, sender="262966", sender_kind=SenderKind.SHORT_CODE, answerer=Answerer.PROVIDER
)
ASSISTED = replace(POLICY, answerer=Answerer.PROVIDER)

S = OptOutSource


def opt_out(source=S.REPLY, reason="stop", scope=OptOutScope.BRAND, sender=SENDER):
    return OptOut(scope, source, BRAND, sender, reason)


def decided(text, *opt_outs, policy=POLICY, **standing):
    return decide(classify(text), Standing(opt_outs=opt_outs, **standing), policy=policy, now=NOW)


def answered(text, *opt_outs, policy=POLICY, **standing):
    answer = decided(text, *opt_outs, policy=policy, **standing).answer
    return answer.kind if answer else None


def test_stop_silences_the_brand_and_is_confirmed_once():
    """47 CFR 64.1200(a)(10) and (12)."""
    decision = decided("STOP")

    assert decision.opt_out == opt_out()
    assert decision.answer.kind is AnswerKind.OPT_OUT
    assert decision.answer.text.startswith("Acme: ")
    assert decision.answer.leave_by == NOW + timedelta(minutes=5)
    assert not decision.flagged


def test_a_probable_opt_out_counts_and_is_shown_to_a_human():
    """A false opt-out costs one message, a missed one 500 to 1,500 USD (facts 1.3)."""
    decision = decided("please stop texting me")

    assert decision.opt_out == opt_out(reason="probable: stop texting")
    assert decision.flagged
    assert decision.answer.kind is AnswerKind.OPT_OUT


def test_an_ambiguous_reply_changes_nothing_and_is_shown_to_a_human():
    """Whoever asks to cancel an appointment must still hear of it."""
    decision = decided("Can I cancel my appointment?")

    assert (decision.opt_out, decision.answer, decision.flagged) == (None, None, True)


@pytest.mark.parametrize("text", ["Thanks!", "Liked \u201cReply STOP to opt out\u201d", "", "yes"])
def test_everything_else_is_left_alone(text):
    """A gateway that answers small talk costs money and trust."""
    decision = decided(text)

    assert decision == replace(decision, opt_out=None, answer=None, flagged=False, lifted=())
    assert not decision.opts_in


@pytest.mark.parametrize(("hours", "again"), [(0, None), (23, None), (24, AnswerKind.OPT_OUT)])
def test_a_repeated_stop_is_confirmed_once_a_day(hours, again):
    """Two robots would else talk for ever (facts 1.3, rule 8)."""
    answered_at = {AnswerKind.OPT_OUT: NOW - timedelta(hours=hours)}

    decision = decided("STOP", opt_out(), answered_at=answered_at)

    assert decision.opt_out is None
    assert (decision.answer.kind if decision.answer else None) == again


def test_an_opt_out_that_reaches_farther_is_stored_beside_a_narrow_one():
    """The operator widened the scope, and the person said it again."""
    narrow = opt_out(scope=OptOutScope.SENDER)

    assert decided("STOP", narrow).opt_out == opt_out()
    assert decided("STOP", opt_out(scope=OptOutScope.TENANT)).opt_out is None


def test_stop_is_stored_beside_an_operators_entry():
    """That entry may be lifted one day; the person's word stands."""
    assert decided("STOP", opt_out(S.OPERATOR, "litigant")).opt_out == opt_out()


def test_start_lifts_what_its_writer_may_lift():
    """The only way back that needs nobody's help."""
    theirs = opt_out(), opt_out(S.RECEIPT, "1240"), opt_out(S.IMPORT, "")

    decision = decided("start", *theirs)

    assert decision.lifted == theirs
    assert decision.opts_in
    assert decision.answer.kind is AnswerKind.OPT_IN


@pytest.mark.parametrize(
    "final", [opt_out(S.OPERATOR, ""), opt_out(S.OPERATOR, "litigant"), opt_out(S.IMPORT, "dead")]
)
@pytest.mark.parametrize("text", ["START", "unstop", "join", "yes"])
def test_start_never_overrides_an_operators_word(final, text):
    """A litigant's START may be bait (facts 1.3, rule 7)."""
    decision = decided(text, opt_out(), final, double_opt_in_pending=True)

    assert (decision.lifted, decision.opts_in, decision.answer) == ((), False, None)
    assert decision.flagged


@pytest.mark.parametrize(
    ("standing", "policy", "opts_in"),
    [
        ({}, POLICY, False),
        ({"double_opt_in_pending": True}, POLICY, True),
        ({}, replace(POLICY, yes_opts_in=True), True),
    ],
)
def test_yes_opts_in_only_where_it_answers_a_question(standing, policy, opts_in):
    """Facts 1.3, rule 6: people say yes to dinner, too."""
    assert decided("YES", policy=policy, **standing).opts_in is opts_in


def test_help_is_answered_even_to_who_opted_out():
    """The industry's rules ask for it (facts 1.1); the opt-out stands."""
    decision = decided("help", opt_out())

    assert decision.answer.kind is AnswerKind.HELP
    assert decision.lifted == ()


@pytest.mark.parametrize(("minutes", "answer"), [(59, None), (60, AnswerKind.HELP)])
def test_help_is_not_answered_without_end(minutes, answer):
    """A robot that says HELP to everything would have every answer paid for."""
    last = {AnswerKind.HELP: NOW - timedelta(minutes=minutes)}

    assert answered("help", answered_at=last) == answer


@pytest.mark.parametrize(
    ("text", "language"),
    [("no más", "Baja"), ("arrêt", "D\u00e9sinscription"), ("quit", "You have")],
)
def test_people_are_answered_in_their_language(text, language):
    """A confirmation that is not understood confirms nothing."""
    assert decided(text).answer.text.startswith(f"Acme: {language}")


def test_an_operators_own_text_is_used():
    """It is the one that the campaign was registered with."""
    policy = replace(POLICY, texts={AnswerKind.HELP: "Acme: call us. STOP to end."})

    assert decided("HELP", policy=policy).answer.text == "Acme: call us. STOP to end."


@pytest.mark.parametrize("text", ["STOP", "start", "help", "stop texting me"])
def test_our_own_senders_are_never_answered(text):
    """Two of our numbers would write to each other until the money is gone."""
    assert answered(text, answerable=False) is None
    assert answered(text) is not None


def test_a_stop_counts_whoever_says_it():
    """Only the answer is withheld from robots."""
    assert decided("STOP", answerable=False).opt_out == opt_out()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (RECIPIENT, True),
        (SENDER, False),
        ("262966", False),
        (TOLL_FREE, False),
        ("AcmeBank", False),
    ],
)
def test_only_people_are_answered(number, expected):
    """Short codes, toll-free numbers and names belong to machines."""
    assert may_be_answered(number, {SENDER}) is expected


@pytest.mark.parametrize(
    ("policy", "text", "answer"),
    [
        (NETWORK, "STOP", None),
        (NETWORK, "QUIT", AnswerKind.OPT_OUT),
        (NETWORK, "stop stop", AnswerKind.OPT_OUT),
        (NETWORK, "stop please", AnswerKind.OPT_OUT),
        (NETWORK, "UNSTOP", None),
        (NETWORK, "JOIN", AnswerKind.OPT_IN),
        (NETWORK, "HELP", AnswerKind.HELP),
        (SHORT_CODE, "STOP", None),
        (SHORT_CODE, "CANCEL", None),
        (SHORT_CODE, "REVOKE", AnswerKind.OPT_OUT),
        (SHORT_CODE, "no more texts", AnswerKind.OPT_OUT),
        (SHORT_CODE, "JOIN", None),
        (SHORT_CODE, "HELP", None),
        (SHORT_CODE, "help please", AnswerKind.HELP),
        (SHORT_CODE, "INFO", AnswerKind.HELP),
        (ASSISTED, "STOP", None),
        (ASSISTED, "REVOKE", None),
        (ASSISTED, "HELP", None),
        (ASSISTED, "START", None),
        (ASSISTED, "stop texting me", AnswerKind.OPT_OUT),
    ],
)
def test_one_answers_not_two(policy, text, answer):
    """Provider and network answer the words they know, and leave the rest to us (facts 1.2)."""
    decision = decided(text, policy=policy)

    assert (decision.answer.kind if decision.answer else None) == answer
    assert (decision.opt_out is not None) == classify(text).is_opt_out


@pytest.mark.parametrize(
    ("policy", "stands", "text", "reason"),
    [
        (NETWORK, opt_out(), "START", "opted_in"),
        (NETWORK, opt_out(), "JOIN", "opt_out_stands_upstream"),
        (NETWORK, opt_out(reason="quit"), "JOIN", "opted_in"),
        (NETWORK, opt_out(S.RECEIPT, "1240"), "JOIN", "opt_out_stands_upstream"),
        (SHORT_CODE, opt_out(), "UNSTOP", "opt_out_stands_upstream"),
        (ASSISTED, opt_out(), "UNSTOP", "opted_in"),
        (POLICY, opt_out(S.RECEIPT, "1240"), "JOIN", "opted_in"),
    ],
)
def test_a_block_upstream_opens_only_with_its_own_word(policy, stands, text, reason):
    """We would think them back while every message is refused."""
    decision = decided(text, stands, policy=policy)

    assert decision.reason == reason
    assert decision.flagged is (reason != "opted_in")


def test_who_is_blocked_by_the_network_gets_no_help():
    """It could not be delivered: facts 1.2, toll-free."""
    assert answered("HELP", opt_out(), policy=NETWORK) is None
    assert answered("HELP", opt_out(reason="quit"), policy=NETWORK) is AnswerKind.HELP


@pytest.mark.parametrize(
    ("kind", "answerer"),
    [
        (SenderKind.TEN_DLC, Answerer.GATEWAY),
        (SenderKind.TOLL_FREE, Answerer.NETWORK),
        (SenderKind.SHORT_CODE, Answerer.PROVIDER),
    ],
)
def test_each_kind_of_sender_has_who_answers_there(kind, answerer):
    """On 10DLC the provider does nothing unless it is asked (facts 1.2)."""
    assert usual_answerer(kind) is answerer


@pytest.mark.parametrize(
    ("scope", "brand_id", "sender", "silenced"),
    [
        (OptOutScope.BRAND, BRAND, "+13125550100", True),
        (OptOutScope.BRAND, "brand_b", SENDER, False),
        (OptOutScope.SENDER, BRAND, SENDER, True),
        (OptOutScope.SENDER, BRAND, "+13125550100", False),
        (OptOutScope.TENANT, "brand_b", "+13125550100", True),
    ],
)
def test_an_opt_out_reaches_as_far_as_its_scope(scope, brand_id, sender, silenced):
    """By default the whole brand falls silent (facts 1.3, rule 10)."""
    found = silencing([opt_out(scope=scope)], brand_id=brand_id, sender=sender)

    assert (found is not None) is silenced


def test_of_several_opt_outs_the_lasting_one_is_named():
    """Whoever asks why should not hear that START would help when it would not."""
    final = opt_out(S.OPERATOR, "litigant")

    assert silencing([opt_out(), final], brand_id=BRAND, sender=SENDER) == final


POLICIES = st.sampled_from([POLICY, NETWORK, SHORT_CODE, ASSISTED])
OPT_OUTS = st.builds(
    opt_out, st.sampled_from(list(S)), st.sampled_from(["", "stop", "quit", "litigant"])
)


@given(st.text() | st.sampled_from(["STOP", "start", "help", "yes", "stop it"]), POLICIES)
def test_whoever_opts_out_is_silenced_whatever_is_known_of_them(text, policy):
    """No policy may keep an opt-out from being stored."""
    decision = decided(text, policy=policy)

    assert (decision.opt_out is not None) == classify(text).is_opt_out
    assert not (decision.opt_out and decision.opts_in)


@given(
    st.lists(OPT_OUTS, max_size=3), POLICIES, st.sampled_from(["START", "JOIN", "YES", "UNSTOP"])
)
def test_who_opts_in_has_no_opt_out_left(opt_outs, policy, text):
    """All that covers them is lifted, or nothing is."""
    decision = decided(text, *opt_outs, policy=policy, double_opt_in_pending=True)

    assert decision.lifted == (tuple(opt_outs) if decision.opts_in else ())
    assert all(o.is_lifted_by_start for o in decision.lifted)


@given(st.sampled_from(["STOP", "START", "HELP", "stop it"]), st.integers(1, 50))
def test_two_robots_fall_silent(text, count):
    """However often the other side repeats itself, the bill has an end."""
    answered_at, answers = {}, 0
    for second in range(count):
        standing = Standing(answered_at=answered_at)
        now = NOW + timedelta(seconds=second)
        if answer := decide(classify(text), standing, policy=POLICY, now=now).answer:
            answered_at = {**answered_at, answer.kind: now}
            answers += 1

    assert answers == 1


def test_every_kind_of_reply_is_decided():
    """A kind that is added later must not fall through unseen."""
    reasons = {kind: decided(text).reason for kind, text in _EXAMPLES.items()}

    assert set(_EXAMPLES) == set(ReplyKind)
    assert reasons == {
        ReplyKind.OPT_OUT: "opted_out",
        ReplyKind.PROBABLE_OPT_OUT: "opted_out",
        ReplyKind.AMBIGUOUS: "ambiguous",
        ReplyKind.OPT_IN: "opted_in",
        ReplyKind.YES: "nothing_asked",
        ReplyKind.HELP: "help_asked",
        ReplyKind.NONE: "nothing_asked",
    }


_EXAMPLES = {
    ReplyKind.OPT_OUT: "STOP",
    ReplyKind.PROBABLE_OPT_OUT: "stop it",
    ReplyKind.AMBIGUOUS: "cancel please",
    ReplyKind.OPT_IN: "START",
    ReplyKind.YES: "YES",
    ReplyKind.HELP: "HELP",
    ReplyKind.NONE: "hello",
}
