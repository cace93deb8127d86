"""Every way in which a database can be out of reach, as one typed error."""

import contextlib
import sqlite3
from collections.abc import Iterator

import asyncpg
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wirephoto.errors import StorageUnavailable

_OUT_OF_REACH = (
    *("08", "25006", "25P03", "25P04", "40", "42501"),
    *("53", "55", "57", "58", "XX001", "XX002"),
)
"""PostgreSQL's codes (appendix A of its manual): no connection, read-only, a time limit, rolled
back for the sake of another transaction (a deadlock), a right that was taken away, no resources (a
full disk), something in use, an operator's act (a restart), a fault of the system, damage."""
_LOST_THREAD = (asyncpg.InternalClientError, asyncpg.InvalidCachedStatementError)
"""The driver's errors when it and the server no longer speak of the same: a garbled connection, a
schema that was changed beneath a prepared statement. The next transaction starts afresh."""


@contextlib.contextmanager
def unavailable_is_typed() -> Iterator[None]:
    """Turn every way in which a database can be out of reach into `StorageUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        if not _is_out_of_reach(error):
            raise
        raise StorageUnavailable(f"database: {_named(error.orig)}") from error
    except (OSError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The driver's own errors come from connecting: nothing else is run past SQLAlchemy.
        raise StorageUnavailable(f"database: {type(error).__name__}") from error


def _is_out_of_reach(error: DBAPIError) -> bool:
    if error.connection_invalidated or error.statement is None:
        return True  # it came from connecting, or from the commit
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        # The latter is SQLite's word for a file that is damaged. Of the former, only the plain
        # ERROR says that the statement is wrong: a full disk is FULL, a file that may not grow
        # (a quota, RLIMIT_FSIZE) is IOERR.
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_FULL)
        return code & 0xFF != sqlite3.SQLITE_ERROR
    cause = error.orig and error.orig.__cause__
    if isinstance(cause, _LOST_THREAD):
        return True
    if isinstance(error, InterfaceError):
        # The driver also complains so of a value that it cannot encode: then the row is at fault.
        return not isinstance(cause, ValueError)
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_OUT_OF_REACH)


def _named(error: BaseException | None) -> str:
    """Return the driver's name for an error; neither it nor SQLite's sentence holds a value."""
    if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorname"):
        return f"{error} ({error.sqlite_errorname})"
    return type((error and error.__cause__) or error).__name__
