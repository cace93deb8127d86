"""What each field means that is about those who are written to: opt-outs and consents."""

OWN = ""
"""The key under which a structure's own description stands, where its docstring is not for all."""
PAGE_CURSOR = "Hand it in as `cursor` for the next page; null on the last."
_CONSENT = {
    "recipient": "The number, in any usual spelling.",
    "consent_class": "What they consented to.",
    "method": "How they did.",
    "given_at": "When (RFC 3339, in the zone in which it was given).",
    "brand_id": "The brand; may be left out where there is only one.",
    "disclosure": "What they were told, or its hash; a form's advertising needs it.",
    "disclosure_version": "Which version of it.",
    "page_url": "The form's address.",
    "ip": "Where they were on the internet.",
    "user_agent": "Which browser they used.",
    "inbound_id": "The reply that was the consent.",
    "expires_at": "Until when it counts.",
    "zone": "Where they live: an IANA zone.",
    "state": "Where they live: a state's two letters.",
}
PEOPLE: dict[str, dict[str, str]] = {
    "OptOutRequest": {
        "recipient": "The number, in any usual spelling.",
        "reason": "Why, for people: 1 to 200 characters.",
        "scope": "How far it reaches; by default all of yours, with a `sender` its brand.",
        "sender": "One of your senders: it, or its brand, is meant.",
    },
    "OptOutView": {
        "id": "The opt-out's id.",
        "recipient": "The number; null once it was erased.",
        "scope": "How far it reaches.",
        "sender": "The sender that it is about, where the scope is one.",
        "brand_id": "The brand that it was said to.",
        "reason": "What was said, the code of the receipt, or why somebody added it.",
        "source": "Where it comes from.",
        "created_at": "Since when.",
        "ended_at": "Until when; null while it stands.",
        "ended_by": "`reply` where its recipient took it back, else the key that did.",
    },
    "OptOutPage": {"opt_outs": "The opt-outs.", "next_cursor": PAGE_CURSOR},
    "OptOutImport": {"rows": "Rows of the file.", "new": "Those that did not stand before."},
    "OptOutScope": {OWN: "`sender`, `brand` (all senders of one) or `tenant` (all of yours)."},
    "OptOutSource": {
        OWN: "`reply` (they said so), `receipt` (the provider did), `operator` or `import`."
    },
    "ConsentRequest": _CONSENT | {"sender": "One of your senders: its brand is meant."},
    "ConsentsRequest": {"consents": "1 to 1,000 of them."},
    "RevokeRequest": {
        "recipient": "The number, in any usual spelling.",
        "sender": "One of your senders: its brand is meant.",
        "brand_id": "The brand; may be left out where there is only one.",
        "consent_class": "Only consents of this class; else all.",
    },
    "ConsentView": _CONSENT
    | {
        "id": "The consent's id.",
        "recipient": "The number; null once it was erased.",
        "brand_id": "The brand that they consented to hear from.",
        "offset_minutes": "The offset from UTC in which the time was given.",
        "imported_by": "Who imported it.",
        "created_at": "When it was recorded.",
    },
    "ConsentPage": {"consents": "The consents.", "next_cursor": PAGE_CURSOR},
    "Recorded": {"consents": "The consents, in the order of the request."},
    "VerdictView": {
        "category": "What the message is for.",
        "allowed": "It may go.",
        "reason": "Why.",
        "consent_id": "The consent that allows it.",
        "warned": "No record allows it, but the settings let it pass.",
    },
    "StandingView": {
        "brand_id": "The brand.",
        "verdicts": "What the records allow, by category.",
        "revoked_at": "When consents were last taken back.",
    },
    "StandingList": {"standing": "By brand; none where there are no records."},
    "Revoked": {"blocked": "Messages that waited and needed a consent."},
    "ConsentImport": {"rows": "Consents of the file."},
    "History": {
        "recipient": "The number, as E.164.",
        "contacts": "Each of your brands that was ever in touch with them.",
        "entries": "What is known, the newest first.",
        "next_cursor": PAGE_CURSOR,
    },
    "ContactView": {
        "brand_id": "The brand.",
        "first_in_at": "When they first wrote to it.",
        "last_in_at": "When they last did.",
        "first_out_at": "When the provider first took a message of it to them.",
        "last_out_at": "When it last did.",
    },
    "HistoryEntryView": {
        "at": "When it was stored.",
        "message": "A message to them.",
        "grounds": "Why that message was allowed, or was not.",
        "inbound": "A message from them, and how it was read.",
        "opt_out": "An opt-out, and when it ended.",
        "consent": "A consent.",
        "revocation": "The end of consents.",
        "audit": "What somebody did to one of these.",
    },
    "GroundsView": {
        "consent": "Why its consent sufficed, as `allowed_by` says.",
        "consent_id": "The consent that allowed it.",
        "window_closes_at": "Until when quiet hours let it leave; null where none bound it.",
        "hours_digest": "Which rules of quiet hours that follows from.",
        "zone": "The recipient's zone, where the caller gave one.",
        "state": "The recipient's state, where the caller gave one.",
        "opt_outs": (
            "What the list of opt-outs said: `clear`; `standing`: one kept it from leaving; "
            "`answer`: it answers a reply, and leaves past them."
        ),
    },
    "RevocationView": {
        "id": "The revocation's id.",
        "brand_id": "The brand that must no longer write.",
        "consent_class": "What it ended; null: every consent.",
        "revoked_at": "Consents until then have ended.",
        "source": "`reply`, or the key that was told.",
    },
    "AuditView": {
        "id": "The entry's id.",
        "at": "When.",
        "actor": "Who: a key, or `cli`.",
        "act": "What was done.",
        "object": "To what: an id.",
        "detail": "More about it.",
    },
    "ConsentClass": {OWN: "`marketing` (advertising; serves for the other) or `informational`."},
    "ConsentMethod": {OWN: "How they consented."},
    "ConsentReason": {OWN: "Why a message is allowed or not."},
}
