"""A table's columns, prepared once so that the values of many segments can be taken from each quickly. Pure."""

from __future__ import annotations

__all__ = ["Columns"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.drift import Sample, comparable

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Row numbers of usable values: in the values' order (numbers), or with a code each (categories)."""

    rows: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64] | None
    codes: npt.NDArray[np.int64] | None
    names: tuple[str, ...] = ()


class Columns:
    """The columns of a table in the shape of `Store.frame`. Not safe for threads."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._known: dict[tuple[str, str], _Prepared] = {}

    def sample(self, name: str, kind: str, mask: Mask) -> Sample:
        """The usable values of a column in the rows of `mask` (one per row of the table), as `Sample.of_column` would give them."""
        column = self._prepared(name, kind)
        inside = mask[column.rows]
        if column.numbers is not None:
            return Sample(numbers=column.numbers[inside])
        assert column.codes is not None
        counts = np.bincount(column.codes[inside], minlength=len(column.names))
        return Sample(categories={column.names[code]: int(counts[code]) for code in np.flatnonzero(counts)})

    def _prepared(self, name: str, kind: str) -> _Prepared:
        if (name, kind) not in self._known:
            self._known[name, kind] = _prepare(comparable(self._table, name, kind))
        return self._known[name, kind]


def _prepare(values: pa.Array) -> _Prepared:
    rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    there = values.drop_null()
    if not pa.types.is_string(values.type):
        numbers = there.to_numpy(zero_copy_only=False).astype(np.float64)
        order = np.argsort(numbers, kind="stable")
        return _Prepared(rows[order], numbers[order], None)
    encoded = there.dictionary_encode()
    return _Prepared(rows, None, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), tuple(encoded.dictionary.to_pylist()))
