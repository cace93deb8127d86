"""What look-ups told of numbers, and how many an account may pay for."""

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables; code of earlier revisions looks nothing up and may go on beside them."""
    op.create_table(
        "number_look_ups",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("network_code", sa.Text(), nullable=True),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("good_until", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_number_look_ups_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "number", name=op.f("pk_number_look_ups")),
    )
    op.create_index(op.f("ix_number_look_ups_good_until"), "number_look_ups", ["good_until"])
    op.create_table(
        "look_up_days",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_look_up_days_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_look_up_days_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_look_up_days")),
    )
