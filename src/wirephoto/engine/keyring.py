"""A tenant's API keys: made, replaced and revoked; each act stands in the audit trail."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wirephoto.clock import Clock
from wirephoto.domain.api_key import (
    NAME_CHARS_MAX,
    ROTATION_LIVE_MAX,
    SAFE_CATEGORIES,
    KeyMode,
    Scope,
    key_hash,
    key_hint,
    make_key,
)
from wirephoto.domain.message import Category
from wirephoto.engine.audit_trail import AuditTrail
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.keys import (
    ApiKey,
    end_key,
    get_key,
    insert_key,
    list_keys,
    lock_family,
    revoke_key,
)
from wirephoto.storage.pools import load_pools
from wirephoto.storage.senders import load_senders
from wirephoto.storage.tenants import find_tenant

SENDERS_MAX = 1000
OVERLAP = timedelta(hours=24)
"""How long a key goes on beside its successor, unless somebody says otherwise."""
OVERLAP_MAX = timedelta(days=30)
LIFETIME_MAX = timedelta(days=36_525)
"""A hundred years: so that a successor's end, too, is a time that there is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key is to be: by default it sends and reads, from every sender, no emergencies."""

    name: str
    mode: KeyMode = KeyMode.LIVE
    scopes: Collection[Scope] = (Scope.SEND, Scope.READ)
    senders: Collection[str] = ()
    categories: Collection[Category] = tuple(sorted(SAFE_CATEGORIES))
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key as it is shown, this once, and as it is stored."""

    key: str
    stored: ApiKey


@dataclass(frozen=True, slots=True)
class Crowded:
    """A key was not replaced: these two of its family live already."""

    live: tuple[str, ...]


class Keyring:
    """A tenant's keys, in the hands of `actor` (a key's id, or `cli`)."""

    def __init__(
        self,
        database: Database,
        *,
        tenant_id: str,
        actor: str,
        clock: Clock,
        ids: Ids,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._clock = clock
        self._ids = ids
        self._trail = AuditTrail(tenant_id, actor, clock, ids)
        self._random_bytes = random_bytes

    async def keys(self, *, before_id: str | None = None, limit: int | None = None) -> list[ApiKey]:
        """Return up to `limit` keys, the newest first, dead ones too."""
        async with self._database.read() as tx:
            return await list_keys(tx, self._tenant_id, before_id=before_id, limit=limit)

    async def key(self, key_id: str) -> ApiKey | None:
        """Return one key."""
        async with self._database.read() as tx:
            return await get_key(tx, self._tenant_id, key_id)

    async def create(self, wanted: Wanted) -> Issued:
        """Make a key.

        Raises:
            RequestRefused: it breaks rules; each is named.
        """
        now = self._clock.now()
        faults = list(_faults(wanted, now))
        async with self._database.transaction() as tx:
            if await find_tenant(tx, self._tenant_id) is None:
                faults.append(Fault("tenant", "unknown", "There is no such tenant."))
            faults += await self._unknown_senders(tx, wanted)
            if faults:
                raise RequestRefused(faults)
            stored = ApiKey(
                id=self._ids.new("key", now),
                tenant_id=self._tenant_id,
                name=wanted.name,
                mode=wanted.mode,
                scopes=tuple(wanted.scopes),
                hint="",
                key_hash="",
                created_at=now,
                senders=tuple(sorted(set(wanted.senders))),
                categories=tuple(sorted(set(wanted.categories))),
                expires_at=wanted.expires_at,
            )
            return await self._issue(tx, stored, "key.create", name=wanted.name)

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key at once; tell whether it was not before."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            revoked = await revoke_key(tx, self._tenant_id, key_id, now)
            if revoked:
                await self._trail.note(tx, "key.revoke", key_id)
            return revoked

    async def rotate(self, key_id: str, *, overlap: timedelta = OVERLAP) -> Issued | Crowded | None:
        """Make a key with the rights of a live one, which ends `overlap` from now.

        A key that was made for some time has a successor for as long. None where there is no such
        key that lives.
        """
        assert timedelta(0) <= overlap <= OVERLAP_MAX
        now = self._clock.now()
        async with self._database.transaction() as tx:
            family = await lock_family(tx, self._tenant_id, key_id)
            live = [key for key in family if key.lives_at(now)]
            old = next((key for key in live if key.id == key_id), None)
            if old is None:
                return None
            if len(live) >= ROTATION_LIVE_MAX:
                return Crowded(tuple(key.id for key in live))
            await end_key(tx, self._tenant_id, old.id, now + overlap)
            # A key that was replaced has another end than it was made with; the newest never was.
            newest = family[-1]
            lifetime = newest.expires_at and newest.expires_at - newest.created_at
            successor = replace(
                old,
                id=self._ids.new("key", now),
                created_at=now,
                expires_at=now + lifetime if lifetime else None,
                last_used_at=None,
                family=old.family or old.id,
            )
            return await self._issue(tx, successor, "key.rotate", replaces=old.id)

    async def _issue(self, tx: Transaction, row: ApiKey, act: str, **detail: str) -> Issued:
        key = make_key(KeyMode(row.mode), self._random_bytes)
        stored = replace(row, hint=key_hint(key), key_hash=key_hash(key))
        await insert_key(tx, stored)
        await self._trail.note(tx, act, stored.id, detail)
        return Issued(key, stored)

    async def _unknown_senders(self, tx: Transaction, wanted: Wanted) -> list[Fault]:
        if not wanted.senders:
            return []
        known = {s.number for s in await load_senders(tx) if s.tenant_id == self._tenant_id}
        known |= {p.name for p in await load_pools(tx) if p.tenant_id == self._tenant_id}
        message = "This is neither one of your senders (as +12025550100) nor one of your pools."
        return [
            Fault(f"senders[{place}]", "unknown_sender", message)
            for place, name in enumerate(wanted.senders)
            if name not in known
        ]


def _faults(wanted: Wanted, now: datetime) -> Iterator[Fault]:
    if not wanted.name.strip() or len(wanted.name) > NAME_CHARS_MAX:
        yield Fault("name", "length", f"A name has 1 to {NAME_CHARS_MAX} characters.")
    if "\x00" in wanted.name:
        yield Fault("name", "null_character", "Text cannot hold the character U+0000.")
    if not wanted.scopes:
        yield Fault("scopes", "required", "A key without a scope opens nothing.")
    if not wanted.categories:
        yield Fault("categories", "required", "A key needs one category at least.")
    if len(wanted.senders) > SENDERS_MAX:
        yield Fault("senders", "too_many", f"At most {SENDERS_MAX}; make a pool of them.")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        yield Fault("expires_at", "past", "This time is past.")
    if wanted.expires_at is not None and wanted.expires_at - now > LIFETIME_MAX:
        yield Fault("expires_at", "too_late", "This is more than a hundred years ahead.")
