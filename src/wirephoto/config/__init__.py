"""Settings: typed and frozen, from flags over environment over `.env`, all faults at once."""

from wirephoto.config.loading import ENV_FILE, load_settings
from wirephoto.config.settings import ALL_ROLES, VARIABLES, MediaMode, Role, Settings

__all__ = [
    "ALL_ROLES",
    "ENV_FILE",
    "VARIABLES",
    "MediaMode",
    "Role",
    "Settings",
    "load_settings",
]
