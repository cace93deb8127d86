"""What people write when they want no more, some again, or help: words and phrases, as data.

All of them are in the form that `replies.normalise` gives: lower case, without accents and
punctuation, `optout` for "opt out".

Where they come from: 47 CFR 64.1200(a)(10) for the seven words that revoke by themselves, the
providers' lists of facts 1.2 for the rest of the keywords, facts 1.3 for how each may match. The
phrases are ours: the law asks what a reasonable person would read as "stop", and names no list.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

Words = tuple[str, ...]
"""A phrase, word by word."""


class ReplyKind(StrEnum):
    """What a reply asks for (facts 1.3)."""

    OPT_OUT = "opt_out"
    """A keyword and nothing else: certain."""
    PROBABLE_OPT_OUT = "probable_opt_out"
    """A reasonable person would read it as one."""
    AMBIGUOUS = "ambiguous"
    """It may be one, or a wish to come back: for a human to read."""
    OPT_IN = "opt_in"
    """A keyword and nothing else."""
    YES = "yes"
    """Agreement, to whatever was asked."""
    HELP = "help"
    NONE = "none"
    """Everything else, tap-backs among them."""


class Language(StrEnum):
    """The languages that are understood and answered."""

    ENGLISH = "en"
    SPANISH = "es"
    FRENCH = "fr"


_K, _EN, _ES, _FR = ReplyKind, Language.ENGLISH, Language.SPANISH, Language.FRENCH


def _phrases(block: Mapping[Language, str]) -> Mapping[Words, Language]:
    return MappingProxyType(
        {phrase: language for language, phrases in block.items() for phrase in _split(phrases)}
    )


def _set(phrases: str) -> frozenset[Words]:
    return frozenset(_split(phrases))


def _split(phrases: str) -> Iterator[Words]:
    return (tuple(phrase.split()) for phrase in phrases.split(","))


def _words(block: Mapping[Language, str]) -> Mapping[str, Language]:
    return MappingProxyType(
        {word: language for language, words in block.items() for word in words.split()}
    )


KEYWORDS: Mapping[ReplyKind, Mapping[str, Language]] = MappingProxyType(
    {
        # The seven of 47 CFR 64.1200(a)(10); `stopall` of Twilio, Telnyx and Braze; `remove`,
        # `td` and `arret` of AWS (facts 1.2).
        _K.OPT_OUT: _words(
            {
                _EN: "stop quit end revoke optout cancel unsubscribe stopall remove td",
                _FR: "arret",
            }
        ),
        # START and UNSTOP of every provider, JOIN of Vonage's short codes (facts 1.2), and three
        # that cannot be misread. A false opt-in costs what a missed opt-out does, so there are no
        # words of other languages, whose meanings are wider.
        _K.OPT_IN: _words({_EN: "start unstop join subscribe resubscribe optin"}),
        _K.YES: _words({_EN: "yes y", _ES: "si", _FR: "oui"}),
        # HELP and INFO of Twilio and Braze (facts 1.2); the same word in two languages more.
        _K.HELP: _words({_EN: "help info", _ES: "ayuda", _FR: "aide"}),
    }
)
"""Words that mean something when a reply consists of nothing else."""

FIRST_WORDS = _words({_EN: "stop stopall unsubscribe optout unsub", _FR: "arret"})
"""Keywords that are probable opt-outs when a reply starts with them, whatever follows.

CANCEL, END, QUIT and REVOKE are not among them: they start sentences about something else.
"""

PHRASAL = frozenset({"by", "over", "off", "in", "sign", "light"})
"""What follows STOP where it is a visit or a thing: "stop by anytime"."""

SENTENCES = _phrases(
    {
        _EN: """
stop, stopall, unsubscribe, unsubscribed, unsub, optout, stpo, sotp, unsuscribe, unsubcribe,
stop it, can you stop, could you stop, would you stop, will you stop, can you please stop,
could you please stop, would you please stop, will you please stop, you need to stop,
how do i stop, make it stop, i need you to stop, no more, do not contact, dont contact,
do not text, dont text, cease,
cease and desist, fuck off, f off, piss off, go away, get lost, wrong number, wrong person,
this is the wrong number, this is the wrong person, you have the wrong, you got the wrong,
reply stop, text stop, txt stop, send stop, stop2end, stop2quit, i optout, opting out,
i am opting out, im opting out, quit it, stfu, i want out, no texts, no text, no texting,
no messages, remove from list, off list, take off list, take off the list, opted out, i opted out,
i have opted out, discontinue, unenroll, unsubscibe, unsubsribe, unsubscrib, un suscribe
""",
        _ES: """
alto, no mas, basta, basta ya, para, parar, pare, paren, detener, baja, desuscribir, desuscribirme,
cancelar, cancela, cancele, cancelen, eliminar, borrar, no molestar, no moleste, no molesten,
detengan, terminar, salir, numero equivocado, darse de baja
""",
        _FR: """
arret, arrete, arretez, arreter, desabonner, desabonnement, desinscrire, desinscription,
desinscrire moi, resilier, plus rien, arretez tout, mauvais numero
""",
    }
)
"""Probable opt-outs when they are a whole sentence, courtesies aside.

Elsewhere they mean other things: Spanish `para` also begins "for two", `alto` also means tall.
"""

PHRASES = _phrases(
    {
        _EN: """
stop texting, stop text, stop texts, stop messaging, stop messages, stop msging, stop sending,
stop spamming, stop contacting, stop calling, stop bothering, stop harassing, stop emailing,
stop this, stop these, stop those, stopall, stop getting these, stop receiving, i said stop,
already said stop, i say stop, told you to stop, asked you to stop, texted stop, replied stop,
sent stop, typed stop, want it to stop, want this to stop, want these to stop,
how do i unsubscribe, how can i unsubscribe, how to unsubscribe, how do i optout, how can i optout,
how to optout, want to unsubscribe, like to unsubscribe, wish to unsubscribe, want to optout,
like to optout, wish to optout, opt me out, unsubscribe me, unsubscribe from, unsubscribe this,
unsub me, remove me, remove my number, remove my phone number, remove this number, take me off,
take my number off, take this number off, take off your list, get me off, get my number off,
off your list, off this list, off of your list, from your list, from this list,
from your mailing list, delete my info, delete my information, delete my number,
delete this number, delete me, lose my number, lose this number, no more texts, no more text,
no more messages, no more msgs, no more pics, no more pictures, no more of these, no more of this,
dont text me, do not text me, dont text this number, do not text this number, dont message me,
do not message me, dont contact me, do not contact me, dont call me, do not call me,
dont send me any, do not send me any, dont send me anything, do not send me anything,
dont send me these, do not send me these, dont send me texts, do not send me texts,
dont send me text messages, do not send me text messages, dont send me messages,
do not send me messages, dont send texts, do not send texts, dont send messages,
do not send messages, dont want these, do not want these, dont want your texts,
do not want your texts, dont want your messages, dont want any more, do not want any more,
dont want anymore, dont want to receive, do not want to receive, dont want to get these,
do not want to get these, no longer want to receive, no longer wish to receive,
no longer want these, never text me, never message me, never contact me, quit texting,
quit sending, quit messaging, quit spamming, quit contacting, quit bugging, stop bugging,
cancel my subscription, cancel texts, cancel these, cancel all messages, cancel all texts,
cancel my text messages, cancel my texts, cancel messages, end texts, end these, end messages,
end subscription, end my subscription, revoke my consent, revoke consent, revoke permission,
revoke my permission, withdraw my consent, withdraw consent, leave me alone, have the wrong number,
got the wrong number, have the wrong person, got the wrong person, have wrong number,
got wrong number, never signed up for this, didnt sign up for this, did not sign up for this,
do not call list, do not text list, do not contact list, dont call list, dont ever text me,
do not ever text me, dont ever message me, do not ever message me, dont ever contact me,
do not ever contact me, dont ever call me, do not ever call me, dont want to hear from you,
do not want to hear from you, no more texting, no more txts, dont txt me, do not txt me,
quit txting, never opted in, never subscribed, didnt subscribe to this, did not subscribe to this,
not interested stop, unenroll me, discontinue these, discontinue texts,
discontinue messages
""",
        _ES: """
no mas mensajes, no mas textos, no mas fotos, no quiero mas mensajes, no quiero mas textos,
no quiero recibir, no deseo recibir, no deseo mas mensajes, ya no quiero recibir,
ya no quiero mas mensajes, no me manden, no me mande, no me mandes, no me envien, no me envie,
no me envies, no me escriban, no me escriba, no me escribas, no me contacten, no me contacte,
no me texteen, no me textee, no me textees, no envien mas, no manden mas, detengan los mensajes,
no me llamen, no me llame, no me llames, no me molesten, no me moleste,
para de enviar, para de enviarme, para de mandar, para de mandarme,
pare de, paren de, parar mensajes, deja de enviar, deja de enviarme, deja de mandar,
deja de mandarme, deja de escribirme, deja de molestar, deja de molestarme, deje de enviar,
deje de enviarme, deje de mandar, deje de mandarme, deje de escribirme, deje de molestar,
deje de molestarme, dejen de enviar, dejen de enviarme, dejen de mandar, dejen de mandarme,
dejen de escribirme, dejen de molestar, dejen de molestarme, dame de baja, deme de baja,
denme de baja, darme de baja, quitame de, quiteme de, quitenme de, borrame de,
borreme de, borrenme de, borra mi numero, borren mi numero, eliminame, elimineme, eliminenme,
elimina mi numero, eliminen mi numero, cancelar suscripcion, cancelar la suscripcion,
cancelar mi suscripcion, cancelar mensajes, detener mensajes, dejame en paz, dejeme en paz,
dejenme en paz, se equivoco de numero
""",
        _FR: """
arretez de, arrete de, arretez ces, arretez les, arretez vos, arreter les messages,
arreter ces messages, desabonnez moi, me desabonner, me desinscrire, desinscrivez moi,
ne menvoyez plus, ne menvoie plus, ne me contactez plus, ne mecrivez plus, ne me textez plus,
ne me derangez plus, ne mappelez plus, ne pas mappeler, ne plus recevoir, plus de messages,
plus de message, plus de textos, plus de sms, plus de pub, nenvoyez plus, plus recevoir,
je ne veux plus de vos,
je ne veux plus de messages, je ne souhaite plus recevoir, retirez moi, enlevez moi, supprimez moi,
retirez mon numero, enlevez mon numero, supprimez mon numero, le mauvais numero,
laissez moi tranquille, fichez moi la paix
""",
    }
)
"""Probable opt-outs wherever they stand in a sentence, if no negation stands before them."""

NEGATIONS = _set(
    """
dont, do not, not, never, didnt, cant, cannot, wont, did you, have you, dont ever, never ever,
dont want to, not want to, no quiero, no me, ne me, ne, ne pas
"""
)
"""What turns a phrase round when it stands right before it: "please don't stop texting me"."""

AMBIGUOUS_WORDS = _words(
    {
        _EN: "stop stopall unsubscribe unsubscribed unsub optout cancel quit revoke remove unstop"
        " resubscribe optin",
        _ES: "cancelar parar desuscribir",
        _FR: "arret arreter arretez annuler desabonner desabonnez desinscrire",
    }
)
"""Words for a human to read the reply, wherever they stand in it.

END is not among them: few replies with "the end of the day" are worth anybody's time.
"""

AMBIGUOUS_FIRST_WORDS = _words({_EN: "end", _ES: "alto baja pare"})
"""Words for a human to read the reply when it starts with them."""
AMBIGUOUS_PHRASES = _phrases(
    {
        _EN: """
start texting, start sending, start messaging, start again, sign me up, sign up again, opt me in,
opt me back in, to subscribe, put me back on, add me back, start me back up, resume texts,
resume messages, not interested, dont want this, do not want this, still texting me,
keep texting me, why are you texting, how did you get my number, who gave you my number,
not her number, not his number, doesnt live here, spam, blocked, blocking you, report you,
fuck you, screw you, sue you, lawyer, attorney
""",
        _ES: """
de baja, puede parar, no me interesa
""",
        _FR: """
pas interesse, pas interessee
""",
    }
)
"""The same, for phrases wherever they stand: wishes to come back, threats, half an opt-out."""

AMBIGUOUS_SENTENCES = _phrases({_EN: "start, join, subscribe, subscribe me"})
"""The same, for what is the whole reply, courtesies aside: nearly a keyword of who comes back."""

AMBIGUOUS_SIGNS = ("\N{OCTAGONAL SIGN}", "\N{NO ENTRY}")
"""The same, for replies of emoji alone."""

HELP_SENTENCES = _phrases(
    {_EN: "help, help me, help help", _ES: "ayuda, ayudame", _FR: "aide, aidez moi, aide moi"}
)
"""Calls for help when they are the whole reply, courtesies aside.

INFO is not among them: "info please" asks about something (facts 1.3, rule 4).
"""

COURTESIES = _phrases(
    {
        _EN: """
please, pls, plz, kindly, thanks, thank you, thx, ty, hi, hello, hey, yo, dear, sorry, ok, okay,
yes, no, just, so, and, omg, now, already, immediately, asap, forever, ya
""",
        _ES: """
por favor, porfavor, porfa, gracias, hola
""",
        _FR: """
svp, stp, sil vous plait, sil te plait, merci, bonjour
""",
    }
)
"""What may stand before or behind a sentence without changing what it asks for."""

SIGNATURES = _set(
    """
sent from, sent via, get outlook for, enviado desde, envoye de, envoye depuis
"""
)
"""How a line begins that the phone added."""

QUOTES_BEGIN = frozenset({"wrote", "escribio", "ecrit"})
"""How a line ends, before its colon, that introduces what was quoted."""

TAP_BACKS = _set(
    """
liked, loved, disliked, laughed at, emphasized, emphasised, questioned, removed a like from,
removed a heart from, removed a dislike from, removed a laugh from, removed an exclamation from,
removed a question mark from, removed a reaction from, reacted to, reacted with to, to, le gusto,
le encanto, no le gusto, se rio de, enfatizo, cuestiono, pregunto por, reacciono a,
reacciono con a, a aime, a adore, na pas aime, a ri de, a souligne, a mis en evidence, a reagi a,
a reagi avec a
"""
)
"""What phones write before the text that somebody tapped on; the emoji between is left out.

The English ones are those of iPhones and of Google's Messages (facts 1.3, rule 5); the others are
from memory.
"""
