"""What each field means of API keys."""

from wirephoto.api.fields_people import OWN, PAGE_CURSOR

_KEY = {
    "name": "What it is for.",
    "scopes": "What it may do.",
    "senders": "Numbers (E.164) and pools that its messages may come from; none for all of yours.",
    "categories": "What its messages may be for; by default all but `emergency`.",
    "expires_at": "When it ends by itself; null for never.",
}

KEYS: dict[str, dict[str, str]] = {
    "KeyRequest": _KEY,
    "RotateRequest": {"overlap_s": "Seconds that the replaced key goes on for."},
    "KeyView": _KEY
    | {
        "id": "The key's id.",
        "hint": "What it begins with.",
        "mode": "What it is for: `live`.",
        "created_at": "When it was made.",
        "last_used_at": "When it was last used, right to a minute or two.",
        "revoked_at": "When it was revoked.",
        "family": "The first of the keys that replaced each other, itself among them.",
    },
    "IssuedKey": {"key": "The key; only its hash is kept.", "api_key": "What it is."},
    "KeyList": {"api_keys": "The keys, the newest first.", "next_cursor": PAGE_CURSOR},
    "KeyMode": {OWN: "`live`: its messages reach phones; no keys of `test` are made yet."},
    "Scope": {
        OWN: (
            "`send` messages, `read` what there is, `manage` senders, campaigns and people, "
            "`admin`: all of it, and keys."
        )
    },
}
