"""The list of opt-outs in the hands of an operator: look up, add, lift, import."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from wirephoto.clock import Clock
from wirephoto.domain.consent import Consent, ConsentClass, ConsentMethod
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.opt_out import OptOut, OptOutScope, OptOutSource
from wirephoto.domain.phone import Refusal, parse_recipient, parse_sender
from wirephoto.engine.audit_trail import AuditTrail
from wirephoto.engine.blocking import block_silenced
from wirephoto.engine.csv_rows import read_csv
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.consents import StoredConsent, insert_consents
from wirephoto.storage.database import Database
from wirephoto.storage.opt_outs import (
    StoredOptOut,
    end_opt_outs,
    get_opt_out,
    insert_opt_outs,
    list_opt_outs,
    standing_opt_outs,
)
from wirephoto.storage.schema import DEFAULT_BRAND
from wirephoto.storage.senders import Sender

REASON_CHARS_MAX = 200
COLUMNS = ("recipient", "reason", "scope", "sender", "brand_id")
"""What an import reads; `recipient` must be there, other columns are left alone."""
EXPORTED = (*COLUMNS, "source", "created_at")
"""The columns of an export."""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """An opt-out that an operator wants: from all senders, or from those that `sender` stands for.

    Without a scope it reaches as far as the sender's brand, or the whole tenant where none is
    named. Its brand is the sender's, or named itself.
    """

    recipient: str
    reason: str = ""
    scope: OptOutScope | None = None
    sender: str | None = None
    brand_id: str | None = None


def is_same(one: OptOut, other: OptOut) -> bool:
    """Tell whether two opt-outs of a recipient are one: from the same place, as far."""
    return (one.scope, one.source, one.brand_id) == (
        other.scope,
        other.source,
        other.brand_id,
    ) and (one.scope is not OptOutScope.SENDER or one.sender == other.sender)


def as_cells(row: StoredOptOut) -> tuple[str, ...]:
    """Return an opt-out's cells under `EXPORTED`; an erased number's cell is empty."""
    return (
        row.recipient or "",
        row.opt_out.reason,
        row.opt_out.scope.value,
        row.opt_out.sender or "",
        row.opt_out.brand_id if row.opt_out.scope is OptOutScope.BRAND else "",
        row.opt_out.source.value,
        row.created_at.isoformat(),
    )


class OptOutList:
    """A tenant's opt-outs, in the hands of `actor` (a key's id, or `cli`)."""

    def __init__(
        self,
        database: Database,
        *,
        directory: SenderDirectory,
        numbers: NumberHash,
        tenant_id: str,
        actor: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._directory = directory
        self._numbers = numbers
        self._tenant_id = tenant_id
        self._actor = actor
        self._clock = clock
        self._ids = ids
        self._trail = AuditTrail(tenant_id, actor, clock, ids)

    async def page(
        self,
        *,
        recipient: str | None = None,
        ended: bool = False,
        before_id: str | None = None,
        limit: int,
    ) -> list[StoredOptOut]:
        """Return up to `limit` opt-outs, the newest first; of one recipient where it is named."""
        hashes = None if recipient is None else self._numbers.all_of(recipient)
        async with self._database.read() as tx:
            return await list_opt_outs(
                tx, self._tenant_id, hashes=hashes, ended=ended, before_id=before_id, limit=limit
            )

    async def add(self, wanted: Wanted) -> StoredOptOut:
        """Store an opt-out unless it stands, and block what waits; return the one that stands.

        Raises:
            RequestRefused: a field breaks a rule.
        """
        faults: list[Fault] = []
        row = self._row(wanted, OptOutSource.OPERATOR, await self._senders(), faults)
        if not wanted.reason.strip():
            faults.append(Fault("reason", "required", "Say why: nobody but you can lift it."))
        if faults or row is None:
            raise RequestRefused(faults)
        await self._store([row], "opt_out.add", row.id)
        async with self._database.read() as tx:
            standing = await standing_opt_outs(tx, self._tenant_id, [row.recipient_hash])
        same = [one for one in standing if is_same(one.opt_out, row.opt_out)]
        return same[0] if same else row

    async def lift(self, opt_out_id: str, reason: str) -> StoredOptOut | None:
        """End an opt-out; None where the tenant has none of that id that stands.

        Where the recipient's consents ended with it, what they agreed to now is recorded as one to
        information, in the same transaction: no word of mouth is a consent to advertising.

        Raises:
            RequestRefused: no reason is given: the recipient's own word is undone.
        """
        if not reason.strip() or len(reason) > REASON_CHARS_MAX:
            message = f"Say in 1 to {REASON_CHARS_MAX} characters what the recipient agreed to."
            raise RequestRefused([Fault("reason", "required", message)])
        async with self._database.transaction() as tx:
            now = self._clock.now()
            ended = await end_opt_outs(tx, self._tenant_id, [opt_out_id], by=self._actor, now=now)
            found = await get_opt_out(tx, self._tenant_id, opt_out_id)
            if ended and found:
                await self._trail.note(tx, "opt_out.lift", opt_out_id, {"reason": reason})
                await insert_consents(tx, self._consents(found, reason.strip(), now))
        return found if ended else None

    def _consents(self, lifted: StoredOptOut, reason: str, now: datetime) -> list[StoredConsent]:
        if not lifted.opt_out.ends_consents or lifted.recipient is None:
            return []
        consent = Consent(
            id=self._ids.new("con", now),
            recipient=lifted.recipient,
            brand_id=lifted.opt_out.brand_id,
            consent_class=ConsentClass.INFORMATIONAL,
            method=ConsentMethod.VERBAL,
            given_at=now,
            disclosure=reason,
        )
        return [StoredConsent(self._tenant_id, lifted.recipient_hash, consent, now)]

    async def import_csv(self, lines: Iterable[str], *, dry_run: bool = False) -> tuple[int, int]:
        """Store every row of a CSV, or none; return how many rows there were and how many are new.

        What an import gives a reason for, only an operator can lift.

        Raises:
            RequestRefused: some rows break rules; each is named by its line.
        """
        rows = await self._parsed(lines)
        if dry_run or not rows:
            return len(rows), 0
        new = await self._store(rows, "opt_out.import", f"{len(rows)} rows")
        return len(rows), sum(new)

    async def _parsed(self, lines: Iterable[str]) -> list[StoredOptOut]:
        senders = await self._senders()

        def read(cells: Mapping[str, str], faults: list[Fault]) -> StoredOptOut | None:
            scope = cells["scope"]
            if scope and scope not in list(OptOutScope):
                message = f"A scope is one of {', '.join(OptOutScope)}."
                faults.append(Fault("scope", "invalid", message))
                return None
            wanted = Wanted(
                cells["recipient"],
                cells["reason"],
                OptOutScope(scope) if scope else None,
                cells["sender"] or None,
                cells["brand_id"] or None,
            )
            return self._row(wanted, OptOutSource.IMPORT, senders, faults)

        rows = read_csv(lines, COLUMNS, read)
        reach = attrgetter("recipient_hash", "opt_out.scope", "opt_out.sender", "opt_out.brand_id")
        return list({reach(row): row for row in rows}.values())

    def _row(
        self,
        wanted: Wanted,
        source: OptOutSource,
        senders: Mapping[str, Sender],
        faults: list[Fault],
    ) -> StoredOptOut | None:
        """Return the row of what is wanted; None with faults where it breaks rules."""
        known = len(faults)
        number = parse_recipient(wanted.recipient, fictional_allowed=True)
        if isinstance(number, Refusal):
            faults.append(Fault("recipient", number.reason, number.message))
        if len(wanted.reason) > REASON_CHARS_MAX:
            message = f"At most {REASON_CHARS_MAX} characters."
            faults.append(Fault("reason", "too_long", message))
        brand_id, sender = _reach(wanted, senders, faults)
        if isinstance(number, Refusal) or len(faults) > known:
            return None
        is_of_brand = sender or wanted.brand_id
        scope = wanted.scope or (OptOutScope.BRAND if is_of_brand else OptOutScope.TENANT)
        now = self._clock.now()
        return StoredOptOut(
            id=self._ids.new("opt", now),
            tenant_id=self._tenant_id,
            recipient=number.e164,
            recipient_hash=self._numbers.of(number.e164),
            opt_out=OptOut(scope, source, brand_id, sender, wanted.reason.strip()),
            created_at=now,
        )

    async def _senders(self) -> Mapping[str, Sender]:
        senders = await self._directory.get()
        return {n: sender for n, sender in senders.items() if sender.tenant_id == self._tenant_id}

    async def _store(self, rows: Sequence[StoredOptOut], act: str, object_: str) -> list[bool]:
        """Store all rows with one entry in the trail, then block what waits, some at a time.

        What is accepted or claimed between the two meets the opt-out in the claim.
        """
        chunks = [rows[place : place + _CHUNK] for place in range(0, len(rows), _CHUNK)]
        new: list[bool] = []
        async with self._database.transaction() as tx:
            for chunk in chunks:
                new += await insert_opt_outs(tx, chunk)
            if any(new):
                detail = {"new": str(sum(new))}
                if len(rows) == 1:
                    detail = {"reason": rows[0].opt_out.reason, "hash": rows[0].recipient_hash}
                await self._trail.note(tx, act, object_, detail)
        for chunk in chunks:
            async with self._database.transaction() as tx:
                whom = [(row.tenant_id, row.recipient) for row in chunk if row.recipient]
                await block_silenced(tx, whom, ids=self._ids, now=self._clock.now())
        return new


def _reach(
    wanted: Wanted, senders: Mapping[str, Sender], faults: list[Fault]
) -> tuple[str, str | None]:
    """Return the brand, and the sender if one is named, that an opt-out is from."""
    if wanted.sender:
        number = parse_sender(wanted.sender)
        if isinstance(number, Refusal) or number not in senders:
            faults.append(Fault("sender", "unknown_sender", "This is none of your senders."))
            return DEFAULT_BRAND, None
        return senders[number].brand_id, number
    brands = sorted({sender.brand_id for sender in senders.values()})
    if wanted.brand_id:
        if wanted.brand_id not in brands:
            faults.append(Fault("brand_id", "unknown_brand", "This is none of your brands."))
        return wanted.brand_id, None
    if wanted.scope not in (None, OptOutScope.TENANT):
        message = f"Name the sender that the scope `{wanted.scope}` is about."
        faults.append(Fault("sender", "required", message))
    return (brands[0] if brands else DEFAULT_BRAND), None
