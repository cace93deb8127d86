"""What a key may send from and for, until when it lives, its last use, and its successors."""

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CODE_REVISION_MIN = 10
"""Older code would let a key in that has ended, and send what its key may not."""
SAFE_CATEGORIES = sa.text("""'["conversational", "marketing", "transactional"]'""")


def upgrade() -> None:
    """Add columns to the keys; code of earlier revisions must not go on beside them.

    Keys from before send from every sender and for every category but emergencies: those no quiet
    hours hold, so that somebody has to decide it for each key.
    """
    op.add_column(
        "api_keys",
        sa.Column("senders", types.Json, server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column(
        "api_keys",
        sa.Column("categories", types.Json, server_default=SAFE_CATEGORIES, nullable=False),
    )
    op.add_column("api_keys", sa.Column("expires_at", types.Instant(), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", types.Instant(), nullable=True))
    op.add_column("api_keys", sa.Column("family", sa.Text(), nullable=True))
    op.create_index(op.f("ix_api_keys_tenant_id_id"), "api_keys", ["tenant_id", "id"])
    versions = sa.table("schema_version", sa.column("code_revision_min", sa.Integer()))
    op.execute(versions.update().values(code_revision_min=CODE_REVISION_MIN))
