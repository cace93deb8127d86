"""Paces that adapt, fair queues, daily caps, pools of senders, expected times."""

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, columns and the queue's fair order; code of revision 3 goes on beside them."""
    _create_tables()
    _add_columns()
    op.execute(
        "UPDATE messages SET fair_key = tenant_id WHERE state IN ('preparing', 'queued', 'claimed')"
    )
    _order_queue()


def _create_tables() -> None:
    op.create_table(
        "pools",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_pools_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pools")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_pools_tenant_id_name")),
    )
    op.create_table(
        "brand_days",
        sa.Column("brand_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("spent_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_brand_days_brand_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_brand_days_tenant_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", "day", name=op.f("pk_brand_days")),
    )
    op.create_table(
        "pool_senders",
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["senders.number"], name=op.f("fk_pool_senders_number")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name=op.f("fk_pool_senders_pool_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_pool_senders_tenant_id")
        ),
        sa.PrimaryKeyConstraint("pool_id", "number", name=op.f("pk_pool_senders")),
    )


def _add_columns() -> None:
    op.add_column(
        "accounts",
        sa.Column("slow_share", sa.Double(), server_default=sa.text("1"), nullable=False),
    )
    op.add_column("accounts", sa.Column("slowed_at", types.Instant(), nullable=True))
    op.add_column("brands", sa.Column("provider_id", sa.Text(), nullable=True))
    op.add_column("brands", sa.Column("daily_cap", sa.Integer(), nullable=True))
    op.add_column(
        "campaigns",
        sa.Column("slow_share", sa.Double(), server_default=sa.text("1"), nullable=False),
    )
    op.add_column("campaigns", sa.Column("slowed_at", types.Instant(), nullable=True))
    op.add_column("campaigns", sa.Column("fair_after", sa.Text(), nullable=True))
    op.add_column("campaigns", sa.Column("provider_id", sa.Text(), nullable=True))
    op.add_column("campaigns", sa.Column("att_class", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("last_sender", sa.Text(), nullable=True))
    op.add_column(
        "messages", sa.Column("fair_key", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(
        "messages",
        sa.Column("weight", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
    )
    op.add_column(
        "messages",
        sa.Column("ordered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("messages", sa.Column("expected_at", types.Instant(), nullable=True))
    op.add_column("senders", sa.Column("paused_at", types.Instant(), nullable=True))
    op.add_column("senders", sa.Column("pause_reason", sa.Text(), nullable=True))
    op.create_index(op.f("ix_senders_campaign_id"), "senders", ["campaign_id"])


def _order_queue() -> None:
    op.drop_index(
        op.f("ix_messages_queue"), table_name="messages", sqlite_where=sa.text("state = 'queued'")
    )
    op.create_index(
        "ix_messages_queue",
        "messages",
        ["campaign_id", "priority", "fair_key", "due_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
