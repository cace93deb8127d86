"""Build each object once from the settings; start in order, stop in reverse."""

from wirephoto.bootstrap.events import make_courier
from wirephoto.bootstrap.gateway import FAILURES_MAX, Gateway, served
from wirephoto.bootstrap.opening import hash_key, open_current

__all__ = ["FAILURES_MAX", "Gateway", "hash_key", "make_courier", "open_current", "served"]
