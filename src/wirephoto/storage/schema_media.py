"""The tables of media: stored files, originals, what was made of them, and how they are served."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant, Json, Sequence

files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("digest", Text, nullable=False),  # SHA-256 of its bytes, in hexadecimal
    Column("size_bytes", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("look_at", Instant, nullable=False),  # when to see whether anything still needs it
    UniqueConstraint("tenant_id", "digest"),
    Index(None, "look_at"),
)
"""Bytes that the media store keeps, each content once.

Whatever needs a file refers to it, so that the database itself refuses to delete its row.
"""

store_deletions = Table(
    "store_deletions",
    metadata,
    Column("store_key", Text, primary_key=True),
    tenant_column(),
    Column("due_at", Instant, nullable=False),
)
"""Bytes in the store to be deleted at their time: of files whose row is gone, or never came.

The intention to store bytes is written down here first, so that a crash leaves none behind.
"""

media = Table(
    "media",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("file_id", Text, ForeignKey("files.id")),  # null once the original is deleted
    Column("kind", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("url", Text),  # null for an upload
    Column("url_hash", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("checked_at", Instant, nullable=False),  # when the address was last known to hold it
    Column("fresh_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Index(None, "file_id"),
)
"""Originals: uploads, and what addresses held."""

Index(
    "ix_media_url",
    media.c.tenant_id,
    media.c.url_hash,
    media.c.id,
    sqlite_where=text("url_hash IS NOT NULL"),
    postgresql_where=text("url_hash IS NOT NULL"),
)

renditions = Table(
    "renditions",
    metadata,
    Column("source_id", Text, ForeignKey("files.id"), primary_key=True),
    Column("target", Text, primary_key=True),
    tenant_column(),
    Column("file_id", Text, ForeignKey("files.id")),  # null where the original was refused
    Column("fitting", Json),
    Column("reason", Text),
    Column("detail", Text),
    Column("created_at", Instant, nullable=False),
    Index(None, "file_id"),
)
"""What the pipeline made of an original for a target, or why it refused to."""

message_media = Table(
    "message_media",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    tenant_column(),
    Column("media_id", Text, ForeignKey("media.id"), nullable=False),
    Column("file_id", Text, ForeignKey("files.id"), nullable=False),
    Column("look_at", Instant, nullable=False),  # when to see whether the message is final
    Index(None, "file_id"),
    Index(None, "media_id"),
    Index(None, "look_at"),
)
"""Files that messages still need."""

media_names = Table(
    "media_names",
    metadata,
    Column("name", Text, primary_key=True),
    tenant_column(),
    Column("message_id", Text, ForeignKey("messages.id"), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("file_id", Text, ForeignKey("files.id"), nullable=False),
    Column("media_type", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("fetches", Integer, nullable=False, server_default=text("0")),
    Index(None, "message_id"),
    Index(None, "file_id"),
    Index(None, "expires_at"),
)
"""Names under which an attempt's files are served."""

media_fetches = Table(
    "media_fetches",
    metadata,
    Column("seq", Sequence, primary_key=True),
    tenant_column(),
    Column("message_id", Text, ForeignKey("messages.id"), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("user_agent", Text),
    Column("at", Instant, nullable=False),
    Index(None, "message_id", "seq"),
)
"""Who fetched a hosted file, and when: evidence that its attempt was accepted."""

work_leases = Table(
    "work_leases",
    metadata,
    Column("key", Text, primary_key=True),
    tenant_column(),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)
"""Work that one process does at a time: a fetch, a fitting."""

store_mark = Table(
    "store_mark",
    metadata,
    Column("only_row", SmallInteger, primary_key=True, autoincrement=False),
    Column("token", Text, nullable=False),
)
"""What the media store's mark must say: proof that all processes share one store."""
