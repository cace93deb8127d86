"""What people reply, and what is read in it: `replies.csv`, written before the matcher."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain import reply_words
from wirephoto.domain.replies import READ_CHARS_MAX, Reply, classify, normalise
from wirephoto.domain.reply_words import Language, ReplyKind

K = ReplyKind
_ESCAPE = re.compile(r"\\(?:n|u([0-9a-f]{4}))")


def _unescaped(text):
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "\n", text)


def _table():
    path = Path(__file__).with_name("replies.csv")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            kind = ReplyKind(row["kind"])
            language = None if kind is K.NONE else Language(row["language"] or "en")
            yield _unescaped(row["reply"]), kind, language, row["trap"]


TABLE = list(_table())
WORDS = sorted(
    {word for keywords in reply_words.KEYWORDS.values() for word in keywords}
    | {word for phrase in reply_words.PHRASES for word in phrase}
)
REPLIES = st.lists(st.sampled_from([*WORDS, ".", "\n", '"', "\u201c", "> ", "by", "not"])).map(
    " ".join
)


@pytest.mark.parametrize(("text", "kind", "language", "_"), TABLE)
def test_a_reply_is_read_as_a_reasonable_person_would(text, kind, language, _):
    """A missed opt-out costs 500 to 1,500 USD; a false one costs a customer."""
    reply = classify(text)

    assert (reply.kind, reply.language) == (kind, language)


def test_the_table_is_large_and_varied_enough():
    """A handful of examples would be learnt by heart."""
    distinct = Counter(kind for _, kind in {(normalise(text), kind) for text, kind, *_ in TABLE})
    traps = {normalise(text) for text, _, _, trap in TABLE if trap}

    assert min(distinct[kind] for kind in K) >= 40
    assert distinct.total() >= 240
    assert len(traps) >= 65


def test_no_trap_opts_out():
    """Whoever asks about an appointment must go on hearing of it."""
    caught = [text for text, _, _, trap in TABLE if trap and classify(text).is_opt_out]

    assert not caught


@pytest.mark.parametrize(
    "text",
    [
        "opt out",
        "Opt-out",
        "OPTOUT",
        "opt\u2011out",
        "o p t o u t",
        "\u201copt out\u201d",
        "opt_out!",
    ],
)
def test_what_is_written_in_many_ways_is_read_in_one(text):
    """Facts 1.3, rule 1."""
    assert normalise(text) == "optout"
    assert classify(text) == Reply(K.OPT_OUT, "optout", Language.ENGLISH)


@pytest.mark.parametrize("word", ["end", "quit", "cancel", "revoke", "yes", "info", "start"])
def test_words_with_many_meanings_count_only_alone(word):
    """Facts 1.3, rule 4: "Can I cancel my appointment?" must not opt out silently."""
    alone, within = classify(word), classify(f"About the {word} we spoke of")

    assert alone.kind not in (K.NONE, K.AMBIGUOUS)
    assert within.kind in (K.NONE, K.AMBIGUOUS)


@pytest.mark.parametrize("word", sorted(reply_words.KEYWORDS[K.OPT_OUT]))
def test_a_tap_back_says_nothing(word):
    """Somebody liked our own "Reply STOP": that is no opt-out (facts 1.3, rule 5)."""
    assert classify(f"Liked \u201c{word.upper()}\u201d") == Reply(K.NONE)
    assert classify(f'\N{THUMBS UP SIGN} to "Reply {word} to end"') == Reply(K.NONE)


def test_what_stands_behind_a_quotation_is_the_writers_own():
    """Else whoever quotes us cannot opt out."""
    text = "On Mon, Mar 2, 2026 Acme wrote:\n> 20% off\nSTOP"

    assert classify(text).kind is K.OPT_OUT


def test_only_so_much_is_read():
    """A robot's novel must not hold up the provider's request."""
    novel = "all work and no play " * READ_CHARS_MAX

    assert classify(novel + "stop").kind is K.NONE


def test_an_operator_has_keywords_of_their_own():
    """A campaign registers its own; STOP means the same in every campaign."""
    keywords = {"photos": K.OPT_IN, "bye": K.OPT_OUT, "stop": K.OPT_IN}

    assert classify("Photos!", keywords) == Reply(K.OPT_IN, "photos", Language.ENGLISH)
    assert classify("bye", keywords).kind is K.OPT_OUT
    assert classify("STOP", keywords).kind is K.OPT_OUT
    assert classify("nice photos", keywords).kind is K.NONE


@given(st.text() | REPLIES)
def test_normal_form_is_its_own_normal_form(text):
    """Stored keywords are compared with tables in normal form, perhaps in another release."""
    once = normalise(text)

    assert normalise(once) == once


@given(st.text() | st.text(st.characters(), min_size=1) | REPLIES)
def test_nothing_that_phones_send_breaks_it(text):
    """It runs before the provider is answered: a raised error would lose the opt-out."""
    reply = classify(text)

    assert (reply.language is None) == (reply.kind is K.NONE)


@given(
    st.sampled_from(sorted(reply_words.KEYWORDS[K.OPT_OUT])),
    st.sampled_from(["", " ", "!!", "\N{OCTAGONAL SIGN}", "\u200b", '"', "\n", "..."]),
    st.sampled_from([str.upper, str.title, str.lower]),
)
def test_decoration_never_hides_a_keyword(word, mark, spelling):
    """Thumbs add marks, and phones invisible ones."""
    assert classify(mark + spelling(word) + mark).kind is K.OPT_OUT


@given(REPLIES)
def test_a_reply_that_starts_with_stop_is_never_overheard(rest):
    """Whatever follows, it is an opt-out or at least read by somebody (facts 1.3, rule 3)."""
    assert classify(f"stop {rest}").kind in (K.OPT_OUT, K.PROBABLE_OPT_OUT, K.AMBIGUOUS)


@pytest.mark.parametrize(
    "table",
    [
        reply_words.PHRASES,
        reply_words.SENTENCES,
        reply_words.AMBIGUOUS_PHRASES,
        reply_words.AMBIGUOUS_SENTENCES,
        reply_words.HELP_SENTENCES,
        reply_words.NEGATIONS,
        reply_words.COURTESIES,
        reply_words.SIGNATURES,
        reply_words.TAP_BACKS,
    ],
)
def test_phrases_are_written_in_normal_form(table):
    """An entry in any other form could never match."""
    astray = [phrase for phrase in table if tuple(normalise(" ".join(phrase)).split()) != phrase]

    assert not astray


@pytest.mark.parametrize("phrase", [" ".join(phrase) for phrase in reply_words.PHRASES])
def test_each_phrase_opts_out_wherever_it_stands(phrase):
    """An entry that a wider rule hides, or a courtesy swallows, is dead."""
    assert classify(f"Folks: {phrase} today").kind is K.PROBABLE_OPT_OUT
