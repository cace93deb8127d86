"""Consents: what a record must hold, how long it counts, and which message needs one.

Records are only ever added: a consent that ends is followed by a revocation, one that is asked for
again by another consent (facts 1.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wirephoto.domain.message import Category

KEPT_AFTER_LAST_MESSAGE = timedelta(days=4 * 365 + 1)
"""How long a consent must be at hand after the last message that it allowed.

The TCPA's limitation period is four years (facts 1.4).
"""
AHEAD_MAX = timedelta(minutes=5)
"""How far ahead of ours a source's clock may be."""


APART_MAX = timedelta(days=36_525)
"""How long ago a consent may be, and how long one may count: a longer time is a mistake."""


class ConsentClass(StrEnum):
    """What somebody consented to."""

    MARKETING = "marketing"
    """Advertising: prior express written consent, which serves for information too."""
    INFORMATIONAL = "informational"


class ConsentMethod(StrEnum):
    """How they did."""

    WEB_FORM = "web_form"
    KEYWORD = "keyword"
    """A reply, or the YES that answers a double opt-in."""
    PAPER = "paper"
    VERBAL = "verbal"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One consent of a recipient to hear from a brand, with what proves it.

    `offset_minutes` is the offset from UTC of the clock that gave `given_at`. `disclosure` is what
    they were told, or its hash. `zone` and `state` are where the recipient lives, if known.
    """

    id: str
    recipient: str
    brand_id: str
    consent_class: ConsentClass
    method: ConsentMethod
    given_at: datetime
    offset_minutes: int = 0
    disclosure: str = ""
    disclosure_version: str = ""
    page_url: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    inbound_id: str | None = None
    double_opt_in_message_ids: tuple[str, ...] = ()
    imported_by: str | None = None
    expires_at: datetime | None = None
    zone: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """The end of consents given until `revoked_at`: of one class, or of all."""

    revoked_at: datetime
    consent_class: ConsentClass | None = None


def consent_faults(consent: Consent, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield field and fault of everything that makes the record no proof."""
    if consent.given_at > now + AHEAD_MAX:
        yield "given_at", "This time is still to come."
    if consent.given_at < now - APART_MAX:
        yield "given_at", "This is more than a hundred years ago."
    if consent.expires_at is not None and consent.expires_at <= consent.given_at:
        yield "expires_at", "It must lie after `given_at`."
    if consent.expires_at is not None and consent.expires_at > now + APART_MAX:
        yield "expires_at", "This is more than a hundred years ahead."
    if consent.method is ConsentMethod.KEYWORD and not consent.inbound_id:
        yield "inbound_id", "Name the reply that was the consent."
    if consent.method is ConsentMethod.IMPORT and not consent.imported_by:
        yield "imported_by", "Say who imported it."
    if consent.method is ConsentMethod.WEB_FORM and not consent.page_url:
        yield "page_url", "Give the address of the form."
    if consent.consent_class is not ConsentClass.MARKETING:
        return
    if consent.method is ConsentMethod.VERBAL:
        yield "method", "Advertising needs a written consent."
    if consent.method is ConsentMethod.WEB_FORM and not consent.disclosure:
        yield "disclosure", "Give what the form told them, or its hash."


class WithoutConsent(StrEnum):
    """What becomes of advertising that no record allows."""

    REFUSE = "refuse"
    WARN = "warn"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What the operator asks for; with `double_opt_in` a web form counts once a reply confirms."""

    without: WithoutConsent = WithoutConsent.REFUSE
    double_opt_in: bool = False


class ConsentReason(StrEnum):
    """Why a message is allowed or not."""

    RECORDED = "recorded"
    NOT_NEEDED = "not_needed"
    """Answers within a conversation, and emergencies."""
    IMPLIED = "implied"
    """Whoever gives their number to be told of something consented to that."""
    MISSING = "missing"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ConsentVerdict:
    """Whether a message may go, and why; `warned` where its operator should know."""

    allowed: bool
    reason: ConsentReason
    consent_id: str | None = None
    warned: bool = False


def consent_needed(category: Category) -> ConsentClass | None:
    """Return the class of consent that a message of this category needs."""
    return _NEEDED.get(category)


def judge_consent(
    category: Category,
    consents: Sequence[Consent],
    revocations: Sequence[Revocation],
    *,
    policy: ConsentPolicy,
    now: datetime,
) -> ConsentVerdict:
    """Return whether a recipient's records with a brand allow a message of this category.

    A revocation forbids it whatever the policy; only what was never given, or has run out, is the
    operator's to decide.
    """
    needed = consent_needed(category)
    if needed is None:
        return ConsentVerdict(True, ConsentReason.NOT_NEEDED)
    serving = sorted(
        (c for c in consents if c.consent_class in (needed, ConsentClass.MARKETING)),
        key=lambda c: c.given_at,
    )
    reasons = [_reason(c, needed, revocations, policy=policy, now=now) for c in serving]
    for consent, reason in zip(serving, reasons, strict=True):
        if reason is ConsentReason.RECORDED:
            return ConsentVerdict(True, reason, consent.id)
    if any(_ends(r, needed, serving) for r in revocations):
        return ConsentVerdict(False, ConsentReason.REVOKED)
    if needed is ConsentClass.INFORMATIONAL:
        return ConsentVerdict(True, ConsentReason.IMPLIED)
    return ConsentVerdict(
        allowed=policy.without is not WithoutConsent.REFUSE,
        reason=reasons[-1] if reasons else ConsentReason.MISSING,
        warned=policy.without is WithoutConsent.WARN,
    )


def known_place(consents: Sequence[Consent]) -> tuple[str | None, str | None]:
    """Return zone and state as the latest record that knows either tells: they belong together."""
    placed = [c for c in consents if c.zone or c.state]
    latest = max(placed, key=lambda c: c.given_at, default=None)
    return (latest.zone, latest.state) if latest else (None, None)


def kept_until(consent: Consent, last_message_at: datetime | None) -> datetime:
    """Return until when the record must not be deleted."""
    return max(consent.given_at, last_message_at or consent.given_at) + KEPT_AFTER_LAST_MESSAGE


def _reason(
    consent: Consent,
    needed: ConsentClass,
    revocations: Sequence[Revocation],
    *,
    policy: ConsentPolicy,
    now: datetime,
) -> ConsentReason:
    classes = (None, needed, consent.consent_class)
    if any(r.revoked_at >= consent.given_at and r.consent_class in classes for r in revocations):
        return ConsentReason.REVOKED
    if consent.expires_at is not None and consent.expires_at <= now:
        return ConsentReason.EXPIRED
    if policy.double_opt_in and consent.method is ConsentMethod.WEB_FORM:
        return ConsentReason.UNCONFIRMED
    return ConsentReason.RECORDED


def _ends(revocation: Revocation, needed: ConsentClass, serving: Sequence[Consent]) -> bool:
    """Tell whether a revocation is the last word: nothing that could serve was given after it."""
    if revocation.consent_class not in (None, needed):
        return False
    return all(consent.given_at <= revocation.revoked_at for consent in serving)


_NEEDED = {
    Category.MARKETING: ConsentClass.MARKETING,
    Category.TRANSACTIONAL: ConsentClass.INFORMATIONAL,
}
