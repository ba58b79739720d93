"""Values that did not fit their columns, told as events: one per model, name and day, with their number."""

from __future__ import annotations

__all__ = ["note"]

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from storage.store._catalog import Model
from storage.store._database import query


def note(cursor: duckdb.DuckDBPyConnection, model: Model, misfits: pa.ChunkedArray) -> None:
    """Count the names in `misfits` – of each row of a transaction those whose values did not fit – onto today's events."""
    if misfits.null_count == len(misfits):
        return
    found = pc.value_counts(pc.list_flatten(misfits).combine_chunks())
    names = found.field("values").to_pylist()
    kinds = {field.title: field.kind for field in model.fields} | {"@prediction": "one value"}
    told = pa.table({"subject": names, "count": found.field("counts"), "kind": [kinds.get(name, "") for name in names]})
    cursor.register("conflicts", told)
    try:
        cursor.execute(query("count_conflicts"), {"model": model.name})
        cursor.execute(query("add_conflicts"), {"model": model.name})
    finally:
        cursor.unregister("conflicts")
