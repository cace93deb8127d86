"""What each field of the interface means, in a sentence for the document."""

from collections.abc import Mapping
from types import MappingProxyType

from wirephoto.api.fields_endpoints import ENDPOINTS
from wirephoto.api.fields_inbound import INBOUND
from wirephoto.api.fields_keys import KEYS
from wirephoto.api.fields_people import OWN, PAGE_CURSOR, PEOPLE

_MESSAGE_REQUEST = {
    "to": "The recipient: a US number in any usual spelling; it is kept as E.164.",
    "from": "One of your senders, or a pool of them. May be left out where there is only one.",
    "text": "The caption, up to 3,000 characters. Without a picture it goes as SMS, up to 3,200.",
    "media": "The attachments, in order. A message without text needs one.",
    "fallback": "What is sent if the picture is refused for the phone or for its size.",
    "category": "What the message is for; the settings say what it is by default.",
    "priority": "Who goes first within a campaign.",
    "ordered": "It leaves after all earlier ordered messages to its recipient.",
    "send_at": "Not before this time (RFC 3339, with zone), at most 30 days ahead.",
    "expires_at": "Not after this time; what has not left by then is `expired`.",
    "recipient_zone": "The time zone of whoever receives it, where you know it: an IANA name.",
    "recipient_state": "The state that they live in, where you know it: two letters.",
    "metadata": "Your own labels: keys of 1 to 40 characters, values of up to 500.",
    "reference": "Your own name for the message; it need not be unique.",
    "media_profile": "`fast` keeps all attachments together small, where time matters.",
    "preflight": "Answer only when it may be queued (202) or is refused (422), or after a wait.",
}

FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    PEOPLE
    | INBOUND
    | ENDPOINTS
    | KEYS
    | {
        "MessageRequest": _MESSAGE_REQUEST,
        "BatchMessage": _MESSAGE_REQUEST
        | {
            OWN: "A message of a batch, with an idempotency key of its own if it has one.",
            "idempotency_key": "As the header, for this message alone; shared with single sends.",
        },
        "Fallback": {"sms": "A text in its place."},
        "SmsFallback": {
            "text": "What it says, up to 3,200 characters; a link to the picture is added where"
            " the gateway hosts it."
        },
        "BatchRequest": {"messages": "The messages; a refused one does not touch the others."},
        "MediaRequest": {
            "url": "Where the file is: a public address without user name, https for choice.",
            "kind": "What it is: a picture where nothing else is known.",
            "upload": "The id of an upload, instead of `url`.",
            "still_allowed": "An animation that does not fit may become a still picture.",
        },
        "SimpleRequest": {
            OWN: "One picture for one phone.",
            "recipient": "A US number in any usual spelling.",
            "imageUrl": "Where the picture is: a public address, https for choice.",
            "caption": "The text below the picture.",
        },
        "SimpleAnswer": {
            OWN: "What became of it. Every answer of this route has `success`.",
            "success": "False where it is certain that nothing goes out.",
            "id": "The message; look it up under `/v1/messages/{message_id}`.",
            "state": "Where it is, while it has not been taken.",
            "message": "A sentence for people, where it went well.",
            "message_uuid": "The provider's id of the message.",
            "error": "A sentence for people, where it did not.",
        },
        "MessageView": {
            "id": "The message's id: `msg_` and 26 characters that sort by time.",
            "state": "Where it is.",
            "to": "The recipient, as E.164.",
            "from": "The sender: E.164, or a short code.",
            "text": "The caption.",
            "media": "The attachments.",
            "channel": "How it travels: `mms`, or `sms` where it is, or has become, a text.",
            "fallback": "What is sent if the picture is refused for the phone or for its size.",
            "category": "What it is for.",
            "priority": "Who goes first within a campaign.",
            "ordered": "It leaves after all earlier ordered messages to its recipient.",
            "allowed_by": "Which consent allows it, or why it needs none.",
            "reference": "Your own name for it.",
            "metadata": "Your own labels.",
            "hold_reason": "Why it waits, while it is queued; null where nothing holds it.",
            "reason": "Why it is where it is, for machines.",
            "detail": "The same in a sentence for people.",
            "attempts": "How often it was tried to submit it.",
            "resends": "How often it was submitted anew after it was taken and turned down.",
            "message_uuid": "The provider's id, once it is submitted.",
            "duplicate_possible": "Two attempts may both have reached the phone.",
            "receipt_overdue": "The carrier has not said in time what became of it.",
            "warnings": "What may go wrong with it, in sentences.",
            "due_at": "It leaves not before this time.",
            "expected_at": "When it was expected to leave, at its acceptance; null where the line"
            " was stopped or the sender paused, so that nobody knew.",
            "expires_at": "It leaves not after this time.",
            "created_at": "When it was accepted.",
            "updated_at": "When it last moved.",
            "submitted_at": "When the provider took it.",
            "final_at": "When its last word was known.",
        },
        "ForecastRequest": {
            "count": "How many messages.",
            "from": "One of your senders; may be left out where there is only one.",
            "at": "When they fall due (RFC 3339, with zone); now, if it is left out.",
            "priority": "Who goes first within a campaign.",
        },
        "ForecastView": {
            "campaign_id": "The campaign that they would leave through.",
            "rate": "Its messages per second, within the account's limit.",
            "daily_cap": "How many may leave in a day (Pacific time); null where there is no cap.",
            "ahead": "How many leave before them; null while the line is stopped.",
            "first_at": "When the first would leave; null while the line is stopped.",
            "last_at": "When the last would leave.",
        },
        "PoolRequest": {"senders": "Numbers of yours, 1 to 1,000."},
        "PoolView": {
            "name": "What messages call it in `from`.",
            "senders": "Its numbers.",
            "created_at": "When it was made.",
        },
        "PoolList": {"pools": "The pools."},
        "SenderChange": {
            "paused": "It does not send; its messages wait, and may expire.",
            "reason": "Why, for people: 1 to 200 characters, with a pause alone.",
        },
        "SenderView": {
            "number": "E.164, or a short code.",
            "kind": "`10dlc`, `toll_free` or `short_code`.",
            "campaign_id": "The campaign whose rate it shares.",
            "available": "It sends: neither it nor its campaign is paused.",
            "paused": "Somebody paused it.",
            "paused_at": "Since when.",
            "pause_reason": "Why, in their words.",
            "created_at": "When it became a sender.",
        },
        "SenderList": {"senders": "The senders, by number.", "next_cursor": PAGE_CURSOR},
        "CampaignChange": {
            "rate": (
                'Messages a second (4.5), a minute ("50/min"), or the name of a preset; 0.01 to 240'
                " a second."
            ),
            "paused": "True stops it until somebody says false; false ends every stop.",
            "reason": "Why, for people: 1 to 200 characters, with a pause alone.",
        },
        "CampaignView": {
            "id": "The campaign's id.",
            "name": "Its name.",
            "provider_id": "Its id at the provider's registration; null until a sync knew it.",
            "att_class": "AT&T's class of it.",
            "rate": "Messages a second, all its senders together.",
            "share": "The part of `rate` that is used now: below 1 after a carrier or the provider"
            " asked to slow down. It recovers by itself.",
            "paused": "It does not send.",
            "stop": "Why not; null while it sends.",
            "queued": "How many messages wait for their turn or their time.",
            "senders": "Its numbers.",
            "brand": "The brand that it is registered for.",
        },
        "CampaignList": {"campaigns": "The campaigns, by id.", "next_cursor": PAGE_CURSOR},
        "StopView": {
            "reason": "Why, for machines; `paused` where somebody paused it.",
            "detail": "Why, in a sentence for people.",
            "since": "Since when.",
            "ended_by": "What ends it.",
        },
        "Proof": {
            OWN: (
                "`answer`: the provider takes a message again; `receipt`: one is delivered, or none"
                " is turned down for ten minutes; `human`: somebody lets it go on."
            )
        },
        "BrandView": {
            "id": "The brand's id.",
            "name": "Its name.",
            "provider_id": "Its id at the provider's registration.",
            "daily_cap": "How many of its messages may leave in a day (Pacific time); null: any.",
            "sent_today": "How many of today's count against the cap.",
        },
        "ResolveRequest": {
            "outcome": "What became of it, or what shall.",
            "attempt": "The number of the attempt that this is true of: where another one has"
            " been made since, nothing is done. Without it the latest is meant.",
            "message_uuid": "The provider's id, where it is known; with `sent` alone.",
        },
        "Resolution": {
            OWN: (
                "`sent`: the provider took it, receipts may follow; `not_sent`: it never got it, "
                "and the message is sent again; `abandon`: it is given up, whatever became of it."
            )
        },
        "MediaView": {
            "url": "Where it was fetched, or is; null for an upload.",
            "upload": "The id of the upload.",
            "kind": "What it is.",
            "media_id": "The original; null before it is fetched.",
            "fitting": "What was made of it; null where the address itself is sent.",
        },
        "FittingView": {
            "original": "What it was.",
            "sent": "What goes out.",
            "steps": "What was done, in order; none where it goes out untouched.",
            "warnings": "Sentences for people, as where quality had to suffer.",
            "took_ms": "How long it took, in milliseconds.",
        },
        "FormView": {
            "media_type": "Its type by its bytes.",
            "size_bytes": "Its size in bytes.",
            "width": "In pixels, upright.",
            "height": "In pixels, upright.",
            "frames": "More than one for an animation.",
            "duration_s": "How long it lasts, in seconds.",
        },
        "MediaKind": {OWN: "What an attachment is."},
        "Profile": {OWN: "How large a message may be: as its sender's kind allows, or small."},
        "MediaDetail": {
            "id": "The original's id: `med_` and 26 characters that sort by time.",
            "kind": "What it is.",
            "media_type": "Its type by its bytes.",
            "size_bytes": "Its size in bytes.",
            "url": "Where it was fetched; null for an upload.",
            "available": "Its bytes are kept; false once nothing has used them for long.",
            "created_at": "When it was uploaded or fetched.",
            "used_at": "When it was last used, to ten minutes.",
            "renditions": "What was made of it, for each target.",
        },
        "RenditionView": {
            "target": "What it had to become: kind, bytes, background.",
            "fitting": "What was made of it; null where it was refused.",
            "reason": "Why it was refused, for machines.",
            "detail": "The same in a sentence for people, with the remedy.",
            "created_at": "When that was.",
        },
        "FetchView": {
            "attachment": "Which attachment, from 0.",
            "method": "GET or HEAD.",
            "user_agent": "What the fetcher called itself.",
            "at": "When it came.",
        },
        "MessageState": {
            OWN: (
                "`preparing`: it is being looked at; `queued`: it waits for its turn; "
                "`claimed`: about to leave; `sending`: on the wire; `unconfirmed`: it may have "
                "left, nobody knows, and it is not sent again on its own; `submitted`: the "
                "provider took it; `delivered`, `read`, `undeliverable`, `rejected`: the "
                "carrier's word; `failed`, `blocked`, `canceled`, `expired`: final, ours."
            )
        },
        "MessageList": {
            "messages": "The messages, the newest first.",
            "next_cursor": PAGE_CURSOR,
        },
        "BatchAnswer": {"results": "The results, in the order of the messages."},
        "BatchResult": {
            OWN: "What became of one message of a batch: the message, or the problem.",
            "status": "The HTTP status that the message alone would have got.",
            "message": "The message, where it was accepted.",
            "problem": "Why not, where it was refused.",
            "replayed": "It is the answer to an earlier request with the same key.",
        },
        "Timeline": {
            "events": "What happened, in order.",
            "attempts": "Every try to submit it.",
            "next_cursor": PAGE_CURSOR,
        },
        "EventView": {
            "id": "The event's id: `evt_` and 26 characters that sort by time.",
            "type": "`message.` and the state that the message moved to.",
            "at": "When it moved.",
            "data": "What belongs to it: reason, attempt, the provider's words.",
        },
        "Feed": {
            OWN: "What happened to all messages of the tenant.",
            "events": "What happened, in order; empty where nothing new has.",
            "cursor": "Where the feed goes on: keep it, and hand it in as `cursor`, now or later.",
            "has_more": "More has happened already: ask again at once.",
        },
        "FeedEventView": {
            OWN: "One entry of the feed.",
            "id": "The event's id, the same as in the message's timeline.",
            "type": "`message.` and the state that the message moved to.",
            "at": "When it moved.",
            "message_id": "The message.",
            "data": "What belongs to it: reason, attempt, the provider's words.",
        },
        "AttemptState": {
            OWN: (
                "`sending`: on the wire; `unconfirmed`: no answer is known; `not_accepted`: "
                "surely not taken; the others are the provider's word."
            )
        },
        "AttemptView": {
            "number": "1 for the first.",
            "channel": "How it travelled: `mms` or `sms`.",
            "state": "How it went.",
            "client_ref": "Our name for it towards the provider; every receipt carries it.",
            "slot_at": "The time that the campaign's rate gave it.",
            "started_at": "When it was recorded, just before the first byte could leave.",
            "deadline_at": "Nothing of it leaves after this time.",
            "ended_at": "When its answer was known.",
            "reason": "Why it went wrong, for machines.",
            "detail": "The same in a sentence for people.",
            "http_status": "The provider's HTTP status.",
            "provider_code": "The provider's or the carrier's error code.",
            "message_uuid": "The provider's id.",
            "price": "What it cost, as the provider reported it.",
            "currency": "The currency of the price.",
            "network_code": "The recipient's network.",
            "request": "What was asked: trimmed, with numbers, text and secrets masked.",
            "answer": "What was answered, its status first: trimmed and masked as well.",
            "checks": "How often the provider's records were asked what became of it.",
            "fetches": "Who fetched its files from us: evidence that it was accepted.",
        },
        "Readiness": {
            OWN: "Whether this process can do its work.",
            "status": "`degraded`: it works, but something does not send or arrive.",
            "findings": "What is wrong; empty where nothing is.",
        },
        "Finding": {
            OWN: "One thing that is wrong.",
            "what": "What it is about.",
            "reason": "Why, for machines.",
            "detail": "Why, and the next step, in a sentence for people.",
        },
        "Problem": {
            OWN: "An error (RFC 9457). `code` never changes its meaning.",
            "type": "An address that names the kind of error.",
            "title": "The kind of error, in words.",
            "status": "The HTTP status.",
            "code": "The kind of error, for machines.",
            "detail": "What is wrong with this request.",
            "errors": "Each field at fault.",
        },
        "ProblemError": {
            "field": "The field as you wrote it, such as `media[0].url`.",
            "code": "The rule that it breaks, for machines.",
            "message": "The rule in a sentence.",
        },
    }
)

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "message_id": "The message's id.",
        "media_id": "The id of an upload, or of a fetched file.",
        "key_id": "The key's id.",
        "number": "The sender's number: E.164, or a short code.",
        "opt_out_id": "The opt-out's id.",
        "endpoint_id": "The endpoint's id.",
        "recipient": "The phone's number: only what concerns it.",
        "inbound_id": "The inbound message's id.",
        "attachment": "The attachment's place in `media`, from 0.",
        "sender": "Only what went over this number of yours.",
        "ended": "Those too that have been taken back.",
        "reason": "What the recipient agreed to: 1 to 200 characters.",
        "campaign_id": "The campaign's id.",
        "name": "The name: of a pool as messages call it, of a file as the provider was told it.",
        "to": "Only those to this number.",
        "from": "Only those from this number.",
        "state": "Only those in this state.",
        "reference": "Only those with this reference.",
        "since": "Only those accepted at this time or later (RFC 3339, with zone).",
        "until": "Only those accepted before this time.",
        "cursor": "The `next_cursor` of the page before; for the feed its `cursor`.",
        "limit": "How many at most.",
        "Idempotency-Key": (
            "Makes a repeated request harmless: it gets the first answer, with "
            "`Idempotent-Replayed: true`. 1 to 255 visible ASCII characters, with or without "
            "quotes; kept for at least 24 hours. Refused input uses up no key."
        ),
    }
)
