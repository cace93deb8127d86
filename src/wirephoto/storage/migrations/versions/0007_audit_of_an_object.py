"""What was done to one object is found without reading what was done to all others."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index; code of earlier revisions goes on beside it."""
    op.create_index(op.f("ix_audit_tenant_id_object"), "audit", ["tenant_id", "object"])
