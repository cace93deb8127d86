"""Column types, and how an instant stands in each database.

Instants are aware UTC datetimes in Python, `TIMESTAMPTZ` in PostgreSQL and whole microseconds since
1970 in SQLite, which has no such type.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970: how SQLite stores an instant."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant that `to_micros` stored."""
    return _EPOCH + timedelta(microseconds=micros)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, exact to the microsecond on both databases."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of `dialect`."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return `value` as the driver of `dialect` takes it."""
        return to_micros(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the stored instant, aware and in UTC."""
        return from_micros(value) if value is not None and dialect.name == "sqlite" else value


def is_state(state_column: ColumnElement[str], state: str) -> ColumnElement[bool]:
    """Return the condition that a state column holds `state`, written into the statement's text.

    A partial index serves a query only when the planner sees that the query implies the index's
    condition; behind a parameter it cannot.
    """
    return state_column == literal_column(f"'{state}'")


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Sequence = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only
