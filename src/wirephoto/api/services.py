"""What the routes need: made once by bootstrap, kept in the application's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from litestar import Litestar

    from wirephoto.api.auth import Keys
    from wirephoto.api.event_stream import EventStreams
    from wirephoto.api.metrics import Exposition
    from wirephoto.clock import Clock
    from wirephoto.domain.consent import ConsentPolicy
    from wirephoto.domain.keyed_hash import NumberHash
    from wirephoto.engine.courier import Courier
    from wirephoto.engine.drafting import Drafting
    from wirephoto.engine.library import Library
    from wirephoto.engine.outlook import Outlook
    from wirephoto.engine.replies import Replies
    from wirephoto.engine.senders import SenderDirectory
    from wirephoto.engine.submission import Submissions
    from wirephoto.ids import Ids
    from wirephoto.media.scratch import Scratch
    from wirephoto.media.store import MediaStore
    from wirephoto.storage.batch import GroupCommit
    from wirephoto.storage.database import Database


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How the provider's webhooks are proven genuine.

    `secrets` are signature secrets; without one only unsigned webhooks from this machine are
    taken, and only where `unsigned_loopback` says so.
    """

    account_id: str
    tenant_id: str
    secrets: tuple[str, ...] = ()
    api_key: str | None = None
    application_id: str | None = None
    unsigned_loopback: bool = False


@dataclass(frozen=True, slots=True)
class MediaServices:
    """Where files go and come from; `hosts` tells whether the gateway gives them out itself."""

    hosts: bool
    library: Library
    store: MediaStore
    scratch: Scratch


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need."""

    database: Database
    commits: GroupCommit
    clock: Clock
    ids: Ids
    keys: Keys
    submissions: Submissions
    webhooks: WebhookSettings
    media: MediaServices
    courier: Courier
    streams: EventStreams
    outlook: Outlook
    drafting: Drafting
    directory: SenderDirectory
    numbers: NumberHash
    replies: Replies
    consent_policy: ConsentPolicy
    sync_wait: timedelta
    roles: frozenset[str]
    failing_duties: Callable[[], list[str]]
    exposition: Exposition


def services_of(app: Litestar) -> Services:
    """Return the application's services."""
    return cast("Services", app.state.services)
