"""What hears phones in tests, and opt-outs in a line each."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.factories import NOW, RECIPIENT
from wirephoto.domain.consent import Consent, ConsentClass, ConsentMethod, Revocation
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.opt_out import OptOut, OptOutScope, OptOutSource
from wirephoto.engine.replies import Replies, ReplySettings
from wirephoto.engine.senders import SenderDirectory
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.consents import StoredConsent, StoredRevocation
from wirephoto.storage.database import Database
from wirephoto.storage.opt_outs import StoredOptOut
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT

NUMBERS = NumberHash(["the key of the tests"])


def make_replies(
    database: Database,
    commits: GroupCommit,
    directory: SenderDirectory,
    ids: Ids,
    **settings: Any,
) -> Replies:
    """Return what takes the messages of phones, under the default settings but for `settings`."""
    return Replies(
        database=database,
        commits=commits,
        directory=directory,
        numbers=NUMBERS,
        ids=ids,
        settings=ReplySettings(**settings),
    )


def make_opt_out(
    recipient: str = RECIPIENT, *, id_: str = "opt_1", at: datetime = NOW, **changes: Any
) -> StoredOptOut:
    """Return an opt-out of a recipient from the default brand, by a reply, with `changes`."""
    fields = {"scope": OptOutScope.BRAND, "source": OptOutSource.REPLY, "brand_id": DEFAULT_BRAND}
    names = [name for name in OptOut.__slots__ if name in changes]
    opt_out = OptOut(**(fields | {name: changes.pop(name) for name in names}))
    row = StoredOptOut(id_, DEFAULT_TENANT, recipient, NUMBERS.of(recipient), opt_out, at)
    return replace(row, **changes)


def make_consent(
    recipient: str = RECIPIENT, *, tenant_id: str = DEFAULT_TENANT, **changes: Any
) -> StoredConsent:
    """Return a consent to advertising of the default brand, from a form, with `changes`."""
    fields: dict[str, Any] = {
        "id": "con_1",
        "brand_id": DEFAULT_BRAND,
        "consent_class": ConsentClass.MARKETING,
        "method": ConsentMethod.WEB_FORM,
        "given_at": NOW,
        "disclosure": "You will get pictures of cats.",
        "page_url": "https://shop.example.com/cats",
    }
    consent = Consent(recipient=recipient, **(fields | changes))
    return StoredConsent(tenant_id, NUMBERS.of(recipient), consent, NOW)


def make_revocation(
    recipient: str | None = RECIPIENT, *, at: datetime = NOW, **changes: Any
) -> StoredRevocation:
    """Return the end of all consents of a recipient to the default brand, by a reply."""
    fields: dict[str, Any] = {
        "id": "rev_1",
        "tenant_id": DEFAULT_TENANT,
        "brand_id": DEFAULT_BRAND,
        "recipient": recipient,
        "recipient_hash": NUMBERS.of(recipient or RECIPIENT),
        "revocation": Revocation(at),
        "source": "reply",
        "created_at": at,
    }
    return StoredRevocation(**fields | changes)
