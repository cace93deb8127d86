"""How messages and attempts travel, and the text that follows a refused picture."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CODE_REVISION_MIN = 6
"""Older code would send a picture once more where a text is to follow it."""


def upgrade() -> None:
    """Add columns; code of earlier revisions must not go on beside them.

    What was accepted before leaves as it was accepted: a text alone as MMS, in one slot.
    """
    for table in ("messages", "attempts"):
        channel = sa.Column("channel", sa.Text(), server_default=sa.text("'mms'"), nullable=False)
        op.add_column(table, channel)
    op.add_column("messages", sa.Column("fallback_text", sa.Text(), nullable=True))
    versions = sa.table("schema_version", sa.column("code_revision_min", sa.Integer()))
    op.execute(versions.update().values(code_revision_min=CODE_REVISION_MIN))
