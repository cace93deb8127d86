"""What a reply asks for: nothing to send any more, to be sent again, help, or something else.

One look at a reply, without any state: what follows from it is decided in `opt_out`. Every step is
linear in the length of the reply, because it runs before the provider's request is answered.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from types import MappingProxyType

from wirephoto.domain import reply_words
from wirephoto.domain.reply_words import Language, ReplyKind, Words

READ_CHARS_MAX = 4000
"""How much of a reply is read. Nobody hides an opt-out behind three pages; robots write them."""

_NO_KEYWORDS: Mapping[str, ReplyKind] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply asks for; `keyword` is the words that say so, in normal form.

    Where nothing says anything, `keyword` and `language` are None.
    """

    kind: ReplyKind
    keyword: str | None = None
    language: Language | None = None

    @property
    def is_opt_out(self) -> bool:
        """Tell whether its writer must hear no more from us, surely or probably."""
        return self.kind in (ReplyKind.OPT_OUT, ReplyKind.PROBABLE_OPT_OUT)


def classify(text: str, keywords: Mapping[str, ReplyKind] = _NO_KEYWORDS) -> Reply:
    """Return what `text` asks for (facts 1.3).

    `keywords` are the operator's own, in normal form, such as those of a registered campaign: what
    a reply means that says exactly that. They never hide an opt-out that everybody knows.

    What counts is what its writer wrote: tap-backs (`Liked "Stop"`), quoted originals and the
    lines that phones add are not.
    """
    text = text[:READ_CHARS_MAX]
    if _is_tap_back(text):
        return _NOTHING
    own = _own_words(text)
    words = _words_of(own)
    sentences = [_words_of(sentence) for sentence in _SENTENCE_END.split(own)]
    return (
        _only_keywords(words)
        or _own_keyword(words, keywords)
        or _probable_opt_out(words, sentences)
        or _call_for_help(words)
        or _ambiguous(words, sentences, own)
        or _NOTHING
    )


def normalise(text: str) -> str:
    """Return `text` as its words in normal form, one space between them.

    Case, accents, styled letters, punctuation, emoji and invisible marks are gone; what is written
    in two ways is written in one: `optout` for "opt-out" and "opt out", `stop` for "s t o p".
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(map(_plain_char, folded)).split()
    return " ".join(_joined(list(_spelt_out(plain))))


def _words_of(text: str) -> Words:
    return tuple(normalise(text).split())


@cache
def _plain_char(char: str) -> str:
    """Return the character, a space for what separates words, nothing for what does not."""
    category = unicodedata.category(char)
    if category[0] in "LN":
        return char
    return "" if category in _INVISIBLE or char in _APOSTROPHES else " "


def _spelt_out(words: list[str]) -> Iterator[str]:
    """Yield the words, with letters that stand alone put together: "s t o p"."""
    for single, run in groupby(words, key=lambda word: len(word) == 1):
        letters = list(run)
        # One letter again and again is no word: "y y y" agrees three times.
        if single and len(letters) >= _SPELT_LETTERS_MIN and len(set(letters)) > 1:
            yield "".join(letters)
        else:
            yield from letters


def _joined(words: list[str]) -> Iterator[str]:
    """Yield the words, with compounds in one piece."""
    before: str | None = None
    for word in words:
        if before is not None and (before, word) in _COMPOUNDS:
            yield before + word
            before = None
            continue
        if before is not None:
            yield before
        before = word
    if before is not None:
        yield before


def _is_tap_back(text: str) -> bool:
    """Tell whether a phone wrote this because somebody tapped on a message."""
    text = text.strip(_BLANK)
    for place, char in enumerate(text[:_TAP_BACK_CHARS_MAX]):
        closing = _QUOTES.get(char)
        # Words behind the quotation are the writer's own: then it is no tap-back.
        if closing is None or text.find(closing, place + 1) != len(text) - 1:
            continue
        before = _words_of(text[:place])
        if before in reply_words.TAP_BACKS:
            return before != _TO or not text[0].isalpha()
    return False


def _own_words(text: str) -> str:
    """Return the lines without signatures and quoted originals."""
    lines = text.splitlines()
    own: list[str] = []
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            continue
        words = _words_of(line)
        if _introduces_a_quote(line, words):
            if any(later.lstrip().startswith(">") for later in lines[number + 1 :]):
                continue
            break
        if own and _is_rule(line):
            break
        if own and any(words[: len(start)] == start for start in reply_words.SIGNATURES):
            continue
        if words or line.strip():
            own.append(line)
    return "\n".join(own)


def _introduces_a_quote(line: str, words: Words) -> bool:
    if words == ("original", "message"):
        return True
    ends = line.rstrip().endswith(":")
    return ends and bool(words) and words[-1] in reply_words.QUOTES_BEGIN


def _is_rule(line: str) -> bool:
    """Tell whether a line is the mark before a signature (RFC 3676, section 4.3) or drawn."""
    line = line.strip()
    return len(line) >= len("--") and set(line) <= set("-_")


def _only_keywords(words: Words) -> Reply | None:
    """Return what keywords mean that stand alone, or beside others of their kind."""
    if not words:
        return None
    for kind, keywords in reply_words.KEYWORDS.items():
        if all(word in keywords for word in words):
            return Reply(kind, _said(words), keywords[words[0]])
    return None


def _own_keyword(words: Words, keywords: Mapping[str, ReplyKind]) -> Reply | None:
    said = " ".join(words)
    kind = keywords.get(said)
    return Reply(kind, said, Language.ENGLISH) if kind else None


def _probable_opt_out(words: Words, sentences: list[Words]) -> Reply | None:
    for sentence in sentences:
        found = _whole(sentence, reply_words.SENTENCES) or _stretched(sentence)
        found = found or _phrase(sentence, reply_words.PHRASES)
        if found:
            return Reply(ReplyKind.PROBABLE_OPT_OUT, found[0], _language(words, found[1]))
    first, *others = words[_courtesy_ends(words) :] or ("",)
    language = reply_words.FIRST_WORDS.get(first)
    if language is None or reply_words.PHRASAL.intersection(others[:1]):
        return None
    return Reply(ReplyKind.PROBABLE_OPT_OUT, first, _language(words, language))


def _call_for_help(words: Words) -> Reply | None:
    found = _whole(words, reply_words.HELP_SENTENCES)
    return Reply(ReplyKind.HELP, _said(words), _language(words, found[1])) if found else None


def _said(words: Words) -> str:
    """Return the first two words: they tell whether it was a keyword alone.

    That is all that providers and networks match, and so all that they answer.
    """
    return " ".join(words[:2])


def _language(words: Words, language: Language) -> Language:
    """Return the language of the courtesies: STOP is understood everywhere, "por favor" is not."""
    for start in range(len(words)):
        count = _courtesy_words(words[start : start + _COURTESY_WORDS_MAX], backwards=False)
        said = reply_words.COURTESIES.get(words[start : start + count], Language.ENGLISH)
        if said is not Language.ENGLISH:
            return said
    return language


def _ambiguous(words: Words, sentences: list[Words], own: str) -> Reply | None:
    if not words and any(sign in own for sign in reply_words.AMBIGUOUS_SIGNS):
        return Reply(ReplyKind.AMBIGUOUS, None, Language.ENGLISH)
    first = words[_courtesy_ends(words) :][:1]
    for word in words:
        if language := reply_words.AMBIGUOUS_WORDS.get(word):
            return Reply(ReplyKind.AMBIGUOUS, word, language)
    if first and (language := reply_words.AMBIGUOUS_FIRST_WORDS.get(first[0])):
        return Reply(ReplyKind.AMBIGUOUS, first[0], language)
    if found := _whole(words, reply_words.AMBIGUOUS_SENTENCES):
        return Reply(ReplyKind.AMBIGUOUS, *found)
    for sentence in sentences:
        for table in (reply_words.AMBIGUOUS_PHRASES, reply_words.PHRASES):
            if found := _phrase(sentence, table, negated=True):
                return Reply(ReplyKind.AMBIGUOUS, *found)
    return None


_Found = tuple[str, Language]


def _whole(words: Words, table: Mapping[Words, Language]) -> _Found | None:
    """Return the entry that is all of `words`, courtesies before and behind it aside."""
    end = len(words) - _courtesy_ends(words[::-1], backwards=True)
    start = 0
    # "No more" is meant, though "no" alone is a courtesy: each start is tried.
    while start < end:
        rest = words[start:end] if end - start <= _ENTRY_WORDS_MAX else ()
        if rest in table:
            return " ".join(rest), table[rest]
        step = _courtesy_words(words[start : start + _COURTESY_WORDS_MAX], backwards=False)
        if not step:
            return None
        start += step
    return None


def _stretched(words: Words) -> _Found | None:
    """Return STOP for "stooop"."""
    if len(words) != 1 or "".join(letter for letter, _ in groupby(words[0])) != "stop":
        return None
    return "stop", Language.ENGLISH


def _phrase(
    words: Words, table: Mapping[Words, Language], *, negated: bool = False
) -> _Found | None:
    """Return the first entry within `words`; one behind a negation only where `negated`."""
    for start in range(len(words)):
        for length in range(1, min(len(words) - start, _ENTRY_WORDS_MAX) + 1):
            entry = words[start : start + length]
            if entry in table and (negated or not _is_turned_round(words, start, length)):
                return " ".join(entry), table[entry]
    return None


def _is_turned_round(words: Words, start: int, length: int) -> bool:
    """Tell whether a phrase means the contrary, or a visit, where it stands."""
    if words[start + length - 1] == "stop" and words[start + length :][:1] in _PHRASAL_WORDS:
        return True
    return any(
        words[start - count : start] in reply_words.NEGATIONS
        for count in range(1, min(start, _NEGATION_WORDS_MAX) + 1)
    )


def _courtesy_ends(words: Words, *, backwards: bool = False) -> int:
    """Return how many words at the beginning are courtesies."""
    place = 0
    while step := _courtesy_words(words[place : place + _COURTESY_WORDS_MAX], backwards=backwards):
        place += step
    return place


def _courtesy_words(words: Words, *, backwards: bool) -> int:
    """Return how many words the courtesy has that `words` begin with, or 0."""
    for count in range(min(len(words), _COURTESY_WORDS_MAX), 0, -1):
        courtesy = words[:count][::-1] if backwards else words[:count]
        if courtesy in reply_words.COURTESIES:
            return count
    return 0


_NOTHING = Reply(ReplyKind.NONE)
_TO = ("to",)
_INVISIBLE = frozenset({"Mn", "Me", "Cf"})
_APOSTROPHES = frozenset("'\u2019\u02bc`")
_SPELT_LETTERS_MIN = 3
_COMPOUNDS = frozenset(
    {
        ("opt", "out"),
        ("opt", "in"),
        ("stop", "all"),
        ("un", "stop"),
        ("un", "subscribe"),
        ("re", "subscribe"),
    }
)
_SENTENCE_END = re.compile(r"[.!?;,\n\u2026\u00a1\u00bf]+")
_BLANK = " \t\r\n\u00a0\u200a\u200b\u200d\u2060\ufeff"
_QUOTES = {"\u201c": "\u201d", '"': '"', "\u00ab": "\u00bb"}
_TAP_BACK_CHARS_MAX = 60
_ENTRY_WORDS_MAX = max(map(len, (*reply_words.PHRASES, *reply_words.SENTENCES)))
_NEGATION_WORDS_MAX = max(map(len, reply_words.NEGATIONS))
_COURTESY_WORDS_MAX = max(map(len, reply_words.COURTESIES))
_PHRASAL_WORDS = frozenset((word,) for word in reply_words.PHRASAL)
