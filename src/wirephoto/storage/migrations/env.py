"""Alembic's entry point: runs the migrations on the connection that `upgrade` hands in."""

from alembic import context

from wirephoto.storage import schema_media

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema_media.metadata,
    render_as_batch=False,
)
context.run_migrations()
