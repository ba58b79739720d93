"""New columns of a model's wide tables: made together, and filled from what its rows hold already under the same names.

Adding a column copies what DuckDB knows of the table's others, and filling one is a statement over all rows: two thousand columns
one by one took 25 CPU seconds. So an empty table is made anew with all of them, and rows are filled by one statement.
"""

from __future__ import annotations

__all__ = ["MAX_COLUMNS", "TYPES", "add_columns"]

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from storage.store._database import dicts, query

Cursor = duckdb.DuckDBPyConnection

MAX_COLUMNS = 2_000  # of one wide table; more go to _extra (storage specification: at most 2,000 features)
TYPES = {"numerical": "DOUBLE", "categorical": "VARCHAR", "text": "VARCHAR", "datetime": "TIMESTAMPTZ"}

_NOTED = pa.schema(
    [(name, pa.int32()) for name in ("model_id", "number")] + [(name, pa.string()) for name in ("name", "role", "kind", "column_name")]
)


class _New(NamedTuple):
    """A column to be made. `older` are the rows of `columns` that have had the same name with another kind."""

    number: int
    name: str
    role: str
    kind: str
    column_name: str
    older: Sequence[dict[str, Any]]


def add_columns(cursor: Cursor, model_id: int, asked: Iterable[tuple[str, str, str]]) -> None:
    """Make those of the (name, kind, role) asked for that are missing, filled from `_extra`, or from the name's older kind."""
    new = _missing(dicts(cursor, query("columns"), [model_id]), asked)
    if not new:
        return
    cursor.register("new_columns", pa.Table.from_pylist([{"model_id": model_id, **one._asdict()} for one in new], _NOTED))
    try:
        cursor.execute("INSERT INTO columns SELECT model_id, number, name, role, kind, column_name, now() FROM new_columns")
    finally:
        cursor.unregister("new_columns")
    for table in (f"pred_{model_id:06d}", f"ref_{model_id:06d}"):
        if dicts(cursor, f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608 – surrogate names only, here and below
            for one in new:
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN {one.column_name} {TYPES[one.kind]}")
            _fill(cursor, table, [one for one in new if one.role != "score"])
        else:
            _make_anew(cursor, table, new)


def _missing(rows: Sequence[dict[str, Any]], asked: Iterable[tuple[str, str, str]]) -> list[_New]:
    known = {(row["name"], row["kind"], row["role"] == "score") for row in rows}
    new: list[_New] = []
    for name, kind, role in asked:
        is_score = role == "score"
        if (name, kind, is_score) in known or len(known) >= MAX_COLUMNS:
            continue
        known.add((name, kind, is_score))
        number = len(known)
        older = [row for row in rows if row["name"] == name and row["role"] != "score" and not is_score]
        new.append(_New(number, name, role, kind, f"{'s' if is_score else 'f'}{number:04d}", older))
    return new


def _make_anew(cursor: Cursor, table: str, new: Sequence[_New]) -> None:
    """An empty table with more columns: DuckDB's own words for it, and the new ones."""
    (found,) = dicts(cursor, "SELECT sql FROM duckdb_tables() WHERE table_name = ? AND database_name = current_database()", [table])
    added = "".join(f", {one.column_name} {TYPES[one.kind]}" for one in new)
    cursor.execute(f"DROP TABLE {table}")
    cursor.execute(found["sql"].removesuffix(");") + added + ")")


def _fill(cursor: Cursor, table: str, new: Sequence[_New]) -> None:
    """Give new columns the values that rows hold already under the same names."""
    if not new:
        return
    sources = {row["column_name"] for one in new for row in one.older}
    condition = " OR ".join(f"{name} IS NOT NULL" for name in ("_extra", *sorted(sources)))
    values = ", ".join(f"{one.column_name} = TRY_CAST({_source(one)} AS {TYPES[one.kind]})" for one in new)
    # JSON pointers, RFC 6901
    pointers = {f"p{one.number}": "/" + one.name.replace("~", "~0").replace("/", "~1") for one in new}
    cursor.execute(f"UPDATE {table} SET {values} WHERE {condition}", pointers)  # noqa: S608 – surrogate names only


def _source(new: _New) -> str:
    """SQL for the text of a new column's value in a row."""
    # The whole number 3 was stored as 3.0 in a double; its category is "3".
    older = [
        f"CASE WHEN {row['column_name']} = floor({row['column_name']}) AND abs({row['column_name']}) < 9007199254740992 "
        f"THEN CAST(CAST({row['column_name']} AS BIGINT) AS VARCHAR) ELSE CAST({row['column_name']} AS VARCHAR) END"
        if row["kind"] == "numerical"
        else f"CAST({row['column_name']} AS VARCHAR)"
        for row in reversed(new.older)
    ]
    extra = f"json_extract_string(_extra, $p{new.number})"
    return f"coalesce({', '.join([extra, *older])})" if older else extra
