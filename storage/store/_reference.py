"""The reference of a model: rows that later windows are compared with. The newest one loaded counts."""

from __future__ import annotations

__all__ = ["info", "put", "whole"]

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StoreError
from storage.store import _changes
from storage.store._catalog import Field, Model
from storage.store._database import ReadCursor, dicts, query
from storage.store._values import MOMENT, column_of, decision_text, instant, number

Cursor = duckdb.DuckDBPyConnection


def put(cursor: Cursor, model: Model, rows: pa.Table, source: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Replace the model's reference; see Store.put_reference."""
    if rows.num_rows == 0:
        raise StoreError("The reference has no rows: give a file with rows of the model's features.")
    features = [field.name for field in model.fields if field.role == "feature"]
    missing = [name for name in features if name not in rows.column_names]
    if features and len(missing) == len(features):
        raise StoreError(f"The reference has none of the model's features: it needs columns such as {', '.join(features[:5])}.")
    staged = _staged(model, rows)
    names = ", ".join(staged.column_names)
    cursor.execute(f"DELETE FROM {model.reference}")  # noqa: S608 – surrogate names only
    cursor.register("staged", staged)
    try:
        cursor.execute(f"INSERT INTO {model.reference} ({names}) SELECT {names} FROM staged")  # noqa: S608
        found = dicts(
            cursor,
            f"SELECT printf('%x', (sum(hash({names})::HUGEINT) % 18446744073709551616)::UBIGINT) AS hash FROM staged",  # noqa: S608
        )
    finally:
        cursor.unregister("staged")
    facts = {"model_id": model.model_id, "rows": rows.num_rows, "hash": found[0]["hash"], "source": source, "missing": missing, "at": at}
    cursor.execute(query("add_reference").replace("ref_000000", model.reference), facts)
    _changes.note(cursor, model.model_id, "description")
    return {"rows": rows.num_rows, "hash": found[0]["hash"]}


def info(cursor: ReadCursor, model: Model) -> dict[str, Any] | None:
    """What is known of the newest reference, or None where none was loaded."""
    rows = dicts(cursor, query("reference_info"), [model.model_id])
    return rows[0] if rows else None


def whole(cursor: Cursor, model: Model) -> str | None:
    """The hash of the newest reference, where the table still has all of its rows."""
    known = info(cursor, model)
    if known is None:
        return None
    rows = dicts(cursor, f"SELECT count(*) AS rows FROM {model.reference} WHERE id IS NOT NULL")  # noqa: S608 – surrogate names only
    return str(known["hash"]) if rows[0]["rows"] == known["rows"] else None


def _staged(model: Model, rows: pa.Table) -> pa.Table:
    spec = model.spec
    positive = spec.get("positive_label")
    count = rows.num_rows
    times = _moments(_role(rows, spec, "timestamp"), spec, str(spec.get("timestamp")))
    labels = _values(_role(rows, spec, "label"), count)
    predictions = _values(_role(rows, spec, "prediction"), count)
    ids = _values(_role(rows, spec, "id"), count)
    score = None if isinstance(spec.get("score"), Mapping) else _role(rows, spec, "score")
    columns = {
        "id": pa.array([str(place) if value is None else str(value) for place, value in enumerate(ids)], pa.string()),
        "t": pa.nulls(count, MOMENT) if times is None else times,
        "prediction_text": pa.array([None if value is None else decision_text(value, positive) for value in predictions], pa.string()),
        "prediction_number": pa.array([number(value)[0] for value in predictions], pa.float64()),
        "score": column_of(_values(score, count), "numerical").values,
        "latency_ms": column_of(_values(_role(rows, spec, "latency"), count), "numerical").values,
        "label_text": pa.array([None if value is None else decision_text(value, positive) for value in labels], pa.string()),
        "label_number": pa.array([number(value)[0] for value in labels], pa.float64()),
    }
    if "labelled_at" in rows.column_names:
        columns["labelled_at"] = _moments(_only(rows, "labelled_at"), spec, "labelled_at")
    for field in model.fields:
        source = _source(rows, spec, field)
        if source is not None:
            columns[field.column] = _typed(source, field, spec)
    return pa.table(columns)


def _source(rows: pa.Table, spec: Mapping[str, Any], field: Field) -> pa.ChunkedArray | None:
    name = spec["score"].get(field.name) if field.role == "score" and isinstance(spec.get("score"), Mapping) else field.name
    return _only(rows, str(name)) if name in rows.column_names else None


def _role(rows: pa.Table, spec: Mapping[str, Any], role: str) -> pa.ChunkedArray | None:
    name = spec.get(role)
    return _only(rows, str(name)) if name in rows.column_names else None


def _only(rows: pa.Table, name: str) -> pa.ChunkedArray:
    places = [place for place, column in enumerate(rows.column_names) if column == name]
    if len(places) > 1:
        raise StoreError(f"The reference has {len(places)} columns called {name!r}: give each its own name.")
    return rows.column(places[0])


def _values(column: pa.ChunkedArray | None, count: int) -> list[Any]:
    return [None] * count if column is None else column.to_pylist()


def _typed(column: pa.ChunkedArray, field: Field, spec: Mapping[str, Any]) -> pa.Array | pa.ChunkedArray:
    """A column in the type of its kind; whole columns of a fitting type are cast at once."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string()).cast(pa.float64())  # the nearest floats, as the log has them; Arrow's own cast misses some
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if field.kind == "numerical" and is_number:
        return column.cast(pa.float64(), safe=False)
    if field.kind in ("categorical", "text") and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string())
    if field.kind == "datetime":
        return _moments(column, spec, field.name)
    return column_of(column.to_pylist(), field.kind).values


def _moments(column: pa.ChunkedArray | None, spec: Mapping[str, Any], name: str) -> pa.Array | pa.ChunkedArray | None:
    """Moments in UTC. Naive ones are in the model's time zone; without one they are refused."""
    if column is None:
        return None
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            zone = spec.get("timezone")
            if not zone:
                raise StoreError(f'The column "{name}" has times without a zone: add "timezone: UTC" (or another) to the description.')
            column = pc.assume_timezone(column.cast(pa.timestamp("us"), safe=False), zone, ambiguous="earliest", nonexistent="earliest")
        return column.cast(MOMENT, safe=False)
    return pa.array([instant(value)[0] for value in column.to_pylist()], MOMENT)
