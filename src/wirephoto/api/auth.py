"""API keys: who asks, and what they may do."""

from typing import Any

from litestar.connection import ASGIConnection

from wirephoto.api.services import services_of
from wirephoto.clock import Clock
from wirephoto.domain.api_key import KeyMode, Scope, allows, is_well_formed, key_hash
from wirephoto.engine.drafting import Caller
from wirephoto.errors import WirephotoError
from wirephoto.storage.database import Database
from wirephoto.storage.keys import any_key, find_key
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

    `first_key` is the operator's own from the settings; it has every scope.
    """

    def __init__(self, database: Database, clock: Clock, *, first_key: str | None) -> None:
        self._database = database
        self._clock = clock
        self._first_hash = key_hash(first_key) if first_key else None
        self._cache: dict[str, tuple[float, Caller | None]] = {}
        self._exists = first_key is not None

    async def caller_of(self, key: str) -> Caller | None:
        """Return whose key this is, or None where it is nobody's (any more).

        Raises:
            StorageUnavailable: the database cannot be asked.
        """
        hashed = key_hash(key)
        now = self._clock.monotonic()
        known = self._cache.get(hashed)
        if known and now - known[0] < CACHE_S:
            return known[1]
        caller = await self._look_up(key, hashed)
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[hashed] = (now, caller)
        return caller

    async def any_exists(self) -> bool:
        """Tell whether there is a key at all."""
        if not self._exists:
            async with self._database.read() as tx:
                self._exists = await any_key(tx)
        return self._exists

    async def _look_up(self, key: str, hashed: str) -> Caller | None:
        if hashed == self._first_hash:
            return Caller(DEFAULT_TENANT, "settings", live=True, scopes=frozenset({Scope.ADMIN}))
        if not is_well_formed(key):
            return None
        async with self._database.read() as tx:
            stored = await find_key(tx, hashed)
        if stored is None:
            return None
        return Caller(
            tenant_id=stored.tenant_id,
            key_id=stored.id,
            live=stored.mode == KeyMode.LIVE,
            scopes=frozenset(Scope(scope) for scope in stored.scopes),
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
