"""A table of findings as rows in Python, quickly: its words and moments repeat, and each is made once."""

from __future__ import annotations

__all__ = ["Row", "rows_by", "rows_of"]

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]


def rows_of(table: pa.Table, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """One dict per row of these columns (all without), the same as `table.select(names).to_pylist()` makes."""
    wanted = table.column_names if names is None else list(names)
    columns = [_values(table.column(name)) for name in wanted]
    return [dict(zip(wanted, values, strict=True)) for values in zip(*columns, strict=True)]


def rows_by(table: pa.Table, key: str, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of these columns by the value of another one, each group in the table's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for value, row in zip(_values(table.column(key)), rows_of(table, names), strict=True):
        found.setdefault(value, []).append(row)
    return found


def _values(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_timestamp(kind):
        coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        each = coded.dictionary.to_pylist()
        return [each[code] for code in coded.indices.to_numpy().tolist()]
    if column.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return list(column.to_numpy().tolist())
    return list(column.to_pylist())
