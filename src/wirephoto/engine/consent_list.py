"""Consents in the hands of an operator: recorded, looked up, revoked, imported."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from wirephoto.clock import Clock
from wirephoto.domain.consent import (
    Consent,
    ConsentClass,
    ConsentMethod,
    ConsentPolicy,
    ConsentVerdict,
    Revocation,
    consent_faults,
    judge_consent,
)
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.message import Category
from wirephoto.domain.phone import Refusal, parse_recipient, parse_sender
from wirephoto.domain.place import valid_state, valid_zone
from wirephoto.engine.audit_trail import AuditTrail
from wirephoto.engine.blocking import block_revoked
from wirephoto.engine.csv_rows import read_csv
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.consents import (
    Records,
    StoredConsent,
    StoredRevocation,
    insert_consents,
    insert_revocations,
    list_consents,
    load_records,
)
from wirephoto.storage.database import Database, is_storable
from wirephoto.storage.schema import DEFAULT_BRAND
from wirephoto.storage.senders import Sender

TEXT_CHARS_MAX = 2_000
COLUMNS = (
    "recipient",
    "consent_class",
    "method",
    "given_at",
    "sender",
    "brand_id",
    "disclosure",
    "disclosure_version",
    "page_url",
    "ip",
    "user_agent",
    "inbound_id",
    "expires_at",
    "zone",
    "state",
)
"""What an import reads of each row, and an export writes."""
_TEXTS = ("disclosure", "disclosure_version", "page_url", "ip", "user_agent", "inbound_id")
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A consent to record: whose, of what, how and when; `sender` or `brand_id` say to whom."""

    recipient: str
    consent_class: ConsentClass
    method: ConsentMethod
    given_at: datetime
    sender: str | None = None
    brand_id: str | None = None
    disclosure: str = ""
    disclosure_version: str = ""
    page_url: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    inbound_id: str | None = None
    expires_at: datetime | None = None
    zone: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record of a recipient with one brand, and what it allows."""

    brand_id: str
    records: Records
    verdicts: Mapping[Category, ConsentVerdict]


class ConsentList:
    """A tenant's consents, in the hands of `actor` (a key's id, or `cli`)."""

    def __init__(
        self,
        database: Database,
        *,
        directory: SenderDirectory,
        numbers: NumberHash,
        policy: ConsentPolicy,
        tenant_id: str,
        actor: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._directory = directory
        self._numbers = numbers
        self._policy = policy
        self._tenant_id = tenant_id
        self._actor = actor
        self._clock = clock
        self._ids = ids
        self._trail = AuditTrail(tenant_id, actor, clock, ids)

    async def page(
        self, *, recipient: str | None = None, before_id: str | None = None, limit: int
    ) -> list[StoredConsent]:
        """Return up to `limit` consents, the newest first; of one recipient where it is named."""
        hashes = None if recipient is None else self._numbers.all_of(recipient)
        async with self._database.read() as tx:
            return await list_consents(
                tx, self._tenant_id, hashes=hashes, before_id=before_id, limit=limit
            )

    async def standing(self, recipient: str) -> list[Standing]:
        """Return what a recipient's records allow, for each brand that has some."""
        async with self._database.read() as tx:
            found = await load_records(tx, self._tenant_id, self._numbers.all_of(recipient))
        now = self._clock.now()
        return [
            Standing(
                brand_id,
                records,
                {category: self._judge(category, records, now) for category in Category},
            )
            for (brand_id, _), records in sorted(found.items())
        ]

    async def record(self, wanted: Sequence[Wanted]) -> list[StoredConsent]:
        """Store consents, all or none.

        Raises:
            RequestRefused: some break rules; each is named by its place.
        """
        senders, faults, rows = await self._senders(), [], []
        for place, one in enumerate(wanted):
            found: list[Fault] = []
            row = self._row(one, senders, found)
            faults += [replace(f, field=f"consents[{place}].{f.field}") for f in found]
            rows += [row] if row else []
        if faults:
            raise RequestRefused(faults)
        await self._store(rows, "consent.record")
        return rows

    async def import_csv(self, lines: Iterable[str], *, dry_run: bool = False) -> int:
        """Store every row of a CSV, or none; return how many there are.

        Raises:
            RequestRefused: some rows break rules; each is named by its line.
        """
        senders = await self._senders()

        def read(cells: Mapping[str, str], faults: list[Fault]) -> StoredConsent | None:
            wanted = _of_cells(cells, faults)
            return self._row(wanted, senders, faults) if wanted else None

        rows = read_csv(lines, COLUMNS, read)
        if rows and not dry_run:
            await self._store(rows, "consent.import")
        return len(rows)

    async def revoke(
        self,
        recipient: str,
        *,
        sender: str | None = None,
        brand_id: str | None = None,
        consent_class: ConsentClass | None = None,
    ) -> int:
        """End a recipient's consents with a brand; return how many waiting messages that blocks.

        Raises:
            RequestRefused: a field breaks a rule.
        """
        faults: list[Fault] = []
        number = _number(recipient, faults)
        brand = _brand(sender, brand_id, await self._senders(), faults)
        if faults:
            raise RequestRefused(faults)
        now = self._clock.now()
        row = StoredRevocation(
            id=self._ids.new("rev", now),
            tenant_id=self._tenant_id,
            brand_id=brand,
            recipient=number,
            recipient_hash=self._numbers.of(number),
            revocation=Revocation(now, consent_class),
            source=self._actor,
            created_at=now,
        )
        async with self._database.transaction() as tx:
            await insert_revocations(tx, [row])
            await self._trail.note(tx, "consent.revoke", row.id, {"hash": row.recipient_hash})
            whom = [(self._tenant_id, number)]
            return len(await block_revoked(tx, whom, ids=self._ids, now=now))

    def _judge(self, category: Category, records: Records, now: datetime) -> ConsentVerdict:
        return judge_consent(
            category, records.consents, records.revocations, policy=self._policy, now=now
        )

    def _row(
        self, wanted: Wanted, senders: Mapping[str, Sender], faults: list[Fault]
    ) -> StoredConsent | None:
        now, known = self._clock.now(), len(faults)
        number = _number(wanted.recipient, faults)
        brand_id = _brand(wanted.sender, wanted.brand_id, senders, faults)
        imported_by = self._actor if wanted.method is ConsentMethod.IMPORT else None
        offset = wanted.given_at.utcoffset()
        names = set(Wanted.__slots__) - {"recipient", "sender", "brand_id"}
        consent = Consent(
            id=self._ids.new("con", now),
            recipient=number,
            brand_id=brand_id,
            imported_by=imported_by,
            offset_minutes=int(offset.total_seconds() // 60) if offset else 0,
            **{name: getattr(wanted, name) for name in names - {"state"}},
            state=wanted.state.upper() if wanted.state else None,
        )
        faults += [Fault(field, "invalid", why) for field, why in consent_faults(consent, now)]
        faults += [*_place_faults(consent), *_text_faults(consent)]
        if len(faults) > known:
            return None
        return StoredConsent(self._tenant_id, self._numbers.of(number), consent, now)

    async def _senders(self) -> Mapping[str, Sender]:
        senders = await self._directory.get()
        return {n: sender for n, sender in senders.items() if sender.tenant_id == self._tenant_id}

    async def _store(self, rows: Sequence[StoredConsent], act: str) -> None:
        async with self._database.transaction() as tx:
            for place in range(0, len(rows), _CHUNK):
                await insert_consents(tx, rows[place : place + _CHUNK])
            object_ = rows[0].consent.id if len(rows) == 1 else f"{len(rows)} rows"
            await self._trail.note(tx, act, object_, {"rows": str(len(rows))})


def as_cells(row: StoredConsent) -> tuple[str, ...]:
    """Return a consent's cells under `COLUMNS`; an erased number's cell is empty.

    When it was given is told by the clock of its source: an import keeps that.
    """
    consent = row.consent
    source = timezone(timedelta(minutes=consent.offset_minutes))
    told = replace(consent, given_at=consent.given_at.astimezone(source))
    return tuple(_cell(getattr(told, name, None)) for name in COLUMNS)


def _cell(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value or "")


def _of_cells(cells: Mapping[str, str], faults: list[Fault]) -> Wanted | None:
    known = len(faults)
    fields: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    for name, kind in (("consent_class", ConsentClass), ("method", ConsentMethod)):
        if cells[name] in list(kind):
            fields[name] = kind(cells[name])
        else:
            faults.append(Fault(name, "invalid", f"One of {', '.join(kind)}."))
    for name in ("given_at", "expires_at"):
        if name in fields or name == "given_at":
            fields[name] = _instant(name, cells[name], faults)
    return Wanted(**fields) if len(faults) == known and "recipient" in fields else None


def _instant(name: str, cell: str, faults: list[Fault]) -> datetime | None:
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = "A time with its zone, such as 2026-03-04T10:00:00-05:00."
        faults.append(Fault(name, "invalid", message))
        return None
    return found


def _number(typed: str, faults: list[Fault]) -> str:
    number = parse_recipient(typed, fictional_allowed=True)
    if isinstance(number, Refusal):
        faults.append(Fault("recipient", number.reason, number.message))
        return ""
    return number.e164


def _brand(
    sender: str | None,
    brand_id: str | None,
    senders: Mapping[str, Sender],
    faults: list[Fault],
) -> str:
    """Return the brand that is meant: by one of its senders, by its id, or the only one."""
    brands = sorted({one.brand_id for one in senders.values()})
    if sender is not None:
        number = parse_sender(sender)
        if not isinstance(number, Refusal) and number in senders:
            return senders[number].brand_id
        faults.append(Fault("sender", "unknown_sender", "This is none of your senders."))
    elif brand_id is not None:
        if brand_id in brands:
            return brand_id
        faults.append(Fault("brand_id", "unknown_brand", "This is none of your brands."))
    elif len(brands) == 1:
        return brands[0]
    else:
        message = "Name the sender, or the brand, that they consented to hear from."
        faults.append(Fault("sender", "required", message))
    return DEFAULT_BRAND


def _text_faults(consent: Consent) -> Iterator[Fault]:
    for name in _TEXTS:
        text = getattr(consent, name) or ""
        if len(text) > TEXT_CHARS_MAX:
            yield Fault(name, "too_long", f"At most {TEXT_CHARS_MAX} characters.")
        if not is_storable(text):
            yield Fault(name, "null_character", "Text cannot hold the character U+0000.")


def _place_faults(consent: Consent) -> Iterator[Fault]:
    for name, valid in (("zone", valid_zone), ("state", valid_state)):
        value = getattr(consent, name)
        try:
            if value is not None:
                valid(value)
        except ValueError as error:
            yield Fault(name, "invalid", str(error))
