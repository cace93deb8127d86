"""Attempts in doubt, resends, stops by receipts, late receipts, the feed's order."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and indexes; code of revision 1 goes on working beside them."""
    _add_columns()
    _add_indexes()


def _add_columns() -> None:
    for table in ("accounts", "campaigns"):
        op.add_column(table, sa.Column("fault_at", types.Instant()))
        op.add_column(table, sa.Column("stop_proof", sa.Text()))
    op.add_column("messages", _count("resends"))
    op.add_column("attempts", sa.Column("request", sa.Text()))
    op.add_column("attempts", sa.Column("answer", sa.Text()))
    op.add_column("attempts", sa.Column("check_at", types.Instant()))
    op.add_column("attempts", _count("checks"))
    op.add_column("webhooks", sa.Column("due_at", types.Instant()))


def _count(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.SmallInteger(), nullable=False, server_default=sa.text("0"))


def _add_indexes() -> None:
    op.create_index(
        "ix_messages_awaiting_receipt",
        "messages",
        ["submitted_at"],
        sqlite_where=sa.text("state = 'submitted' AND receipt_overdue IS 0"),
        postgresql_where=sa.text("state = 'submitted' AND receipt_overdue IS false"),
    )
    op.create_index(
        "ix_attempts_check_at",
        "attempts",
        ["check_at"],
        sqlite_where=sa.text("check_at IS NOT NULL"),
        postgresql_where=sa.text("check_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_events_tenant_id_seq"), table_name="events")
    op.create_index(op.f("ix_events_tenant_id_xid_seq"), "events", ["tenant_id", "xid", "seq"])
    op.create_index(op.f("ix_audit_tenant_id_id"), "audit", ["tenant_id", "id"])
