"""What requests and answers look like: the examples of the document."""

from typing import Any

MESSAGE_ID = "msg_01kjxsk7r0eheprta8jab2vs3w"
PATHS = {
    "number": "+12025550100",
    "opt_out_id": "opt_01kjxsk7r0eheprta8jab2vs3w",
    "endpoint_id": "end_01kjxsk7r0eheprta8jab2vs3w",
    "campaign_id": "cmp_01kjxsk7r0eheprta8jab2vs3w",
    "inbound_id": "inb_01kjxsn2c8ff68x9mperq63te9",
    "key_id": "key_01kjxsk7r0eheprta8jab2vs3w",
    "attachment": "0",
    "recipient": "+12125550123",
}
"""What stands in the place of a path's parameter, where it is no message's id."""


def example_of(name: str) -> Any:
    """Return an example of a component of the document, or None where it has none."""
    return {
        "MessageRequest": _request(),
        "BatchRequest": {
            "messages": [
                _request() | {"idempotency_key": "order-1042-picture"},
                {"to": "+12125550124", "text": "Your order is ready."},
            ]
        },
        "SimpleRequest": {
            "recipient": "+12125550123",
            "imageUrl": "https://pictures.example.com/cat.jpg",
            "caption": "A cat",
        },
        "SimpleAnswer": {
            "success": True,
            "id": MESSAGE_ID,
            "message": "MMS sending initiated successfully.",
            "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        },
        "KeyRequest": {"name": "shop", "scopes": ["send"], "senders": ["+12025550100"]},
        "SenderChange": {"paused": True, "reason": "The carrier asked us to look into it."},
        "CampaignChange": {"rate": "50/min"},
        "EndpointRequest": {
            "url": "https://shop.example.com/hooks/wirephoto",
            "event_types": ["message.delivered", "message.undeliverable", "message.rejected"],
        },
        "EndpointChange": {"enabled": True},
        "ReplayRequest": {"since": "2026-03-04T15:00:00Z"},
        "ResolveRequest": {"outcome": "not_sent", "attempt": 1},
        "MessageView": _message(),
        "MessageList": {"messages": [_message()], "next_cursor": None},
        "BatchAnswer": {"results": [{"status": 202, "message": _message()}, _refused()]},
        "Timeline": _timeline(),
        "Feed": _feed(),
        "InboundList": {"messages": [_inbound()], "next_cursor": None},
        "InboundView": _inbound(),
        "Conversation": {"recipient": "+12125550123", "entries": [_said()], "next_cursor": None},
        "Readiness": {"status": "ok", "findings": []},
        "Problem": _problem(),
    }.get(name)


def _request() -> dict[str, Any]:
    return {
        "to": "+12125550123",
        "text": "A cat",
        "media": [{"url": "https://pictures.example.com/cat.jpg"}],
        "reference": "order-1042",
    }


def _message() -> dict[str, Any]:
    return {
        "id": MESSAGE_ID,
        "state": "queued",
        "to": "+12125550123",
        "from": "+12025550100",
        "text": "A cat",
        "media": [
            {
                "url": "https://pictures.example.com/cat.jpg",
                "upload": None,
                "kind": "image",
                "media_id": None,
                "fitting": None,
            }
        ],
        "channel": "mms",
        "fallback": None,
        "category": "transactional",
        "priority": "normal",
        "ordered": False,
        "allowed_by": {"consent": "implied"},
        "reference": "order-1042",
        "metadata": {},
        "hold_reason": None,
        "reason": None,
        "detail": None,
        "attempts": 0,
        "resends": 0,
        "message_uuid": None,
        "duplicate_possible": False,
        "receipt_overdue": False,
        "warnings": [],
        "due_at": "2026-03-04T15:00:00Z",
        "expected_at": "2026-03-04T15:00:00Z",
        "expires_at": "2026-03-05T15:00:00Z",
        "created_at": "2026-03-04T15:00:00Z",
        "updated_at": "2026-03-04T15:00:00Z",
        "submitted_at": None,
        "final_at": None,
    }


def _refused() -> dict[str, Any]:
    return {"status": 422, "problem": _problem()}


def _problem() -> dict[str, Any]:
    message = "The number has too few digits."
    return {
        "type": "https://wirephoto.dev/problems/invalid",
        "title": "The request breaks a rule",
        "status": 422,
        "code": "invalid",
        "detail": f"to: {message}",
        "errors": [{"field": "to", "code": "too_short", "message": message}],
    }


def _timeline() -> dict[str, Any]:
    return {"events": [_event()], "attempts": [], "next_cursor": None}


def _feed() -> dict[str, Any]:
    event = _event() | {"message_id": MESSAGE_ID}
    return {"events": [event], "cursor": "2e9-1c", "has_more": False}


def _event() -> dict[str, Any]:
    return {
        "id": "evt_01kjxsk7r0fgt8rgc9xcqhxn3y",
        "type": "message.queued",
        "at": "2026-03-04T15:00:00Z",
        "data": {},
    }


def _said() -> dict[str, Any]:
    at = "2026-03-04T15:01:01Z"
    return {"direction": "in", "at": at, "message": None, "inbound": _inbound()}


def _inbound() -> dict[str, Any]:
    return {
        "id": "inb_01kjxsn2c8ff68x9mperq63te9",
        "from": "+12125550123",
        "to": "+12025550100",
        "channel": "mms",
        "text": "Thank you!",
        "media": [
            {
                "kind": "image",
                "url": "https://api-us.nexmo.com/v3/media/1b456509-974c-458b-aafa-45fc48a4d976",
                "name": "cat.jpg",
                "state": "stored",
                "media_type": "image/jpeg",
                "size_bytes": 214003,
                "reason": None,
                "detail": None,
            }
        ],
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789cd",
        "sent_at": "2026-03-04T15:01:00Z",
        "received_at": "2026-03-04T15:01:01Z",
        "reply": "none",
        "outcome": "nothing_asked",
        "flagged": False,
    }
