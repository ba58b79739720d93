"""Rows as the rest of the house sees them: predictions joined with the ground truth that holds, under the users' names.

SQL is put together from surrogate names that this room made itself; users' names are set on the Arrow table afterwards.
"""

from __future__ import annotations

__all__ = ["LATEST", "frame", "labels", "predictions", "reference", "titles"]

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from storage.errors import StoreError
from storage.store._catalog import Model
from storage.store._database import ReadCursor, query, table
from storage.store._pruned import pruned_of
from storage.store._values import SIDES, words_of

Cursor = ReadCursor


class Window(Protocol):
    """[start, end) in aware UTC datetimes, or the half-open row numbers `rows` in order of time and id."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def rows(self) -> tuple[int, int] | None: ...


LATEST = "(SELECT id, label_text, label_number, known_at FROM {labels} WHERE is_latest)"


def frame(
    cursor: Cursor,
    model: Model,
    version: str,
    window: Window | None,
    *,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    as_of: datetime | None = None,
) -> pa.Table:
    """The predictions of a window as Store.frame describes them; of all time where window is None."""
    found = titles(model, "p", "l")
    chosen = _chosen(found, columns)
    parameters: dict[str, object] = {"version": version}
    condition, first, count = "", 0, limit
    if window is not None and window.rows is None:
        condition = "AND p.t >= $start AND p.t < $end"
        parameters |= {"start": window.start, "end": window.end}
    elif window is not None and window.rows is not None:
        first, last = window.rows
        count = last - first if limit is None else min(limit, last - first)
        gone = pruned_of(cursor, model.model_id, version)
        if gone is not None:  # row numbers count from the first row that ever was
            condition, first = "AND p.t >= $before", max(first - gone["rows"], 0)
            parameters["before"] = gone["before"]
    paging = "" if count is None else f"LIMIT {int(count)} OFFSET {int(first)}"
    labels = LATEST.format(labels=model.labels)
    if as_of is not None:
        labels = f"({query('labels_as_of').replace('label_000000', model.labels)})"
        parameters["as_of"] = as_of
    # Page first, join then: row numbers count predictions, those of erased subjects (without an id) too, and only the window's rows
    # meet the labels.
    sql = f"""
        WITH p AS (
            SELECT * FROM {model.predictions} p
            WHERE NOT p.duplicate AND p.version = $version {condition} ORDER BY p.t, p.written_at, p.n, p.id {paging}
        )
        SELECT {", ".join(f"{expression} AS c{number}" for number, (_, expression) in enumerate(chosen))}
        FROM p LEFT JOIN {labels} l ON l.id = p.id
        WHERE p.id IS NOT NULL
        ORDER BY p.t, p.written_at, p.n, p.id
    """  # noqa: S608 – surrogate names only
    return table(cursor, sql, parameters).rename_columns([title for title, _ in chosen])


def reference(cursor: Cursor, model: Model, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of the reference in the shape of a frame; columns that a reference has no values for are null."""
    chosen = _chosen(titles(model, "r", "r"), columns)
    sql = f"""
        SELECT {", ".join(f"{expression} AS c{number}" for number, (_, expression) in enumerate(chosen))}
        FROM {model.reference} r ORDER BY r.t, r.id
    """  # noqa: S608
    return table(cursor, sql).rename_columns([title for title, _ in chosen])


def predictions(cursor: Cursor, model: Model, *, limit: int | None = None) -> pa.Table:
    """Every logged row for export, repeats included and flagged: version, id and times, then what a frame has, newest first."""
    own = [
        ("version", "p.version"), ("id", "p.id"), ("event_time", "p.t"), ("written_at", "p.written_at"), ("ingested_at", "p.ingested_at"),
        ("duplicate", "p.duplicate"), ("prediction", _said("p.prediction", model)),
        ("score", "p.score"), ("label", _said("l.label", model)), ("labelled_at", "l.known_at"),
        ("latency_ms", "p.latency_ms"), ("error", "p.error_class"), ("error_text", "p.error_text"), ("weight", "p.weight"),
        ("type_errors", "p.type_errors"), ("extra", "CAST(p._extra AS VARCHAR)"),
    ]  # fmt: skip
    taken = {title for title, _ in own}
    own += [(f"feature:{field.title}" if field.title in taken else field.title, f"p.{field.column}") for field in model.fields]
    sql = f"""
        SELECT {", ".join(f"{expression} AS c{number}" for number, (_, expression) in enumerate(own))}
        FROM {model.predictions} p LEFT JOIN {LATEST.format(labels=model.labels)} l ON l.id = p.id
        WHERE p.id IS NOT NULL
        ORDER BY p.t DESC, p.id, p.duplicate, p.written_at {"" if limit is None else f"LIMIT {int(limit)}"}
    """  # noqa: S608
    return table(cursor, sql).rename_columns([title for title, _ in own])


def labels(cursor: Cursor, model: Model, *, limit: int | None = None) -> pa.Table:
    """Every ground truth received, newest first: id, label, labelled_at, received_at, ingested_at, is_latest, has_prediction."""
    sql = query("labels").replace("label_000000", model.labels).replace("pred_000000", model.predictions)
    sql = sql.replace("l.label_value", _said("l.label", model))
    return table(cursor, sql if limit is None else f"{sql} LIMIT {int(limit)}")


def titles(model: Model, rows: str, truth: str) -> list[tuple[str, str]]:
    """(title, SQL) of every column of a frame, in its order. `rows` and `truth` are the aliases of the two tables."""
    is_reference = rows == truth
    meta = [
        ("@id", f"{rows}.id"),
        ("@t", f"{rows}.t"),
        ("@version", "CAST(NULL AS VARCHAR)" if is_reference else f"{rows}.version"),
        ("@prediction", _said(f"{rows}.prediction", model)),
        ("@score", f"{rows}.score"),
        ("@label", _said(f"{truth}.label", model)),
        ("@labelled_at", f"{truth}.{'labelled_at' if is_reference else 'known_at'}"),
        ("@latency_ms", f"{rows}.latency_ms"),
        ("@error", "CAST(NULL AS VARCHAR)" if is_reference else f"{rows}.error_class"),
        ("@weight", "CAST(NULL AS DOUBLE)" if is_reference else f"{rows}.weight"),
    ]
    scores = [(field.title, f"{rows}.{field.column}") for field in model.fields if field.role == "score"]
    return [*meta, *scores, *((field.name, f"{rows}.{field.column}") for field in model.fields if field.role != "score")]


def _said(column: str, model: Model) -> str:
    """SQL of a decision or a label: its number, or its text under the description as it is today, for rows may be older than that."""
    if not model.is_classification:
        return f"{column}_number"
    words = words_of(model.spec.get("positive_label"))
    if words is None:
        return f"{column}_text"
    cases = " ".join(f"WHEN '{text}' THEN '{words[side]}'" for text, side in SIDES.items())
    return f"CASE lower({column}_text) {cases} ELSE {column}_text END"


def _chosen(titles: list[tuple[str, str]], columns: Sequence[str] | None) -> list[tuple[str, str]]:
    if columns is None:
        return titles
    known = dict(titles)
    missing = [name for name in columns if name not in known]
    if missing:
        raise StoreError(f"The model has no column {missing[0]!r}: its columns are {', '.join(known)}.")
    return [(name, known[name]) for name in columns]
