"""The metadata with every table in it: importing this defines them all."""

from wirephoto.storage import (
    schema,
    schema_consents,
    schema_endpoints,
    schema_media,
    schema_numbers,
    schema_recipients,
    schema_senders,
)

MODULES = (
    schema,
    schema_media,
    schema_recipients,
    schema_consents,
    schema_senders,
    schema_numbers,
    schema_endpoints,
)
metadata = schema.metadata
