"""What the gateway answers by itself: to STOP, to START and to HELP, in the writer's language.

Each text names the brand, advertises nothing (47 CFR 64.1200(a)(12)), carries what the industry's
rules ask for (CTIA, facts 1.1) and is one text message in its own alphabet: the Spanish and French
ones do without the letters that would halve their room.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from wirephoto.domain.gsm7 import SEGMENT_SEPTETS, in_gsm7, septets
from wirephoto.domain.replies import normalise
from wirephoto.domain.reply_words import Language

CONTACT_SEPTETS_MAX = 40
"""Longest contact that HELP names: a number, an address of mail, a short link. The rest is cut."""


class AnswerKind(StrEnum):
    """What is answered."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


def answer_text(kind: AnswerKind, language: Language, *, brand: str, contact: str = "") -> str:
    """Return the answer, never longer than one text message.

    `contact` is where people find help; without one HELP tells how to opt out. A brand's name
    that is too long is cut, and what the alphabet lacks is written with the nearest letters.
    """
    contact = _cut(in_gsm7(contact).strip(), CONTACT_SEPTETS_MAX)
    text = _TEXTS[kind, language]
    if kind is AnswerKind.HELP and contact:
        text = f"{_HELP_AT[language]}: {contact}. {text}"
    room = SEGMENT_SEPTETS - len(": ") - (septets(text) or 0)
    return f"{_cut(' '.join(in_gsm7(brand).split()), room) or _NO_NAME}: {text}"


def answer_faults(kind: AnswerKind, text: str, *, brand: str) -> list[str]:
    """Return what is wrong with an operator's own text, as sentences."""
    faults = []
    length = septets(text)
    if length is None:
        faults.append("It holds characters outside the GSM-7 alphabet, which halve its room.")
    elif length > SEGMENT_SEPTETS:
        faults.append(f"It has {length} of {SEGMENT_SEPTETS} characters of one text message.")
    words = f" {normalise(text)} "
    if f" {normalise(brand)} " not in words:
        faults.append("It does not name the brand.")
    if kind is not AnswerKind.OPT_OUT and " stop " not in words:
        faults.append("It does not tell how to opt out (STOP).")
    if kind is AnswerKind.OPT_IN and " help " not in words:
        faults.append("It does not tell how to get help (HELP).")
    return faults


def _cut(text: str, septets_max: int) -> str:
    while (septets(text) or 0) > septets_max:
        text = text[:-1].rstrip()
    return text


_NO_NAME = "Notice"
"""For a name that has no letter of the alphabet."""

_K, _EN, _ES, _FR = AnswerKind, Language.ENGLISH, Language.SPANISH, Language.FRENCH

_HELP_AT: Mapping[Language, str] = MappingProxyType({_EN: "Help", _ES: "Ayuda", _FR: "Aide"})
_TEXTS: Mapping[tuple[AnswerKind, Language], str] = MappingProxyType(
    {
        (_K.OPT_OUT, _EN): "You have opted out and will not hear from us again. "
        "Reply START to opt back in.",
        (_K.OPT_OUT, _ES): "Baja confirmada. Ya no le enviaremos mensajes. "
        "Responda START para volver.",
        (_K.OPT_OUT, _FR): "Désinscription confirmée. Vous ne recevrez plus rien de nous. "
        "Répondez START pour revenir.",
        (_K.OPT_IN, _EN): "You are opted in. Msg frequency varies. Msg & data rates may apply. "
        "Reply HELP for help, STOP to opt out.",
        (_K.OPT_IN, _ES): "Alta confirmada. Frecuencia variable. Pueden aplicarse tarifas. "
        "Responda HELP para ayuda, STOP para darse de baja.",
        (_K.OPT_IN, _FR): "Inscription confirmée. Fréquence variable. Des frais peuvent "
        "s'appliquer. Répondez HELP pour l'aide, STOP pour finir.",
        (_K.HELP, _EN): "Msg frequency varies. Msg & data rates may apply. Reply STOP to opt out.",
        (_K.HELP, _ES): "Frecuencia variable. Pueden aplicarse tarifas. "
        "Responda STOP para darse de baja.",
        (_K.HELP, _FR): "Fréquence variable. Des frais peuvent s'appliquer. "
        "Répondez STOP pour finir.",
    }
)
