"""API keys: who asks, and what they may do."""

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from wirephoto.api.services import services_of
from wirephoto.clock import Clock
from wirephoto.domain.api_key import KeyMode, Scope, allows, is_well_formed, key_hash
from wirephoto.domain.message import Category
from wirephoto.engine.drafting import Caller
from wirephoto.engine.key_use import KeyUses
from wirephoto.errors import WirephotoError
from wirephoto.storage.database import Database
from wirephoto.storage.keys import ApiKey, any_key, find_key
from wirephoto.storage.schema import DEFAULT_TENANT

CACHE_S = 4.0
"""How long a key is believed without a look at the database: revoked keys die within 5 s."""
CACHED_MAX = 10_000
"""Keys remembered; wrong ones are too, so that guessing does not reach the database."""

HOW_TO_MAKE_A_KEY = "Make one with: wirephoto keys create --name NAME"


class Unauthorized(WirephotoError):
    """No valid key was given; the text says what to do."""


class Forbidden(WirephotoError):
    """The key is valid, but may not do this."""


class Keys:
    """Finds out who a key belongs to.

    `first_key` is the operator's own from the settings; it has every right. `uses` is
    the duty that writes when the others were last used.
    """

    def __init__(self, database: Database, clock: Clock, *, first_key: str | None) -> None:
        self._database = database
        self._clock = clock
        self.uses = KeyUses(database, clock)
        self._first_hash = key_hash(first_key) if first_key else None
        self._cache: dict[str, _Known] = {}
        self._exists = first_key is not None

    async def caller_of(self, key: str) -> Caller | None:
        """Return whose key this is, or None where it is nobody's (any more).

        Raises:
            StorageUnavailable: the database cannot be asked.
        """
        hashed = key_hash(key)
        now = self._clock.monotonic()
        known = self._cache.get(hashed)
        if known is None or now >= known.until:
            known = await self._look_up(key, hashed)
            if len(self._cache) >= CACHED_MAX:
                self._cache.clear()
            self._cache[hashed] = known
        if known.caller and known.stored:
            self.uses.saw(known.caller.tenant_id, known.caller.key_id)
        return known.caller

    def forget(self) -> None:
        """Look every key up anew: this process has changed one."""
        self._cache.clear()

    async def any_exists(self) -> bool:
        """Tell whether there is a key at all."""
        if not self._exists:
            async with self._database.read() as tx:
                self._exists = await any_key(tx, self._clock.now())
        return self._exists

    async def _look_up(self, key: str, hashed: str) -> "_Known":
        until = self._clock.monotonic() + CACHE_S
        if hashed == self._first_hash:
            return _Known(_OPERATOR, until, stored=False)
        if not is_well_formed(key):
            return _Known(None, until)
        now = self._clock.now()
        async with self._database.read() as tx:
            row = await find_key(tx, hashed, now)
        if row is None:
            return _Known(None, until)
        if row.expires_at is not None:
            left_s = (row.expires_at - now).total_seconds()
            until = min(until, self._clock.monotonic() + left_s)
        return _Known(_caller(row), until)


@dataclass(frozen=True, slots=True)
class _Known:
    """Whose a key is, believed until a time of the monotonic clock."""

    caller: Caller | None
    until: float
    stored: bool = True


_OPERATOR = Caller(
    tenant_id=DEFAULT_TENANT,
    key_id="settings",
    live=True,
    scopes=frozenset({Scope.ADMIN}),
    categories=frozenset(Category),
)


def _caller(row: ApiKey) -> Caller:
    return Caller(
        tenant_id=row.tenant_id,
        key_id=row.id,
        live=row.mode == KeyMode.LIVE,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        senders=frozenset(row.senders),
        categories=frozenset(Category(category) for category in row.categories),
    )


class Requirement:
    """Lets through callers whose key has `scope`, and remembers who asks.

    A `before_request` hook: a Litestar guard would get a copy of the route for every request.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Let the caller through.

        Raises:
            Unauthorized: there is no key, or nobody's.
            Forbidden: the key has not the scope.
        """
        keys = services_of(connection.app).keys
        key = _key_in(connection)
        caller = await keys.caller_of(key) if key else None
        if caller is None:
            hint = "" if await keys.any_exists() else f" There is none yet. {HOW_TO_MAKE_A_KEY}"
            raise Unauthorized(
                "Send an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`." + hint
            )
        if not allows(caller.scopes, self.scope):
            raise Forbidden(f"This key has not the scope `{self.scope}`.")
        connection.scope["state"]["caller"] = caller


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return who asks, on a route that requires a key."""
    caller: Caller = connection.scope["state"]["caller"]
    return caller


def _key_in(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    # Other schemes are for a proxy in front.
    return connection.headers.get("x-api-key")
