"""Build each object once from the settings; start in order, stop in reverse."""

from wirephoto.bootstrap.events import make_courier
from wirephoto.bootstrap.gateway import FAILURES_MAX, Gateway
from wirephoto.bootstrap.opening import hash_key, open_current
from wirephoto.bootstrap.serving import served
from wirephoto.bootstrap.watch import open_error_tracker

__all__ = [
    "FAILURES_MAX",
    "Gateway",
    "hash_key",
    "make_courier",
    "open_current",
    "open_error_tracker",
    "served",
]
