"""Rows of a CSV that somebody brings: counted, bounded, with faults named by their lines."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from wirephoto.errors import Fault, RequestRefused

Row = TypeVar("Row")
ROWS_MAX = 200_000
BYTES_MAX = 1_000_000
"""Bytes of a CSV that comes over HTTP: read in a moment, for everybody else waits for it."""
FAULTS_MAX = 100
"""Faults that are told; who has more has the wrong file."""


def read_csv(
    lines: Iterable[str],
    columns: Sequence[str],
    read: Callable[[Mapping[str, str], list[Fault]], Row | None],
) -> list[Row]:
    """Return what `read` makes of each row's `columns`, whose first one must be there.

    Other columns are left alone; cells come stripped, empty where the file has none. `read` adds
    faults by the column's name.

    Raises:
        RequestRefused: with the faults of all rows, each by its line.
    """
    reader = csv.DictReader(lines, strict=True)
    rows: list[Row] = []
    faults: list[Fault] = []
    try:
        if columns[0] not in (reader.fieldnames or ()):
            message = f"The first line names the columns: {', '.join(columns)}."
            raise RequestRefused([Fault("line 1", "invalid", message)])
        for place, cells in enumerate(reader, start=1):
            if place > ROWS_MAX:
                message = f"At most {ROWS_MAX:,} rows at a time; split the file."
                raise RequestRefused([Fault("rows", "too_many", message)])
            found: list[Fault] = []
            row = read({name: (cells.get(name) or "").strip() for name in columns}, found)
            at = f"line {reader.line_num}"
            faults += [Fault(f"{at}: {each.field}", each.code, each.message) for each in found]
            if row is not None:
                rows.append(row)
            if len(faults) >= FAULTS_MAX:
                break
    except csv.Error as error:
        fault = Fault(f"line {reader.line_num}", "invalid", f"It is no CSV: {error}.")
        raise RequestRefused([fault]) from error
    if faults:
        raise RequestRefused(faults)
    return rows
