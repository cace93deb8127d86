"""What a message must have before it is accepted: a consent that allows it, words that let go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wirephoto.domain.consent import Consent, ConsentPolicy, Revocation, judge_consent
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out_wording import MONTHLY, with_wording, wording_due
from wirephoto.domain.reply_words import Language
from wirephoto.errors import Fault

WARNED = "without_consent"
"""Where `allowed_by` says so, the operator lets advertising pass that no record allows."""


@dataclass(frozen=True, slots=True)
class MarketingRules:
    """What the operator asks of messages.

    Advertising carries opt-out wording in the first message to a recipient and then `every` so
    often (None: never again); without `wording` not at all.
    """

    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    wording: bool = True
    every: timedelta | None = MONTHLY
    language: Language = Language.ENGLISH


def permit(
    category: Category,
    consents: Sequence[Consent],
    revocations: Sequence[Revocation],
    *,
    rules: MarketingRules,
    now: datetime,
) -> Mapping[str, str] | Fault:
    """Return what allows a message to a recipient with these records, or why nothing does."""
    verdict = judge_consent(category, consents, revocations, policy=rules.consent, now=now)
    if not verdict.allowed:
        message = _REFUSALS.get(verdict.reason, _REFUSALS["missing"])
        return Fault("to", f"consent_{verdict.reason}", message)
    allowed = {"consent": str(verdict.reason)}
    if verdict.consent_id:
        allowed["consent_id"] = verdict.consent_id
    if verdict.warned:
        allowed["warning"] = WARNED
    return allowed


def word(
    text: str | None,
    brand: str | None,
    last_at: datetime | None,
    *,
    category: Category,
    rules: MarketingRules,
    now: datetime,
    chars_max: int,
    field_name: str = "text",
) -> tuple[str | None, bool] | Fault:
    """Return the text as it is sent, and whether it tells how to opt out by our doing.

    `last_at` is when the recipient was last told by this brand; `field_name` is where the text
    stands in the request.
    """
    if not rules.wording or not wording_due(category, last_at, now, every=rules.every):
        return text, False
    if not brand:
        return Fault("category", "brand_missing", _NO_BRAND)
    worded = with_wording(text, brand, language=rules.language, chars_max=chars_max)
    if worded is None:
        message = f"With the opt-out wording it has more than {chars_max} characters."
        return Fault(field_name, "too_long", message)
    return worded, True


_NO_BRAND = (
    "Advertising names its brand: set WIREPHOTO_BRAND, or read the registration with "
    "`wirephoto senders sync`."
)
_REFUSALS = {
    "missing": "Advertising needs the recipient's consent on record: see `/v1/consents`.",
    "unconfirmed": "The recipient's consent waits for their reply that confirms it.",
    "expired": "The recipient's consent has expired.",
    "revoked": "The recipient has taken their consent back.",
}
