"""Which windows hold what: counts and fingerprints, for all windows in one scan."""

from __future__ import annotations

__all__ = ["activity", "registered", "row_windows", "versions"]

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa

from storage.errors import StoreError
from storage.store._catalog import Model
from storage.store._database import ReadCursor, query, table
from storage.store._pruned import pruned_of
from storage.store._values import MOMENT

Cursor = ReadCursor


def versions(cursor: Cursor, model: Model) -> pa.Table:
    """One row per version that logged: version, rows, first, last (event times), oldest first."""
    return table(cursor, _of(query("versions"), model), {"model_id": model.model_id})


def activity(cursor: Cursor, model: Model, edges: Sequence[tuple[datetime, datetime]]) -> pa.Table:
    """One row per version and window with rows; see Store.activity."""
    staged = pa.table({
        "start": pa.array([start for start, _ in edges], MOMENT),
        "end": pa.array([end for _, end in edges], MOMENT),
    })  # fmt: skip
    with registered(cursor, "windows", staged):
        return table(cursor, _of(query("activity"), model), {"model_id": model.model_id})


def row_windows(cursor: Cursor, model: Model, version: str, size: int) -> pa.Table:
    """Windows of `size` rows; see Store.row_windows."""
    if size < 1:
        raise StoreError("A window of rows needs at least one row: give a size of 1 or more.")
    return table(cursor, _of(query("row_windows"), model), {"version": version, "size": size, **_gone(cursor, model, version)})


def _gone(cursor: Cursor, model: Model, version: str) -> dict[str, Any]:
    """How many rows were pruned, and before when: row numbers count them."""
    found = pruned_of(cursor, model.model_id, version)
    return {"pruned": found["rows"] if found else 0, "before": found["before"] if found else None}


def _of(sql: str, model: Model) -> str:
    """A query of one model: its tables in the place of those of model 000000."""
    return sql.replace("_000000", f"_{model.model_id:06d}")


@contextmanager
def registered(cursor: Cursor, name: str, rows: pa.Table) -> Iterator[None]:
    """A table that SQL sees under this name while the block runs."""
    cursor.register(name, rows)
    try:
        yield
    finally:
        cursor.unregister(name)
