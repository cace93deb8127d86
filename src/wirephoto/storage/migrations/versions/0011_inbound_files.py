"""What becomes of the attachments of messages from phones."""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; code of earlier revisions may go on beside it, and fetches nothing."""
    op.create_table(
        "inbound_files",
        sa.Column("inbound_id", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", types.Instant(), nullable=True),
        sa.Column("dies_at", types.Instant(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_messages.id"], name=op.f("fk_inbound_files_inbound_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_inbound_files_tenant_id")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_inbound_files_file_id")),
        sa.PrimaryKeyConstraint("inbound_id", "position", name=op.f("pk_inbound_files")),
    )
    op.create_index(op.f("ix_inbound_files_file_id"), "inbound_files", ["file_id"])
    op.create_index(
        "ix_inbound_files_waiting",
        "inbound_files",
        ["due_at"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    _await_known_files()


def _await_known_files() -> None:
    """Have the attachments fetched of messages that came before: some addresses still live."""
    inbound = sa.table(
        "inbound_messages",
        sa.column("id"),
        sa.column("tenant_id"),
        sa.column("media", types.Json),
        sa.column("received_at", types.Instant()),
    )
    files = sa.table(
        "inbound_files",
        sa.column("inbound_id"),
        sa.column("position"),
        sa.column("tenant_id"),
        sa.column("state"),
        sa.column("due_at", types.Instant()),
        sa.column("dies_at", types.Instant()),
    )
    connection = op.get_bind()
    rows = [
        {
            "inbound_id": message.id,
            "position": position,
            "tenant_id": message.tenant_id,
            "state": "waiting",
            "due_at": message.received_at,
            "dies_at": message.received_at + timedelta(hours=48),
        }
        for message in connection.execute(sa.select(inbound))
        for position in range(len(message.media))
    ]
    if rows:
        connection.execute(files.insert(), rows)
