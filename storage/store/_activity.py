"""Which windows hold what: counts and fingerprints, traffic, and the quality of each feature, for all windows in one scan."""

from __future__ import annotations

__all__ = ["activity", "quality", "registered", "row_windows", "traffic", "versions"]

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa

from storage.errors import StoreError
from storage.store._catalog import Field, Model
from storage.store._database import ReadCursor, query, table
from storage.store._frames import Window
from storage.store._pruned import pruned_of
from storage.store._values import MOMENT

Cursor = ReadCursor

_ORDERED = ("numerical", "datetime")


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


def traffic(cursor: Cursor, model: Model, version: str, windows: Sequence[Window]) -> pa.Table:
    """One row per window given, in its order; see Store.traffic."""
    with registered(cursor, "windows", _windows(windows)):
        return table(cursor, _of(query("traffic"), model), {"version": version, **_gone(cursor, model, version)})


def quality(cursor: Cursor, model: Model, version: str, windows: Sequence[Window]) -> pa.Table:
    """One row per window and feature; see Store.quality."""
    features = [field for field in model.fields if field.role == "feature"]
    if not features:
        return table(cursor, query("quality_none"))
    labels = pa.table({
        "place": pa.array(range(len(features)), pa.int64()),
        "feature": pa.array([field.name for field in features], pa.string()),
        "numeric": pa.array([field.kind in _ORDERED for field in features], pa.bool_()),
        "categorical": pa.array([field.kind == "categorical" for field in features], pa.bool_()),
    })  # fmt: skip
    lists = {
        "missing": [f"count(*) FILTER ({field.column} IS NULL)" for field in features],
        "below": [_beyond(field, "<", "min") for field in features],
        "above": [_beyond(field, ">", "max") for field in features],
        "new_categories": [f"count(*) FILTER (new_{field.column})" if field.kind == "categorical" else "0" for field in features],
    }
    has_reference = table(cursor, f"SELECT count(*) AS n FROM {model.reference}").column("n")[0].as_py() > 0  # noqa: S608
    extremes = ", ".join(_extremes(field) for field in features if field.kind in _ORDERED)
    news = "".join(
        f", {name} NOT IN (SELECT DISTINCT {name} FROM {model.reference} WHERE {name} IS NOT NULL) AS new_{name}"  # noqa: S608
        for name in (field.column for field in features if field.kind == "categorical")
    )
    sql = (
        _of(query("quality"), model)
        .replace("/*extremes*/", extremes or "1 AS nothing")
        .replace("/*columns*/", ", ".join(f"p.{field.column}" for field in features))
        .replace("/*news*/", news)
        .replace("/*counts*/", ", ".join(f"[{', '.join(items)}] AS {name}" for name, items in lists.items()))
    )
    with registered(cursor, "windows", _windows(windows)), registered(cursor, "features", labels):
        return table(cursor, sql, {"version": version, "has_reference": has_reference, **_gone(cursor, model, version)})


def _beyond(field: Field, sign: str, extreme: str) -> str:
    """How many values lie beyond the reference's. NaN, which DuckDB sorts above every number, is no value."""
    if field.kind not in _ORDERED:
        return "0"
    finite = f" AND NOT isnan({field.column})" if field.kind == "numerical" else ""
    return f"count(*) FILTER ({field.column} {sign} {extreme}_{field.column}{finite})"


def _extremes(field: Field) -> str:
    filtered = f" FILTER (NOT isnan({field.column}))" if field.kind == "numerical" else ""
    return f"min({field.column}){filtered} AS min_{field.column}, max({field.column}){filtered} AS max_{field.column}"


def _gone(cursor: Cursor, model: Model, version: str) -> dict[str, Any]:
    """How many rows were pruned, and before when: row numbers count them."""
    found = pruned_of(cursor, model.model_id, version)
    return {"pruned": found["rows"] if found else 0, "before": found["before"] if found else None}


def _of(sql: str, model: Model) -> str:
    """A query of one model: its tables in the place of those of model 000000."""
    return sql.replace("_000000", f"_{model.model_id:06d}")


def _windows(windows: Sequence[Window]) -> pa.Table:
    return pa.table({
        "place": pa.array(range(len(windows)), pa.int64()),
        "start": pa.array([window.start for window in windows], MOMENT),
        "end": pa.array([window.end for window in windows], MOMENT),
        "first_row": pa.array([window.rows[0] if window.rows else None for window in windows], pa.int64()),
        "last_row": pa.array([window.rows[1] if window.rows else None for window in windows], pa.int64()),
    })  # fmt: skip


@contextmanager
def registered(cursor: Cursor, name: str, rows: pa.Table) -> Iterator[None]:
    """A table that SQL sees under this name while the block runs."""
    cursor.register(name, rows)
    try:
        yield
    finally:
        cursor.unregister(name)
