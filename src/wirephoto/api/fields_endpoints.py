"""What each field means of endpoints."""

from wirephoto.api.fields_people import OWN

_ASKED = {
    "url": "Its address: https, and public.",
    "description": "What it is, for people: up to 200 characters.",
    "event_types": "The types that it wants to hear of; none is all of them.",
    "enabled": "Whether it is told of anything.",
}
ENDPOINTS: dict[str, dict[str, str]] = {
    "EndpointRequest": _ASKED,
    "EndpointChange": _ASKED,
    "ReplayRequest": {
        "since": "From this time on (RFC 3339, with zone); instead of `cursor`.",
        "cursor": "Behind this place of the feed.",
    },
    "EndpointView": _ASKED
    | {
        "id": "The endpoint's id.",
        "disabled_at": "Since when it is told of nothing.",
        "disabled_by": "Who or what decided that.",
        "failures": "Tries since the last one that it took.",
        "failing_since": "When the first of them was.",
        "delivered_at": "When it last took an event.",
        "waiting": "Events that it has not taken and that are tried again.",
        "cursor": "Where it is in the feed.",
        "former_secret_until": "How long the secret before this one signs too.",
        "created_at": "When it was made.",
    },
    "EndpointList": {"endpoints": "The endpoints."},
    "EndpointSecret": {
        "endpoint": "The endpoint.",
        "secret": "Verifies what it is told, with any library of Standard Webhooks.",
    },
    "EndpointTest": {
        "delivered": "It answered with a 2xx status.",
        "status": "The HTTP status of its answer.",
        "reason": "Why there is none, for machines.",
    },
    "DisabledBy": {
        OWN: "`operator` (somebody did), `gone` (it answered 410), `failing` (for days)."
    },
}
