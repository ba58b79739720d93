"""One column of a reference in the order of its values, and beside each value the block of time and the segments of its row. Pure.

That is all that drift of this column ever asks of the reference: its sample, how its own windows differ, and the sample of each
segment. Which row a value came from is not in it.
"""

from __future__ import annotations

__all__ = ["MOST_OF_SEGMENT", "Beside", "Block", "ReferenceColumn", "Rows", "block_of"]

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.drift import Sample, comparable
from monitoring.own_windows import NO_TIMES, OwnWindows, Span, by_value, moments_of, whole_windows
from monitoring.segments.naming import Where
from monitoring.segments.slices import coded

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MOST_OF_SEGMENT = 10_000  # rows of a segment that are compared
_SEED = 20_260_102
_DAY = 86_400_000_000


class Block(NamedTuple):
    """Into what a reference is cut so that windows can be put together of it: `size` µs from 1970 on, or so many rows."""

    size: int
    of_rows: bool = False

    @property
    def name(self) -> str:
        """The column that says of each value in which block its row lies."""
        return f"rows {self.size}" if self.of_rows else f"microseconds {self.size}"


def block_of(span: Span) -> Block | None:
    """The blocks that make up windows like `span`, and those of any other month or week; None for a range that fits no calendar."""
    if span.rows is not None:
        return Block(span.rows, of_rows=True)
    if span.begins % _DAY == 0 and span.length % _DAY == 0:
        return Block(_DAY)
    return Block(span.length) if span.begins % span.length == 0 else None


@dataclass(frozen=True, slots=True)
class Beside:
    """What is kept beside the values: the blocks of time, and the columns whose values are segments."""

    blocks: tuple[Block, ...] = ()
    segments: tuple[str, ...] = ()


class Rows:
    """The compared rows of a reference, and for each of its segments which rows stand for it."""

    def __init__(self, table: pa.Table, beside: Beside) -> None:
        self.table, self._beside = table, beside
        times = table["@t"] if "@t" in table.column_names else None
        self.timed = None if times is None or times.null_count == len(times) else np.asarray(times.is_valid())
        self._moments = moments_of(times) if times is not None and self.timed is not None else np.zeros(table.num_rows, np.int64)

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """A value per row for each block of time (null: no time) and segment, and for segments and pairs of them whether the row is
        among those that stand for its own."""
        found: dict[str, pa.Array] = {}
        if self.timed is not None:
            for block in self._beside.blocks:
                place = np.arange(self.table.num_rows) // block.size if block.of_rows else self._moments // block.size
                found[block.name] = pa.array(place, mask=~self.timed)
        codes: dict[str, Ints] = {}
        for column in self._beside.segments:
            if column in self.table.column_names:
                codes[column], names = coded(self.table, column)
                places = pa.array(codes[column], mask=codes[column] < 0)
                found[_of(column)] = pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))
        for some in [*((one,) for one in codes), *combinations(codes, 2)]:
            found[_chosen(some)] = pa.array(_drawn([codes[one] for one in some]))
        return found


@dataclass(frozen=True)
class ReferenceColumn:
    """The usable values of one column among the compared rows. `rows` has one row per value, ascending: `value`, for categories `rank`
    (their places by first occurrence), and what `Rows.columns` has. `timed` says whether the reference has times at all."""

    rows: pa.Table
    timed: bool
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rows: Rows, name: str, kind: str) -> ReferenceColumn:
        """From the rows."""
        values = comparable(rows.table, name, kind)
        place = pa.array(np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))[by_value(values)])
        columns: dict[str, Any] = {"value": values.take(place)}
        if pa.types.is_string(values.type):
            ranks = values.drop_null().dictionary_encode().dictionary
            columns["value"] = columns["value"].dictionary_encode()
            rank = {word: number for number, word in enumerate(ranks.to_pylist())}
            of_code = np.array([rank[word] for word in columns["value"].dictionary.to_pylist()], np.int32)
            columns["rank"] = pa.array(of_code[columns["value"].indices.to_numpy()] if len(of_code) else of_code)
        columns |= {title: column.take(place) for title, column in rows.columns.items()}
        return cls(pa.table(columns), rows.timed is not None)

    def has(self, beside: Beside) -> bool:
        """Whether all that is wanted stands beside the values (a segment's column that the reference lacks cannot)."""
        blocks = not self.timed or all(block.name in self.rows.column_names for block in beside.blocks)
        return blocks and all(_of(column) in self.rows.column_names for column in beside.segments)

    @cached_property
    def sample(self) -> Sample:
        """As `Sample.of` gives it."""
        return self._sample(np.ones(self.rows.num_rows, bool))

    @property
    def nothing(self) -> Sample:
        """The sample of a segment without rows."""
        return self._sample(np.zeros(self.rows.num_rows, bool))

    def own_windows(self, span: Span, where: Where = ()) -> OwnWindows | str | None:
        """What `own_windows` says of the rows, or of those that stand for a segment; None where blocks and segments do not tell."""
        if not self.timed:
            return NO_TIMES
        block = block_of(span)
        if block is None or block.name not in self.rows.column_names:
            return None
        places = self.rows[block.name]
        mask = self._mask(where)
        if mask is None:
            return None
        numbers = places.fill_null(0).to_numpy()[mask]
        window = numbers if block.of_rows else span.cut(numbers * block.size)
        found = whole_windows(window, np.asarray(places.is_valid())[mask])
        return found if isinstance(found, str) else OwnWindows(*found)

    def segment(self, where: Where) -> Sample | None:
        """The sample of a segment, of at most 10,000 rows; None where it is not known which rows are its."""
        mask = self._mask(where)
        return None if mask is None else self._sample(mask)

    def _mask(self, where: Where) -> Mask | None:
        """Which values are of the rows that stand for a segment; of all rows where there is no condition."""
        if not where:
            return np.ones(self.rows.num_rows, bool)
        chosen = _chosen([column for column, _ in where])
        if chosen not in self.rows.column_names:
            return None
        mask = np.asarray(self.rows[chosen].to_numpy())
        for column, value in where:
            codes, names = self._coded(_of(column))
            mask = mask & (codes == names[value]) if value in names else np.zeros(len(mask), bool)
        return mask

    def _sample(self, mask: Mask) -> Sample:
        if "rank" not in self.rows.column_names:
            return Sample(numbers=self._numbers[mask])
        codes, names = self._coded("value")
        counts, first = np.bincount(codes[mask], minlength=len(names)), self._ranks
        in_order = sorted(names.items(), key=lambda one: first[one[1]])
        return Sample(categories={name: int(counts[code]) for name, code in in_order if counts[code]})

    @cached_property
    def _numbers(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.rows["value"].to_numpy(), np.float64)

    @cached_property
    def _ranks(self) -> Ints:
        """Of each category's code."""
        codes, names = self._coded("value")
        ranks = np.zeros(len(names), np.int64)
        ranks[codes] = self.rows["rank"].to_numpy()
        return ranks

    def _coded(self, title: str) -> tuple[Ints, dict[str, int]]:
        """A code per value (-1: missing), and the code of each text."""
        if title not in self._known:
            codes, names = coded(self.rows, title)
            self._known[title] = codes, {name: place for place, name in enumerate(names)}
        found: tuple[Ints, dict[str, int]] = self._known[title]
        return found


def _of(column: str) -> str:
    return f"of {column}"


def _chosen(columns: Sequence[str]) -> str:
    return "among " + "\x1f".join(sorted(columns))


def _drawn(codes: Sequence[Ints]) -> Mask:
    """Whether each row is among those that stand for its segment: all of it, or a seeded choice where it is large."""
    known = np.all([one >= 0 for one in codes], axis=0)
    places = np.flatnonzero(known)
    _, group, counts = np.unique(np.stack([one[places] for one in codes]), axis=1, return_inverse=True, return_counts=True)
    mask: Mask = known.copy()
    for number in np.flatnonzero(counts > MOST_OF_SEGMENT):
        rows = places[group.ravel() == number]
        mask[rows] = False
        mask[np.random.default_rng([_SEED, len(rows)]).choice(rows, MOST_OF_SEGMENT, replace=False)] = True
    return mask
