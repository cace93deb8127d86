"""Opt-outs: whom they silence, how far, and what follows from a reply.

An opt-out stands for ever until its writer lifts it with START; one that an operator made, or
imported with a reason (litigant, deceased, reassigned number), only an operator can lift. It
stands against every category of message: exceptions are for those who have a lawyer's word.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from wirephoto.domain.phone import SenderKind, sender_kind
from wirephoto.domain.replies import Reply
from wirephoto.domain.reply_answers import AnswerKind, answer_text
from wirephoto.domain.reply_words import Language, ReplyKind

AGAIN_AFTER: Mapping[AnswerKind, timedelta] = MappingProxyType(
    {
        AnswerKind.OPT_OUT: timedelta(days=1),
        AnswerKind.OPT_IN: timedelta(days=1),
        AnswerKind.HELP: timedelta(hours=1),
    }
)
"""How long the same is not answered again: two robots must not talk for ever (facts 1.3, rule 8).

HELP must be answered, and to nobody hurt by an hour's wait.
"""
ANSWER_WITHIN: Mapping[AnswerKind, timedelta] = MappingProxyType(
    {
        AnswerKind.OPT_OUT: timedelta(minutes=5),
        AnswerKind.OPT_IN: timedelta(days=1),
        AnswerKind.HELP: timedelta(days=1),
    }
)
"""How long after the reply its answer may leave.

A confirmation of an opt-out that leaves later than five minutes has to be justified: 47 CFR
64.1200(a)(12).
"""


class OptOutScope(StrEnum):
    """How far an opt-out reaches."""

    SENDER = "sender"
    BRAND = "brand"
    """Every sender of the brand: the default, since the law may come to ask for it (facts 1.1)."""
    TENANT = "tenant"


class OptOutSource(StrEnum):
    """Where an opt-out comes from."""

    REPLY = "reply"
    RECEIPT = "receipt"
    """The provider refused a message because of one (code 1240)."""
    OPERATOR = "operator"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class OptOut:
    """A recipient's opt-out within one tenant.

    `reason` is what a reply said (`stop`, or `probable: stop texting`), the code of a receipt, or
    what an operator gave. `sender` is where it came to, and counts where the scope is one.
    """

    scope: OptOutScope
    source: OptOutSource
    brand_id: str
    sender: str | None = None
    reason: str = ""

    @property
    def is_lifted_by_start(self) -> bool:
        """Tell whether its writer may take it back by a reply (facts 1.3, rule 7)."""
        if self.source is OptOutSource.IMPORT:
            return not self.reason
        return self.source is not OptOutSource.OPERATOR

    @property
    def ends_consents(self) -> bool:
        """Tell whether the consents of its writer to the brand ended with it.

        One that reaches a single sender leaves the brand its consents: the opt-out is enough.
        """
        return self.source is OptOutSource.REPLY and self.scope is not OptOutScope.SENDER

    def covers(self, *, brand_id: str, sender: str) -> bool:
        """Tell whether it silences `sender` of the brand."""
        if self.scope is OptOutScope.TENANT:
            return True
        if self.scope is OptOutScope.BRAND:
            return self.brand_id == brand_id
        return self.sender == sender


def silencing(opt_outs: Iterable[OptOut], *, brand_id: str, sender: str) -> OptOut | None:
    """Return an opt-out that keeps `sender` from this recipient; one that lasts, if there is."""
    covering = [o for o in opt_outs if o.covers(brand_id=brand_id, sender=sender)]
    return min(covering, key=lambda o: o.is_lifted_by_start, default=None)


class Answerer(StrEnum):
    """Who answers STOP, START and HELP at a sender; the others keep silent."""

    GATEWAY = "gateway"
    PROVIDER = "provider"
    """Opt-Out Assist, which support switches on, or a short code's fixed service (facts 1.2)."""
    NETWORK = "network"
    """The toll-free network, which nobody can switch off."""


def usual_answerer(kind: SenderKind) -> Answerer:
    """Return who answers at a sender of this kind unless somebody changed it (facts 1.2)."""
    return _USUAL[kind]


def may_be_answered(number: str, own_senders: Collection[str]) -> bool:
    """Tell whether a person may be behind `number`: no sender of ours, no robot's number."""
    return number not in own_senders and sender_kind(number) is SenderKind.TEN_DLC


@dataclass(frozen=True, slots=True)
class ReplyPolicy:
    """How replies to one sender are taken.

    `brand` is the name that people know. `texts` are the operator's own answers.
    """

    brand_id: str
    brand: str
    sender: str
    sender_kind: SenderKind
    answerer: Answerer
    scope: OptOutScope = OptOutScope.BRAND
    yes_opts_in: bool = False
    """Whether YES is as good as START, without a question that it answers."""
    contact: str = ""
    texts: Mapping[AnswerKind, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of who replied.

    `opt_outs` are those that cover the sender they wrote to. `answered_at` tells when each kind of
    answer was last given to them by this brand.
    """

    opt_outs: tuple[OptOut, ...] = ()
    answered_at: Mapping[AnswerKind, datetime] = field(default_factory=dict)
    double_opt_in_pending: bool = False
    answerable: bool = True
    """As `may_be_answered` tells."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A text to send to who replied, past their opt-out, unless it cannot leave by `leave_by`."""

    kind: AnswerKind
    text: str
    leave_by: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a reply, and why, in a machine's words.

    `opt_out` is one to store; `lifted` are those that end; `opts_in` says that the
    reply is a consent; `flagged` that a human should read it.
    """

    reason: str
    opt_out: OptOut | None = None
    lifted: tuple[OptOut, ...] = ()
    opts_in: bool = False
    flagged: bool = False
    answer: Answer | None = None


def decide(reply: Reply, standing: Standing, *, policy: ReplyPolicy, now: datetime) -> Decision:
    """Return what follows from `reply`, which came in at `now`."""
    decision = _decide(reply, standing, policy)
    kind = _ANSWERS.get(decision.reason)
    if kind is None or not _is_ours_to_answer(kind, reply, standing, policy=policy, now=now):
        return decision
    language = reply.language or Language.ENGLISH
    text = policy.texts.get(kind) or answer_text(
        kind, language, brand=policy.brand, contact=policy.contact
    )
    return replace(decision, answer=Answer(kind, text, now + ANSWER_WITHIN[kind]))


def _decide(reply: Reply, standing: Standing, policy: ReplyPolicy) -> Decision:
    match reply.kind:
        case ReplyKind.OPT_OUT | ReplyKind.PROBABLE_OPT_OUT:
            probable = reply.kind is ReplyKind.PROBABLE_OPT_OUT
            new = _new_opt_out(reply, standing, policy)
            return Decision(_OPTED_OUT, opt_out=new, flagged=probable)
        case ReplyKind.OPT_IN:
            return _opt_in(reply, standing, policy)
        case ReplyKind.YES if standing.double_opt_in_pending or policy.yes_opts_in:
            return _opt_in(reply, standing, policy)
        case ReplyKind.HELP:
            return Decision(_HELPED)
        case ReplyKind.AMBIGUOUS:
            return Decision("ambiguous", flagged=True)
        case _:
            return Decision("nothing_asked")


def _new_opt_out(reply: Reply, standing: Standing, policy: ReplyPolicy) -> OptOut | None:
    """Return the opt-out to store; None where the recipient's own reaches as far.

    Beside an operator's it is stored all the same: that one may be lifted one day.
    """
    own = [o.scope for o in standing.opt_outs if o.source is OptOutSource.REPLY]
    if any(_REACH[scope] >= _REACH[policy.scope] for scope in own):
        return None
    said = reply.keyword or ""
    return OptOut(
        scope=policy.scope,
        source=OptOutSource.REPLY,
        brand_id=policy.brand_id,
        sender=policy.sender,
        reason=said if reply.kind is ReplyKind.OPT_OUT else f"probable: {said}",
    )


def _opt_in(reply: Reply, standing: Standing, policy: ReplyPolicy) -> Decision:
    if any(not o.is_lifted_by_start for o in standing.opt_outs):
        return Decision("opt_out_is_final", flagged=True)
    upstream = _words_upstream(policy, reply.kind)
    held = _is_held_upstream(standing, policy)
    if held and upstream is not None and reply.keyword not in upstream:
        # Whoever keeps the other list would go on refusing: only their word opens both.
        return Decision("opt_out_stands_upstream", flagged=True)
    return Decision(_OPTED_IN, lifted=standing.opt_outs, opts_in=True)


def _is_ours_to_answer(
    kind: AnswerKind, reply: Reply, standing: Standing, *, policy: ReplyPolicy, now: datetime
) -> bool:
    answered_at = standing.answered_at.get(kind)
    if not standing.answerable or (answered_at and now - answered_at < AGAIN_AFTER[kind]):
        return False
    if policy.answerer is Answerer.GATEWAY:
        return True
    if kind is not AnswerKind.OPT_IN and _is_held_upstream(standing, policy):
        return False
    if reply.kind is ReplyKind.PROBABLE_OPT_OUT:
        return True
    upstream = _words_upstream(policy, reply.kind)
    return upstream is not None and reply.keyword not in upstream


def _is_held_upstream(standing: Standing, policy: ReplyPolicy) -> bool:
    """Tell whether provider or network block the recipient themselves."""
    if policy.answerer is Answerer.GATEWAY:
        return False
    words = _words_upstream(policy, ReplyKind.OPT_OUT)
    return any(
        o.source is OptOutSource.RECEIPT
        or (o.source is OptOutSource.REPLY and (words is None or o.reason in words))
        for o in standing.opt_outs
    )


def _words_upstream(policy: ReplyPolicy, kind: ReplyKind) -> frozenset[str] | None:
    """Return the keywords that provider or network know; None for every one that we know.

    Opt-Out Assist on 10DLC takes the words of the registered campaign, which nobody tells us.
    """
    if policy.answerer is Answerer.NETWORK:
        return _NETWORK_WORDS.get(kind, frozenset())
    if policy.sender_kind is SenderKind.SHORT_CODE:
        return _SHORT_CODE_WORDS.get(kind, frozenset())
    return None


_OPTED_OUT, _OPTED_IN, _HELPED = "opted_out", "opted_in", "help_asked"
_ANSWERS = {
    _OPTED_OUT: AnswerKind.OPT_OUT,
    _OPTED_IN: AnswerKind.OPT_IN,
    _HELPED: AnswerKind.HELP,
}
_REACH = {OptOutScope.SENDER: 0, OptOutScope.BRAND: 1, OptOutScope.TENANT: 2}
_USUAL = {
    SenderKind.TEN_DLC: Answerer.GATEWAY,
    SenderKind.TOLL_FREE: Answerer.NETWORK,
    SenderKind.SHORT_CODE: Answerer.PROVIDER,
}
# Facts 1.2. The toll-free network knows no other word for STOP, and no HELP at all.
_NETWORK_WORDS = {
    ReplyKind.OPT_OUT: frozenset({"stop"}),
    ReplyKind.OPT_IN: frozenset({"unstop", "start"}),
}
_SHORT_CODE_WORDS = {
    ReplyKind.OPT_OUT: frozenset({"stop", "end", "quit", "cancel", "unsubscribe"}),
    ReplyKind.OPT_IN: frozenset({"start", "join"}),
    ReplyKind.HELP: frozenset({"help"}),
}
