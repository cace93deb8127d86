"""What waits and must not leave any more: for whom, and why."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Executable, and_, or_, select

from wirephoto.domain.message import WAITING, Message
from wirephoto.storage.consents import is_revoked
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.opt_outs import is_silenced
from wirephoto.storage.rows import message_columns, read_message
from wirephoto.storage.schema import messages
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state


@across_tenants("each pair names its tenant")
async def lock_silenced(tx: Transaction, whom: Iterable[tuple[str, str]]) -> list[Message]:
    """Return the messages that wait for recipients who have opted out of them, locked in one order.

    `whom` are pairs of a tenant's id and one of its recipients.
    """
    rows = rows_json(sorted(set(whom)))
    return [read_message(row) for row in await tx.execute(_silenced, {"rows": rows})]


@across_tenants("each pair names its tenant")
async def lock_revoked(tx: Transaction, whom: Iterable[tuple[str, str]]) -> list[Message]:
    """Return in the same way what waits for recipients who took back the consent that it needs."""
    rows = rows_json(sorted(set(whom)))
    return [read_message(row) for row in await tx.execute(_revoked, {"rows": rows})]


@across_tenants("the caller found the ids in the queue, which serves all tenants")
async def recipients_of(tx: Transaction, message_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return whom messages are for: pairs of a tenant's id and a recipient."""
    query = select(messages.c.tenant_id, messages.c.recipient).where(
        messages.c.id.in_(message_ids), messages.c.recipient.is_not(None)
    )
    return [(row.tenant_id, row.recipient) for row in await tx.execute(query.distinct())]


def _silenced(database: Database) -> Executable:
    return _waiting(database, is_silenced(messages))


def _revoked(database: Database) -> Executable:
    return _waiting(database, is_revoked(messages))


def _waiting(database: Database, may_not_leave: ColumnElement[bool]) -> Executable:
    columns = (messages.c.tenant_id, messages.c.recipient)
    whom = database.json_rows({column.name: column.type for column in columns})
    return (
        select(*message_columns())
        .join(whom, and_(*[column == whom.c[column.name] for column in columns]))
        .where(
            or_(*[is_state(messages.c.state, state) for state in sorted(WAITING)]),
            may_not_leave,
        )
        .order_by(messages.c.id)
        .with_for_update(key_share=True, of=messages)
    )
