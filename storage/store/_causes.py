"""When and why of open findings: replaced as a whole for a model's windows of one name."""

from __future__ import annotations

__all__ = ["causes", "save_causes", "unexplained"]

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from storage.points import CAUSES
from storage.store._database import ReadCursor, dicts, query, table

Cursor = duckdb.DuckDBPyConnection
_NAMES = ", ".join(f'"{name}"' for name in CAUSES.names)


def save_causes(cursor: Cursor, model: str, window: str, found: pa.Table, up_to: datetime) -> None:
    """See Store.save_causes."""
    cursor.execute('DELETE FROM causes WHERE model = ? AND "window" = ?', [model, window])
    cursor.execute('DELETE FROM explained WHERE model = ? AND "window" = ?', [model, window])
    cursor.register("incoming", found.select(CAUSES.names).cast(CAUSES))
    try:
        cursor.execute(f"INSERT INTO causes ({_NAMES}) SELECT {_NAMES} FROM incoming")  # noqa: S608 – constants
    finally:
        cursor.unregister("incoming")
    cursor.execute("INSERT INTO explained VALUES (?, ?, ?)", [model, window, up_to])


def causes(cursor: ReadCursor, model: str | None, window: str | None) -> pa.Table:
    """In the shape of CAUSES."""
    return table(cursor, query("causes"), {"model": model, "window": window}).cast(CAUSES)


def unexplained(cursor: ReadCursor, model: str | None) -> list[dict[str, Any]]:
    """See Store.unexplained."""
    return dicts(cursor, query("unexplained"), {"model": model})
