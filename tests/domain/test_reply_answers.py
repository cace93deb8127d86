"""What the gateway answers by itself."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.gsm7 import SEGMENT_SEPTETS, septets
from wirephoto.domain.replies import classify
from wirephoto.domain.reply_answers import AnswerKind, answer_faults, answer_text
from wirephoto.domain.reply_words import Language, ReplyKind

EVERY = list(product(AnswerKind, Language))


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_our_own_answers_keep_the_rules(kind, language):
    """They are what an operator's own texts are measured by."""
    text = answer_text(kind, language, brand="Acme Photo Club", contact="help@acme.example.com")

    assert answer_faults(kind, text, brand="Acme Photo Club") == []
    assert text.startswith("Acme Photo Club: ")


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_no_answer_asks_for_another(kind, language):
    """Two gateways that write to each other must fall silent by themselves."""
    text = answer_text(kind, language, brand="Acme", contact="acme.example.com")

    assert classify(text).kind in (ReplyKind.AMBIGUOUS, ReplyKind.NONE)


@given(st.sampled_from(EVERY), st.text(), st.text())
def test_an_answer_is_one_text_message_whatever_the_name(which, brand, contact):
    """Every answer costs once, and its wording is never what is cut."""
    kind, language = which

    text = answer_text(kind, language, brand=brand, contact=contact)

    length = septets(text)
    assert length is not None
    assert length <= SEGMENT_SEPTETS
    assert text.endswith((".", "START para volver."))
    assert kind is not AnswerKind.HELP or "STOP" in text


def test_help_says_where_help_is():
    """A person who asks for help should not be told only how to leave."""
    text = answer_text(AnswerKind.HELP, Language.ENGLISH, brand="Acme", contact="555 0100")

    assert text.startswith("Acme: Help: 555 0100. ")


@pytest.mark.parametrize(
    ("kind", "text", "faults"),
    [
        (AnswerKind.OPT_OUT, "Acme: done.", 0),
        (AnswerKind.OPT_OUT, "Done.", 1),
        (AnswerKind.OPT_OUT, "Acme: done \N{WHITE HEAVY CHECK MARK}", 1),
        (AnswerKind.OPT_OUT, "Acme: " + "x" * 155, 1),
        (AnswerKind.HELP, "Acme: call us.", 1),
        (AnswerKind.OPT_IN, "Acme: welcome.", 2),
        (AnswerKind.OPT_IN, "ACME: welcome. HELP for help, STOP to end.", 0),
    ],
)
def test_an_operators_own_text_is_held_to_the_rules(kind, text, faults):
    """They are told before it is sent ten thousand times."""
    assert len(answer_faults(kind, text, brand="Acme")) == faults
