"""What hears phones in tests, and opt-outs in a line each."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.factories import NOW, RECIPIENT
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.opt_out import OptOut, OptOutScope, OptOutSource
from wirephoto.engine.replies import Replies, ReplySettings
from wirephoto.engine.senders import SenderDirectory
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
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
