"""Ground truth: appended as it comes, in any order; which one holds follows from its own times alone."""

from __future__ import annotations

__all__ = ["add"]

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from storage.store._catalog import Model
from storage.store._database import dicts, query
from storage.store._values import column_of, decision_text, moments

if TYPE_CHECKING:
    from storage.store._entries import Entry


def add(cursor: duckdb.DuckDBPyConnection, model: Model, rows: Sequence[Entry]) -> int:
    """Append labels; the number of them that said something new (another value than the one that held before it)."""
    cursor.register("staged", _staged(model, rows))
    try:
        cursor.execute(query("add_labels").replace("label_000000", model.labels))
        cursor.execute(query("judge_labels").replace("label_000000", model.labels))
        found = dicts(cursor, query("count_new_labels").replace("label_000000", model.labels))
    finally:
        cursor.unregister("staged")
    return int(found[0]["new"])


def _staged(model: Model, rows: Sequence[Entry]) -> pa.Table:
    records = [entry.record for entry in rows]
    positive = model.spec.get("positive_label")
    written = [record["t"] for record in records]
    known = [at if record.get("e") is None else record["e"] for record, at in zip(records, written, strict=True)]
    return pa.table(
        {
            "segment_id": pa.array([entry.segment_id for entry in rows], pa.int32()),
            "n": pa.array([entry.position for entry in rows], pa.int64()),
            "id": pa.array([record["id"] for record in records], pa.string()),
            "label_text": pa.array([decision_text(record["y"], positive) for record in records], pa.string()),
            "label_number": column_of([record["y"] for record in records], "numerical").values,
            "labelled_at": moments(known),
            "received_at": moments(written),
        }
    )
