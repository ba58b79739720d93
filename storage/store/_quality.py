"""Calls and the quality of each feature in many windows, counted in one scan."""

from __future__ import annotations

__all__ = ["quality", "traffic"]

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from storage.store._catalog import Field, Model
from storage.store._database import ReadCursor, dicts, query
from storage.store._frames import Window
from storage.store._slots import Slots, layers, parameters
from storage.store._values import MOMENT

_ORDERED = ("numerical", "datetime")
_WINDOW = [("start", MOMENT), ("end", MOMENT), ("first_row", pa.int64()), ("last_row", pa.int64())]
_COUNTS = pa.schema([*_WINDOW, ("column", pa.string()), *((name, pa.int64()) for name in (
    "n", "missing", "type_errors", "below", "above", "new_categories"))])  # fmt: skip
_CALLS = pa.schema([*_WINDOW, ("rows", pa.int64()), ("errors", pa.int64()), *((name, pa.float64()) for name in (
    "latency_p50", "latency_p95", "latency_p99", "latency_mean")), ("n_latency", pa.int64()), ("duplicates", pa.int64()),
    *((name, pa.float64()) for name in ("weight", "weight_squares", "error_weight"))])  # fmt: skip


def traffic(cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window]) -> pa.Table:
    """One row per window given, in its order; see Store.traffic."""
    nothing = {"rows": 0, "errors": 0, "n_latency": 0, "duplicates": 0, "weight": 0.0, "weight_squares": 0.0, "error_weight": 0.0}
    found: list[dict[str, Any]] = [dict(nothing) for _ in windows]
    for slots in layers(windows):
        for row in _asked(cursor, model, version, "traffic", slots, "p.error_class, p.latency_ms, p.weight", "NOT p.duplicate"):
            found[row.pop("window_place")] |= row
    contradicts = _of(f"p.duplicate AND {query('contradicts')}", model)
    for slots in layers(windows, by_rows=False):  # repeats have no row number: those of a window of rows are those of its time
        for row in _asked(cursor, model, version, "repeats", slots, "p.t", contradicts):
            found[row["window_place"]]["duplicates"] = row["duplicates"]
    return pa.Table.from_pylist([_window(window) | row for window, row in zip(windows, found, strict=True)], schema=_CALLS)


def quality(cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window]) -> pa.Table:
    """One row per window and feature; see Store.quality."""
    features = [field for field in model.fields if field.role == "feature"]
    if not features:
        return _COUNTS.empty_table()
    extremes = _extremes_of(cursor, model, features)
    counted: dict[int, dict[str, Any]] = {}
    misfits: dict[tuple[int, str], int] = {}
    for slots in layers(windows):
        for row in _counted(cursor, model, version, slots, features, extremes):
            counted[row["window_place"]] = row
        for row in _asked(cursor, model, version, "misfits", slots, "p.id, p.type_errors",
                          "NOT p.duplicate" if slots.by_rows else "NOT p.duplicate AND p.type_errors IS NOT NULL"):  # fmt: skip
            misfits[row["window_place"], row["feature"]] = row["type_errors"]
    rows = []
    for place, window in enumerate(windows):
        of_window = counted.get(place)
        for number, field in enumerate(features):
            row = {"column": field.name, "type_errors": misfits.get((place, field.name), 0)}
            rows.append(_window(window) | row | _of_feature(field, number, of_window, extremes))
    return pa.Table.from_pylist(rows, schema=_COUNTS)


def _counted(cursor: ReadCursor, model: Model, version: str, slots: Slots, features: Sequence[Field],
             extremes: dict[str, Any] | None) -> list[dict[str, Any]]:  # fmt: skip
    lists = {
        "missing": [f"count(*) - count({field.column})" for field in features],
        "below": [_beyond(field, "<", f"$min_{field.column}") if extremes else "0" for field in features],
        "above": [_beyond(field, ">", f"$max_{field.column}") if extremes else "0" for field in features],
        "new_categories": [f"count(*) FILTER (new_{field.column})" if _has_news(field, extremes) else "0" for field in features],
    }
    news = [f"p.{name} NOT IN (SELECT DISTINCT {name} FROM {model.reference} WHERE {name} IS NOT NULL) AS new_{name}"  # noqa: S608
            for name in (field.column for field in features if _has_news(field, extremes))]  # fmt: skip
    columns = ", ".join(["p.id", *(f"p.{field.column}" for field in features), *news])
    sql = f"""
        SELECT window_place, count(*) AS n, {", ".join(f"[{', '.join(items)}] AS {name}" for name, items in lists.items())}
        FROM {slots.rows(model, columns, "NOT p.duplicate")} WHERE id IS NOT NULL GROUP BY window_place
    """  # noqa: S608 – surrogate names only
    asked = {name: value for name, value in (extremes or {}).items() if f"${name}" in sql}
    return dicts(cursor, sql, _used(sql, parameters(cursor, model, version)) | asked)


def _of_feature(field: Field, number: int, counted: dict[str, Any] | None, extremes: dict[str, Any] | None) -> dict[str, Any]:
    """The counts of one feature in one window; null where the kind, or a model without a reference, has no such thing."""
    there = {name: counted[name][number] if counted else 0 for name in ("missing", "below", "above", "new_categories")}
    ordered, categorical = (extremes is not None and flag for flag in (field.kind in _ORDERED, field.kind == "categorical"))
    return {"n": counted["n"] if counted else 0, "missing": there["missing"], "below": there["below"] if ordered else None,
            "above": there["above"] if ordered else None, "new_categories": there["new_categories"] if categorical else None}  # fmt: skip


def _extremes_of(cursor: ReadCursor, model: Model, features: Sequence[Field]) -> dict[str, Any] | None:
    """The reference's least and greatest value of each ordered feature (null where it has none); None without a reference."""
    parts = [f"{extreme}({field.column}){_present(field)} AS {extreme}_{field.column}"
             for field in features if field.kind in _ORDERED for extreme in ("min", "max")]  # fmt: skip
    sql = f"SELECT {', '.join(['count(*) AS rows', *parts])} FROM {model.reference}"  # noqa: S608
    (row,) = dicts(cursor, sql)
    return row if row.pop("rows") else None


def _present(field: Field) -> str:
    """NaN, which DuckDB sorts above every number, is no value."""
    return f" FILTER (NOT isnan({field.column}))" if field.kind == "numerical" else ""


def _beyond(field: Field, sign: str, extreme: str) -> str:
    if field.kind not in _ORDERED:
        return "0"
    kind = "DOUBLE" if field.kind == "numerical" else "TIMESTAMPTZ"
    number = f" AND NOT isnan({field.column})" if field.kind == "numerical" and sign == ">" else ""
    return f"count(*) FILTER ({field.column} {sign} CAST({extreme} AS {kind}){number})"


def _has_news(field: Field, extremes: dict[str, Any] | None) -> bool:
    return field.kind == "categorical" and extremes is not None


def _asked(cursor: ReadCursor, model: Model, version: str, name: str, slots: Slots, columns: str, condition: str) -> list[dict[str, Any]]:
    sql = query(name).replace("/*rows*/", slots.rows(model, columns, condition))
    return dicts(cursor, sql, _used(sql, parameters(cursor, model, version)))


def _used(sql: str, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if f"${name}" in sql}


def _window(window: Window) -> dict[str, Any]:
    return {"start": window.start, "end": window.end, "first_row": window.rows[0] if window.rows else None,
            "last_row": window.rows[1] if window.rows else None}  # fmt: skip


def _of(sql: str, model: Model) -> str:
    """A query of one model: its tables in the place of those of model 000000."""
    return sql.replace("_000000", f"_{model.model_id:06d}")
