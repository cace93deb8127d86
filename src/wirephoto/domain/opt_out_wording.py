"""The line in a marketing message that says whose it is and how to get no more of them.

Each message names the brand; the first one, and then one a month, tells how to opt out (facts 1.1,
as commonly quoted from the CTIA's handbook).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from wirephoto.domain.message import Category
from wirephoto.domain.replies import normalise
from wirephoto.domain.reply_words import Language, Words

MONTHLY = timedelta(days=30)


def wording_due(
    category: Category,
    last_at: datetime | None,
    now: datetime,
    *,
    every: timedelta | None = MONTHLY,
) -> bool:
    """Tell whether a message must carry the wording.

    `last_at` is when the recipient last had it from this brand; `every` None asks for it only in
    the first message, zero in each.
    """
    if category is not Category.MARKETING:
        return False
    return last_at is None or (every is not None and now - last_at >= every)


def with_wording(
    text: str | None, brand: str, *, language: Language = Language.ENGLISH, chars_max: int
) -> str | None:
    """Return `text` with the brand's name before it and the wording behind it, where they lack.

    Where that is too long, a shorter wording is taken. None: even that does not fit, and the
    message must not leave as it is.
    """
    text = text or ""
    named = text if _names(text, brand) else f"{' '.join(brand.split())}: {text}".strip()
    if has_wording(text):
        return named if len(named) <= chars_max else None
    for wording in _WORDINGS[language]:
        longer = f"{named}{_gap(named)}{wording}"
        if len(longer) <= chars_max:
            return longer
    return None


def has_wording(text: str) -> bool:
    """Tell whether `text` says how to opt out, in any of the languages.

    "Reply STOP" does, and "STOP to end"; "stop by our shop" does not, nor does "stop2quit", which
    carriers do not take (facts 1.1).
    """
    words = tuple(normalise(text).split())
    return any(_is_wording(words, place) for place in range(len(words)))


def _is_wording(words: Words, place: int) -> bool:
    asked, purpose = _is_asked_for(words, place), _has_purpose(words, place)
    if words[place] in _PLAIN_WORDS:
        return asked or purpose
    # "Reply by the end of May" and "end to end" must not pass for it: these need both.
    return words[place] in _WORDS_OF_MANY_MEANINGS and asked and purpose


def _is_asked_for(words: Words, place: int) -> bool:
    """Tell whether a verb of writing stands before: "reply with the word STOP"."""
    before = place - 1
    while before >= 0 and words[before] in _BETWEEN:
        before -= 1
    return before >= 0 and words[before] in _VERBS


def _has_purpose(words: Words, place: int) -> bool:
    link, *purpose = words[place + 1 : place + 1 + _PURPOSE_WORDS_MAX] or ("",)
    return link in _LINKS and not _PURPOSES.isdisjoint(purpose)


def _names(text: str, brand: str) -> bool:
    name = normalise(brand)
    # A name may lose its letters in normal form, or be joined with what stands beside it.
    stands = text.casefold().startswith(f"{' '.join(brand.split())}:".casefold())
    return stands or (name != "" and f" {name} " in f" {normalise(text)} ")


def _gap(text: str) -> str:
    return " " if text and not text[-1].isspace() else ""


_WORDINGS: Mapping[Language, tuple[str, ...]] = MappingProxyType(
    {
        Language.ENGLISH: ("Reply STOP to opt out.", "STOP to end"),
        Language.SPANISH: ("Responda STOP para darse de baja.", "STOP para salir"),
        Language.FRENCH: ("Répondez STOP pour vous désinscrire.", "STOP pour finir"),
    }
)
"""The wordings of each language, the longest first."""

_PLAIN_WORDS = frozenset({"stop", "stopall", "unsubscribe", "optout", "arret", "alto", "baja"})
_WORDS_OF_MANY_MEANINGS = frozenset({"end", "quit", "cancel", "remove", "revoke"})


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VERBS = _set(
    "reply text txt send respond answer responda responde responder envie envia enviar conteste"
    " contesta texto repondez reponds repondre envoyez envoie textez texte"
)
_BETWEEN = _set("with w the word back by con la palabra avec le mot")
_LINKS = _set("to 2 para pour")
_PURPOSES = _set(
    "end quit cancel optout unsubscribe unsub stop leave remove darse salir cancelar terminar"
    " parar baja dejar no arreter finir vous te desabonner desinscrire annuler ne"
)
_PURPOSE_WORDS_MAX = 4
