"""Magic recipients: fictional numbers whose last two digits choose what becomes of a message.

The numbers are +1, any area code, 555-01XX: set aside for fiction, so that no phone ever rings.
Every number that is not in the table, and every other number at all, is simply delivered.

    XX   what happens
    ==   ============
    20   undeliverable: the carrier could not be reached (1331)
    21   submitted, and never a final receipt
    22   no receipt at all
    24   delivered, and every receipt comes twice
    25   delivered, and the final receipt comes before submitted
    26   delivered, and submitted comes before the answer to the POST
    30   HTTP 429 once, then delivered
    31   HTTP 429 always
    32   HTTP 500, and yet accepted and delivered
    33   HTTP 500, not accepted
    34   HTTP 502 with HTML, not accepted
    35   connection closed before the request is read, not accepted
    36   connection closed after the request is read, accepted and delivered
    37   connection closed after the request is read, not accepted
    38   the 202 comes late, delivered
    39   the 202 has truncated JSON, delivered
    40   HTTP 401 once, then delivered
    41   HTTP 402 low balance
    42   HTTP 422 invalid sender
    50   rejected 1020: invalid parameters
    51   rejected 1050: number barred
    52   rejected 1170: invalid recipient
    53   rejected 1240: recipient opted out
    54   rejected 1300: not a user of the provider's network
    55   rejected 1310: device cannot receive MMS
    56   rejected 1320: message already sent
    57   rejected 1330: delivery failed
    58   rejected 1360: time to live ran out
    59   rejected 1380: media not accessible
    60   rejected 1381: media too large
    61   rejected 1382: media type not supported
    62   rejected 1420: sender not valid for the channel
    63   rejected 1460: daily limit of the campaign exceeded
    64   rejected 1210: carrier's spam filter
    65   rejected 1282: carrier's content policy
    66   rejected 1140: facility not enabled on the account
    67   rejected 1070: quota exceeded
    68   rejected 1484: registration or compliance failure
    70   rejected 1000: capacity exceeded (temporary)
    71   rejected 1180: destination temporarily unavailable
    72   rejected 1230: temporary network failure
    73   rejected 1030: internal platform error (temporary)
    75   rejected 1180 once, then delivered

What is wrong with pictures alone (55, 59, 60, 61) spares texts: an SMS there is delivered.
What happens once is counted per number: every other message to it is affected. Codes and their
meaning: contract 3; the receipts' order: contract 2.2.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from wirephoto.simulator.switches import HttpFault


class Ending(StrEnum):
    """How an accepted message ends; the first three are the provider's own words."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNDELIVERABLE = "undeliverable"
    NEVER_FINAL = "never_final"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a message to one recipient.

    `digits` are the last two of the number and `summary` is for people. `code` is the number in
    the receipt's error. `once` spares every other message. `submitted_first` is off where the
    provider refuses by itself, before it hands the message to a carrier.
    """

    digits: str = ""
    summary: str = "delivered"
    ending: Ending = Ending.DELIVERED
    code: int | None = None
    fault: HttpFault | None = None
    once: bool = False
    submitted_first: bool = True
    doubled: bool = False
    disordered: bool = False
    early: bool = False


PLAIN = Behaviour()
"""What every number that is not magic gets."""

ERROR_TEXTS = MappingProxyType(
    {
        1000: "capacity exceeded (temporary)",
        1020: "invalid parameters",
        1030: "internal platform error (temporary)",
        1050: "number barred",
        1070: "quota exceeded",
        1140: "facility not enabled on the account",
        1170: "invalid recipient",
        1180: "destination temporarily unavailable",
        1210: "carrier's spam filter",
        1230: "temporary network failure",
        1240: "recipient opted out",
        1282: "carrier's content policy",
        1300: "not a user of the provider's network",
        1310: "device cannot receive MMS",
        1320: "message already sent",
        1330: "delivery failed",
        1331: "the carrier could not be reached",
        1360: "time to live ran out",
        1380: "media not accessible",
        1381: "media too large",
        1382: "media type not supported",
        1420: "sender not valid for the channel",
        1460: "daily limit of the campaign exceeded",
        1484: "registration or compliance failure",
    }
)
"""What each code of a receipt's error means (contract 3), in a few words."""

_CARRIER_CODES = frozenset({1180, 1210, 1230, 1282, 1300, 1310, 1330, 1360, 1460})
"""Codes that come from the carrier, so after `submitted`; the others are the platform's."""

_PICTURE_CODES = frozenset({1310, 1380, 1381, 1382})
"""Codes that say something of pictures alone."""


def _course(digits: str, summary: str, ending: Ending = Ending.DELIVERED) -> Behaviour:
    return Behaviour(digits=digits, summary=summary, ending=ending)


def _http(digits: str, fault: HttpFault, summary: str, *, once: bool = False) -> Behaviour:
    return Behaviour(digits=digits, summary=summary, fault=fault, once=once)


def _rejected(digits: str, code: int) -> Behaviour:
    return Behaviour(
        digits=digits,
        summary=f"rejected {code}: {ERROR_TEXTS[code]}",
        ending=Ending.REJECTED,
        code=code,
        submitted_first=code in _CARRIER_CODES,
    )


MAGIC_RECIPIENTS: tuple[Behaviour, ...] = (
    Behaviour(
        digits="20",
        summary="undeliverable: the carrier could not be reached (1331)",
        ending=Ending.UNDELIVERABLE,
        code=1331,
        submitted_first=False,
    ),
    _course("21", "submitted, and never a final receipt", Ending.NEVER_FINAL),
    _course("22", "no receipt at all", Ending.SILENT),
    Behaviour(digits="24", summary="delivered, and every receipt comes twice", doubled=True),
    Behaviour(
        digits="25",
        summary="delivered, and the final receipt comes before submitted",
        disordered=True,
    ),
    Behaviour(
        digits="26",
        summary="delivered, and submitted comes before the answer to the POST",
        early=True,
    ),
    _http("30", HttpFault.THROTTLED, "HTTP 429 once, then delivered", once=True),
    _http("31", HttpFault.THROTTLED, "HTTP 429 always"),
    _http("32", HttpFault.ERROR_ACCEPTED, "HTTP 500, and yet accepted and delivered"),
    _http("33", HttpFault.ERROR_REFUSED, "HTTP 500, not accepted"),
    _http("34", HttpFault.BAD_GATEWAY, "HTTP 502 with HTML, not accepted"),
    _http(
        "35",
        HttpFault.DROPPED_UNREAD,
        "connection closed before the request is read, not accepted",
    ),
    _http(
        "36",
        HttpFault.DROPPED_ACCEPTED,
        "connection closed after the request is read, accepted and delivered",
    ),
    _http(
        "37",
        HttpFault.DROPPED_REFUSED,
        "connection closed after the request is read, not accepted",
    ),
    _http("38", HttpFault.DELAYED, "the 202 comes late, delivered"),
    _http("39", HttpFault.TRUNCATED, "the 202 has truncated JSON, delivered"),
    _http("40", HttpFault.UNAUTHORIZED, "HTTP 401 once, then delivered", once=True),
    _http("41", HttpFault.LOW_BALANCE, "HTTP 402 low balance"),
    _http("42", HttpFault.INVALID_SENDER, "HTTP 422 invalid sender"),
    _rejected("50", 1020),
    _rejected("51", 1050),
    _rejected("52", 1170),
    _rejected("53", 1240),
    _rejected("54", 1300),
    _rejected("55", 1310),
    _rejected("56", 1320),
    _rejected("57", 1330),
    _rejected("58", 1360),
    _rejected("59", 1380),
    _rejected("60", 1381),
    _rejected("61", 1382),
    _rejected("62", 1420),
    _rejected("63", 1460),
    _rejected("64", 1210),
    _rejected("65", 1282),
    _rejected("66", 1140),
    _rejected("67", 1070),
    _rejected("68", 1484),
    _rejected("70", 1000),
    _rejected("71", 1180),
    _rejected("72", 1230),
    _rejected("73", 1030),
    Behaviour(
        digits="75",
        summary="rejected 1180 once, then delivered",
        ending=Ending.REJECTED,
        code=1180,
        once=True,
    ),
)
"""Every magic recipient, by its last two digits; pages and documents list them from here."""

_BY_DIGITS = MappingProxyType({behaviour.digits: behaviour for behaviour in MAGIC_RECIPIENTS})
_NUMBER_DIGITS = 11


def behaviour_of(number: str) -> Behaviour:
    """Return what becomes of messages to `number` (digits with country code, without `+`)."""
    if len(number) != _NUMBER_DIGITS or number[0] != "1" or number[4:9] != "55501":
        return PLAIN
    return _BY_DIGITS.get(number[9:], PLAIN)


def of_text(behaviour: Behaviour) -> Behaviour:
    """Return what becomes of an SMS where this would become of a picture."""
    return PLAIN if behaviour.code in _PICTURE_CODES else behaviour


class Moods:
    """Remembers what happens once: which recipients have had their fault and are spared next."""

    def __init__(self) -> None:
        self._due_good: set[str] = set()

    def next_behaviour(self, number: str) -> Behaviour:
        """Return what becomes of this message to `number`; of `once`, every other one is plain.

        Remembers at most one entry for each area code and kind of fault.
        """
        behaviour = behaviour_of(number)
        if not behaviour.once:
            return behaviour
        if number in self._due_good:
            self._due_good.discard(number)
            return PLAIN
        self._due_good.add(number)
        return behaviour
