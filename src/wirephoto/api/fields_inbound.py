"""What each field means of messages from phones, and of conversations with them."""

from wirephoto.api.fields_people import OWN, PAGE_CURSOR

INBOUND: dict[str, dict[str, str]] = {
    "InboundList": {
        "messages": "The messages, the newest first.",
        "next_cursor": PAGE_CURSOR,
    },
    "InboundView": {
        "id": "The message's id: `inb_` and 26 characters that sort by time.",
        "from": "The phone, as E.164; null where the carrier hides it.",
        "to": "Our number.",
        "channel": "`mms` or `sms`.",
        "text": "What it says.",
        "media": "The attachments.",
        "message_uuid": "The provider's id.",
        "sent_at": "When the provider got it.",
        "received_at": "When we got it.",
        "reply": "What it was taken for: `opt_out`, `help`, `none`, and so on.",
        "outcome": "What followed from it: `opted_out`, `opted_in`, and so on.",
        "flagged": "A human should read it.",
    },
    "InboundMediaView": {
        OWN: "One attachment that a phone sent; the provider keeps it for 48 hours.",
        "kind": "What the provider says that it is.",
        "url": "Where the provider keeps it.",
        "name": "Its file name.",
        "state": "Whether we have it.",
        "media_type": "Its type by its bytes, once it is stored.",
        "size_bytes": "Its size in bytes, once it is stored.",
        "reason": "Why it could not be fetched yet, or at all; for machines.",
        "detail": "The same in a sentence for people.",
    },
    "FileState": {
        OWN: (
            "`waiting`: it is to be fetched from the provider; `stored`: get it under "
            "`/v1/inbound/{inbound_id}/media/{attachment}`; `gone`: it could not be had, and "
            "never will be."
        )
    },
    "Conversation": {
        OWN: "A page of what was said to and by one phone.",
        "recipient": "The phone, as E.164.",
        "entries": "The messages of both directions, the newest first.",
        "next_cursor": PAGE_CURSOR,
    },
    "ConversationEntry": {
        OWN: "One message of a conversation.",
        "direction": "`out`: to the phone; `in`: from it.",
        "at": "When we accepted it, or got it.",
        "message": "The message, where it goes out.",
        "inbound": "The message, where it came in.",
    },
}
