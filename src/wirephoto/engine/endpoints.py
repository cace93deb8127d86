"""What customers change of their endpoints: each act stands in the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from wirephoto.clock import Clock
from wirephoto.domain.delivery import Answer
from wirephoto.domain.endpoint import (
    DESCRIPTION_CHARS_MAX,
    ENDPOINTS_MAX,
    SECRET_BYTES,
    DisabledBy,
    Endpoint,
    endpoint_url_fault,
    make_secret,
)
from wirephoto.domain.event import EVENT_TYPES, TEST_EVENT, Event
from wirephoto.domain.sealing import NONCE_BYTES
from wirephoto.engine.audit_trail import AuditTrail
from wirephoto.engine.courier import Courier
from wirephoto.errors import Fault, RequestRefused, SecretUnreadable
from wirephoto.ids import Ids
from wirephoto.storage.database import Database
from wirephoto.storage.endpoints import (
    OwnEndpoint,
    delete_endpoint,
    get_endpoint,
    hurry,
    insert_endpoint,
    list_endpoints,
    lock_endpoint,
    move_back,
    save_endpoint,
    void_round,
)
from wirephoto.storage.feed import FeedPosition, feed_end, place_before
from wirephoto.storage.tenants import find_tenant


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of an endpoint; None leaves it as it is, no `event_types` are all of them."""

    url: str | None = None
    description: str | None = None
    event_types: Sequence[str] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint with its new secret, which is told this once."""

    endpoint: OwnEndpoint
    secret: str


class Endpoints:
    """A tenant's endpoints, in the hands of `actor` (a key's id, or `cli`).

    What is asked of an endpoint that the tenant does not have returns None.
    """

    def __init__(
        self,
        database: Database,
        *,
        tenant_id: str,
        actor: str,
        clock: Clock,
        ids: Ids,
        courier: Courier,
    ) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._clock = clock
        self._ids = ids
        self._trail = AuditTrail(tenant_id, actor, clock, ids)
        self._courier = courier

    async def all(self) -> list[OwnEndpoint]:
        """Return every endpoint, the newest first."""
        async with self._database.read() as tx:
            return await list_endpoints(tx, self._tenant_id)

    async def get(self, endpoint_id: str) -> OwnEndpoint | None:
        """Return one endpoint."""
        async with self._database.read() as tx:
            return await get_endpoint(tx, self._tenant_id, endpoint_id)

    async def create(self, wanted: Wanted) -> Made:
        """Make an endpoint that hears of what happens from now on.

        Raises:
            RequestRefused: a field breaks a rule, or the tenant has as many as it may.
        """
        assert wanted.url is not None, "an endpoint is an address"
        self._check(wanted)
        now = self._clock.now()
        endpoint_id = self._ids.new("end", now)
        secret, sealed = self._secret_for(endpoint_id)
        endpoint = Endpoint(
            id=endpoint_id,
            tenant_id=self._tenant_id,
            url=wanted.url,
            description=wanted.description or None,
            event_types=_types(wanted.event_types or ()),
            secret=sealed,
            created_at=now,
        )
        if wanted.enabled is False:
            endpoint = endpoint.disabled(DisabledBy.OPERATOR, now)
        async with self._database.transaction() as tx:
            if await find_tenant(tx, self._tenant_id) is None:
                raise _refused("tenant", "unknown", "There is no such tenant.")
            if len(await list_endpoints(tx, self._tenant_id)) >= ENDPOINTS_MAX:
                raise _refused("url", "too_many", f"There are {ENDPOINTS_MAX} endpoints already.")
            place = await feed_end(tx)
            await insert_endpoint(tx, endpoint, place, now)
            await self._trail.note(
                tx, "endpoint.create", endpoint.id, {"host": _host(endpoint.url)}
            )
        return Made(OwnEndpoint(endpoint, place), secret)

    async def change(self, endpoint_id: str, wanted: Wanted) -> OwnEndpoint | None:
        """Change an endpoint; enabled again or elsewhere, it goes on where it was, at once.

        Raises:
            RequestRefused: a field breaks a rule.
        """
        self._check(wanted)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            own = await lock_endpoint(tx, self._tenant_id, endpoint_id)
            if own is None:
                return None
            before, after = own.endpoint, _changed(own.endpoint, wanted, now)
            if after != before:
                await save_endpoint(tx, after)
                await self._trail.note(tx, "endpoint.change", after.id, _told(before, after))
            if _hears(after) != _hears(before):
                await void_round(tx, self._tenant_id, endpoint_id)
            if after.url != before.url or (before.disabled_at and not after.disabled_at):
                await hurry(tx, self._tenant_id, endpoint_id, now)
            return await get_endpoint(tx, self._tenant_id, endpoint_id)

    async def delete(self, endpoint_id: str) -> OwnEndpoint | None:
        """Forget an endpoint; return what it was."""
        async with self._database.transaction() as tx:
            own = await lock_endpoint(tx, self._tenant_id, endpoint_id)
            if own is not None:
                await delete_endpoint(tx, self._tenant_id, endpoint_id)
                await self._trail.note(tx, "endpoint.delete", own.endpoint.id)
            return own

    async def rotate(self, endpoint_id: str) -> Made | None:
        """Give an endpoint another secret; the one until now signs beside it for a day."""
        now = self._clock.now()
        secret, sealed = self._secret_for(endpoint_id)
        async with self._database.transaction() as tx:
            own = await lock_endpoint(tx, self._tenant_id, endpoint_id)
            if own is None:
                return None
            former = self._sealed_anew(own.endpoint)
            await save_endpoint(tx, own.endpoint.rotated(sealed, now, former=former))
            await self._trail.note(tx, "endpoint.rotate", own.endpoint.id)
            after = await get_endpoint(tx, self._tenant_id, endpoint_id)
        assert after is not None, "it is locked"
        return Made(after, secret)

    async def replay(
        self,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        place: FeedPosition | None = None,
    ) -> OwnEndpoint | None:
        """Tell an endpoint again what happened `since` a time, or behind a `place` of the feed.

        It never skips anything: of what is still to be told, nothing is left out. What it is told
        at this moment may be what is asked for again, so that counts for nothing.
        """
        if since is not None:
            # However long it takes: it looks through the feed.
            async with self._database.read(patiently=True) as tx:
                place = await place_before(tx, self._tenant_id, since)
        async with self._database.transaction() as tx:
            own = await lock_endpoint(tx, self._tenant_id, endpoint_id)
            if own is None:
                return None
            if place is not None:
                await void_round(tx, self._tenant_id, endpoint_id)
                if place < own.place:
                    await move_back(tx, self._tenant_id, endpoint_id, place)
                begin = since.isoformat() if since else f"{place.xid:x}-{place.seq:x}"
                await self._trail.note(tx, "endpoint.replay", own.endpoint.id, {"since": begin})
            return await get_endpoint(tx, self._tenant_id, endpoint_id)

    async def test(self, endpoint_id: str) -> Answer | None:
        """Send an endpoint a signed event that is about nothing; return how it answered."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            own = await lock_endpoint(tx, self._tenant_id, endpoint_id)
            if own is None:
                return None
            await self._trail.note(tx, "endpoint.test", own.endpoint.id)
        event = Event(self._ids.new("evt", now), self._tenant_id, None, TEST_EVENT, {}, now)
        try:
            return await self._courier.carry(own.endpoint, event)
        except SecretUnreadable:
            return Answer(reason="secret_unreadable")

    def _secret_for(self, endpoint_id: str) -> tuple[str, str]:
        """Return a new secret, as it is told and as it is stored."""
        secret = make_secret(self._ids.random_bytes(SECRET_BYTES))
        return secret, self._seal(secret, endpoint_id)

    def _sealed_anew(self, endpoint: Endpoint) -> str:
        """Return an endpoint's secret, sealed under the newest of ours, so that older ones may go.

        One that cannot be opened stays as it is.
        """
        try:
            secret = self._courier.sealing.open(endpoint.secret, owner=endpoint.id)
        except SecretUnreadable:
            return endpoint.secret
        return self._seal(secret, endpoint.id)

    def _seal(self, secret: str, endpoint_id: str) -> str:
        nonce = self._ids.random_bytes(NONCE_BYTES)
        return self._courier.sealing.seal(secret, owner=endpoint_id, nonce=nonce)

    def _check(self, wanted: Wanted) -> None:
        faults = []
        if wanted.url is not None:
            fault = endpoint_url_fault(wanted.url, self._courier.allow)
            faults += [Fault("url", fault.reason, fault.message)] if fault else []
        if len(wanted.description or "") > DESCRIPTION_CHARS_MAX:
            message = f"A description has up to {DESCRIPTION_CHARS_MAX} characters."
            faults.append(Fault("description", "length", message))
        if "\x00" in (wanted.description or ""):
            message = "Text cannot hold the character U+0000."
            faults.append(Fault("description", "null_character", message))
        for index, name in enumerate(wanted.event_types or ()):
            if name not in EVENT_TYPES:
                message = "There is no such type of event."
                faults.append(Fault(f"event_types[{index}]", "unknown", message))
        if faults:
            raise RequestRefused(faults)


def _changed(endpoint: Endpoint, wanted: Wanted, now: datetime) -> Endpoint:
    if wanted.url is not None:
        endpoint = endpoint.moved_to(wanted.url)
    if wanted.description is not None:
        endpoint = replace(endpoint, description=wanted.description or None)
    if wanted.event_types is not None:
        endpoint = replace(endpoint, event_types=_types(wanted.event_types))
    if wanted.enabled and endpoint.disabled_at:
        return endpoint.enabled()
    if wanted.enabled is False and not endpoint.disabled_at:
        return endpoint.disabled(DisabledBy.OPERATOR, now)
    return endpoint


def _hears(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what decides whether, where and of what an endpoint is told."""
    return endpoint.url, endpoint.event_types, endpoint.disabled_at


def _types(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the types that are wanted, each once; None is everything."""
    return tuple(dict.fromkeys(names)) or None


def _told(before: Endpoint, after: Endpoint) -> Mapping[str, str]:
    """Return what the trail keeps of a change: no address whole, for many hold a secret."""
    told = {}
    if before.url != after.url:
        told["host"] = f"{_host(before.url)} → {_host(after.url)}"
    if before.event_types != after.event_types:
        told["event_types"] = ", ".join(after.event_types or ("all",))
    if before.description != after.description:
        told["description"] = after.description or ""
    if before.disabled_at != after.disabled_at:
        told["enabled"] = "no" if after.disabled_at else "yes"
    return told


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _refused(field: str, code: str, message: str) -> RequestRefused:
    return RequestRefused([Fault(field, code, message)])
