"""Build each object once from the settings; start in order, stop in reverse."""

from wirephoto.bootstrap.gateway import FAILURES_MAX, Gateway, hash_key, open_current, served

__all__ = ["FAILURES_MAX", "Gateway", "hash_key", "open_current", "served"]
