"""Consents and their ends, in a line each."""

from datetime import datetime, timedelta
from typing import Any

from tests.factories import NOW, RECIPIENT
from tests.replying import NUMBERS
from wirephoto.domain.consent import Consent, ConsentClass, ConsentMethod, Revocation
from wirephoto.storage.consents import StoredConsent, StoredRevocation
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT


def make_given(recipient: str = RECIPIENT, **changes: Any) -> StoredConsent:
    """Return a consent to advertising of the default brand, given on paper a day ago."""
    fields: dict[str, Any] = {
        "id": "con_1",
        "brand_id": DEFAULT_BRAND,
        "consent_class": ConsentClass.MARKETING,
        "method": ConsentMethod.PAPER,
        "given_at": NOW - timedelta(days=1),
    }
    consent = Consent(recipient=recipient, **(fields | changes))
    return StoredConsent(DEFAULT_TENANT, NUMBERS.of(recipient), consent, NOW)


def make_revocation(
    recipient: str = RECIPIENT,
    *,
    at: datetime = NOW,
    consent_class: ConsentClass | None = None,
    brand_id: str = DEFAULT_BRAND,
    tenant_id: str = DEFAULT_TENANT,
) -> StoredRevocation:
    """Return the end of all consents of a recipient with the default brand, or of one class."""
    return StoredRevocation(
        id="rev_1",
        tenant_id=tenant_id,
        brand_id=brand_id,
        recipient=recipient,
        recipient_hash=NUMBERS.of(recipient),
        revocation=Revocation(at, consent_class),
        source="cli",
        created_at=at,
    )
