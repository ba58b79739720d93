"""Ground truth: appended as it comes, in any order; which one holds follows from its own times alone."""

from __future__ import annotations

__all__ = ["add"]

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from storage.store._catalog import Model
from storage.store._database import dicts, query
from storage.store._known_ids import KnownIds
from storage.store._rows import Rows, events, rows_of
from storage.store._values import column_of, decision_texts, moments

if TYPE_CHECKING:
    from storage.store._entries import Entry, Placed


def add(
    cursor: duckdb.DuckDBPyConnection, known: KnownIds, model: Model, entries: Sequence[Entry], groups: Sequence[Placed] = ()
) -> int:
    """Append labels; the number of them that said something new (another value than the one that held before it)."""
    staged = pa.concat_tables([_staged(model, rows) for rows in rows_of(entries, groups)])
    cursor.register("staged", staged)
    try:
        met = known.meet(cursor, model.labels)
        cursor.execute(query("add_labels").replace("label_000000", model.labels))
        if not met:  # the first of its id, each of them
            return len(staged)
        cursor.execute(query("judge_labels").replace("label_000000", model.labels))
        found = dicts(cursor, query("count_new_labels").replace("label_000000", model.labels))
    finally:
        cursor.unregister("staged")
    return int(found[0]["new"])


def _staged(model: Model, rows: Rows) -> pa.Table:
    values = rows.column("y")
    return pa.table(
        {
            "segment_id": rows.segment_ids,
            "n": pa.array(rows.positions, pa.int64()),
            "id": pa.array(rows.column("id"), pa.string()),
            "label_text": decision_texts(values, model.spec.get("positive_label")),
            "label_number": column_of(values, "numerical").values,
            "labelled_at": moments(events(rows)),
            "received_at": moments(rows.column("t")),
        }
    )
