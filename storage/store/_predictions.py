"""Predictions: staged as one Arrow table per model and version, then written with their repeats flagged."""

from __future__ import annotations

__all__ = ["add"]

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from storage.store._catalog import Field, Model, add_columns, find
from storage.store._database import dicts, query
from storage.store._values import column_of, decision_text, moments

if TYPE_CHECKING:
    from storage.store._entries import Entry

Cursor = duckdb.DuckDBPyConnection

_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"), "Inf": float("inf"), "-Inf": float("-inf")}


def add(cursor: Cursor, model: Model, version: str, rows: Sequence[Entry]) -> int:
    """Write predictions of one version; the number of those whose id was new."""
    model = _with_classes(cursor, model, version, rows)
    staged = _staged(model, version, rows)
    cursor.register("staged", staged)
    try:
        return _insert(cursor, model, staged.column_names)
    finally:
        cursor.unregister("staged")


def _with_classes(cursor: Cursor, model: Model, version: str, rows: Sequence[Entry]) -> Model:
    """The model with a column for every class that has a score in these rows."""
    known = {field.name for field in model.fields if field.role == "score"}
    classes = dict.fromkeys(label for entry in rows if isinstance(score := entry.record.get("s"), dict) for label in score)
    if not classes.keys() - known:
        return model
    add_columns(cursor, model.model_id, [(label, "numerical", "score") for label in classes if label not in known])
    return find(cursor, model.name, version) or model


def _staged(model: Model, version: str, rows: Sequence[Entry]) -> pa.Table:
    """One row per prediction, with the columns of the model's wide table."""
    records = [entry.record for entry in rows]
    written = [record["t"] for record in records]
    times = [at if record.get("e") is None else record["e"] for record, at in zip(records, written, strict=True)]
    errors = [_error(record["err"]) if record.get("err") is not None else (None, None) for record in records]
    positive = model.spec.get("positive_label")
    predictions = [_restored(record, "p") for record in records]
    scores = [_restored(record, "s") for record in records]
    troubles = _Troubles(len(rows))
    columns = {
        "segment_id": pa.array([entry.segment_id for entry in rows], pa.int32()),
        "n": pa.array([entry.position for entry in rows], pa.int64()),
        "version": pa.array([version] * len(rows), pa.string()),
        "id": pa.array([record["id"] for record in records], pa.string()),
        "t": moments(times),
        "written_at": moments(written),
        "prediction_text": pa.array([None if value is None else decision_text(value, positive) for value in predictions], pa.string()),
        "prediction_number": column_of(predictions, "numerical").values,
        "score": column_of(scores, "numerical").values,
        "latency_ms": column_of([record.get("lat") for record in records], "numerical").values,
        "error_class": pa.array([error for error, _ in errors], pa.string()),
        "error_text": pa.array([text for _, text in errors], pa.string()),
        "weight": column_of([record.get("w") for record in records], "numerical").values,
        **_fields(model, records, scores, troubles),
    }
    troubles.keep_unknown(records, {field.name for field in model.fields if field.role != "score"})
    troubles.keep_odd_decisions(predictions)
    columns["type_errors"] = pa.array(troubles.errors, pa.list_(pa.string()))
    columns["_extra"] = pa.array([json.dumps(kept) if kept else None for kept in troubles.extra], pa.string())
    return pa.table(columns)


class _Troubles:
    """Per row: the names whose values did not fit, and the values that have no column."""

    def __init__(self, rows: int) -> None:
        self.errors: list[list[str] | None] = [None] * rows
        self.extra: list[dict[str, Any] | None] = [None] * rows

    def add(self, row: int, name: str, value: Any) -> None:
        self.errors[row] = [*(self.errors[row] or []), name]
        self.keep(row, name, value)

    def keep(self, row: int, name: str, value: Any) -> None:
        self.extra[row] = {**(self.extra[row] or {}), name: value}

    def keep_unknown(self, records: Sequence[Mapping[str, Any]], known: set[str]) -> None:
        for row, record in enumerate(records):
            for values in (record.get("x") or {}, record.get("f") or {}):
                if not values.keys() <= known:
                    for name in values.keys() - known:
                        self.keep(row, name, values[name])

    def keep_odd_decisions(self, predictions: Sequence[Any]) -> None:
        """A prediction that is a list or a mapping has no column: kept as @prediction and counted."""
        for row, value in enumerate(predictions):
            if isinstance(value, (list, dict)):
                self.add(row, "@prediction", value)


def _fields(model: Model, records: Sequence[Mapping[str, Any]], scores: Sequence[Any], troubles: _Troubles) -> dict[str, pa.Array]:
    features = [record.get("f") or {} for record in records]
    others = [record.get("x") or {} for record in records]
    has_others = any(others)
    marked = [(row, record["nf"]) for row, record in enumerate(records) if record.get("nf")]
    columns: dict[str, pa.Array] = {}
    for field in model.fields:
        if field.role == "score":
            values = [score.get(field.name) if isinstance(score, dict) else None for score in scores]
        else:
            values = [found.get(field.name) for found in features]
            if has_others:
                values = [other.get(field.name) if value is None else value for value, other in zip(values, others, strict=True)]
        _restore_marked(values, field, marked)
        column = column_of(values, field.kind)
        for row in column.errors:
            troubles.add(row, field.title, values[row])
        columns[field.column] = column.values
    return columns


def _restore_marked(values: list[Any], field: Field, marked: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """JSON has no NaN and no infinity: the logger writes null and names them beside."""
    for row, names in marked:
        if field.title in names and values[row] is None:
            values[row] = _NOT_FINITE.get(str(names[field.title]))


def _restored(record: Mapping[str, Any], key: str) -> Any:
    value = record.get(key)
    if value is None and record.get("nf"):
        return _NOT_FINITE.get(str(record["nf"].get("@" + {"p": "prediction", "s": "score"}[key])))
    return value


def _error(error: Any) -> tuple[str, str]:
    """Class and text of an error, which comes as text (`class: text`), as a list of the two or as a mapping."""
    if isinstance(error, dict):
        error = list(error.values())
    if isinstance(error, list):
        head, rest = str(error[0]) if error else "", " ".join(str(part) for part in error[1:])
    else:
        head, _, rest = str(error).partition(": ")
    return head or "error", rest


def _insert(cursor: Cursor, model: Model, names: Sequence[str]) -> int:
    """Append the staged rows. The first of an id by time of writing counts, whatever the order in which segments are read."""
    columns = ", ".join(names)
    hashed = ", ".join(name for name in names if name not in ("segment_id", "n", "written_at"))
    table = model.predictions
    known = dicts(cursor, query("count_known").replace("pred_000000", table))[0]["rows"]
    cursor.execute(
        f"""
        INSERT INTO {table} ({columns}, content, duplicate, ingested_at)
        SELECT {columns}, content, row_number() OVER (PARTITION BY id ORDER BY written_at, n, content, segment_id) > 1, now()
        FROM (SELECT *, hash({hashed}) AS content FROM staged)
        """  # noqa: S608 – surrogate names only
    )
    if known:
        cursor.execute(query("judge_predictions").replace("pred_000000", table))
    found = dicts(cursor, "SELECT count(DISTINCT id) AS ids FROM staged")[0]["ids"]
    return int(found) - int(known)
