"""Alembic's entry point: runs the migrations on the connection that `upgrade` hands in."""

from alembic import context

from wirephoto.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=False,
)
context.run_migrations()
