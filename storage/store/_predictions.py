"""Predictions: staged as one Arrow table per model and version, then written with their repeats flagged."""

from __future__ import annotations

__all__ = ["add"]

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from storage.store import _conflicts
from storage.store._catalog import Model, find
from storage.store._database import dicts, query
from storage.store._known_ids import KnownIds
from storage.store._rows import Rows, events, rows_of
from storage.store._values import Values, column_of, decision_texts, listed, moments
from storage.store._widening import add_columns

if TYPE_CHECKING:
    from storage.store._entries import Entry, Placed

Cursor = duckdb.DuckDBPyConnection

_Marks = dict[str, list[tuple[int, float | None]]]
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"), "Inf": float("inf"), "-Inf": float("-inf")}


def add(
    cursor: Cursor, known: KnownIds, model: Model, version: str, entries: Sequence[Entry], groups: Sequence[Placed] = ()
) -> int:
    """Write predictions of one version; the number of those whose id was new."""
    model = _with_classes(cursor, model, version, rows_of(entries, groups))
    rows = rows_of(entries, [exact for placed in groups for exact in _as_shown(model, placed)])
    staged = pa.concat_tables([_staged(model, version, part) for part in rows]).combine_chunks()
    cursor.register("staged", staged)
    try:
        new = _insert(cursor, known, model, staged)
    finally:
        cursor.unregister("staged")
    _conflicts.note(cursor, model, staged["type_errors"])
    return new


def _as_shown(model: Model, placed: Placed) -> list[Placed]:
    """A group as it came, or with 7 and 7.0 told apart where rows keep their values as they were written: those that have no column."""
    kinds = {field.name: field.kind for field in model.fields if field.role != "score"}
    read = [*placed.group.features.items(), *placed.group.others.items()]
    doubles = [name for name, values in read if isinstance(values, pa.Array) and values.type == pa.float64()]
    if all(kinds.get(name, "datetime") != "datetime" for name in doubles):
        return [placed]
    return [placed._replace(group=group) for group in placed.group.exactly()]


def _with_classes(cursor: Cursor, model: Model, version: str, rows: Sequence[Rows]) -> Model:
    """The model with a column for every class that has a score in these rows."""
    known = {field.name for field in model.fields if field.role == "score"}
    classes = dict.fromkeys(label for part in rows for score in _mappings(part.column("s")) for label in score)
    if not classes.keys() - known:
        return model
    add_columns(cursor, model.model_id, [(label, "numerical", "score") for label in classes if label not in known])
    return find(cursor, model.name, version) or model


def _staged(model: Model, version: str, rows: Rows) -> pa.Table:
    """One row per prediction, with the columns of the model's wide table."""
    count = len(rows.positions)
    marks = _marks(rows.column("nf"))
    predictions = _restored(rows.column("p"), marks.get("@prediction"))
    scores = _restored(rows.column("s"), marks.get("@score"))
    errors = {row: _error(error) for row, error in enumerate(listed(rows.column("err"))) if error is not None}
    troubles = _Troubles()
    columns = {
        "segment_id": rows.segment_ids,
        "n": pa.array(rows.positions, pa.int64()),
        "version": pa.repeat(pa.scalar(version, pa.string()), count),
        "id": pa.array(rows.column("id"), pa.string()),
        "t": moments(events(rows)),
        "written_at": moments(rows.column("t")),
        "prediction_text": decision_texts(predictions, model.spec.get("positive_label")),
        "prediction_number": column_of(predictions, "numerical").values,
        "score": column_of(scores, "numerical").values,
        "latency_ms": column_of(rows.column("lat"), "numerical").values,
        "error_class": _sparse({row: error for row, (error, _) in errors.items()}, count, pa.string()),
        "error_text": _sparse({row: text for row, (_, text) in errors.items()}, count, pa.string()),
        "weight": column_of(rows.column("w"), "numerical").values,
        **_fields(model, rows, scores, marks, troubles),
    }
    for row, name, value in rows.unknown({field.name for field in model.fields if field.role != "score"}):
        troubles.keep(row, name, value)
    troubles.keep_odd_decisions(predictions)
    columns["type_errors"] = _sparse(troubles.errors, count, pa.list_(pa.string()))
    columns["_extra"] = _sparse({row: json.dumps(kept) for row, kept in troubles.extra.items()}, count, pa.string())
    return pa.table(columns)


def _sparse(values: Mapping[int, Any], count: int, kind: pa.DataType) -> pa.Array:
    """A column of so many rows, of which few have a value."""
    return pa.array([values.get(row) for row in range(count)], kind) if values else pa.nulls(count, kind)


class _Troubles:
    """Of rows that have any: the names whose values did not fit, and the values that have no column."""

    def __init__(self) -> None:
        self.errors: dict[int, list[str]] = defaultdict(list)
        self.extra: dict[int, dict[str, Any]] = defaultdict(dict)

    def add(self, row: int, name: str, value: Any) -> None:
        self.errors[row].append(name)
        self.keep(row, name, value)

    def keep(self, row: int, name: str, value: Any) -> None:
        self.extra[row][name] = value

    def keep_odd_decisions(self, predictions: Values) -> None:
        """A prediction that is a list or a mapping has no column: kept as @prediction and counted."""
        for row, value in enumerate(() if isinstance(predictions, pa.Array) else predictions):
            if isinstance(value, (list, dict)):
                self.add(row, "@prediction", value)


def _fields(model: Model, rows: Rows, scores: Values, marks: _Marks, troubles: _Troubles) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for field in model.fields:
        if field.role == "score":
            values: Values = [score.get(field.name) if isinstance(score, dict) else None for score in listed(scores)]
        else:
            values = rows.named(field.name)
        values = _restored(values, marks.get(field.title))
        column = column_of(values, field.kind)
        for row in column.errors:
            troubles.add(row, field.title, listed(values)[row])
        columns[field.column] = column.values
    return columns


def _marks(noted: Sequence[Mapping[str, Any] | None]) -> _Marks:
    """JSON has no NaN and no infinity: the logger writes null and notes them beside. By name, the rows and what they had."""
    found: _Marks = defaultdict(list)
    for row, names in enumerate(noted):
        for name, word in (names or {}).items():
            found[name].append((row, _NOT_FINITE.get(str(word))))
    return found


def _restored(values: Values, marked: Sequence[tuple[int, float | None]] | None) -> Values:
    if not marked:
        return values
    restored = list(listed(values))
    for row, value in marked:
        if restored[row] is None:
            restored[row] = value
    return restored


def _mappings(values: Values) -> Iterator[dict[str, Any]]:
    return (value for value in (() if isinstance(values, pa.Array) else values) if isinstance(value, dict))


def _error(error: Any) -> tuple[str, str]:
    """Class and text of an error, which comes as text (`class: text`), as a list of the two or as a mapping."""
    if isinstance(error, dict):
        error = list(error.values())
    if isinstance(error, list):
        head, rest = str(error[0]) if error else "", " ".join(str(part) for part in error[1:])
    else:
        head, _, rest = str(error).partition(": ")
    return head or "error", rest


def _insert(cursor: Cursor, known_ids: KnownIds, model: Model, staged: pa.Table) -> int:
    """Append the staged rows. The first of an id by time of writing counts, whatever the order in which segments are read."""
    names = staged.column_names
    columns = ", ".join(names)
    hashed = ", ".join(name for name in names if name not in ("segment_id", "n", "written_at"))
    table = model.predictions
    met = known_ids.meet(cursor, table, "version")
    distinct = len(pc.unique(staged["id"])) if met else len(staged)
    # A window carries all columns with it, which doubles what the insertion costs: only where an id repeats.
    repeats = "row_number() OVER (PARTITION BY id ORDER BY written_at, n, content, segment_id) > 1" if distinct < len(staged) else "false"
    known = dicts(cursor, query("count_known").replace("pred_000000", table))[0]["rows"] if met else 0
    cursor.execute(
        f"""
        INSERT INTO {table} ({columns}, content, duplicate, ingested_at)
        SELECT {columns}, content, {repeats}, now()
        FROM (SELECT *, hash({hashed}) AS content FROM staged)
        """  # noqa: S608 – surrogate names only
    )
    if known:
        cursor.execute(query("judge_predictions").replace("pred_000000", table))
    return distinct - int(known)
