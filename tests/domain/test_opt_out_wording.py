"""The line that says how to get no more messages: there when due, never twice, never too long."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out_wording import has_wording, with_wording, wording_due
from wirephoto.domain.replies import classify
from wirephoto.domain.reply_words import Language

SAYS_HOW = [
    "20% off! Reply STOP to opt out.",
    "Reply STOP",
    "Txt STOP to end",
    "Text STOP 2 quit",
    "STOP to end",
    "stop to opt-out",
    "Reply with the word STOP",
    "Reply END to stop",
    "Text CANCEL to cancel",
    "Unsubscribe? Reply UNSUBSCRIBE",
    "Reply \u201cSTOP\u201d to unsubscribe",
    "Responda STOP para cancelar",
    "Envíe ALTO para terminar",
    "Envía BAJA",
    "STOP para salir",
    "Répondez STOP pour vous désabonner",
    "Envoyez ARRÊT pour arrêter",
    "STOP pour finir",
    "Texto STOP para no recibir más",
]
SAYS_NOTHING = [
    "",
    "Don't stop believing",
    "Stop by our shop",
    "One stop shop",
    "Reply by the end of May and win",
    "End to end printing",
    "Cancel anytime",
    "stop2quit",
    "Reply YES to confirm, HELP for help",
    "Send us your pictures; the fun will not stop",
    "Baja California, dos noches",
    "Un arrêt à Lyon",
    "Text us when you end your visit",
]


@pytest.mark.parametrize("text", SAYS_HOW)
def test_wording_of_ones_own_is_recognised(text):
    """Two ways to opt out in one message look like a trick."""
    assert has_wording(text)
    assert with_wording(text, "Acme", chars_max=999) == f"Acme: {text}"


@pytest.mark.parametrize("text", SAYS_NOTHING)
def test_a_stop_in_passing_is_no_wording(text):
    """Else the message would leave without any."""
    assert not has_wording(text)
    worded = with_wording(text, "Acme", chars_max=999)
    assert worded is not None
    assert worded.endswith("Reply STOP to opt out.")


@pytest.mark.parametrize("language", list(Language))
def test_our_own_wording_is_recognised(language):
    """A text that was stored with it is worded again when it is sent again."""
    once = with_wording("New arrivals!", "Acme", language=language, chars_max=999)

    assert with_wording(once, "Acme", language=language, chars_max=999) == once


@pytest.mark.parametrize("language", list(Language))
def test_our_own_wording_sent_back_is_no_opt_out(language):
    """People forward and quote what they like."""
    text = with_wording("New arrivals!", "Acme", language=language, chars_max=999)

    assert not classify(text).is_opt_out


@pytest.mark.parametrize(
    ("text", "brand", "expected"),
    [
        ("Sale today", "Acme", "Acme: Sale today Reply STOP to opt out."),
        ("ACME sale today!", "Acme", "ACME sale today! Reply STOP to opt out."),
        ("Sale at Ac\u00e9-Shop\n", "Ace Shop", "Sale at Ac\u00e9-Shop\nReply STOP to opt out."),
        ("Acmeology", "Acme", "Acme: Acmeology Reply STOP to opt out."),
        (None, "Acme", "Acme: Reply STOP to opt out."),
        ("", "\N{SLICE OF PIZZA}", "\N{SLICE OF PIZZA}: Reply STOP to opt out."),
    ],
)
def test_the_brand_is_named_once(text, brand, expected):
    """People must know whom they tell to stop."""
    assert with_wording(text, brand, chars_max=999) == expected


def test_a_shorter_wording_is_taken_where_the_long_one_is_too_long():
    """A full caption need not be refused for eleven characters."""
    text = "Acme: " + "x" * 80

    assert with_wording(text, "Acme", chars_max=100) == f"{text} STOP to end"
    assert with_wording(text, "Acme", chars_max=90) is None


@given(
    st.text(max_size=60) | st.none(),
    st.text(min_size=1, max_size=20).filter(str.strip),
    st.sampled_from(list(Language)),
    st.integers(0, 120),
)
def test_what_leaves_has_wording_and_fits(text, brand, language, chars_max):
    """Never over the size, never without, never twice, and nothing of the text is lost."""
    worded = with_wording(text, brand, language=language, chars_max=chars_max)

    if worded is not None:
        assert len(worded) <= chars_max
        assert has_wording(worded)
        assert (text or "").strip() in worded
        assert with_wording(worded, brand, language=language, chars_max=chars_max) == worded


@pytest.mark.parametrize(
    ("days", "every", "expected"),
    [
        (None, None, True),
        (None, timedelta(days=30), True),
        (1, None, False),
        (400, None, False),
        (29, timedelta(days=30), False),
        (30, timedelta(days=30), True),
        (0, timedelta(0), True),
    ],
)
def test_the_first_message_has_it_and_then_one_a_month(days, every, expected):
    """Facts 1.1."""
    last_at = None if days is None else NOW - timedelta(days=days)

    assert wording_due(Category.MARKETING, last_at, NOW, every=every) is expected


def test_only_advertising_must_have_it():
    """A receipt for a photograph needs no way out of photographs."""
    others = set(Category) - {Category.MARKETING}

    assert not any(wording_due(category, None, NOW) for category in others)
