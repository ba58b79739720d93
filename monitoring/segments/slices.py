"""Which segments of a window are computed: the most frequent values of each declared column, and pairs that are large enough. Pure."""

from __future__ import annotations

__all__ = ["MINIMUM_PAIR", "MOST_PAIRS", "MOST_VALUES", "Slice", "matching", "most_frequent", "slices"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .naming import Where, segment_name

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MOST_VALUES = 20  # of each column, by rows
MOST_PAIRS = 20  # of all pairs of columns together, by rows: each pair costs as much as a value
MINIMUM_PAIR = 100  # rows of the window; fewer leave little to judge, and values alone are shown from the first row


@dataclass(frozen=True)
class Slice:
    """A part of a window: the rows (`mask`, one per row of the frame) in which every condition of `where` holds."""

    where: Where
    mask: Mask

    @property
    def name(self) -> str:
        """As points name it."""
        return segment_name(self.where)

    @cached_property
    def n(self) -> int:
        """How many rows there are."""
        return int(np.count_nonzero(self.mask))


def slices(frame: pa.Table, columns: Sequence[str]) -> list[Slice]:
    """Values of each column (at most 20 by rows, then by name), then pairs of them with at least 100 rows (at most 20 by rows).

    A missing value belongs to no segment. Columns that the frame lacks have none.
    """
    found: list[Slice] = []
    kept: dict[str, list[Slice]] = {}
    for column in columns:
        if column in frame.column_names:
            kept[column] = _values(frame, column)
            found += kept[column]
    return found + _pairs(kept)


def most_frequent(table: pa.Table, column: str) -> list[str]:
    """The values of a column, the most frequent first."""
    codes, names = coded(table, column)
    return [names[code] for code in _by_rows(codes, names)]


def matching(table: pa.Table, where: Sequence[tuple[str, str | None]]) -> Mask | None:
    """The rows of another table, the reference say, in which the conditions hold; None where it lacks a column."""
    mask = np.ones(table.num_rows, bool)
    for column, value in where:
        if column not in table.column_names:
            return None
        codes, names = coded(table, column)
        mask &= codes == names.index(value) if value in names else False
    return mask


def coded(table: pa.Table, column: str) -> tuple[Codes, list[str]]:
    """A code per row (-1: missing) and what each code stands for, as text."""
    encoded = table[column].combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks else pa.array([], table[column].type).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [str(value) for value in encoded.dictionary.to_pylist()]


def _values(frame: pa.Table, column: str) -> list[Slice]:
    codes, names = coded(frame, column)
    return [Slice(((column, names[code]),), codes == code) for code in _by_rows(codes, names)[:MOST_VALUES]]


def _by_rows(codes: Codes, names: Sequence[str]) -> list[int]:
    """The codes that occur, the most frequent first, then by name."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return sorted((code for code in range(len(names)) if counts[code]), key=lambda code: (-counts[code], names[code]))


def _pairs(kept: dict[str, list[Slice]]) -> list[Slice]:
    """Pairs of kept values of different columns, the largest first."""
    made: list[tuple[int, Slice, Slice]] = []
    masks = {column: np.array([one.mask for one in some], np.float64) for column, some in kept.items() if some}
    for first, second in combinations(masks, 2):
        both = masks[first] @ masks[second].T
        large = zip(*np.nonzero(both >= MINIMUM_PAIR), strict=True)
        made += [(int(both[i, j]), kept[first][i], kept[second][j]) for i, j in large]
    made.sort(key=lambda found: (-found[0], found[1].where + found[2].where))
    return [Slice(a.where + b.where, a.mask & b.mask) for _, a, b in made[:MOST_PAIRS]]
