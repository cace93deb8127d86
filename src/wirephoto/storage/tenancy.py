"""Marks the queries that serve all tenants; every other query must name one."""

from collections.abc import Callable
from typing import TypeVar

Query = TypeVar("Query", bound=Callable[..., object])


def across_tenants(reason: str) -> Callable[[Query], Query]:
    """Mark a query that reads or writes rows of every tenant, and say why it may.

    A test fails for each query that neither takes a `tenant_id`, nor rows that carry theirs, nor
    has this mark.
    """
    assert reason, "say why"
    return lambda query: query
